"""What must hold of the bound whatever the sample."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober import slo
from prober.errors import UsageError

LOSSES = st.lists(st.integers(1, 5000), max_size=12)
BURSTS = st.integers(1, 3000)
CONFIDENCES = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 0.99999])
TOTAL = 10**7


def upper(losses: list[int], burst: int, confidence: float = 0.95) -> float:
    """Return the one-sided bound."""
    found = slo.interval(losses, TOTAL, worst_burst=burst, confidence=confidence)
    return found.upper_one_sided


def at_most(less: float, more: float) -> bool:
    """Tell whether one is no more than the other, but for the last digits."""
    return less <= more * (1 + 1e-12)


@given(LOSSES, BURSTS, CONFIDENCES, st.data())
def test_every_loss_counts(
    losses: list[int], burst: int, confidence: float, data: st.DataObject
) -> None:
    """No loss that grows, and none that is added, lowers the bound."""
    worse = [*losses, 0]
    worse[data.draw(st.integers(0, len(losses)))] += data.draw(st.integers(1, 3000))

    assert at_most(upper(losses, burst, confidence), upper(worse, burst, confidence))


def test_a_small_loss_does_not_help() -> None:
    """Beside a large unseen burst it would, beyond 99 %, by the plain quantile."""
    without, beside = (upper(losses, 10, 0.999) for losses in ([], [1]))

    assert without <= beside


@given(LOSSES, BURSTS, BURSTS, CONFIDENCES)
def test_worst_burst_counts(
    losses: list[int], burst: int, more: int, confidence: float
) -> None:
    """A larger worst burst never lowers the bound."""
    assert at_most(
        upper(losses, burst, confidence), upper(losses, burst + more, confidence)
    )


@given(LOSSES.filter(bool), BURSTS)
def test_the_largest_block_counts(losses: list[int], burst: int) -> None:
    """Two blocks in one are worse than both apart."""
    merged = [sum(losses[:2]), *losses[2:]]

    assert at_most(upper(losses, burst), upper(merged, burst))


@given(LOSSES, BURSTS, st.integers(1, 50))
def test_common_scaling(losses: list[int], burst: int, by: int) -> None:
    """Messages, losses and burst times ten are the same claim."""
    scaled = slo.interval([x * by for x in losses], TOTAL * by, worst_burst=burst * by)
    plain = slo.interval(losses, TOTAL, worst_burst=burst)

    assert math.isclose(plain.upper_one_sided, scaled.upper_one_sided, rel_tol=1e-9)
    assert math.isclose(plain.lower, scaled.lower, rel_tol=1e-9)


@given(LOSSES, BURSTS, CONFIDENCES)
def test_contains_the_point(losses: list[int], burst: int, confidence: float) -> None:
    """The interval holds what was counted, and lies within [0, 1]."""
    found = slo.interval(losses, TOTAL, worst_burst=burst, confidence=confidence)

    assert found.point is not None
    assert 0 <= found.lower <= found.lower_one_sided <= found.point
    assert found.point <= found.upper_one_sided <= found.upper <= 1
    assert 0 <= found.k_eff <= len(losses)


@given(LOSSES, BURSTS, st.sampled_from(["90", "99.9", "99.99", "33.3"]))
def test_messages_needed_are_enough(losses: list[int], burst: int, target: str) -> None:
    """The messages needed support the objective, and one fewer does not."""
    few = slo.interval(losses, sum(losses), worst_burst=burst)
    needed = few.messages_needed(target)

    enough, short = (
        slo.interval(losses, total, worst_burst=burst).supports(target)
        for total in (needed, needed - 1)
    )
    assert enough
    assert not short


def test_nothing_counted() -> None:
    """Without messages anything may be true."""
    found = slo.interval([], 0, worst_burst=1000)

    assert (0.0, 1.0, 0.0, 1.0) == (
        found.lower,
        found.upper,
        found.lower_one_sided,
        found.upper_one_sided,
    )
    assert (None, None) == (found.point, found.nines_lower)


def test_everything_lost() -> None:
    """Where all is lost the bound is 1, and the nines are 0."""
    found = slo.interval([1000] * 5, 5000, worst_burst=1000)

    assert (1.0, 1.0, 0.0) == (found.upper, found.upper_one_sided, found.nines_lower)


def test_fewer_messages_than_a_burst() -> None:
    """A sample shorter than one burst supports nothing."""
    assert 1.0 == slo.interval([], 10, worst_burst=1000).upper


def test_enormous_counts() -> None:
    """Counts of any size have a bound."""
    total = 2**63 - 1
    found = slo.interval([total // 2, 1], total, worst_burst=2**62)

    assert 0.5 <= found.upper_one_sided <= 1
    assert 0 < found.lower < 0.5


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"bad_per_block": [11], "total": 10, "worst_burst": 1}, "11 bad of 10"),
        ({"bad_per_block": [6, 6], "total": 10, "worst_burst": 1}, "12 bad of 10"),
        ({"bad_per_block": [-1], "total": 10, "worst_burst": 1}, "-1 bad of 10"),
        ({"bad_per_block": [], "total": 10, "worst_burst": 0}, "at least one message"),
        (
            {"bad_per_block": [], "total": 9, "worst_burst": 1, "confidence": 1},
            "0.5, 1",
        ),
        ({"bad_per_block": [], "total": 9, "worst_burst": 1, "confidence": 0.4}, "0.5"),
    ],
)
def test_what_cannot_be(given_: dict[str, Any], message: str) -> None:
    """Each impossible figure is refused with its number."""
    with pytest.raises(ValueError, match=message):
        slo.interval(**given_)


@pytest.mark.parametrize("target", ["1", "100", "0"])
def test_objectives_that_cannot_be(target: str) -> None:
    """Nothing can be claimed of 0 or 100 %."""
    with pytest.raises(UsageError):
        slo.interval([], 10, worst_burst=1).messages_needed(target)


@given(LOSSES, BURSTS, CONFIDENCES)
def test_what_is_supported_is_the_bound(
    losses: list[int], burst: int, confidence: float
) -> None:
    """Over time it is drawn as a claim has it, to the last digit."""
    found = slo.supported(losses, TOTAL, worst_burst=burst, confidence=confidence)

    assert 1 - upper(losses, burst, confidence) == found


def test_nothing_supports_nothing() -> None:
    """Without a message there is no figure, neither 0 nor 1."""
    assert slo.supported([], 0, worst_burst=1) is None
