"""Time, passed in: whoever waits or stamps takes a `Clock`, so that tests own it."""

import asyncio
import time
from collections.abc import Collection
from typing import Protocol

NS = 1_000_000_000
"""Nanoseconds in a second."""


class Clock(Protocol):
    """The two things that a pipeline or a probe asks of time."""

    def now_ns(self) -> int:
        """Return Unix time in nanoseconds; it never runs backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed."""
        ...


class SystemClock:
    """The machine's time: Unix time when created, carried on by the monotonic clock.

    A step of the wall clock therefore moves neither stamps nor latencies; how far the
    two have come apart is told by `step_ns`.
    """

    def __init__(self, offset_ns: int | None = None) -> None:
        fresh_ns = time.time_ns() - time.monotonic_ns()
        self.offset_ns = fresh_ns if offset_ns is None else offset_ns
        """What makes Unix time of the monotonic clock, which all processes share."""

    def now_ns(self) -> int:
        """Return Unix time in nanoseconds; it never runs backwards."""
        return time.monotonic_ns() + self.offset_ns

    def step_ns(self) -> int:
        """Return by how much the wall clock was set since this clock was created."""
        return time.time_ns() - self.now_ns()

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed."""
        await asyncio.sleep(seconds)


async def finished(
    clock: Clock, seconds: float, tasks: Collection[asyncio.Task[object]]
) -> bool:
    """Wait for tasks, but not longer than some time; tell whether all are done."""
    alarm = asyncio.ensure_future(clock.sleep(seconds))
    try:
        waiting = set(tasks)
        while waiting and not alarm.done():
            await asyncio.wait({alarm, *waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting = {task for task in waiting if not task.done()}
        return not waiting
    finally:
        alarm.cancel()
