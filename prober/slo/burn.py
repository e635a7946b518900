"""Burn-rate rules: page when the budget burns so fast that it would not last.

Pairs of windows as in the SRE workbook, chapter 5: a rule fires when the burn rate over
its long window and over its short one both reach its factor,

    factor = share of the budget x period / long window,

so that such a share is spent when it fires, and resolves when the short one falls
below. A probe's cycles are few, and one wiped cycle an hour can reach a page's factor:
a page therefore also asks for lossy cycles in plural.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from prober.errors import UsageError
from prober.slo.budgets import max_burn_rate
from prober.slo.targets import as_target, budget_ratio
from prober.slo.words import format_target

Severity = Literal["page", "ticket"]

_MINUTE, _HOUR, _DAY = 60, 3600, 86400

GUARD = 4
"""Lossy cycles in the long window before a page: a hole of a minute or two that heals
itself is a ticket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One pair of windows, in seconds, with the burn rate at which it fires."""

    severity: Severity
    long_s: int
    short_s: int
    factor: Fraction
    """Exact: 14.4 is compared, not a float beside it."""
    min_lossy: int = 0
    """Lossy cycles in the long window without which it is silent."""

    def budget_share(self, period_s: int) -> Fraction:
        """Return the share of the period's budget that is spent when it fires."""
        return self.factor * self.long_s / period_s

    def least_loss(self, target: Decimal | str) -> Fraction:
        """Return the smallest steady loss ratio that ever makes it fire."""
        return self.factor * budget_ratio(target)


_Row = tuple[Severity, int, int, str]

_INCIDENT: _Row = ("ticket", _HOUR, 5 * _MINUTE, "0.10")
"""One cycle, or hour, that costs a tenth of the budget: people want to know."""

_SHARES: tuple[tuple[range, tuple[_Row, ...]], ...] = (
    (
        # Weekly: the workbook's shares would put tickets below the sustainable rate.
        range(7, 8),
        (
            ("page", _HOUR, 5 * _MINUTE, "0.10"),
            ("page", 6 * _HOUR, 30 * _MINUTE, "0.20"),
            ("ticket", _DAY, 2 * _HOUR, "0.40"),
            _INCIDENT,
        ),
    ),
    (
        # Monthly, rolling or by the calendar: the workbook's tables 5-6 and 5-8, with
        # the ticket of a day from its example.
        range(28, 32),
        (
            ("page", _HOUR, 5 * _MINUTE, "0.02"),
            ("page", 6 * _HOUR, 30 * _MINUTE, "0.05"),
            ("ticket", _DAY, 2 * _HOUR, "0.10"),
            ("ticket", 3 * _DAY, 6 * _HOUR, "0.10"),
            _INCIDENT,
        ),
    ),
    (
        # Quarterly.
        range(89, 93),
        (
            ("page", _HOUR, 5 * _MINUTE, "0.01"),
            ("page", 6 * _HOUR, 30 * _MINUTE, "0.03"),
            ("ticket", _DAY, 2 * _HOUR, "0.05"),
            _INCIDENT,
        ),
    ),
)
"""By period in days: severity, long window, short window, share of the budget."""


def factor(share: Decimal | str, *, period_s: int, long_s: int) -> Fraction:
    """Return the burn rate that spends a share of the budget in the long window."""
    return Fraction(Decimal(share)) * period_s / long_s


def burn_rules(period_days: int, *, every_s: int) -> tuple[Rule, ...]:
    """Return the rules for an objective over so many days, pages first.

    A short window is at least one cycle, of `every_s` seconds: there is no finer
    resolution. Raises UsageError for a period without a table.
    """
    rows = next((rows for days, rows in _SHARES if period_days in days), None)
    if rows is None:
        raise UsageError(
            f"there are no burn-rate rules for a period of {period_days} days; take 7, "
            "28 to 31 or 89 to 92 days, or state your own"
        )
    return tuple(
        Rule(
            severity=severity,
            long_s=long_s,
            short_s=max(short_s, every_s),
            factor=factor(share, period_s=period_days * _DAY, long_s=long_s),
            min_lossy=GUARD if severity == "page" else 0,
        )
        for severity, long_s, short_s, share in rows
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A rule in its surroundings."""

    rule: Rule
    target: Decimal
    period_s: int
    every_s: int


_REFUSALS: tuple[tuple[Callable[[_Case], bool], Callable[[_Case], str]], ...] = (
    (
        lambda c: c.rule.least_loss(c.target) >= 1,
        lambda c: (
            f"can never fire: at {format_target(c.target)} even a total outage burns "
            f"at {max_burn_rate(c.target):g}, not at {float(c.rule.factor):g}"
        ),
    ),
    (
        lambda c: c.rule.factor < Fraction(9, 10),
        lambda c: (
            f"would fire while the budget lasts: a burn rate of "
            f"{float(c.rule.factor):g} is below 0.9"
        ),
    ),
    (
        lambda c: c.rule.short_s >= c.rule.long_s,
        lambda c: (
            f"has a short window of {c.rule.short_s} s, not shorter than its long one"
        ),
    ),
    (
        lambda c: c.rule.long_s > c.period_s,
        lambda c: f"looks back further than the period of {c.period_s} s",
    ),
    (
        lambda c: c.rule.short_s < c.every_s,
        lambda c: (
            f"has a short window of {c.rule.short_s} s, which is less than one cycle "
            f"of {c.every_s} s"
        ),
    ),
    (
        lambda c: c.rule.long_s < c.rule.min_lossy * c.every_s,
        lambda c: (
            f"can never fire: it waits for {c.rule.min_lossy} lossy cycles and its "
            f"long window has {c.rule.long_s // c.every_s}"
        ),
    ),
)
"""What makes a rule useless, with the numbers; the first row that holds is told."""


def refusal(
    rule: Rule, target: Decimal | str, *, period_s: int, every_s: int
) -> str | None:
    """Return why a rule is of no use for this objective and cycle, or None if it is."""
    case = _Case(
        rule=rule, target=as_target(target), period_s=period_s, every_s=every_s
    )
    why = next((why(case) for holds, why in _REFUSALS if holds(case)), None)
    name = f"the {rule.severity} rule of {rule.long_s} s at {float(rule.factor):g}"
    return why and f"{name} {why}"


def usable(
    rules: Iterable[Rule], target: Decimal | str, *, period_s: int, every_s: int
) -> tuple[Rule, ...]:
    """Return the rules that can do their work."""
    return tuple(
        rule
        for rule in rules
        if refusal(rule, target, period_s=period_s, every_s=every_s) is None
    )


def time_to_fire(
    rule: Rule, loss: Fraction | float, target: Decimal | str
) -> float | None:
    """Return after how many seconds of a steady loss a rule would fire, guard apart.

    factor x (1 - target) x long / loss; None when it never does.
    """
    least = rule.least_loss(target)
    exact = Fraction(loss)
    return float(least * rule.long_s / exact) if exact and exact >= least else None


def cycles_to_fire(
    rule: Rule, loss: Fraction | float, target: Decimal | str, *, every_s: int
) -> int | None:
    """Return after how many cycles of a steady loss a rule fires; None for never."""
    seconds = time_to_fire(rule, loss, target)
    if seconds is None:
        return None
    return max(math.ceil(seconds / every_s), rule.min_lossy, 1)
