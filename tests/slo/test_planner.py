"""What a claim takes."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober import slo
from prober.errors import UsageError


@given(st.integers(1, 9_999_999), st.sampled_from([0.9, 0.95, 0.99]))
def test_messages_without_losses(parts: int, confidence: float) -> None:
    """Without losses it is ln(1 - confidence) / ln(target), rounded up."""
    target = Decimal(parts).scaleb(-7)
    found = slo.messages_for(target, confidence=confidence)
    expected = math.log(1 - confidence) / math.log(float(target))

    assert found - 1 <= expected * (1 + 1e-9)
    assert expected * (1 - 1e-9) <= found


@pytest.mark.parametrize("target", ["90", "99.9", "99.99999"])
@pytest.mark.parametrize("losses", [0, 1, 7])
def test_messages_are_enough(target: str, losses: int) -> None:
    """The binomial bound of as many messages is within the budget, not of fewer."""
    needed = slo.messages_for(target, losses)
    enough, short = (
        slo.naive(losses, total).clopper_pearson_upper for total in (needed, needed - 1)
    )
    budget = 1 - float(slo.parse_target(target))

    assert enough <= budget * (1 + 1e-9)
    assert budget < short * (1 + 1e-9)


def test_many_nines() -> None:
    """Eleven nines take three hundred thousand million messages."""
    assert 299_573_227_354 == slo.messages_for("99.999999999")


@pytest.mark.parametrize("losses", [0, 1, 3])
def test_a_plan_is_enough(losses: int) -> None:
    """A run of the planned length, with the planned drops, proves the objective."""
    found = slo.plan("99.9", rate=1000, worst_burst=100, losses=losses)
    bounds = slo.interval([100] * losses, found.claim.messages, worst_burst=100)

    assert bounds.upper_one_sided <= 0.001
    assert math.ceil(found.claim.messages / 100) == found.claim.cycles
    assert found.claim.messages / 1000 == found.claim.seconds


def test_early() -> None:
    """An early decision takes a fifth more than the shortest fixed run."""
    found = slo.plan("99.9", rate=1000)

    assert (2_995_733, 3_644_000) == (found.claim.messages, found.early.messages)
    assert 2995 == found.independent


def test_smaller_cycles() -> None:
    """Apart in time, it is the number of clean cycles that counts, not their size."""
    found = slo.plan("99.9", rate=1000, cycle=100)

    assert [100, 50, 20, 10] == [row.cycle for row in found.apart]
    assert {2996} == {row.effort.cycles for row in found.apart}
    assert [299_574, 149_787, 59_915, 29_958] == [
        row.effort.messages for row in found.apart
    ]


def test_cycle_of_one() -> None:
    """A cycle of one message has no smaller one."""
    assert [1] == [row.cycle for row in slo.plan("99", rate=1, cycle=1).apart]


def test_detection() -> None:
    """Each rule tells what it notices, and after how long."""
    page, *_, incident = slo.plan("99.9", rate=1000).detection

    assert (4 * 60 + 60, 9 * 60 + 60, None) == page.seconds
    assert 0.0144 == page.least_loss
    assert None is incident.seconds[2]


def test_rules_that_see_nothing() -> None:
    """A rule that can never fire has its reason, and no times."""
    page, *_ = slo.plan("90", rate=1000).detection

    assert (None, None, None) == page.seconds
    assert page.refusal is not None


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        ({"target": "100"}, UsageError),
        ({"period_days": 14}, UsageError),
        ({"rate": 0}, ValueError),
        ({"losses": -1}, ValueError),
        ({"cycle": 0}, ValueError),
        ({"worst_burst": 0}, ValueError),
        ({"confidence": 1.0}, ValueError),
    ],
)
def test_what_cannot_be(given_: dict[str, object], error: type[Exception]) -> None:
    """Each impossible figure is refused."""
    with pytest.raises(error):
        slo.plan(**{"target": "99.9", "rate": 1000} | given_)  # type: ignore[arg-type]


def test_losses_that_cannot_be() -> None:
    """Losses are counted from 0."""
    with pytest.raises(ValueError, match="counted from 0"):
        slo.messages_for("99.9", -1)


def test_recommended_objective_holds() -> None:
    """What is recommended is supported, and its budget was not overspent."""
    blocks = [(9, 1000), (1, 1000), *[(0, 1000)] * 998]
    found = slo.recommend(blocks, worst_burst=100)

    assert found is not None
    assert Decimal("0.99969") == found.objective
    assert found.interval.upper_one_sided <= 1 - float(found.objective)
    assert "ok" == found.budget.status


@pytest.mark.parametrize("blocks", [[], [(0, 0)], [(0, 100)], [(100, 100)] * 50])
def test_nothing_to_recommend(blocks: list[tuple[int, int]]) -> None:
    """Too short a history, or too bad a one, supports no objective."""
    assert None is slo.recommend(blocks, worst_burst=1000)
