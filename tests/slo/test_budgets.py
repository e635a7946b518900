"""What is left of an error budget."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober import slo
from prober.errors import UsageError
from prober.records import State
from prober.slo.tallies import add
from tests.slo.samples import evidence


@pytest.mark.parametrize(
    ("given_", "status"),
    [
        ({"bad": 0, "total": 0}, "no_data"),
        ({"bad": 0, "total": 0, "planned": 1000}, "no_data"),
        ({"bad": 1, "total": 1000, "coverage": Fraction(89, 100)}, "unknown"),
        ({"bad": 50, "total": 1000, "coverage": Fraction(89, 100)}, "unknown"),
        ({"bad": 11, "total": 1000, "worst": (11, 1000)}, "exhausted"),
        ({"bad": 10, "total": 1000}, "exhausted"),
        ({"bad": 9, "total": 1000, "worst": (20, 1000)}, "unknown"),
        ({"bad": 76, "total": 10_000}, "at_risk"),
        ({"bad": 75, "total": 10_000}, "ok"),
        ({"bad": 5, "total": 1000, "coverage": Fraction(9, 10)}, "ok"),
        ({"bad": 5, "total": 1000, "worst": (9, 1000)}, "ok"),
        ({"bad": 9, "total": 1000, "planned": 2000}, "ok"),
    ],
)
def test_status(given_: dict[str, Any], status: str) -> None:
    """Each row of the table has its window."""
    assert status == slo.budget(target="99", **given_).status


def test_no_data() -> None:
    """A window without messages has no budget, spent or left."""
    found = slo.budget(0, 0, "99.9")

    assert (None, None, None, None, None) == (
        found.allowed,
        found.consumed,
        found.remaining,
        found.remaining_messages,
        slo.burn_rate(0, 0, "99.9"),
    )


def test_of_evidence() -> None:
    """The budget of cycles comes with its worst case and its coverage."""
    cycles = evidence(
        (90, (State.PASS, 0, 100)),
        (5, (State.LOSS, 1, 100)),
        (5, (State.INCONCLUSIVE, 10, 100)),
    )
    found = slo.budget_of(cycles, "99")

    assert (95.0, 90.0) == (found.allowed, found.remaining_messages)
    assert 0.45 == found.worst_remaining
    assert "ok" == found.status


PAIRS = st.lists(
    st.integers(1, 10**6).flatmap(
        lambda total: st.tuples(st.integers(0, total), st.just(total))
    ),
    min_size=1,
    max_size=8,
)


@given(PAIRS, st.integers(1, 9999))
def test_budgets_add(windows: list[tuple[int, int]], parts: int) -> None:
    """What windows allow and leave adds up to what they do together."""
    target = f"{parts / 100:.2f}" if parts > 100 else f"0.{parts:04d}"
    apart = [slo.budget(bad, total, target) for bad, total in windows]
    together = slo.budget(*add(windows), target)

    assert together.allowed == pytest.approx(sum(b.allowed or 0 for b in apart))
    assert together.remaining_messages == pytest.approx(
        sum(b.remaining_messages or 0 for b in apart), rel=1e-9, abs=1e-6
    )


@given(PAIRS)
def test_burn_is_consumption(windows: list[tuple[int, int]]) -> None:
    """The burn rate of a whole window is what it consumed."""
    bad, total = add(windows)

    assert slo.burn_rate(bad, total, "99.9") == slo.budget(bad, total, "99.9").consumed


def test_burn_rate_has_a_limit() -> None:
    """Nothing burns faster than a total outage."""
    assert slo.max_burn_rate("99.9") == slo.burn_rate(7, 7, "99.9") == 1000.0


@pytest.mark.parametrize(
    ("remaining", "burn", "expected"),
    [(0.5, 2.0, 7.5), (0.5, 0.0, None), (0.0, 2.0, 0.0), (-1.0, 0.0, 0.0)],
)
def test_time_to_exhaustion(
    remaining: float, burn: float, expected: float | None
) -> None:
    """What is left lasts at the rate it burns; nothing burns for ever."""
    assert expected == slo.time_to_exhaustion(remaining, burn, 30.0)


def test_timeslices() -> None:
    """A slice is bad below its own target; without messages it tells nothing."""
    slices = [(0, 100), (1, 100), (2, 100), (0, 0)]
    found = slo.timeslices(slices, "50", slice_target="99")

    assert (1, 3) == (found.bad, found.total)


def test_ratio_timeslices() -> None:
    """The mean of ratios is not the ratio of sums."""
    slices = [(0, 1000), (5, 10), (0, 0)]

    assert 0.75 == slo.ratio_timeslices(slices)
    assert add(slices).sli != slo.ratio_timeslices(slices)
    assert None is slo.ratio_timeslices([(0, 0)])


def test_what_cannot_be() -> None:
    """More bad than total, and objectives without a budget, are refused."""
    with pytest.raises(ValueError, match="2 bad of 1"):
        slo.budget(2, 1, "99")
    with pytest.raises(UsageError, match="nothing to measure"):
        slo.budget(1, 2, "100")


def test_enormous_counts() -> None:
    """Counts of any size stay exact until the end."""
    total = 2**63 - 1

    assert 1e-18 * total * 0.001 <= (slo.budget(1, total, "99.9").allowed or 0)
    assert 1 / (total / 1000) == slo.budget(1, total, "99.9").consumed
