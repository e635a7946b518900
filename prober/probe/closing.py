"""Closing cycles in time: not before all that bears on them has been booked.

A cycle is final when everything came, or its last deadline has passed. What came before
that may still wait to be booked, and what we did wrong may still have to be noticed:
so a cycle is closed a while after it was found final, as of a time up to which every
reader's arrivals are in the books.
"""

import asyncio
from collections.abc import Iterable

from prober.clock import NS, Clock
from prober.ledger import Ledger
from prober.plan import Plan
from prober.probe.consumer import Consumer
from prober.probe.health import LAG_LIMIT_SECONDS
from prober.probe.job import OnCycle

SETTLE_SECONDS = 0.05
"""Between finding cycles final and closing them: who has to tell of them, does."""


class Closing:
    """Closes the cycles of a ledger in order, and tells of each."""

    def __init__(
        self,
        ledger: Ledger,
        plan: Plan,
        consumers: Iterable[Consumer],
        clock: Clock,
        tell: OnCycle,
        *,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self._ledger, self._plan = ledger, plan
        self._consumers, self._clock, self._tell = tuple(consumers), clock, tell
        self._settle = settle_seconds
        self._ended = False

    async def watch(self) -> None:
        """Close what is final, for as long as the run lasts."""
        while True:
            ready = self._ready()
            await self._clock.sleep(self._settle)
            for cycle in range(self._ledger.closed, ready):
                if not self._ledger.final(cycle, self._booked_ns()):
                    break  # a line that stood still has begun to bring what it held
                self._tell(self._ledger.close(cycle, self._clock.now_ns()))
                await asyncio.sleep(0)  # however many there are

    def end(self, begun: int) -> None:
        """Tell, once, of the cycles that were begun and are open when all has ended."""
        ended, self._ended = self._ended, True
        if ended:
            return
        for cycle in range(self._ledger.closed, begun):
            self._tell(self._ledger.judge(cycle, self._clock.now_ns()))

    def _ready(self) -> int:
        """Return before which cycle all are final."""
        booked_ns, cycle = self._booked_ns(), self._ledger.closed
        while cycle < self._plan.cycles and self._ledger.final(cycle, booked_ns):
            cycle += 1
        return cycle

    def _booked_ns(self) -> int:
        """Return up to when all that had arrived is in the books."""
        now_ns = self._clock.now_ns()
        booked_ns = min(each.leg.handed_until(now_ns) for each in self._consumers)
        # However far behind we are allowed to be, before it is known that we are.
        return min(booked_ns, now_ns - round(LAG_LIMIT_SECONDS * NS))
