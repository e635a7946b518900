"""Stand-ins for tests, ours and our users': a clock that is moved by hand."""

import asyncio
import heapq
import itertools

from prober.clock import NS


class ManualClock:
    """A clock that stands still until `advance` moves it.

    Sleepers wake in the order of their times, each having run as far as it can before
    the next one is woken, so that hours of timeouts pass in milliseconds and in order.
    """

    def __init__(self, start_ns: int = 1_800_000_000 * NS) -> None:
        self._now_ns = start_ns
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now_ns(self) -> int:
        """Return the time that the clock was last moved to, in nanoseconds."""
        return self._now_ns

    @property
    def sleepers(self) -> int:
        """How many tasks are asleep on this clock."""
        return sum(not sleeper.done() for *_, sleeper in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has been moved `seconds` on."""
        sleeper = asyncio.get_running_loop().create_future()
        wake_ns = self._now_ns + round(seconds * NS)
        heapq.heappush(self._sleepers, (wake_ns, next(self._order), sleeper))
        await sleeper

    async def advance(self, seconds: float) -> None:
        """Move the clock on, waking whoever sleeps on the way, in order."""
        target_ns = self._now_ns + round(seconds * NS)
        while self._sleepers and self._sleepers[0][0] <= target_ns:
            wake_ns, _, sleeper = heapq.heappop(self._sleepers)
            self._now_ns = max(self._now_ns, wake_ns)
            if not sleeper.done():  # a cancelled sleeper is no longer waiting
                sleeper.set_result(None)
                await settle()
        self._now_ns = target_ns
        await settle()


async def settle(turns: int = 20) -> None:
    """Let every task that can run do so, for some turns of the event loop."""
    for _ in range(turns):
        await asyncio.sleep(0)
