"""How long steps may take, in the clock's time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prober.clock import NS, Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long each step may take, in seconds."""

    total: float = 25.0
    """For everything: what a start and an end take is left of half a minute."""
    name: float = 5.0
    tcp: float = 5.0
    tls: float = 5.0
    stream: float = 6.0
    """Until a way in has proved that it takes messages."""
    token: float = 10.0
    subscribe: float = 2.0
    """Without a refusal for so long, a subscription is taken for granted."""
    round_trip: float = 10.0
    """Until a message is back, once it may be sent."""
    clock: float = 7.0
    """Until the platform has told its time: routers tell theirs every 5 s."""


class Deadline:
    """The end of everything."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end_ns = clock.now_ns() + round(seconds * NS)

    def left(self) -> float:
        """Return the seconds until then, 0 when it has passed."""
        return max(0.0, (self._end_ns - self._clock.now_ns()) / NS)


@asynccontextmanager
async def within(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError in the block when it is still at work after some time."""
    async with asyncio.timeout(None) as limit:

        async def ring() -> None:
            await clock.sleep(seconds)
            limit.reschedule(asyncio.get_running_loop().time())

        alarm = asyncio.ensure_future(ring())
        try:
            yield
        finally:
            alarm.cancel()
