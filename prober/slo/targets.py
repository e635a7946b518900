"""An objective as people write it, read once into an exact decimal ratio."""

import re
from decimal import Decimal
from fractions import Fraction

from prober.errors import UsageError

_WRITTEN = re.compile(r"(\d+\.?\d*|\.\d+)\s*(%?)", re.ASCII)
_WHOLE = 100
"""Percent."""
_LONGEST = 20
"""Digits beyond what any sample could tell apart would round to 100 %."""


def parse_target(text: str, what: str = "objective") -> Decimal:
    """Return the objective that `text` states, as a ratio between 0 and 1.

    Above 1 it is a percentage, and `%` may follow (`"99.9"`, `"99.9%"`); below 1 it is
    a ratio (`"0.999"`). Raises UsageError for 0, 1, 100, numbers that are not strings
    (a YAML float has lost its last digits already) and anything else, in a sentence
    that calls it `what`.
    """
    if not isinstance(text, str):
        raise UsageError(
            f'the {what} is a string like "99.9", not the number {text}: quote it'
        )
    written = _WRITTEN.fullmatch(text.strip())
    if written is None or len(text) > _LONGEST:
        raise UsageError(
            f"the {what} {text!r} is no number; write a percentage like 99.9 or a "
            "ratio like 0.999"
        )
    value, is_percent = Decimal(written[1]), bool(written[2])
    if 1 < value < _WHOLE:
        return value.scaleb(-2)
    if 0 < value < 1 and not is_percent:
        return value
    raise UsageError(
        f"the {what} {text!r} leaves nothing to measure; write a percentage between "
        "1 and 100, like 99.9, or a ratio between 0 and 1, like 0.999"
    )


def as_target(target: Decimal | str) -> Decimal:
    """Return an objective as a ratio, read by the same rule from a string or a Decimal.

    Raises UsageError for what cannot be an objective, and for any other type.
    """
    if not isinstance(target, Decimal):
        return parse_target(target)
    if not target.is_finite() or target <= 0 or target == 1 or target >= _WHOLE:
        raise UsageError(f"an objective lies between 0 and 1, not at {target}")
    return target if target < 1 else target.scaleb(-2)


def budget_ratio(target: Decimal | str) -> Fraction:
    """Return the error budget 1 - target, exactly, as a share of the valid messages."""
    return 1 - Fraction(as_target(target))
