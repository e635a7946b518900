import asyncio
import gc

from prober.clock import NS, SystemClock
from prober.probe.pauses import Pauses
from prober.testing import ManualClock
from prober.watch.ourselves import Ourselves, Peak
from tests.watch.bench import JumpingClock


def test_peak_is_forgotten_after_a_minute() -> None:
    """The largest of the last minute is told, and of half a minute more at most."""
    peak = Peak()
    peak.see(0, 5.0)
    peak.see(NS, 2.0)

    assert 5.0 == peak.value(60 * NS)
    peak.see(70 * NS, 1.0)
    assert 1.0 == peak.value(95 * NS)
    assert 0.0 == peak.value(300 * NS)


def test_pauses_of_the_collector_are_timed() -> None:
    """Every collection while the block runs is told, and none after it."""
    seen: list[float] = []
    with Pauses(seen.append):
        gc.collect()
    told = len(seen)
    gc.collect()

    assert 0 < told == len(seen)
    assert all(0 <= each < 60 for each in seen)


async def test_lag_of_the_loop() -> None:
    """What held everybody up for two seconds is the lag that is told."""
    clock = JumpingClock()
    ourselves = Ourselves(clock)
    watching = asyncio.ensure_future(ourselves.watch())
    await clock.advance(1)
    clock.jump(2.0)
    await clock.advance(1)

    assert 1.9 < ourselves.figures()["loop_lag_max_seconds"] < 2.1
    watching.cancel()


async def test_step_of_the_wall_clock() -> None:
    """A clock that is set is told in seconds, once."""

    class Stepping(ManualClock, SystemClock):
        """A clock moved by hand, beside a wall clock that is set."""

        stepped = 0

        def step_ns(self) -> int:
            return self.stepped

    clock = Stepping()
    steps: list[float] = []
    ourselves = Ourselves(clock, steps.append)
    watching = asyncio.ensure_future(ourselves.watch())
    await clock.advance(1)
    clock.stepped = -3_600 * NS
    await clock.advance(1)

    assert [-3_600.0] == steps
    assert 3_600.0 == ourselves.figures()["clock_step_max_seconds"]
    watching.cancel()


async def test_share_of_a_core() -> None:
    """What was computed in a second of the clock is a share of it, never negative."""
    clock = ManualClock()
    ourselves = Ourselves(clock)
    await clock.advance(2)
    sum(n * n for n in range(200_000))

    assert ourselves.figures()["cpu_ratio"] >= 0
    assert ourselves.figures()["open_files"] > 2
