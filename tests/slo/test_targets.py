"""Objectives as people write them."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober import slo
from prober.errors import UsageError
from prober.slo.targets import as_target, budget_ratio


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("99.9", "0.999"),
        ("99.9%", "0.999"),
        (" 99.9 % ", "0.999"),
        ("0.999", "0.999"),
        (".999", "0.999"),
        ("99.", "0.99"),
        ("1.5", "0.015"),
        ("99.999999", "0.99999999"),
    ],
)
def test_written(text: str, expected: str) -> None:
    """Above 1 it is a percentage, below a ratio, and no digit is lost."""
    assert Decimal(expected) == slo.parse_target(text)


@pytest.mark.parametrize(
    "text",
    ["0", "1", "100", "100%", "0.5%", "1%", "101", "0.0", "1.0", "100.0"],
)
def test_nothing_to_measure(text: str) -> None:
    """Nobody can miss 0, and nobody can meet 100."""
    with pytest.raises(UsageError, match=f"'{text}' leaves nothing to measure"):
        slo.parse_target(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "three nines", "-99", "+99", "9e1", "nan", "inf", "99,9", "1_0", "%"),
        "٩٩",
        "99.99999999999999999999999999999999",
    ],
)
def test_nonsense(text: str) -> None:
    """What is no plain decimal number is refused, with what to write instead."""
    with pytest.raises(UsageError, match=r"no number; write a percentage like 99\.9"):
        slo.parse_target(text)


@pytest.mark.parametrize("number", [99.9, 0.999, 99, True, None])
def test_no_numbers(number: Any) -> None:  # noqa: ANN401 - what YAML may give
    """A float has lost its last digits already."""
    with pytest.raises(UsageError, match="quote it"):
        slo.parse_target(number)


@pytest.mark.parametrize("number", ["0", "1", "100", "-0.5", "NaN", "Infinity"])
def test_decimals_that_cannot_be(number: str) -> None:
    """An objective that is a Decimal already has the same limits."""
    with pytest.raises(UsageError, match="between 0 and 1"):
        as_target(Decimal(number))


@pytest.mark.parametrize("number", ["0.999", "99.9"])
def test_decimals(number: str) -> None:
    """A Decimal is read as the string would be."""
    assert Decimal("0.999") == as_target(Decimal(number))


def test_another_name() -> None:
    """The sentence names what was being read."""
    with pytest.raises(UsageError, match="the confidence 'high' is no number"):
        slo.parse_target("high", "confidence")


@given(st.integers(min_value=1, max_value=10**10 - 1))
def test_budget_is_exact(parts: int) -> None:
    """The budget is what is missing from the objective, without rounding."""
    target = Decimal(parts).scaleb(-10)

    assert 1 - Fraction(parts, 10**10) == budget_ratio(target)
