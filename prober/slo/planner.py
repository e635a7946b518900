"""How many messages a claim takes: planned ahead, from the objective and the burst."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial

from prober.slo.betting import sequential
from prober.slo.burn import Rule, burn_rules, cycles_to_fire, refusal
from prober.slo.intervals import checked, interval
from prober.slo.targets import as_target, budget_ratio

_DAY_S = 86400

STEPS = (Fraction(1), Fraction(1, 10), Fraction(1, 100))
"""Steady losses that a plan tells the detection of: all, a tenth, a hundredth."""


def messages_for(
    target: Decimal | str, losses: int = 0, confidence: float = 0.95
) -> int:
    """Return the messages that claim an objective if each is lost independently.

    The smallest n with at most `losses` lost whose one-sided bound (Clopper & Pearson
    1934) is within the budget: ceil(ln(1 - confidence) / ln(target)) without losses.
    Bursts take as many times more as they are large: see `plan`.

    Raises UsageError for an objective, ValueError for losses that cannot be.
    """
    if losses < 0:
        raise ValueError(f"losses are counted from 0, not {losses}")
    checked(1, confidence)
    p0 = float(budget_ratio(target))
    low, high = losses, losses + 1
    while not _claims(high, losses, p0, confidence):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = _claims(middle, losses, p0, confidence)
        low, high = (low, middle) if enough else (middle, high)
    return high


def _claims(messages: int, losses: int, p0: float, confidence: float) -> bool:
    """Tell whether more losses would be sure enough if p0 were the loss ratio."""
    from scipy.special import betainc  # noqa: PLC0415 - slow to load, rarely needed

    return bool(betainc(losses + 1, messages - losses, p0) >= confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What has to be sent, and how long that takes."""

    messages: int
    cycles: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """The effort with cycles that stand apart, as in continuous use."""

    cycle: int
    worst_burst: int
    """One drop takes one cycle at most."""
    effort: Effort


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What a burn-rate rule can see, and how fast."""

    rule: Rule
    refusal: str | None
    """Why it can see nothing."""
    least_loss: float
    """The smallest steady loss ratio that it ever notices."""
    seconds: tuple[float | None, ...]
    """From the first loss to the alert, for each of `STEPS`; None for never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What it takes to claim an objective."""

    target: Decimal
    confidence: float
    worst_burst: int
    rate: float
    """Messages a second."""
    losses: int
    """Drops of `worst_burst` messages each that the claim should survive."""
    independent: int
    """Messages that would do if each were lost by itself, which they are not."""
    claim: Effort
    """A run of fixed length."""
    early: Effort
    """Until an early decision, if everything arrives."""
    apart: tuple[Apart, ...]
    """The effect of smaller cycles."""
    detection: tuple[Detection, ...]


def plan(
    target: Decimal | str,
    *,
    rate: float,
    confidence: float = 0.95,
    worst_burst: int = 1000,
    cycle: int = 100,
    losses: int = 0,
    every_s: int = 60,
    period_days: int = 30,
    lost_after_s: int = 60,
) -> Plan:
    """Return what it takes to claim an objective, and what alerts could see.

    Args:
        target: The objective.
        rate: Messages a second of a single run.
        confidence: Of the claim, one-sided.
        worst_burst: The most messages that one drop can cost.
        cycle: Messages in a cycle.
        losses: How many such drops the claim should survive.
        every_s: Seconds from one cycle to the next in continuous use.
        period_days: The objective's period.
        lost_after_s: Seconds until a message counts as lost.

    Raises:
        UsageError, ValueError: An objective, a period, another figure that cannot be.

    """
    if rate <= 0 or losses < 0:
        raise ValueError(f"a rate of {rate} a second with {losses} losses cannot be")
    asked = as_target(target)
    needed = partial(_needed, asked, losses, confidence)
    process = partial(sequential, asked, worst_burst=worst_burst, cycle=cycle)
    early = process(confidence=confidence).messages_needed()
    return Plan(
        target=asked,
        confidence=confidence,
        worst_burst=worst_burst,
        rate=rate,
        losses=losses,
        independent=messages_for(asked, losses, confidence),
        claim=_at_rate(needed(worst_burst), cycle, rate),
        early=_at_rate(early, cycle, rate),
        apart=tuple(
            _apart(n, min(worst_burst, n), needed, every_s) for n in _smaller(cycle)
        ),
        detection=detection(
            asked, every_s=every_s, period_days=period_days, lost_after_s=lost_after_s
        ),
    )


def detection(
    target: Decimal, *, every_s: int, period_days: int, lost_after_s: int
) -> tuple[Detection, ...]:
    """Return what each rule for a period sees at such a cycle, and how fast."""
    return tuple(
        _detection(rule, target, every_s, period_days, lost_after_s)
        for rule in burn_rules(period_days, every_s=every_s)
    )


def _needed(target: Decimal, losses: int, confidence: float, burst: int) -> int:
    """Return the messages whose bound is within the budget despite some full drops."""
    bounds = interval(
        [burst] * losses, burst * losses, worst_burst=burst, confidence=confidence
    )
    return bounds.messages_needed(target)


def _at_rate(messages: int, cycle: int, rate: float) -> Effort:
    return Effort(
        messages=messages, cycles=math.ceil(messages / cycle), seconds=messages / rate
    )


def _smaller(cycle: int) -> tuple[int, ...]:
    """Return the cycle and sizes below it: a half, a fifth, a tenth."""
    return tuple(sorted({max(1, cycle // by) for by in (1, 2, 5, 10)}, reverse=True))


def _apart(cycle: int, burst: int, needed: Callable[[int], int], every_s: int) -> Apart:
    """Return the effort if one drop can take no more than one cycle."""
    messages = needed(burst)
    cycles = math.ceil(messages / cycle)
    effort = Effort(messages=messages, cycles=cycles, seconds=cycles * every_s)
    return Apart(cycle=cycle, worst_burst=burst, effort=effort)


def _detection(
    rule: Rule, target: Decimal, every_s: int, period_days: int, lost_after_s: int
) -> Detection:
    why_not = refusal(rule, target, period_s=period_days * _DAY_S, every_s=every_s)
    cycles = (
        None if why_not else cycles_to_fire(rule, step, target, every_s=every_s)
        for step in STEPS
    )
    return Detection(
        rule=rule,
        refusal=why_not,
        least_loss=float(rule.least_loss(target)),
        seconds=tuple(n and float(n * every_s + lost_after_s) for n in cycles),
    )
