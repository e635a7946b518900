import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.clock import NS
from prober.pipeline.batching import Batcher
from prober.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """The time that the test moves."""
    return ManualClock()


@pytest.fixture
def batcher(clock: ManualClock) -> Batcher[int]:
    """Five items or a tenth of a second, whatever comes first."""
    return Batcher(5, 0.1, clock)


def write(batcher: Batcher[int], count: int) -> list[list[int]]:
    """Write `count` items numbered from 0; return the batches that fell due."""
    return [due for due in map(batcher.write, range(count)) if due is not None]


async def test_a_full_batch_falls_due(batcher: Batcher[int]) -> None:
    """Within the interval, it is the last item that fits which sends them all."""
    assert [[0, 1, 2, 3, 4]] == write(batcher, 9)
    assert 4 == len(batcher)


async def test_the_first_item_after_a_pause_leaves_alone(
    batcher: Batcher[int], clock: ManualClock
) -> None:
    """The rhythm of a reader that comes in bursts: one, then the rest in a batch."""
    await clock.advance(0.1)

    assert [[0], [1, 2, 3, 4, 5]] == write(batcher, 6)


async def test_a_hundred_at_once_leave_as_1_then_99(clock: ManualClock) -> None:
    """With Loggregator's figures: one alone, the rest at the end of the interval."""
    batcher: Batcher[int] = Batcher(100, 0.1, clock)
    await clock.advance(0.1)
    at_once = write(batcher, 100)
    await clock.advance(0.1)

    assert [[0], list(range(1, 100))] == [*at_once, batcher.flush()]


async def test_the_interval_ends_when_it_is_over(
    batcher: Batcher[int], clock: ManualClock
) -> None:
    """Just before its end an item waits, at its end all of them leave."""
    await clock.advance(0.099)

    assert batcher.write(1) is None

    await clock.advance(0.001)

    assert [1, 2] == batcher.write(2)


async def test_an_interval_begins_with_a_batch_that_left(
    batcher: Batcher[int], clock: ManualClock
) -> None:
    """A full batch begins the next interval too."""
    await clock.advance(0.09)
    write(batcher, 5)
    await clock.advance(0.09)

    assert batcher.write(5) is None


async def test_a_flush_waits_for_the_interval(
    batcher: Batcher[int], clock: ManualClock
) -> None:
    """It sends what there is, but not before its time."""
    batcher.write(1)

    assert batcher.flush() is None

    await clock.advance(0.1)

    assert [1] == batcher.flush()


async def test_a_forced_flush_waits_for_nothing(
    batcher: Batcher[int], clock: ManualClock
) -> None:
    """It sends what there is, and the interval begins anew."""
    batcher.write(1)

    assert [1] == batcher.forced_flush()

    await clock.advance(0.09)

    assert batcher.write(2) is None


async def test_an_empty_batch_never_leaves(
    batcher: Batcher[int], clock: ManualClock
) -> None:
    """With nothing to send no flush sends, nor does it begin a new interval."""
    assert batcher.forced_flush() is None

    await clock.advance(0.1)

    assert batcher.flush() is None
    assert batcher.forced_flush() is None
    assert [1] == batcher.write(1)


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_has_room(clock: ManualClock, size: int) -> None:
    """A batch for no item at all cannot be made."""
    with pytest.raises(ValueError, match=f"at least one item, not {size}"):
        Batcher(size, 0.1, clock)


class FixedClock(ManualClock):
    """A clock that a test without an event loop can set."""

    now = 0

    def now_ns(self) -> int:
        return self.now


@given(
    size=st.integers(1, 4),
    steps=st.lists(
        st.sampled_from(["write", "flush", "force"]) | st.integers(0, 12), max_size=40
    ),
)
def test_no_item_is_lost_doubled_or_moved(size: int, steps: list[str | int]) -> None:
    """Batches one behind the other are the items written, none empty or too large."""
    clock = FixedClock()
    batcher: Batcher[int] = Batcher(size, 10 / NS, clock)
    batches, written = [], 0
    for step in steps:
        match step:
            case "write":
                batches.append(batcher.write(written))
                written += 1
            case "flush":
                batches.append(batcher.flush())
            case "force":
                batches.append(batcher.forced_flush())
            case int():
                clock.now += step
    sent = [batch for batch in [*batches, batcher.forced_flush()] if batch is not None]

    assert list(range(written)) == [item for batch in sent for item in batch]
    assert all(0 < len(batch) <= size for batch in sent)
