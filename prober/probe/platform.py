"""Loggregator's word on itself, watched beside a run, which that may never disturb."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Self

from prober.clock import NS, Clock
from prober.ledger import PlatformCounters
from prober.ledger.platform import Reading, SlowConsumer
from prober.probe.consumer import OpenReader
from prober.records import Arrival, CutOff, Evidence, RunResult, Sign

ROUTER = "doppler"
BOOKED_SECONDS = 1.0
"""How long after the last message a router may book a drop: its rings are read on."""
SETTLE_SECONDS = 7.5
"""How long after the last message a router's counters have come: they do every 5 s."""
_POLL_SECONDS = 0.05
CUT_OFF = (
    "cut off as a slow consumer, as an event of the traffic controller says that names "
    "our connection: this machine or its network is too slow, or the Firehose too much "
    "for one reader: share it among several (readers)"
)
SLOW_SECONDS = 5.0
"""How long a traffic controller waits for a consumer before it tells of it."""
TRAVEL_SECONDS = 60.0
"""How long such an event may be under way; an older stamp is a clock that is wrong."""

CUT_OFFS_KEPT = 1_000
"""How many cut-offs are kept, the latest: one too slow has no end of them."""

Connected = tuple[str, int | None]
"""A consumer, and which of its connections; None where several share a shard."""
OnCutOff = Callable[[CutOff, int | None], None]
"""Told of a consumer that was cut off, and over which of its connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformSource:
    """Where the platform's counters are read, and how what comes is decoded."""

    open: OpenReader
    readings: Callable[[Arrival], Iterable[Reading | SlowConsumer]]
    whose: Callable[[str], Connected | None] = lambda _: None
    """Tells which consumer a shard id is of; None when it is not one of ours."""


class PlatformWatch:
    """Keeps what the platform's counters grow by while its block runs.

    Whatever goes wrong here is a warning in the result, and never an error.
    """

    def __init__(
        self,
        source: PlatformSource | None,
        clock: Clock,
        on_cut_off: OnCutOff = lambda *_: None,
    ) -> None:
        self._source, self._clock = source, clock
        self._on_cut_off = on_cut_off
        self._counters = PlatformCounters()
        self._cut_offs: deque[CutOff] = deque(maxlen=CUT_OFFS_KEPT)
        self._cut_off_count = 0
        self._trouble = ""
        """Why nothing is read just now."""

    async def __aenter__(self) -> Self:
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._listening = self._tasks.create_task(self._listen())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._listening.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def settle(self, result: RunResult, stop: asyncio.Event) -> None:
        """Wait, if there was loss, until the routers can have told of it.

        That is seldom any longer than the loss itself had to be waited for.
        """
        sent = (c.last_sent_ns for each in result.consumers for c in each.cycles)
        last_ns = max(filter(None, sent), default=0)
        told_ns, until_ns = (
            last_ns + round(seconds * NS)
            for seconds in (BOOKED_SECONDS, SETTLE_SECONDS)
        )
        while (
            any(each.counts.lost for each in result.consumers)
            and self._clock.now_ns() < until_ns
            and not self._counters.read_since(ROUTER, told_ns)
            and not (stop.is_set() or self._listening.done() or self._trouble)
        ):
            await self._clock.sleep(_POLL_SECONDS)

    def complete(self, result: RunResult) -> RunResult:
        """Return a run's result with what the platform counted, and our warnings."""
        if self._source is None:
            return result
        return replace(
            result,
            platform=self._counters.increases(self._clock.now_ns()),
            cut_offs=tuple(self._cut_offs),
            warnings=(*result.warnings, *self._warnings()),
        )

    def _warnings(self) -> Iterable[str]:
        if self._trouble:
            yield f"Loggregator's counters were not read to the end: {self._trouble}"
        if self._counters.passed_over:
            yield "Loggregator has more counters than were kept: some were passed over"
        if self._cut_off_count > CUT_OFFS_KEPT:
            yield (
                f"cut off as a slow consumer {self._cut_off_count:,} times, of which"
                f" the last {CUT_OFFS_KEPT:,} were kept"
            )

    async def _listen(self) -> None:
        if self._source is None:
            return
        try:
            async with self._source.open() as reader:
                while True:
                    for item in await reader.receive():
                        self._take(item, self._source)
        except Exception as error:  # noqa: BLE001 - no fault here may end a run
            self._trouble = f"a fault of ours: {type(error).__name__}: {error}"

    def _take(self, item: Arrival | Evidence, source: PlatformSource) -> None:
        if isinstance(item, Arrival):
            self._trouble = ""
            for told in source.readings(item):
                if isinstance(told, Reading):
                    self._counters.add(told)
                else:
                    self._note_slow(told, source.whose(told.shard_id))
        elif item.sign is Sign.CUT:
            self._trouble = item.detail

    def _note_slow(self, told: SlowConsumer, connected: Connected | None) -> None:
        """Pass on that a consumer of ours was cut off; others are nobody's business."""
        if connected is None:
            return
        name, epoch = connected
        stamped_ns = min(told.stamped_ns, told.at_ns)  # two clocks
        earliest_ns = told.at_ns - round(TRAVEL_SECONDS * NS)
        cut_off = CutOff(
            consumer=name,
            from_ns=max(stamped_ns, earliest_ns) - round(SLOW_SECONDS * NS),
            at_ns=told.at_ns,
        )
        self._cut_offs.append(cut_off)
        self._cut_off_count += 1
        self._on_cut_off(cut_off, epoch)
