"""The right objective: the highest that an environment's history supports."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from prober.slo.budgets import Budget, budget
from prober.slo.intervals import Interval, interval
from prober.slo.tallies import add, tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """An objective that can be kept, with what it rests upon."""

    objective: Decimal
    """As a ratio; its budget has two digits, rounded up."""
    budget: Budget
    """What the same history would have left of it."""
    interval: Interval


def recommend(
    blocks: Iterable[tuple[int, int]], *, worst_burst: int, confidence: float = 0.95
) -> Recommendation | None:
    """Return the highest objective that a history of blocks supports.

    None when it supports none: too short for the burst, or nothing counted.

    Args:
        blocks: (bad, total) of each block, an hour each in continuous use.
        worst_burst: The most messages that one drop can cost.
        confidence: That the loss ratio is within the objective's budget, one-sided.

    """
    seen = [tally(*pair) for pair in blocks]
    bad, total = add(seen)
    bounds = interval(
        (block.bad for block in seen),
        total,
        worst_burst=worst_burst,
        confidence=confidence,
    )
    objective = 1 - _rounded_up(bounds.upper_one_sided)
    if not total or objective <= 0:
        return None
    return Recommendation(
        objective=objective, budget=budget(bad, total, objective), interval=bounds
    )


def _rounded_up(ratio: float) -> Decimal:
    """Return a ratio with two digits, never below it."""
    digits = 1 - math.floor(math.log10(ratio))
    return Decimal(math.ceil(Fraction(ratio) * 10**digits)).scaleb(-digits)
