"""How it stands with one environment, kept up to date by whoever watches it."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from prober.bounds import RSS_LIMIT, WRITE_MAX
from prober.clock import NS
from prober.history import Live, LiveConsumer
from prober.probe import Attachment
from prober.watch.ourselves import Peak
from prober.watch.watched import Watched

RATE_SECONDS = 10
"""What others send is told as the mean over so many looks, one a second."""
OURS = (
    "token",
    "secret",
    "scope",
    "401",
    "403",
    "certificate",
    "handshake",
    "password",
)
"""Words of peers that lay it to us: what we show them, they do not accept."""


@dataclass(slots=True)
class Measuring:
    """Whether it is measured, since when, and if not, why and whose fault it is."""

    since_ns: int
    measuring: bool = False
    why_not: str = "connecting"
    ours: bool = True
    last_cycle_ns: int | None = None
    attached: Mapping[str, Attachment] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    """Why the metrics of agents cannot be read, by what and where they are."""
    unexplained: Counter[str] = field(default_factory=Counter)
    """Arrivals of ours that were never sent, and are told with no cycle yet."""
    _lag: Peak = field(default_factory=Peak)
    _stall: Peak = field(default_factory=Peak)
    _waited: Peak = field(default_factory=Peak)
    _write: Peak = field(default_factory=Peak)
    _foreign: deque[int] = field(default_factory=lambda: deque(maxlen=RATE_SECONDS))

    def see(self, attached: Mapping[str, Attachment], at_ns: int) -> None:
        """Take in how it stands with the consumers."""
        self.attached = attached
        foreign = [
            each.foreign for each in attached.values() if each.foreign is not None
        ]
        if foreign:  # every consumer reads the same
            self._foreign.append(max(foreign))
        for name, each in attached.items():
            self.unexplained[name] += each.unexplained
            self._lag.see(at_ns, each.lag_seconds)
            self._stall.see(at_ns, each.stall_seconds)
            self._waited.see(at_ns, each.waited_bytes)
            self._write.see(at_ns, each.write_seconds)

    def ask(self, where: str, why: str) -> bool:
        """Note why an agent's metrics were not read, if so; tell whether it is news."""
        before = where in self.unread
        if why:
            self.unread[where] = why
        else:
            self.unread.pop(where, None)
        return before != bool(why)

    def measure(self, at_ns: int) -> bool:
        """Note that it is measured; tell whether it was not before."""
        if self.measuring:
            return False
        self.measuring, self.since_ns = True, at_ns
        self.why_not, self.ours = "", False
        return True

    def leave(self, at_ns: int, why: str, *, ours: bool) -> bool:
        """Note that it is not measured; tell whether that, or the reason, is news."""
        news = self.measuring or why != self.why_not
        if self.measuring:
            self.measuring, self.since_ns = False, at_ns
        self.why_not, self.ours = why, ours or laid_to_us(why)
        return news

    def live(
        self,
        watched: Watched,
        *,
        daemon: str,
        at_ns: int,
        retries: int,
        health: Mapping[str, float],
        waiting: int,
        ended: str | None,
    ) -> Live:
        """Return the daemon's word on it; `ended` is its last, and why."""
        measuring = self.measuring and ended is None
        return Live(
            environment=watched.name,
            daemon=daemon,
            at_ns=at_ns,
            since_ns=self.since_ns,
            measuring=measuring,
            why_not=self.why_not if ended is None else ended,
            ours=self.ours or ended is not None,
            every_ns=watched.every_ns,
            last_cycle_ns=self.last_cycle_ns,
            retries=retries,
            ended=ended is not None,
            consumers=tuple(self._consumers(watched)),
            health={
                **health,
                "reader_lag_max_seconds": self._lag.value(at_ns),
                "queue_full_max_seconds": self._stall.value(at_ns),
                "queue_high_water_bytes": self._waited.value(at_ns),
                WRITE_MAX: self._write.value(at_ns),
                RSS_LIMIT: float(watched.most_memory),
            },
            own_rate=watched.sample.messages * NS / watched.every_ns
            if measuring
            else 0,
            foreign_rate=sum(self._foreign) / len(self._foreign)
            if measuring and self._foreign
            else None,
            waiting=waiting,
            unread=tuple(self.unread.values()),
        )

    def _consumers(self, watched: Watched) -> list[LiveConsumer]:
        return [
            _consumer(name, self.attached[name])
            if name in self.attached
            else _unknown(name, self.why_not)
            for name in dict.fromkeys([*watched.consumers, *self.attached])
        ]


def laid_to_us(words: str) -> bool:
    """Tell whether a peer's words say that what we showed it is not right."""
    return any(each in words.lower() for each in OURS)


def _consumer(name: str, seen: Attachment) -> LiveConsumer:
    return LiveConsumer(
        name=name,
        connected=seen.primed,
        blind=seen.blind,
        lag_seconds=seen.lag_seconds,
        under_way=seen.under_way,
        due=seen.due,
        overdue=seen.overdue,
        overdue_since_ns=seen.overdue_since_ns,
        last_arrival_ns=seen.last_arrival_ns,
        detail="" if seen.primed else seen.cut,
    )


def _unknown(name: str, why: str) -> LiveConsumer:
    return LiveConsumer(
        name=name,
        connected=False,
        blind=False,
        lag_seconds=0.0,
        under_way=0,
        due=0,
        overdue=0,
        overdue_since_ns=None,
        last_arrival_ns=None,
        detail=why,
    )
