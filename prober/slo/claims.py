"""The claim: what does the sample support as a promise?

Inference, beside the verdict that only counts: a run within budget proves little if it
is short, and one over budget may have been unlucky.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from prober.slo.betting import Decision, Sequential
from prober.slo.blocking import at_least, independent
from prober.slo.cycles import Evidence, concerned
from prober.slo.intervals import Interval, interval
from prober.slo.tallies import Tally, add
from prober.slo.targets import as_target, budget_ratio
from prober.slo.verdicts import lost_of
from prober.slo.words import format_loss, format_share, format_target, many

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
    samples = [_sample(each.blocks, worst_burst) for each in concerned(evidence)]
    worst = max(samples or [_sample((), worst_burst)], key=lambda each: each.order)
    asked = None if target is None else as_target(target)
    state = None if asked is None else _decide(worst.bounds, asked)
    reason = _reason(worst) if asked is None else _REASONS[state](worst, asked)
    return Claim(
        state=state,
        supports=1 - worst.bounds.upper_one_sided if worst.bounds.total else None,
        upper95=worst.bounds.upper_one_sided,
        lower95=worst.bounds.lower_one_sided,
        worst_burst=worst_burst,
        block=worst.block,
        reason=f"{reason}{_lengthened(worst)}",
    )


def claim_early(
    claim: Claim, processes: Sequence[Sequential], target: Decimal | str
) -> Claim:
    """Return the claim as the e-process decides it, which may be asked at any time.

    Proved once it is for every consumer, disproved as soon as it is for one.

    Args:
        claim: That of the same sample by its interval, which keeps its bounds.
        processes: One for each consumer, at least one.
        target: The objective.

    """
    decisions = {process.decision for process in processes}
    state = next(state for state, holds in _EARLY if holds(decisions))
    worst = max(
        processes, key=lambda each: (each.counted.loss or 0, each.messages_needed())
    )
    words = {
        "proved": "PROVED early",
        "disproved": "DISPROVED early",
        "undecided": "UNDECIDED",
    }
    reason = f"{words[state]}: {lost_of(worst.counted)}."
    if state == "undecided":
        asked, needed = format_target(as_target(target)), worst.messages_needed()
        reason += f" Proving {asked} takes about {needed:,} more, all of them arriving."
    if any(process.restarted for process in processes):
        reason += (
            f" (A block lost more than the {claim.worst_burst:,} that one drop was "
            "taken to cost: judged without that assumption.)"
        )
    return replace(claim, state=state, reason=reason)


_EARLY: tuple[tuple[ClaimState, Callable[[set[Decision | None]], bool]], ...] = (
    # The objective holds for every consumer, so one that misses it decides.
    ("disproved", lambda decisions: "violated" in decisions),
    ("proved", lambda decisions: decisions == {"met"}),
    ("undecided", lambda _: True),
)
"""From the consumers' decisions to the claim; the first row that holds decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """One consumer's blocks and what they support."""

    bounds: Interval
    block: int
    doubled: int
    """How many blocks that were long enough had to be taken as one."""

    @property
    def order(self) -> tuple[float, float]:
        """By what is promised least."""
        return self.bounds.upper_one_sided, self.bounds.lower_one_sided


def _sample(cycles: Sequence[Tally], worst_burst: int) -> _Sample:
    blocks, doubled = independent(at_least(cycles, worst_burst))
    total = add(blocks).total
    return _Sample(
        bounds=interval((b.bad for b in blocks), total, worst_burst=worst_burst),
        block=min((b.total for b in blocks), default=0),
        doubled=doubled,
    )


def _decide(bounds: Interval, target: Decimal) -> ClaimState:
    """Compare the bounds with the budget; a bound that just reaches it will do."""
    if bounds.supports(target):
        return "proved"
    exceeds = Fraction(bounds.lower_one_sided) > budget_ratio(target)
    return "disproved" if exceeds else "undecided"


def _reason(sample: _Sample) -> str:
    """Return what was seen and what it supports."""
    bounds = sample.bounds
    seen = lost_of(Tally(bounds.bad, bounds.total))
    if not bounds.total:
        return f"{seen}, which supports nothing"
    supports = format_share(1 - Fraction(bounds.upper_one_sided))
    return (
        f"{seen}, which supports {supports} if one drop can cost "
        f"{many(bounds.worst_burst, 'message')}"
    )


def _lengthened(sample: _Sample) -> str:
    """Return a warning if losses lie side by side."""
    if sample.doubled == 1:
        return ""
    return f" (Losses lie side by side: {sample.doubled:,} blocks were taken as one.)"


def _undecided(sample: _Sample, target: Decimal) -> str:
    needed = sample.bounds.messages_needed(target) - sample.bounds.total
    return (
        f"UNDECIDED: {_reason(sample)}. Proving {format_target(target)} takes about "
        f"{needed:,} more, all of them arriving."
    )


def _disproved(sample: _Sample, target: Decimal) -> str:
    bounds = sample.bounds
    lower = format_loss(bounds.lower_one_sided, up=False)
    allowed = format_target(1 - target)
    return (
        f"DISPROVED: {lost_of(Tally(bounds.bad, bounds.total))}, in "
        f"{many(bounds.lossy_blocks, 'block')}, the largest {bounds.largest:,}. "
        f"Even the favourable end, {lower}, exceeds {allowed}."
    )


_REASONS: dict[ClaimState | None, Callable[[_Sample, Decimal], str]] = {
    "proved": lambda sample, _: f"PROVED: {_reason(sample)}.",
    "disproved": _disproved,
    "undecided": _undecided,
}
