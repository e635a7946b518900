import asyncio
import time

import pytest

from prober.clock import NS, Clock, SystemClock, finished
from prober.testing import ManualClock, settle

START_NS = 1_800_000_000 * NS


async def wake(clock: Clock, seconds: float, woken: list[float]) -> None:
    """Sleep, and note how long that was planned to be."""
    await clock.sleep(seconds)
    woken.append(seconds)


async def test_a_manual_clock_stands_still() -> None:
    """Without being moved it tells the same time, and wakes nobody."""
    clock, woken = ManualClock(), list[float]()
    async with asyncio.TaskGroup() as tasks:
        sleeper = tasks.create_task(wake(clock, 1e-9, woken))
        await settle()

        assert START_NS == clock.now_ns()
        assert not woken
        assert 1 == clock.sleepers

        sleeper.cancel()


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    """However they went to sleep, the one whose time comes first wakes first."""
    clock, woken = ManualClock(), list[float]()
    async with asyncio.TaskGroup() as tasks:
        for seconds in (3.0, 1.0, 2.0, 1.0):
            tasks.create_task(wake(clock, seconds, woken))
        await clock.advance(2.5)

        assert [1.0, 1.0, 2.0] == woken
        assert 1 == clock.sleepers

        await clock.advance(0.5)

        assert [1.0, 1.0, 2.0, 3.0] == woken
        assert 0 == clock.sleepers


async def test_a_sleeper_wakes_at_its_own_time() -> None:
    """Who wakes on the way reads the time it slept until, not where the clock goes."""
    clock, read = ManualClock(), list[int]()

    async def ticks() -> None:
        for _ in range(3):
            await clock.sleep(10)
            read.append(clock.now_ns() - START_NS)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ticks())
        await clock.advance(3600)

    assert [10 * NS, 20 * NS, 30 * NS] == read
    assert START_NS + 3600 * NS == clock.now_ns()


async def test_each_sleeper_runs_as_far_as_it_can_before_the_next_wakes() -> None:
    """What one does on waking is done when the next one wakes."""
    clock, told = ManualClock(), list[str]()

    async def work(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        told.append(f"{name} wakes")
        await asyncio.sleep(0)
        told.append(f"{name} rests")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work("late", 2))
        tasks.create_task(work("early", 1))
        await clock.advance(2)

    assert ["early wakes", "early rests", "late wakes", "late rests"] == told


async def test_a_cancelled_sleeper_is_passed_over() -> None:
    """Cancelling who sleeps neither counts it nor wakes it, and holds up nobody."""
    clock, woken = ManualClock(), list[float]()
    async with asyncio.TaskGroup() as tasks:
        cancelled = tasks.create_task(wake(clock, 1, woken))
        tasks.create_task(wake(clock, 2, woken))
        await settle()
        cancelled.cancel()
        await settle()

        assert 1 == clock.sleepers

        await clock.advance(2)

    assert [2] == woken


@pytest.mark.parametrize("seconds", [0, -1])
async def test_sleeping_for_nothing_does_not_wait(seconds: float) -> None:
    """A sleep of no length ends though nobody moves the clock, as a real one does."""
    clock = ManualClock()
    await clock.sleep(seconds)

    assert START_NS == clock.now_ns()


async def test_finished_tells_that_all_tasks_are_done() -> None:
    """When the last task is done it returns at once, and its alarm is gone."""
    clock, woken = ManualClock(), list[float]()
    async with asyncio.TaskGroup() as tasks:
        two = [tasks.create_task(wake(clock, n, woken)) for n in (1, 2)]
        waiting = tasks.create_task(finished(clock, 60, two))
        await clock.advance(1)

        assert not waiting.done()

        await clock.advance(1)

        assert waiting.result()
        assert 0 == clock.sleepers


async def test_finished_tells_that_time_is_up() -> None:
    """When the time is up it returns False, and leaves the tasks as they are."""
    clock, woken = ManualClock(), list[float]()
    async with asyncio.TaskGroup() as tasks:
        two = [tasks.create_task(wake(clock, n, woken)) for n in (1, 90)]
        waiting = tasks.create_task(finished(clock, 60, two))
        await clock.advance(60)

        assert not waiting.result()
        assert not two[1].done()

        await clock.advance(30)

    assert [1, 90] == woken


async def test_finished_has_nothing_to_wait_for() -> None:
    """No tasks, and tasks that are done, are finished without any time passing."""
    clock, woken = ManualClock(), list[float]()
    done = asyncio.create_task(wake(clock, 0, woken))
    await done

    assert await finished(clock, 60, [])
    assert await finished(clock, 60, [done])
    assert START_NS == clock.now_ns()


async def test_finished_counts_failed_and_cancelled_tasks_as_done() -> None:
    """A task that raised or was cancelled is done; its error stays its owner's."""
    clock = ManualClock()

    async def fail() -> None:
        raise ValueError("broken")

    failed = asyncio.create_task(fail())
    cancelled = asyncio.create_task(clock.sleep(1))
    cancelled.cancel()

    assert await finished(clock, 60, [failed, cancelled])
    with pytest.raises(ValueError, match="broken"):
        failed.result()


async def test_finished_can_be_cancelled() -> None:
    """Who cancels the wait gets its cancellation, and the tasks go on."""
    clock, woken = ManualClock(), list[float]()
    async with asyncio.TaskGroup() as tasks:
        sleeper = tasks.create_task(wake(clock, 5, woken))
        waiting = tasks.create_task(finished(clock, 60, [sleeper]))
        await settle()
        waiting.cancel()
        await clock.advance(5)

        assert waiting.cancelled()

    assert [5] == woken
    assert 0 == clock.sleepers


class Machine:
    """A machine's two clocks, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall_ns, self.monotonic_ns = START_NS, 77
        monkeypatch.setattr(time, "time_ns", lambda: self.wall_ns)
        monkeypatch.setattr(time, "monotonic_ns", lambda: self.monotonic_ns)

    def pass_time(self, ns: int) -> None:
        """Move both clocks on, as time does."""
        self.wall_ns += ns
        self.monotonic_ns += ns


def test_a_system_clock_starts_at_unix_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells the wall clock's time when made, and goes on with the machine."""
    machine = Machine(monkeypatch)
    clock = SystemClock()

    assert START_NS == clock.now_ns()

    machine.pass_time(5)

    assert START_NS + 5 == clock.now_ns()
    assert 0 == clock.step_ns()


@pytest.mark.parametrize("step_ns", [-3600 * NS, 3600 * NS])
def test_a_step_of_the_wall_clock_moves_no_stamp(
    monkeypatch: pytest.MonkeyPatch, step_ns: int
) -> None:
    """Setting the wall clock is told by `step_ns`, and changes nothing else."""
    machine = Machine(monkeypatch)
    clock = SystemClock()
    machine.wall_ns += step_ns

    assert START_NS == clock.now_ns()
    assert step_ns == clock.step_ns()


async def test_a_system_clock_sleeps() -> None:
    """Its sleep gives way to other tasks and returns."""
    ran: list[str] = []
    asyncio.get_running_loop().call_soon(ran.append, "other")
    await SystemClock().sleep(0)

    assert ["other"] == ran
