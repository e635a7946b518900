"""Burn-rate rules held against a record of cycles, at a time that is passed in."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prober.clock import NS
from prober.records import State
from prober.slo.budgets import burn_rate
from prober.slo.burn import Rule, Severity
from prober.slo.cycles import VALID, Cycle
from prober.slo.targets import as_target, budget_ratio

Finding = Literal["warming_up", "uncovered", "burning", "quiet"]

SEVERITIES: tuple[Severity, ...] = ("page", "ticket")
"""Highest first: one that fires suppresses those behind it."""

_MIN_COVERAGE = Fraction(1, 2)
"""Of the long window. Below it, silence is another alert's matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One rule at one time."""

    rule: Rule
    finding: Finding
    firing: bool
    suppressed: bool
    """It fires, and so does a higher severity, which is enough."""
    burn_long: float | None
    burn_short: float | None
    """None where no cycle counts."""
    lossy_cycles: int
    coverage: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What a window holds."""

    bad: int
    total: int
    lossy: int
    valid: int
    excluded: int
    cycles: int


class Record:
    """The cycles of one consumer in the order of time, to be summed over any window."""

    def __init__(
        self,
        final_ns: NDArray[np.int64],
        *,
        bad: NDArray[np.int64],
        total: NDArray[np.int64],
        valid: NDArray[np.bool_],
        excluded: NDArray[np.bool_],
    ) -> None:
        """Take one row a cycle, in the order of time; bad and total where valid."""
        self._final_ns = final_ns
        columns = (bad, total, valid & (bad > 0), valid, excluded, np.ones_like(bad))
        rows = np.stack([np.asarray(column, dtype=np.int64) for column in columns])
        self._running = np.pad(rows.cumsum(axis=1), ((0, 0), (1, 0)))

    @classmethod
    def of(cls, cycles: Iterable[Cycle]) -> "Record":
        """Return the record of cycles given in any order."""
        ordered = sorted(cycles, key=lambda cycle: cycle.final_ns)
        valid = np.array([cycle.state in VALID for cycle in ordered], dtype=np.bool_)
        return cls(
            np.array([cycle.final_ns for cycle in ordered], dtype=np.int64),
            bad=np.array([cycle.bad for cycle in ordered], dtype=np.int64) * valid,
            total=np.array([cycle.total for cycle in ordered], dtype=np.int64) * valid,
            valid=valid,
            excluded=np.array([c.state is State.EXCLUDED for c in ordered], np.bool_),
        )

    @property
    def first_ns(self) -> int | None:
        """When the first cycle became final."""
        return int(self._final_ns[0]) if len(self._final_ns) else None

    def sums(self, now_ns: int, length_s: int) -> Sums:
        """Return what became final in the last `length_s` seconds, now included."""
        ends = np.array([now_ns - length_s * NS, now_ns], dtype=np.int64)
        start, end = np.searchsorted(self._final_ns, ends, side="right")
        values = self._running[:, end] - self._running[:, start]
        bad, total, lossy, valid, excluded, cycles = map(int, values)
        return Sums(
            bad=bad,
            total=total,
            lossy=lossy,
            valid=valid,
            excluded=excluded,
            cycles=cycles,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A rule and what its windows hold."""

    rule: Rule
    budget: Fraction
    every_s: int
    long: Sums
    short: Sums
    since_first_s: int
    was_firing: bool

    @property
    def coverage(self) -> Fraction | None:
        """Cycles that count, of those that should be there."""
        span_s = min(self.rule.long_s, self.since_first_s + self.every_s)
        expected = max(span_s // self.every_s, self.long.cycles) - self.long.excluded
        return Fraction(self.long.valid, expected) if expected > 0 else None

    def reaches(self, sums: Sums) -> bool:
        """Tell whether the burn rate is the factor or more: exactly, in fractions."""
        least = self.rule.factor * self.budget * sums.total
        return bool(sums.total) and sums.bad >= least


_FINDINGS: tuple[tuple[Finding, bool | None, Callable[[_Case], bool]], ...] = (
    (
        # A burn rate over a window that is mostly in the future means nothing.
        "warming_up",
        None,
        lambda c: 2 * c.long.cycles * c.every_s < c.rule.long_s,
    ),
    (
        # Too little is known to fire, or to resolve what fires.
        "uncovered",
        None,
        lambda c: c.coverage is None or c.coverage < _MIN_COVERAGE,
    ),
    (
        # It resolves by the short window alone, and not by having no data.
        "burning",
        True,
        lambda c: c.was_firing and (c.reaches(c.short) or not c.short.total),
    ),
    (
        "burning",
        True,
        lambda c: (
            c.reaches(c.long)
            and c.reaches(c.short)
            and c.long.lossy >= c.rule.min_lossy
        ),
    ),
    ("quiet", False, lambda _: True),
)
"""What is found, whether the rule then fires (None: if it did before), and when.

The first row that holds decides.
"""


def evaluate(
    rules: Sequence[Rule],
    record: Record,
    target: Decimal | str,
    *,
    now_ns: int,
    every_s: int,
    firing: Iterable[Rule] = (),
) -> tuple[Alert, ...]:
    """Hold each rule against one consumer's cycles, after one of them became final.

    Args:
        rules: Those that can do their work (`usable`).
        record: At least the longest window's cycles, all states among them.
        target: The objective.
        now_ns: The time of evaluation, in Unix nanoseconds.
        every_s: Seconds from one cycle to the next.
        firing: The rules that fired at the evaluation before.

    """
    asked, before = as_target(target), set(firing)
    found = []
    for rule in rules:
        case = _Case(
            rule=rule,
            budget=budget_ratio(asked),
            every_s=every_s,
            long=record.sums(now_ns, rule.long_s),
            short=record.sums(now_ns, max(rule.short_s, every_s)),
            since_first_s=(now_ns - (record.first_ns or now_ns)) // NS,
            was_firing=rule in before,
        )
        found.append(_alert(case, asked))
    fires = {alert.rule.severity for alert in found if alert.firing}
    highest = next((each for each in SEVERITIES if each in fires), None)
    return tuple(
        replace(a, suppressed=a.firing and a.rule.severity != highest) for a in found
    )


def _alert(case: _Case, target: Decimal) -> Alert:
    """Return what is found and whether the rule fires, alone."""
    finding, fires = next(
        (name, fires) for name, fires, holds in _FINDINGS if holds(case)
    )
    return Alert(
        rule=case.rule,
        finding=finding,
        firing=case.was_firing if fires is None else fires,
        suppressed=False,
        burn_long=burn_rate(case.long.bad, case.long.total, target),
        burn_short=burn_rate(case.short.bad, case.short.total, target),
        lossy_cycles=case.long.lossy,
        coverage=None if case.coverage is None else float(case.coverage),
    )
