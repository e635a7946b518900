"""How an environment stands against its objective: its worst consumer, over its window.

What metrics and alerts tell of a budget is computed here, from what history holds.
"""

from dataclasses import dataclass
from decimal import Decimal

from prober import slo


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One environment over its objective's window; ratios from 0 to 1."""

    environment: str
    target: Decimal
    consumer: str
    """The one that has least of its budget left: it speaks for the environment."""
    budget: slo.Budget
    coverage: float | None
    nines: float | None
    """None when nothing was lost, and when nothing counts."""
    nines_supported: float | None
    """With 95 % confidence, one-sided, over blocks of an hour; None for no data."""


def standing(
    window: slo.Summary, target: Decimal, *, worst_burst: int
) -> Standing | None:
    """Return how an environment stands; None when its window holds nothing."""
    stands = [
        _of_one(window.environment, seen, target, worst_burst)
        for seen in window.evidence
    ]
    return min(stands, key=_left, default=None)


def _left(one: Standing) -> float:
    """Order by what is left; a consumer of which nothing counts comes last."""
    remaining = one.budget.remaining
    return float("inf") if remaining is None else remaining


def _of_one(
    environment: str, seen: slo.Evidence, target: Decimal, worst_burst: int
) -> Standing:
    counted, coverage = seen.counted, seen.coverage
    supported = None
    if counted.total:
        bounds = slo.interval(
            (block.bad for block in seen.blocks), counted.total, worst_burst=worst_burst
        )
        supported = bounds.nines_lower
    return Standing(
        environment=environment,
        target=target,
        consumer=seen.consumer,
        budget=slo.budget_of(seen, target),
        coverage=None if coverage is None else float(coverage),
        nines=slo.nines(*counted) if counted.total else None,
        nines_supported=supported,
    )
