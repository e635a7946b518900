"""The exit code of every outcome."""

from typing import Any

import pytest

from prober import slo
from prober.errors import UsageError
from prober.slo.verdicts import EXIT_CODES


def verdict(state: Any) -> slo.Verdict:  # noqa: ANN401 - one of the literals
    """Return a verdict of that state."""
    return slo.Verdict(state=state, exit_code=EXIT_CODES[state], reason="")


def claim(state: Any) -> slo.Claim:  # noqa: ANN401 - one of the literals
    """Return a claim of that state."""
    return slo.Claim(
        state=state,
        supports=None,
        upper95=1.0,
        lower95=0.0,
        worst_burst=1,
        block=0,
        reason="",
    )


@pytest.mark.parametrize(
    ("counted", "claimed", "plain", "prove", "nagios"),
    [
        (None, None, 0, 0, 0),
        ("met", "proved", 0, 0, 0),
        ("met", "undecided", 0, 3, 0),
        ("met", "disproved", 0, 1, 0),
        ("violated", "undecided", 1, 3, 2),
        ("violated", "disproved", 1, 1, 2),
        ("inconclusive", "proved", 3, 3, 3),
        ("no_data", "undecided", 3, 3, 3),
        ("could_not_probe", "undecided", 4, 4, 3),
    ],
)
def test_codes(counted: str, claimed: str, plain: int, prove: int, nagios: int) -> None:
    """The verdict decides, under --prove the claim, and --nagios has three codes."""
    given = (verdict(counted), claim(claimed))

    assert plain == slo.exit_code(*given)
    assert prove == slo.exit_code(*given, prove=True)
    assert nagios == slo.exit_code(*given, nagios=True)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 3),
        ({"inconclusive_exit": 0}, 0),
        ({"inconclusive_exit": 75}, 75),
        ({"inconclusive_exit": 75, "nagios": True}, 75),
        ({"interrupted": True}, 130),
        ({"interrupted": True, "nagios": True}, 3),
    ],
)
def test_inconclusive(options: dict[str, Any], expected: int) -> None:
    """What inconclusive leaves with can be chosen, and interruption goes before it."""
    assert expected == slo.exit_code(verdict("no_data"), claim("undecided"), **options)


def test_undecided_may_be_chosen_too() -> None:
    """Undecided under --prove is inconclusive."""
    assert 0 == slo.exit_code(
        verdict("met"), claim("undecided"), prove=True, inconclusive_exit=0
    )


@pytest.mark.parametrize(
    ("state", "expected"), [("met", 5), (None, 5), ("violated", 1)]
)
def test_regression(state: str | None, expected: int) -> None:
    """Worse than before is 5, and over budget is worse than that."""
    assert expected == slo.exit_code(verdict(state), claim(None), regressed=True)


@pytest.mark.parametrize("code", [-1, 256])
def test_no_exit_code(code: int) -> None:
    """An exit code is a byte."""
    with pytest.raises(UsageError, match="from 0 to 255"):
        slo.exit_code(verdict("met"), claim("proved"), inconclusive_exit=code)


def test_a_comparison_that_tells_nothing_is_inconclusive() -> None:
    """It is 3, or as told, unless something above already speaks."""
    met, violated = verdict("met"), verdict("violated")

    assert 3 == slo.exit_code(met, claim(None), untold=True)
    assert 9 == slo.exit_code(met, claim(None), untold=True, inconclusive_exit=9)
    assert 1 == slo.exit_code(violated, claim(None), untold=True)
