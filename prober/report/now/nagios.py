"""How it stands, as a check of Nagios: one line, one exit code."""

import math
from collections.abc import Sequence

from prober.report.now.conditions import Condition
from prober.report.now.model import Now, worst_first

CODES = {
    # Losing wakes people; what is not known is not called well.
    Condition.LOSING: 2,
    Condition.NOT_MEASURED: 3,
    Condition.OVER_BUDGET: 1,
    Condition.UNSURE: 3,
    Condition.EXCLUDED: 0,  # nobody is woken for what was decided to count for nothing
    Condition.STARTING: 3,
    Condition.LEFT: 3,
    Condition.OK: 0,
}
_WORDS = {0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN"}
_ORDER = (2, 1, 3, 0)
"""Worst first."""


def code(found: Sequence[Now]) -> int:
    """Return the worst exit code; unknown if there is nothing to tell of."""
    codes = {CODES[each.condition] for each in found} or {3}
    return next(each for each in _ORDER if each in codes)


def _cut(share: float) -> str:
    """Return hundreds of a share, cut off, though not for a float's last bit."""
    return f"{math.floor(round(share * 10_000, 6)) / 100:.2f}"


def line(found: Sequence[Now]) -> str:
    """Return the line: the worst environment first, budgets as performance data."""
    ordered = worst_first(found)
    worse = [each for each in ordered if each.condition is not Condition.OK]
    told = "; ".join(f"{each.environment} {each.headline}" for each in worse)
    well = len(ordered) - len(worse)
    told = "; ".join(filter(None, (told, f"{well} OK" if well else "")))
    budgets = " ".join(
        f"'{each.environment} budget'={_cut(each.budget.remaining)}%"
        for each in ordered
        if each.budget is not None and each.budget.remaining is not None
    )
    words = f"PROBER {_WORDS[code(found)]} - {told or 'nothing was ever watched'}"
    # A bar begins the performance data: nothing in the words may.
    return words.replace("|", "/") + (f" | {budgets}" if budgets else "")
