"""Error budgets: what was allowed, what is spent, what is left, how long it lasts."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from prober.slo.cycles import Evidence
from prober.slo.tallies import Tally, tally
from prober.slo.targets import as_target, budget_ratio

Status = Literal["no_data", "unknown", "exhausted", "at_risk", "ok"]

AT_RISK_BELOW = Fraction(1, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """An error budget and its use; ratios are of the whole budget, and unclamped."""

    bad: int
    total: int
    allowed: float | None
    """Bad messages that the objective allows; None without a denominator."""
    consumed: float | None
    """Bad of allowed: the burn rate of the whole window."""
    remaining: float | None
    """1 - consumed; negative when overspent."""
    remaining_messages: float | None
    worst_remaining: float | None
    """What remains if all that went unseen was lost."""
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A window before the rules."""

    counted: Tally
    remaining: Fraction
    worst: Fraction | None
    covered: bool


_STATUS: tuple[tuple[Status, Callable[[_Case], bool]], ...] = (
    # Nothing was counted: no budget is spent, and none is known to be left.
    ("no_data", lambda case: not case.counted.total),
    # Too much of the window was not measured to speak for it.
    ("unknown", lambda case: not case.covered),
    ("exhausted", lambda case: case.remaining <= 0),
    # The headline is within budget, and would not be if the unseen was lost.
    ("unknown", lambda case: case.worst is not None and case.worst <= 0),
    ("at_risk", lambda case: case.remaining < AT_RISK_BELOW),
    ("ok", lambda _: True),
)
"""From a window's counts to its status; the first row that holds decides."""


def budget(
    bad: int,
    total: int,
    target: Decimal | str,
    *,
    planned: int | None = None,
    worst: tuple[int, int] | None = None,
    coverage: Fraction | None = None,
    min_coverage: Decimal | str = "0.9",
) -> Budget:
    """Return the error budget of a window, by occurrences (OpenSLO's word).

    Args:
        bad: Lost or damaged messages of the window.
        total: Valid messages of the window so far.
        target: The objective.
        planned: The valid messages of the whole window, which a prober knows ahead;
            the basis of calendar windows. None takes those elapsed (rolling windows).
        worst: Bad and total if all that went unseen was lost.
        coverage: Cycles that count, of those scheduled; None is not judged.
        min_coverage: Below it the status is unknown.

    Raises:
        UsageError: An objective that cannot be.
        ValueError: Counts that cannot be.

    """
    counted = tally(bad, total)
    ratio = budget_ratio(target)
    allowed = ratio * (counted.total if planned is None else planned)
    left = _left(counted, ratio, planned)
    at_worst = None if worst is None else _left(tally(*worst), ratio, planned)
    case = _Case(
        counted=counted,
        remaining=left or Fraction(),
        worst=at_worst,
        covered=coverage is None or coverage >= Fraction(Decimal(min_coverage)),
    )
    return Budget(
        bad=bad,
        total=total,
        allowed=None if left is None else float(allowed),
        consumed=None if left is None else float(1 - left),
        remaining=None if left is None else float(left),
        remaining_messages=None if left is None else float(allowed - bad),
        worst_remaining=None if at_worst is None else float(at_worst),
        status=next(name for name, holds in _STATUS if holds(case)),
    )


def budget_of(
    evidence: Evidence, target: Decimal | str, *, planned: int | None = None
) -> Budget:
    """Return the error budget of one consumer's cycles, with its worst case."""
    return budget(
        *evidence.counted,
        target,
        planned=planned,
        worst=evidence.worst,
        coverage=evidence.coverage,
    )


def burn_rate(bad: int, total: int, target: Decimal | str) -> float | None:
    """Return the loss ratio in units of the budget: 1 spends it exactly in its window.

    None when nothing was counted. At most 1 / (1 - target).
    """
    bad, total = tally(bad, total)
    return float(Fraction(bad, total) / budget_ratio(target)) if total else None


def time_to_exhaustion(remaining: float, burn: float, period: float) -> float | None:
    """Return how long the rest of a budget lasts, in the unit of `period`.

    remaining x period / burn (SRE workbook, chapter 5): 0 when nothing is left, None
    when nothing burns.
    """
    if remaining <= 0:
        return 0.0
    return remaining * period / burn if burn > 0 else None


def timeslices(
    slices: Iterable[tuple[int, int]],
    target: Decimal | str,
    *,
    slice_target: Decimal | str,
) -> Budget:
    """Return the error budget in slices of time (OpenSLO's Timeslices).

    A slice, as (bad, total), is bad when less than `slice_target` of it is good; one
    without messages tells nothing and is left out. The counts are of slices.
    """
    allowed = budget_ratio(slice_target)
    seen = [tally(*each) for each in slices if each[1]]
    bad = sum(each.bad > allowed * each.total for each in seen)
    return budget(bad, len(seen), target)


def ratio_timeslices(slices: Iterable[tuple[int, int]]) -> float | None:
    """Return the mean over slices of good / total (OpenSLO's RatioTimeslices).

    It differs from good over total as soon as slices differ in size. None without any.
    """
    ratios = [each.sli for each in (tally(*pair) for pair in slices)]
    known = [ratio for ratio in ratios if ratio is not None]
    return math.fsum(known) / len(known) if known else None


def max_burn_rate(target: Decimal | str) -> float:
    """Return 1 / (1 - target), the burn rate of a total outage."""
    return float(1 / (1 - Fraction(as_target(target))))


def _left(counts: Tally, ratio: Fraction, planned: int | None) -> Fraction | None:
    """Return the share of the budget that is left; None without a denominator."""
    allowed = ratio * (counts.total if planned is None else planned)
    return 1 - counts.bad / allowed if allowed else None
