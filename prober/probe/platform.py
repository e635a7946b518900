"""Loggregator's own counters, watched beside a run, which that may never disturb."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Self

from prober.clock import NS, Clock
from prober.ledger import PlatformCounters
from prober.ledger.platform import Reading
from prober.probe.consumer import OpenReader
from prober.records import Arrival, Evidence, RunResult, Sign

ROUTER = "doppler"
BOOKED_SECONDS = 1.0
"""How long after the last message a router may book a drop: its rings are read on."""
SETTLE_SECONDS = 7.5
"""How long after the last message a router's counters have come: they do every 5 s."""
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformSource:
    """Where the platform's counters are read, and how what comes is decoded."""

    open: OpenReader
    readings: Callable[[Arrival], Iterable[Reading]]


class PlatformWatch:
    """Keeps what the platform's counters grow by while its block runs.

    Whatever goes wrong here is a warning in the result, and never an error.
    """

    def __init__(self, source: PlatformSource | None, clock: Clock) -> None:
        self._source, self._clock = source, clock
        self._counters = PlatformCounters()
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
            warnings=(*result.warnings, *self._warnings()),
        )

    def _warnings(self) -> Iterable[str]:
        if self._trouble:
            yield f"Loggregator's counters were not read to the end: {self._trouble}"
        if self._counters.passed_over:
            yield "Loggregator has more counters than were kept: some were passed over"

    async def _listen(self) -> None:
        if self._source is None:
            return
        try:
            async with self._source.open() as reader:
                while True:
                    for item in await reader.receive():
                        self._take(item, self._source.readings)
        except Exception as error:  # noqa: BLE001 - no fault here may end a run
            self._trouble = f"a fault of ours: {type(error).__name__}: {error}"

    def _take(
        self,
        item: Arrival | Evidence,
        readings: Callable[[Arrival], Iterable[Reading]],
    ) -> None:
        if isinstance(item, Arrival):
            self._trouble = ""
            for reading in readings(item):
                self._counters.add(reading)
        elif item.sign is Sign.CUT:
            self._trouble = item.detail
