"""The claim: what does the sample support as a promise?

Inference, beside the verdict that only counts: a run within budget proves little if it
is short, and one over budget may have been unlucky.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from prober.slo.cycles import Evidence
from prober.slo.intervals import Interval, blocks, interval
from prober.slo.tallies import Tally, add
from prober.slo.targets import as_target, budget_ratio
from prober.slo.verdicts import lost_of
from prober.slo.words import format_loss, format_share, format_target

ClaimState = Literal["proved", "disproved", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a sample supports as a promise, with 95 % confidence, one-sided."""

    state: ClaimState | None
    """None without an objective."""
    supports: float | None
    """The highest delivery ratio that can be promised; None when nothing counted."""
    upper95: float
    """The loss ratio is below, with 95 % confidence."""
    lower95: float
    """The loss ratio is above, with 95 % confidence."""
    worst_burst: int
    block: int
    """Messages in the smallest block that was taken as independent; 0 for none."""
    reason: str
    """One sentence with the numbers."""


def claim(
    evidence: Sequence[Evidence], target: Decimal | str | None, *, worst_burst: int
) -> Claim:
    """Infer what the sample supports as a promise on every consumer.

    The figure is that of the worst consumer, the one with the highest bound: nobody
    experiences the average of two. To prove the objective for all of them each is
    tested at the full level, so taking the worst costs no confidence.

    Args:
        evidence: One for each consumer; cycles are merged into blocks as needed.
        target: The objective; None for none.
        worst_burst: The most messages that one drop can cost one consumer.

    Raises:
        UsageError: An objective that cannot be.
        ValueError: A worst burst below one message.

    """
    merged = [blocks(each.blocks, worst_burst) for each in evidence] or [()]
    bounds = [_bounds(each, worst_burst) for each in merged]
    worst = max(bounds, key=lambda each: (each.upper_one_sided, each.lower_one_sided))
    asked = None if target is None else as_target(target)
    state = None if asked is None else _decide(worst, budget_ratio(asked))
    return Claim(
        state=state,
        supports=1 - worst.upper_one_sided if worst.total else None,
        upper95=worst.upper_one_sided,
        lower95=worst.lower_one_sided,
        worst_burst=worst_burst,
        block=min((b.total for b in merged[bounds.index(worst)]), default=0),
        reason=_reason(worst) if asked is None else _REASONS[state](worst, asked),
    )


def _bounds(counted: Sequence[Tally], worst_burst: int) -> Interval:
    total = add(counted).total
    return interval((b.bad for b in counted), total, worst_burst=worst_burst)


def _decide(bounds: Interval, budget: Fraction) -> ClaimState:
    """Compare the bounds with the budget; a bound that just reaches it will do."""
    if Fraction(bounds.upper_one_sided) <= budget:
        return "proved"
    return "disproved" if Fraction(bounds.lower_one_sided) > budget else "undecided"


def _reason(bounds: Interval) -> str:
    """Return what was seen and what it supports."""
    seen = lost_of(Tally(bounds.bad, bounds.total))
    if not bounds.total:
        return f"{seen}, which supports nothing"
    supports = format_share(1 - Fraction(bounds.upper_one_sided))
    return (
        f"{seen}, which supports {supports} if one drop can cost "
        f"{bounds.worst_burst:,} messages"
    )


def _undecided(bounds: Interval, target: Decimal) -> str:
    needed = bounds.messages_needed(target)
    return (
        f"UNDECIDED: {_reason(bounds)}. Proving {format_target(target)} takes about "
        f"{needed - bounds.total:,} more, all of them arriving."
    )


def _disproved(bounds: Interval, target: Decimal) -> str:
    lower = format_loss(bounds.lower_one_sided, up=False)
    allowed = format_target(1 - target)
    return (
        f"DISPROVED: {lost_of(Tally(bounds.bad, bounds.total))}, in "
        f"{bounds.lossy_blocks:,} blocks, the largest {bounds.largest:,}. Even the "
        f"favourable end, {lower}, exceeds {allowed}."
    )


_REASONS: dict[ClaimState | None, Callable[[Interval, Decimal], str]] = {
    "proved": lambda bounds, _: f"PROVED: {_reason(bounds)}.",
    "disproved": _disproved,
    "undecided": _undecided,
}
