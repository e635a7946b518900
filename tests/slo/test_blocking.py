"""Blocks that can be taken as independent."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober import slo
from prober.slo.blocking import at_least, neighbours_p
from prober.slo.tallies import add

CYCLES = st.lists(
    st.integers(1, 300).flatmap(
        lambda total: st.tuples(st.integers(0, total), st.just(total))
    ),
    max_size=60,
)

EVERY = list(itertools.product([False, True], repeat=6))


@given(CYCLES, st.integers(1, 2000))
def test_long_enough(cycles: list[tuple[int, int]], burst: int) -> None:
    """Every block has at least a worst burst, and no message is left out."""
    merged = at_least(cycles, burst)

    assert add(cycles) == add(merged)
    assert all(block.total >= burst for block in merged) or len(merged) == 1


@given(CYCLES, st.integers(1, 2000))
def test_doubling_keeps_all(cycles: list[tuple[int, int]], burst: int) -> None:
    """Longer blocks still hold every message."""
    assert add(cycles) == add(slo.blocks(cycles, burst))


def test_left_over() -> None:
    """What is left over joins the last block: a short one would share its lap."""
    assert ((0, 1000), (1, 1500)) == at_least([(0, 500)] * 4 + [(1, 500)], 1000)


def test_too_few() -> None:
    """Fewer messages than one burst are one block, and none are none."""
    assert ((1, 400),) == at_least([(1, 400)], 1000)
    assert () == at_least([], 1000)


@pytest.mark.parametrize("lossy", EVERY)
def test_neighbours_by_hand(lossy: tuple[bool, ...]) -> None:
    """The chance of so few runs is that of all arrangements, counted one by one."""
    ways = [way for way in EVERY if sum(way) == sum(lossy)]
    runs = _runs(lossy)
    expected = sum(_runs(way) <= runs for way in ways) / len(ways)

    assert math.isclose(expected, neighbours_p(lossy), rel_tol=1e-12)


def _runs(lossy: tuple[bool, ...]) -> int:
    return sum(each for each, _ in itertools.groupby(lossy))


def test_side_by_side() -> None:
    """Losses side by side lengthen the blocks until it could be an accident."""
    cycles = [(0, 1000)] * 40 + [(200, 1000)] * 8 + [(0, 1000)] * 80
    merged, each = slo.independent(cycles)

    assert 4 == each
    assert [800, 800] == [block.bad for block in merged if block.bad]


def test_scattered() -> None:
    """Losses far apart leave the blocks alone."""
    cycles = [(5 * (i % 20 == 0), 1000) for i in range(200)]

    assert (tuple(cycles), 1) == slo.independent(cycles)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ({}, 1000),
        ({"ring": 10_000, "ours": 2, "through": 100}, 200),
        ({"ring": 10_000, "ours": 7, "through": 100}, 700),
        ({"ring": 100, "ours": 1, "through": 1000}, 1),
        ({"rate": 5}, 1000),
        ({"rate": 50}, 6000),
        ({"largest_seen": 9800}, 9800),
    ],
)
def test_worst_burst(given_: dict[str, int], expected: int) -> None:
    """A lap of the ring by our share, an unseen hole, or what was seen: the largest."""
    assert expected == slo.auto_worst_burst(**given_)
