"""Bad of total, and nines."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober import slo
from prober.records import Counts
from prober.slo.tallies import add, tally

COUNTS = Counts(
    attempted=1000,
    rejected=20,
    ambiguous=5,
    accepted=975,
    on_time=900,
    late=60,
    corrupt=5,
    lost=10,
)


@pytest.mark.parametrize(
    ("indicator", "expected"),
    [
        ("delivery", (15, 975)),
        ("timely_delivery", (75, 975)),
        ("ingress", (25, 1000)),
    ],
)
def test_indicators(indicator: str, expected: tuple[int, int]) -> None:
    """Each indicator says what is good of what is valid."""
    assert expected == slo.sli(COUNTS, indicator)


def test_stream_availability() -> None:
    """A stream is as available as it was connected."""
    assert 0.75 == slo.stream_availability(45, 60).sli


@pytest.mark.parametrize(("bad", "total"), [(-1, 10), (11, 10), (0, -1), (0, 2**63)])
def test_counts_that_cannot_be(bad: int, total: int) -> None:
    """More bad than total, less than nothing, or more than was ever sent."""
    with pytest.raises(ValueError, match=r"bad of|a total of"):
        tally(bad, total)


def test_no_floats() -> None:
    """Counts are integers, numpy's among them, and nothing else."""
    with pytest.raises(TypeError):
        tally(1.5, 10)  # type: ignore[arg-type]

    assert slo.Tally(3, 10) == tally(np.int64(3), np.int64(10))  # type: ignore[arg-type]


def test_no_data() -> None:
    """Nothing counted is neither 0 nor 1."""
    nothing = slo.Tally(0, 0)

    assert (None, None, None) == (nothing.sli, nothing.loss, slo.nines(0, 0))


def test_nines() -> None:
    """Nines come from the counts: 3, not 2.9999999999999996."""
    assert 3.0 == slo.nines(1, 1000)
    assert 0.0 == slo.nines(1000, 1000)
    assert math.copysign(1, slo.nines(10, 10) or 0.0) > 0
    assert None is slo.nines(0, 1000)


@given(st.integers(1, 10**15), st.integers(1, 10**15))
def test_nines_grow_with_the_total(bad: int, more: int) -> None:
    """The same losses of more messages are more nines."""
    fewer, many = slo.nines(bad, bad + more), slo.nines(bad, bad + 2 * more)

    assert fewer is not None
    assert many is not None
    assert 0 <= fewer <= many


PAIRS = st.lists(
    st.integers(0, 1000).flatmap(
        lambda total: st.tuples(st.integers(0, total), st.just(total))
    )
)


@given(PAIRS, PAIRS)
def test_halves_make_the_whole(
    first: list[tuple[int, int]], then: list[tuple[int, int]]
) -> None:
    """Tallies add: the sum of two halves is the sum of all."""
    assert add([*first, *then]) == add([add(first), add(then)])
