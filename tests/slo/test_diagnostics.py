"""What stands behind an interval."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober import slo


def test_independent_losses() -> None:
    """One message here and there: the design effect is about one."""
    found = slo.diagnose([(int(i % 10 == 0), 100) for i in range(1000)])

    assert found.deff == pytest.approx(0.9, abs=0.02)
    assert found.k_eff == 100.0
    assert found.icc is not None
    assert abs(found.icc) < 0.002


def test_whole_cycles() -> None:
    """Whole cycles lost: a block tells as much as one message."""
    found = slo.diagnose([(100 * (i % 10 == 0), 100) for i in range(1000)])

    assert found.deff == pytest.approx(100, rel=2e-3)
    assert found.icc == pytest.approx(1.0)
    assert found.n_eff == pytest.approx(1000, rel=2e-3)


@pytest.mark.parametrize(
    "blocks",
    [[], [(0, 0)], [(5, 10)], [(0, 10)] * 5, [(10, 10)] * 5],
)
def test_not_defined(blocks: list[tuple[int, int]]) -> None:
    """Without variance there is nothing to compare, and no NaN."""
    found = slo.diagnose(blocks)

    assert (None, None, None) == (found.deff, found.n_eff, found.icc)


def test_single_messages() -> None:
    """Blocks of one message have no correlation within."""
    found = slo.diagnose([(1, 1), (0, 1), (0, 1)])

    assert None is found.icc
    assert found.deff == pytest.approx(1.5)


@given(
    st.lists(
        st.integers(1, 50).flatmap(
            lambda total: st.tuples(st.integers(0, total), st.just(total))
        )
    )
)
def test_never_nan(blocks: list[tuple[int, int]]) -> None:
    """Whatever the blocks, each figure is finite or None."""
    found = slo.diagnose(blocks)
    figures = (found.deff, found.n_eff, found.icc, found.k_eff, found.neighbours_p)

    assert all(each is None or math.isfinite(each) for each in figures)
    assert 0 <= found.neighbours_p <= 1


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_naive_intervals_hold_the_point(bad: int, good: int) -> None:
    """Each plain interval holds what was counted, and lies within [0, 1]."""
    if not bad + good:
        return
    found = slo.naive(bad, bad + good)

    for low, high in (found.wilson, found.clopper_pearson, found.jeffreys):
        assert 0 <= low <= bad / (bad + good) * (1 + 1e-9)
        assert bad / (bad + good) * (1 - 1e-9) <= high <= 1
    assert found.clopper_pearson_upper <= found.clopper_pearson[1]


def test_naive_of_nothing() -> None:
    """No data has no interval."""
    with pytest.raises(ValueError, match="no data"):
        slo.naive(0, 0)
