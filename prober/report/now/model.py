"""How it stands with one environment now: all that a screen or a page shows of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from prober import slo
from prober.history import Live
from prober.report.now import sentences
from prober.report.now.case import Case, Known
from prober.report.now.checks import Check, checks
from prober.report.now.conditions import Condition, condition_of
from prober.report.now.hints import hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A question in one word, and its answer."""

    label: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """One environment at one time, in figures and in words."""

    environment: str
    at_ns: int
    condition: Condition
    headline: str
    alerts: str
    """Whom they wake; empty if nobody looked."""
    lines: tuple[Line, ...]
    """In order, those that apply: now, who, mine?, platform, load, budget, changed and
    do."""
    checks: tuple[Check, ...]
    """Is it mine?"""
    live: Live | None
    """The last word of the daemon that spoke last."""
    silent: bool
    since_ns: int | None
    """Since when something is lost; None if nothing is."""
    last_cycle_ns: int | None
    """When the last cycle that counts was final."""
    target: str | None
    window_ns: int
    budget: slo.Budget | None
    burn: float | None
    """Burn rate of what is lost now, or else of the last hour."""
    gone_in_ns: int | None
    """How long the budget lasts at that pace."""


def now(known: Known) -> Now:
    """Work out how it stands with an environment."""
    case = Case(known=known)
    condition = condition_of(case)
    run = known.window.run if known.window else None
    return Now(
        environment=known.environment,
        at_ns=known.at_ns,
        condition=condition,
        headline=sentences.headline(case, condition),
        alerts=sentences.alerts(case),
        lines=tuple(_lines(case, condition)),
        checks=checks(case),
        live=case.live,
        silent=case.silent,
        since_ns=case.since_ns,
        last_cycle_ns=case.last_final_ns,
        target=run.target if run else None,
        window_ns=case.window_ns,
        budget=case.budget,
        burn=case.burn,
        gone_in_ns=case.gone_in_ns,
    )


def _lines(case: Case, condition: Condition) -> Iterable[Line]:
    losing = condition is Condition.LOSING or (
        condition is Condition.EXCLUDED and bool(case.missing)
    )
    told = (
        ("now", sentences.now(case) if losing else ""),
        ("who", sentences.who(case) if losing else ""),
        ("mine?", sentences.mine(case)),
        ("platform", sentences.platform(case) if losing else sentences.unread(case)),
        ("load", sentences.load(case)),
        ("budget", sentences.budget(case)),
        ("changed", sentences.changed(case)),
        ("do", hint(case, condition)),
    )
    return (Line(label=label, words=words) for label, words in told if words)


_ORDER = {condition: place for place, condition in enumerate(Condition)}


def worst_first(found: Iterable[Now]) -> list[Now]:
    """Return environments in the order of getting up for them."""

    def order(each: Now) -> tuple[int, float, str]:
        left = each.budget.remaining if each.budget else None
        return _ORDER[each.condition], 1.0 if left is None else left, each.environment

    return sorted(found, key=order)
