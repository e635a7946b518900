"""Runs that are disturbed once all is well, and end once all is well again."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from fractions import Fraction

from prober.clock import SystemClock
from prober.pipeline.profile import PROFILES
from prober.pipeline.stack import ReferenceStack
from prober.probe import Controls, OpenReader, PlatformSource
from prober.records import CycleResult, RunResult, State
from tests.end_to_end.test_stack_runs import PLAN, run

LONG = dataclasses.replace(PLAN, messages=40_000, cycles=1_000, rate=Fraction(800))
"""Longer than any of these runs: twenty cycles a second."""
ROOMY = dataclasses.replace(
    # A router's ring that overflows while this machine is busy is none of the matter.
    PROFILES["loggregator"],
    subscription_buffer=20_000,
    v1_buffer=20_000,
)
_ENOUGH = 10
"""Cycles that make a consumer well."""


class HeldClock(SystemClock):
    """A clock on which waits of one length are over when we say so."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self.over = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`; after those of the one length, when it is over."""
        if seconds == self._seconds:
            await self.over.wait()
        else:
            await super().sleep(seconds)


class Course:
    """Follows a consumer: well at first, then struck, and well again in the end."""

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer
        self._passed = 0
        self._struck = False
        self.well, self.enough = asyncio.Event(), asyncio.Event()

    def take(self, judged: Mapping[str, CycleResult]) -> None:
        """Take in how a cycle ended; those that we ourselves were too slow for, not."""
        match judged[self._consumer].state:
            case State.PASS:
                self._passed += 1
            case State.INCONCLUSIVE | State.LOSS:
                self._passed, self._struck = 0, self.well.is_set()
        if self._passed >= _ENOUGH:
            (self.enough if self._struck else self.well).set()


async def disturbed(
    stack: ReferenceStack,
    readers: Mapping[str, OpenReader],
    disturb: Callable[[], Awaitable[None]],
    *,
    platform: PlatformSource | None = None,
    straight: bool = False,
) -> RunResult:
    """Probe a stack, and do something to it that strikes the first of its consumers."""
    course = Course(next(iter(readers)))
    controls = Controls(enough=course.enough, on_cycle=course.take, platform=platform)

    async def wait_and_disturb() -> None:
        await course.well.wait()
        await disturb()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(wait_and_disturb())
        return await run(
            stack, LONG, straight=straight, controls=controls, readers=readers
        )
