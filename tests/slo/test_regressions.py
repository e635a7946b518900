"""Did it get worse?"""

import itertools
import math

import numpy as np
import pytest

from prober import slo
from prober.errors import UsageError
from prober.slo import regressions
from prober.slo.lots import uniforms


def clean(count: int) -> list[tuple[int, int]]:
    """Return blocks without losses."""
    return [(0, 1000)] * count


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([0, 0, 5, 0], [3, 0, 9]),
        ([1, 2, 3, 4], [5, 6, 7]),
        ([9, 9, 0, 0], [0, 1, 0]),
        ([0, 0, 0, 0], [1, 1, 1]),
        ([2, 2, 2, 2], [2, 2, 2]),
    ],
)
def test_by_hand(before: list[int], now: list[int]) -> None:
    """The p value is the share of all choices, counted one by one."""
    found = slo.regression([(x, 100) for x in before], [(x, 100) for x in now])
    ways = list(itertools.combinations(before + now, len(now)))
    expected = sum(sum(way) >= sum(now) for way in ways) / len(ways)

    assert found.exact
    assert math.isclose(expected, found.p_value, rel_tol=1e-12)


def test_sample_agrees_with_the_count() -> None:
    """Sampling comes to what counting comes to, within its error."""
    lossy = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
    counted = regressions._count(lossy, 200, 60, 22)
    sampled = regressions._sample(lossy, 200, 60, 22, seed=1)

    assert abs(counted - sampled) < 4 * math.sqrt(counted * (1 - counted) / 9999)


def test_sampled() -> None:
    """Thirteen lossy blocks are sampled, the same in each run."""
    before = [(1, 1000)] * 7 + clean(93)
    now = [(9, 1000)] * 7 + clean(93)

    found = slo.regression(before, now)
    assert not found.exact
    assert found == slo.regression(before, now)
    assert found.p_value != slo.regression(before, now, seed=1).p_value


def test_margin() -> None:
    """Significant is not enough: it has to matter to the objective."""
    now = [*clean(95), *[(2, 1000)] * 5]
    matters = slo.regression(clean(1000), now)
    does_not = slo.regression(clean(1000), now, target="99.9")

    assert (True, 0.0) == (matters.regressed, matters.margin)
    assert (False, 0.0005) == (does_not.regressed, does_not.margin)
    assert matters.p_value == does_not.p_value < 0.01


def test_nothing_lost() -> None:
    """Without losses nothing got worse."""
    found = slo.regression(clean(100), clean(100))

    assert (1.0, True, False) == (found.p_value, found.exact, found.regressed)


def test_better() -> None:
    """A candidate that loses less is no regression."""
    found = slo.regression([(10, 1000)] * 5 + clean(95), clean(100))

    assert (1.0, False) == (found.p_value, found.regressed)


def test_size_under_bursts() -> None:
    """Under equal, bursty loss it calls one run of twenty worse at p <= 0.05."""
    rng = np.random.default_rng(11)
    lots = rng.random((400, 2, 100)) < 0.01
    sizes = rng.choice([20, 1000], size=lots.shape, p=[0.9, 0.1])
    p_values = [
        slo.regression(*([(int(x), 1000) for x in side] for side in pair)).p_value
        for pair in lots * sizes
    ]

    assert sum(p <= 0.05 for p in p_values) / len(p_values) <= 0.06


@pytest.mark.parametrize(
    "sides", [([], [(0, 1)]), ([(0, 1)], []), ([(0, 0)], [(0, 1)])]
)
def test_one_side_missing(sides: tuple[list[tuple[int, int]], ...]) -> None:
    """A comparison needs two sides."""
    with pytest.raises(ValueError, match="both sides"):
        slo.regression(*sides)


def test_blocks_of_other_sizes() -> None:
    """Labels of blocks that differ in size cannot be exchanged."""
    with pytest.raises(ValueError, match="blocks of 1,000 and of 100 messages"):
        slo.regression(clean(10), [(0, 100)] * 10)


def test_objectives_that_cannot_be() -> None:
    """The margin needs an objective with a budget."""
    with pytest.raises(UsageError):
        slo.regression(clean(1), clean(1), target="100")


def test_lots_are_those_of_splitmix() -> None:
    """The hash is splitmix64: its first number from seed 0 is known."""
    from prober.slo.lots import _GOLDEN, _mix

    first = int(_mix(np.array([_GOLDEN], dtype=np.uint64))[0])
    assert 0xE220A8397B1DCDAF == first


def test_lots_are_fair() -> None:
    """Lots are even, differ by seed and stream, and come again."""
    lots = uniforms(1, 2, 100_000)
    tenths = np.bincount((lots * 10).astype(int), minlength=10)

    assert 0 <= lots.min() <= lots.max() < 1
    assert abs(tenths - 10_000).max() < 400
    assert abs(np.corrcoef(lots, uniforms(1, 3, 100_000))[0, 1]) < 0.02
    assert abs(np.corrcoef(lots, uniforms(2, 2, 100_000))[0, 1]) < 0.02
    assert np.array_equal(lots, uniforms(1, 2, 100_000))
