"""Burn-rate rules and what makes them useless."""

from fractions import Fraction

import pytest

from prober import slo
from prober.errors import UsageError

MONTH_S = 30 * 86_400


def rule(**given: object) -> slo.Rule:
    """Return the workbook's first rule, with changes."""
    usual = {
        "severity": "page",
        "long_s": 3600,
        "short_s": 300,
        "factor": Fraction("14.4"),
        "min_lossy": 4,
    }
    return slo.Rule(**usual | given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (7, ["16.8", "5.6", "2.8", "16.8"]),
        (28, ["13.44", "5.6", "2.8", "14/15", "67.2"]),
        (30, ["14.4", "6", "3", "1", "72"]),
        (90, ["21.6", "10.8", "4.5", "216"]),
    ],
)
def test_tables(days: int, expected: list[str]) -> None:
    """Each period has its own table of factors, exact."""
    found = [rule.factor for rule in slo.burn_rules(days, every_s=60)]

    assert [Fraction(each) for each in expected] == found


@pytest.mark.parametrize("days", [7, 28, 29, 30, 31, 89, 90, 91, 92])
def test_all_of_them_work(days: int) -> None:
    """At 99.9 % and a cycle a minute, every rule of the tables is of use."""
    rules = slo.burn_rules(days, every_s=60)

    assert rules == slo.usable(rules, "99.9", period_s=days * 86_400, every_s=60)


@pytest.mark.parametrize("days", [0, 1, 14, 60, 365])
def test_no_table(days: int) -> None:
    """Other periods are not guessed at."""
    with pytest.raises(UsageError, match=f"period of {days} days; take 7, 28 to 31"):
        slo.burn_rules(days, every_s=60)


@pytest.mark.parametrize(
    ("changed", "target", "every_s", "reason"),
    [
        ({}, "90", 60, "can never fire: at 90 % even a total outage burns at 10, not"),
        ({"factor": Fraction(10)}, "90", 60, "can never fire: at 90 %"),
        ({"factor": Fraction("0.7")}, "99.9", 60, "a burn rate of 0.7 is below 0.9"),
        ({"short_s": 3600}, "99.9", 60, "a short window of 3600 s, not shorter"),
        ({"long_s": MONTH_S + 1}, "99.9", 60, "further than the period of 2592000 s"),
        ({}, "99.9", 301, "less than one cycle of 301 s"),
        (
            {"short_s": 1200},
            "99.9",
            1200,
            "can never fire: it waits for 4 lossy cycles and its long window has 3",
        ),
    ],
)
def test_refusals(
    changed: dict[str, object], target: str, every_s: int, reason: str
) -> None:
    """A rule that cannot do its work is refused, with the numbers."""
    found = slo.refusal(rule(**changed), target, period_s=MONTH_S, every_s=every_s)

    assert found is not None
    assert reason in found


def test_a_short_window_is_a_cycle_at_least() -> None:
    """With a cycle of a quarter of an hour, five minutes become fifteen."""
    found = slo.burn_rules(30, every_s=900)

    assert [900, 1800, 7200, 21_600, 900] == [rule.short_s for rule in found]


def test_just_enough_cycles_for_the_guard() -> None:
    """A cycle of a quarter of an hour leaves the four that a page waits for."""
    first = slo.burn_rules(30, every_s=900)[0]

    assert None is slo.refusal(first, "99.9", period_s=MONTH_S, every_s=900)


def test_budget_share() -> None:
    """The first rule fires when a fiftieth of the month's budget is spent."""
    assert Fraction(1, 50) == rule().budget_share(MONTH_S)


@pytest.mark.parametrize(
    ("loss", "every_s", "expected"),
    [
        (1, 60, 4),  # the guard: 0.9 cycles would do
        ("0.1", 60, 9),
        ("0.05", 60, 18),
        ("0.0144", 60, 60),
        ("0.0143", 60, None),
        (0, 60, None),
        ("0.1", 900, 4),
    ],
)
def test_cycles_to_fire(loss: str | int, every_s: int, expected: int | None) -> None:
    """Detection takes whole cycles, no fewer than the guard asks for."""
    found = slo.cycles_to_fire(rule(), Fraction(loss), "99.9", every_s=every_s)

    assert expected == found
