"""What a measurement reads and books for: so long, and counting."""

import asyncio
from collections.abc import Sequence
from typing import Self

from prober.bench.ends import Ends
from prober.bench.meter import Meter
from prober.clock import NS
from prober.ledger import Deadlines, Ledger
from prober.plan import MAX_BATCH
from prober.probe.reading import Sighted
from prober.records import Arrival, Evidence

NAME = "null"
"""Of the one consumer."""
DEADLINES = Deadlines(late_after_ns=5 * NS, lost_after_ns=10 * NS)
NOTHING_SECONDS = 10.0
"""How long nothing at all may come."""


class Stopped(Exception):  # noqa: N818 - a wish, not an error
    """Somebody wants no more: the measurement that was under way is worth nothing."""


class Over(Exception):  # noqa: N818 - an end, not an error
    """Time is up, and all that came is booked."""


class Timed:
    """A reader that counts envelopes, and ends when time is up; see `Reader`."""

    def __init__(self, ends: Ends) -> None:
        self.meter, self.count = Meter(), 0
        self._inner, self._setting = ends.reader(), ends.setting
        # A frame of version 1 is one envelope; all else comes in whole batches.
        self._each = 1 if ends.case.reader == "firehose" else MAX_BATCH
        self._end_ns: int | None = None
        self.transport, self.read_from = self._inner.transport, self._inner.read_from
        self.expects, self.contents = self._inner.expects, self._inner.contents
        self.in_base64 = self._inner.in_base64

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._inner.__aexit__(*exc)

    async def receive(self) -> Sequence[Arrival | Evidence]:
        """Return what comes next; raises Over, or Stopped.

        Who asks has booked what came before.
        """
        now_ns = self._setting.clock.now_ns()
        if self._setting.stop.is_set():
            raise Stopped
        if self.count:
            self.meter.sample(self.count)
            end_ns = now_ns + round(self._setting.seconds * NS)
            self._end_ns = self._end_ns or end_ns
            if now_ns >= self._end_ns:
                raise Over
        async with asyncio.timeout(NOTHING_SECONDS):
            items = await self._inner.receive()
        arrivals = (item for item in items if isinstance(item, Arrival))
        self.count += self._each * sum(len(each.batches) for each in arrivals)
        return items


class Books:
    """A ledger of messages that somebody else sends, in order, as they come."""

    def __init__(self, ends: Ends) -> None:
        self._plan, self._clock = ends.plan, ends.setting.clock
        self.ledger = Ledger(ends.plan, DEADLINES, [NAME])
        self._sent = 0
        """How many cycles were attempted."""

    def take(self, sighted: Sighted) -> None:
        """Book what was found, and close the cycles that are complete."""
        found, now_ns = sighted.found, self._clock.now_ns()
        if found.sequences:
            self._send_up_to(self._plan.cycle_of(max(found.sequences)) or 0)
        self.ledger.arrive(NAME, found, sighted.at_ns, sighted.epoch, sighted.each_ns)
        while self.ledger.closed < self._sent and self.ledger.final(
            self.ledger.closed, now_ns
        ):
            self.ledger.close(self.ledger.closed, now_ns)

    def _send_up_to(self, cycle: int) -> None:
        for each in range(self._sent, cycle + 1):
            self.ledger.attempt(self._plan.span_of(each), each, self._clock.now_ns())
        self._sent = max(self._sent, cycle + 1)
