"""How it stands with the consumers of a run that has no end, told every second."""

from collections.abc import Mapping

from prober.clock import NS, Clock
from prober.ledger import Deadlines, Ledger
from prober.probe.consumer import Consumer
from prober.probe.job import Attachment, OnLook
from prober.probe.reading import Reading
from prober.probe.writers import Writers

LOOK_SECONDS = 1.0


class Looking:
    """Tells of each consumer what is under way and overdue, and whether it sees."""

    def __init__(
        self,
        ledger: Ledger,
        consumers: Mapping[str, Consumer],
        *,
        clock: Clock,
        deadlines: Deadlines,
    ) -> None:
        self._ledger, self._consumers = ledger, consumers
        self._clock, self._deadlines = clock, deadlines
        self._unexplained: dict[str, int] = {}
        """Of each consumer, told so far."""

    async def watch(self, tell: OnLook, writers: Writers) -> None:
        """Tell, for as long as the run sends."""
        while True:
            now_ns = self._clock.now_ns()
            due, write = self._ledger.due(now_ns), writers.longest_ns() / NS
            tell(
                {
                    name: self._attachment(name, due, write, now_ns)
                    for name in self._consumers
                }
            )
            await self._clock.sleep(LOOK_SECONDS)

    def _attachment(
        self, name: str, due: int, write_seconds: float, now_ns: int
    ) -> Attachment:
        ledger, late_ns = self._ledger, self._deadlines.late_after_ns
        consumer, presence = self._consumers[name], ledger.presence(name)
        overdue = ledger.overdue(name, now_ns)
        since_ns = ledger.overdue_since(name, now_ns - late_ns) if overdue else None
        lag, consumer.longest_lag = consumer.longest_lag, 0.0
        stall, consumer.longest_stall = consumer.longest_stall, 0.0
        unexplained = ledger.unexplained(name)
        before = self._unexplained.get(name, 0)
        self._unexplained[name] = unexplained
        leg = consumer.leg
        return Attachment(
            primed=consumer.primed,
            blind=presence.is_blind,
            cut=consumer.cut,
            lag_seconds=lag,
            stall_seconds=stall,
            waited_bytes=leg.waited_bytes() if isinstance(leg, Reading) else 0,
            foreign=leg.foreign() if isinstance(leg, Reading) else None,
            unexplained=unexplained - before,
            write_seconds=write_seconds,
            under_way=ledger.under_way(name),
            due=due,
            overdue=overdue,
            overdue_since_ns=since_ns,
            last_arrival_ns=presence.heard_ns or None,
        )
