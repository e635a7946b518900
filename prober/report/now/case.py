"""What is known of one environment now, and what follows from it: figures, no words."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from prober import slo
from prober.clock import NS
from prober.history import (
    COUNTED,
    Annotation,
    CycleRecord,
    Live,
    LiveConsumer,
    excluding,
)
from prober.records import State
from prober.report.now.silence import patience_ns
from prober.slo.cycles import Evidence

RECENT_NS = 3_600 * NS
"""How far back the cycles reach that tell of now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that a store, or a daemon, knows of one environment at one time."""

    environment: str
    at_ns: int
    lives: Sequence[Live]
    """The last word of each daemon that watches it, of whatever time."""
    recent: Sequence[CycleRecord]
    """Its continuous cycles of the last hour, as adjudicated, open ones among them;
    latencies may not have been read."""
    window: slo.Summary | None
    """Over the window of its objective; None while there is none."""
    firing: frozenset[str] | None = None
    """Severities of the alerts that fire, `page`, `ticket`; None if nobody looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streak:
    """The lossy cycles of one consumer with which its record ends."""

    consumer: str
    since_ns: int
    cycles: int
    bad: int
    total: int
    blind: bool


@dataclass(frozen=True, kw_only=True)
class Case:
    """An environment before the rules; each figure is worked out once."""

    known: Known
    losing: Mapping[str, Streak] = field(init=False)
    """By consumer: those whose last cycle was lossy, of those that count, or would if
    nobody had excluded them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "losing", _streaks(self.known.recent))

    @property
    def at_ns(self) -> int:
        """The time that it is about."""
        return self.known.at_ns

    @cached_property
    def live(self) -> Live | None:
        """The last word of the daemon that spoke last."""
        return max(self.known.lives, key=lambda each: each.at_ns, default=None)

    @cached_property
    def silent(self) -> bool:
        """Whether that is too long ago."""
        live = self.live
        return live is not None and (
            self.at_ns - live.at_ns > patience_ns(live.every_ns) and not live.ended
        )

    @cached_property
    def heard(self) -> bool:
        """Whether what the daemon said last is about now."""
        return self.live is not None and not self.silent and not self.live.ended

    @cached_property
    def excluded(self) -> Annotation | None:
        """What takes the cycles of now out of every figure; None if nothing does."""
        window = self.known.window
        return None if window is None else excluding(window.annotations, self.at_ns)

    @cached_property
    def consumers(self) -> tuple[LiveConsumer, ...]:
        """The consumers as they are now; nothing is known of them after a silence."""
        return self.live.consumers if self.live is not None and self.heard else ()

    @cached_property
    def overdue(self) -> tuple[LiveConsumer, ...]:
        """The attached consumers that miss something that should have come by now."""
        return tuple(c for c in self.consumers if c.connected and c.overdue)

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """The consumers that lose something now, overdue or known to be lost."""
        return tuple(
            dict.fromkeys([*(each.name for each in self.overdue), *self.losing])
        )

    @cached_property
    def since_ns(self) -> int | None:
        """Since when something is lost, as far as it is now; None if nothing is."""
        overdue = (each.overdue_since_ns for each in self.overdue)
        lossy = (streak.since_ns for streak in self.losing.values())
        return min(
            (each for each in (*overdue, *lossy) if each is not None), default=None
        )

    @property
    def long(self) -> bool:
        """Whether it was lost already when what is known of cycles begins."""
        every_ns = self.live.every_ns if self.live is not None else 0
        known_ns = self.at_ns - RECENT_NS + 2 * every_ns
        return self.since_ns is not None and self.since_ns <= known_ns

    @cached_property
    def blind(self) -> tuple[str, ...]:
        """The consumers that the platform left behind, while a new one gets all."""
        now = (each.name for each in self.consumers if each.blind)
        before = (name for name, streak in self.losing.items() if streak.blind)
        return tuple(dict.fromkeys([*now, *before]))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All consumers, by name."""
        seen = (cycle.consumer for cycle in self.known.recent)
        return tuple(dict.fromkeys([*(c.name for c in self.consumers), *seen]))

    @cached_property
    def share(self) -> Fraction | None:
        """What part of the messages the worst consumer loses now; None if none does."""
        parts = [Fraction(each.overdue, each.due) for each in self.overdue if each.due]
        if not parts:
            streaks = [each for each in self.losing.values() if each.total]
            parts = [Fraction(each.bad, each.total) for each in streaks]
        return max(parts, default=None)

    @cached_property
    def last_final_ns(self) -> int | None:
        """When the last cycle that counts was final."""
        final = [c.final_ns for c in self.known.recent if c.state in COUNTED]
        told = self.live.last_cycle_ns if self.live is not None else None
        return max((at for at in (*final, told) if at is not None), default=None)

    @cached_property
    def unsure(self) -> tuple[State, str] | None:
        """The state of the last cycle and why, if that one does not count."""
        closed = [c for c in self.known.recent if c.state is not None and c.final_ns]
        last = max(
            closed, key=lambda c: (c.final_ns or 0, c.state in COUNTED), default=None
        )
        if last is None or last.state is None or last.state in COUNTED:
            return None
        return last.state, last.reason

    # The budget.

    @property
    def target(self) -> Decimal | None:
        """The objective; None without one."""
        run = self.known.window.run if self.known.window else None
        return slo.parse_target(run.target) if run and run.target else None

    @property
    def window_ns(self) -> int:
        """How long the objective's window is."""
        window = self.known.window
        if window is not None and window.run is not None and window.run.window_ns:
            return window.run.window_ns
        return 30 * 86_400 * NS

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        """What the window holds, for each consumer."""
        return self.known.window.evidence if self.known.window else ()

    @cached_property
    def budget(self) -> slo.Budget | None:
        """The error budget of the worst consumer; None without an objective."""
        if self.target is None or not self.evidence:
            return None
        budgets = [slo.budget_of(each, self.target) for each in self.evidence]
        return min(
            budgets, key=lambda each: (each.remaining is None, each.remaining or 0)
        )

    @cached_property
    def burn(self) -> float | None:
        """How fast the budget burns: now if something is lost, or else in the hour.

        None while nothing counts.
        """
        if self.target is None or self.excluded is not None:
            return None
        if self.share is not None:
            return slo.burn_rate(
                self.share.numerator, self.share.denominator, self.target
            )
        rates = [
            slo.burn_rate(
                sum(c.bad for c in cycles), sum(c.total for c in cycles), self.target
            )
            for cycles in _by_consumer(self.known.recent).values()
        ]
        return max((rate for rate in rates if rate is not None), default=None)

    @cached_property
    def gone_in_ns(self) -> int | None:
        """How long the budget lasts at this pace; None if it does not end."""
        if self.budget is None or self.budget.remaining is None or self.burn is None:
            return None
        left = slo.time_to_exhaustion(self.budget.remaining, self.burn, self.window_ns)
        return None if left is None else round(left)


def _by_consumer(
    cycles: Sequence[CycleRecord],
) -> dict[str, list[CycleRecord]]:
    found: dict[str, list[CycleRecord]] = defaultdict(list)
    for cycle in cycles:
        if cycle.state in COUNTED:
            found[cycle.consumer].append(cycle)
    return found


def _streaks(recent: Sequence[CycleRecord]) -> dict[str, Streak]:
    """Return the lossy cycles at the end; those that do not count break no streak.

    What people excluded was lost all the same.
    """
    measured = [
        each if each.was is None else replace(each, state=each.was) for each in recent
    ]
    found = {}
    for name, cycles in _by_consumer(measured).items():
        lossy: list[CycleRecord] = []
        for cycle in sorted(cycles, key=lambda each: each.scheduled_ns):
            lossy = [*lossy, cycle] if cycle.state is State.LOSS else []
        if lossy:
            first = lossy[0]
            found[name] = Streak(
                consumer=name,
                since_ns=first.first_sent_ns or first.scheduled_ns,
                cycles=len(lossy),
                bad=sum(each.bad for each in lossy),
                total=sum(each.total for each in lossy),
                blind=any(each.reason.startswith("blind") for each in lossy),
            )
    return found
