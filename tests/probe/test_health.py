"""What the prober measures on itself, and what it voids for it."""

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from prober.bounds import BOUNDS
from prober.clock import NS, SystemClock
from prober.probe.health import Health, own_memory
from prober.testing import ManualClock

if TYPE_CHECKING:
    from prober.records import Fault


class Stepping(ManualClock, SystemClock):
    """A clock that is moved by hand, beside a wall clock that may be set."""

    stepped = 0

    def step_ns(self) -> int:
        """Return by how much it was set."""
        return self.stepped

    def jump(self, seconds: float) -> None:
        """Let time pass in which nobody ran."""
        self._now_ns += round(seconds * NS)


class Bench:
    """A health that is watched, and the faults that it booked."""

    def __init__(self, most_memory: int | None = None) -> None:
        self.clock = Stepping()
        self.faults: list[tuple[Fault, str | None]] = []
        self.held = 100_000_000
        self.health = Health(
            self.clock,
            lambda fault, consumer: self.faults.append((fault, consumer)),
            memory=lambda: self.held,
            most_memory=most_memory,
        )

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Watch while the block runs, and a second longer."""
        watching = asyncio.create_task(self.health.watch())
        await self.clock.advance(1)
        yield
        await self.clock.advance(1)
        watching.cancel()

    @property
    def reasons(self) -> list[str]:
        """What was booked, in words."""
        return [fault.reason for fault, _ in self.faults]


@pytest.fixture
def quiet() -> Iterator[None]:
    """Let the collector rest, so that a test's own collection is the only one."""
    gc.disable()
    yield
    gc.enable()


async def test_nothing_is_booked_while_all_is_well() -> None:
    """Within their bounds, figures are told and void nothing."""
    bench = Bench(most_memory=200_000_000)
    async with bench.watched():
        bench.clock.jump(0.55)

    assert [] == bench.faults
    assert 0.5 == pytest.approx(bench.health.figures()["loop_lag_max_seconds"])
    assert 100_000_000 == bench.health.figures()["rss_bytes"]


async def test_loop_that_was_late() -> None:
    """What held everybody up voids what was measured since it began."""
    bench = Bench()
    async with bench.watched():
        bench.clock.jump(2.35)

    ((fault, consumer),) = bench.faults
    assert "our event loop was 2.3 s late (limit 1 s)" == fault.reason
    assert consumer is None
    assert 2.3 * NS <= fault.to_ns - fault.from_ns < 2.6 * NS


async def test_clock_that_was_set() -> None:
    """A wall clock that is set back voids as one that is set forward does."""
    bench = Bench()
    async with bench.watched():
        bench.clock.stepped = -5 * NS

    assert ["the clock was set by -5.0 s, or we were asleep"] == bench.reasons
    assert 5.0 == bench.health.figures()["clock_step_max_seconds"]


@pytest.mark.usefixtures("quiet")
async def test_collections_of_garbage_are_timed() -> None:
    """A collection that really happens is among the figures, and gone with the run."""
    bench, callbacks = Bench(), len(gc.callbacks)
    async with bench.watched():
        gc.collect()
    await asyncio.sleep(0)

    assert 0 < bench.health.figures()["gc_pause_max_seconds"] < 60
    assert callbacks == len(gc.callbacks)


@pytest.mark.usefixtures("quiet")
async def test_collection_that_stopped_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause beyond the bound voids its time, though the loop was hardly late."""
    bench, times = Bench(), iter([0, round(1.3 * NS)])
    async with bench.watched():
        monkeypatch.setattr("time.perf_counter_ns", lambda: next(times))
        bench.clock.jump(0.9)  # it began while the loop slept anyway
        gc.collect()
        ended_ns = bench.clock.now_ns()

    ((fault, _),) = bench.faults
    assert "garbage collection stopped us for 1.3 s (limit 1 s)" == fault.reason
    assert ended_ns - round(1.3 * NS) == fault.from_ns
    assert ended_ns <= fault.to_ns < ended_ns + NS


async def test_memory_beyond_its_bound() -> None:
    """While we hold too much nothing counts; the reason says what to do."""
    bench = Bench(most_memory=200_000_000)
    async with bench.watched():
        bench.held = 300_000_000
        await bench.clock.advance(2)
        bench.held = 100_000_000

    words = "own memory is 300 MB (watch.max_memory 200 MB): restart prober watch, "
    assert {f"{words}and raise it if that much is needed"} == set(bench.reasons)
    spans = [(fault.from_ns, fault.to_ns) for fault, _ in bench.faults]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
    assert spans[-1][1] - spans[0][0] >= 2 * NS
    assert 300_000_000 == bench.health.figures()["rss_bytes"]


async def test_memory_without_a_bound() -> None:
    """A run that ends by itself may hold what it needs."""
    bench = Bench()
    async with bench.watched():
        bench.held = 1 << 50

    assert [] == bench.faults
    assert "rss_bytes" not in bench.health.figures()


async def test_readers_are_blamed_for_themselves() -> None:
    """A reader that was behind, or had no room, voids its own consumer's time only."""
    bench = Bench()
    since_ns = bench.clock.now_ns()
    bench.clock.jump(2)
    bench.health.read("rlp", since_ns)
    bench.health.stalled("gateway", since_ns, BOUNDS["queue_full_max_seconds"].why(2))

    assert [
        ("our reader was 2.0 s behind (limit 1 s)", "rlp"),
        ("own queue full for 2.0 s (limit 0.1 s)", "gateway"),
    ] == [(fault.reason, consumer) for fault, consumer in bench.faults]
    figures = bench.health.figures()
    assert (2, 2) == (
        figures["reader_lag_max_seconds"],
        figures["queue_full_max_seconds"],
    )


def test_own_memory_is_read() -> None:
    """A process of Python takes more than a megabyte and less than a terabyte."""
    assert 1e6 < own_memory()() < 1e12
