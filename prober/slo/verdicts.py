"""The verdict: was the objective met by the messages that were counted?

Counting, not inferring: whoever has the counts and a calculator comes to the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from prober.records import State
from prober.slo.cycles import Evidence, concerned
from prober.slo.tallies import Tally
from prober.slo.targets import as_target, budget_ratio
from prober.slo.words import format_share, format_target, many, one_in, were

VerdictState = Literal["met", "violated", "inconclusive", "no_data", "could_not_probe"]

EXIT_CODES: Mapping[VerdictState | None, int] = {
    None: 0,  # without an objective nothing can be missed
    "met": 0,
    "violated": 1,
    "inconclusive": 3,
    "no_data": 3,  # neither 0 % nor 100 %: evidence is missing
    "could_not_probe": 4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the objective was met, by counting; None without an objective."""

    state: VerdictState | None
    exit_code: int
    reason: str
    """One sentence with the numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One consumer's evidence before the rules."""

    evidence: Evidence
    target: Decimal
    min_coverage: Decimal
    where: str
    """` on rlp` where there are several consumers."""
    planned: int | None

    def allowed(self, counts: Tally) -> Fraction:
        """Return how many may be bad: of those counted, or of those planned."""
        total = counts.total if self.planned is None else self.planned
        return budget_ratio(self.target) * total

    def over(self, counts: Tally) -> bool:
        """Tell whether more are bad than the budget allows: exactly, in fractions."""
        return counts.bad > self.allowed(counts)

    def numbers(self) -> str:
        """Return what was counted beside what is allowed."""
        allowed = self.allowed(self.evidence.counted)
        asked = format_target(self.target)
        return f"{lost_of(self.evidence.counted)}; {asked} allows {int(allowed):,}"


def verdict(
    evidence: Sequence[Evidence],
    target: Decimal | str | None,
    *,
    min_coverage: Decimal | str = "0.9",
    failure: str | None = None,
    planned: int | None = None,
) -> Verdict:
    """Judge a run, or a window, by counting its messages on every consumer.

    Args:
        evidence: One for each consumer; the objective holds for each of them alone.
        target: The objective; None for none.
        min_coverage: The least share of cycles that must count, as a decimal ratio.
        failure: Why nothing at all could be measured, as one sentence.
        planned: Messages of the whole window on each consumer, the basis of a
            calendar's budget; None takes those that counted.

    Raises:
        UsageError: An objective that cannot be.

    """
    if failure is not None:
        return _verdict("could_not_probe", f"COULD NOT PROBE: {failure}")
    evidence = concerned(evidence)
    if target is None:
        told = (_seen(each) + _on(each, evidence) for each in evidence)
        seen = "; ".join(dict.fromkeys(told))
        return _verdict(None, f"No objective was given: {seen or _NOTHING}.")
    judged = [
        _judge(
            _Case(
                evidence=each,
                target=as_target(target),
                min_coverage=Decimal(min_coverage),
                where=_on(each, evidence),
                planned=planned,
            )
        )
        for each in sorted(evidence, key=lambda e: e.counted.loss or 0, reverse=True)
    ]
    states = {state for state, _ in judged}
    together = next(state for state, holds in _TOGETHER if holds(states))
    # The worst consumer in that state speaks; one without data where none is in it.
    speaking = [reason for state, reason in judged if state == together]
    speaking += [reason for state, reason in judged if state == "no_data"]
    return _verdict(together, next(iter(speaking), f"NO DATA: {_NOTHING}."))


def lost_of(counts: Tally) -> str:
    """Return `13 of 42,999 probe messages lost or damaged, 1 in 3,307`."""
    bad, total = counts
    if not total:
        return _NOTHING
    if not bad:
        return f"none of {many(total, 'probe message')} lost or damaged"
    rate = one_in(bad, total)
    return f"{bad:,} of {many(total, 'probe message')} lost or damaged, {rate}"


_NOTHING = "no message was accepted in a cycle that counts"


def _seen(evidence: Evidence) -> str:
    """Return what was counted; where nothing was, whether people wanted it so."""
    excluded = evidence.states[State.EXCLUDED]
    if excluded and evidence.coverage is None:
        return f"nothing counts, {many(excluded, 'cycle')} excluded and no other due"
    return lost_of(evidence.counted)


def _on(one: Evidence, among: Sequence[Evidence]) -> str:
    """Return on which of several consumers; none is named where all fared alike."""
    if len(among) == 1:
        return ""
    alike = len({(e.counted, e.worst, e.best, e.coverage) for e in among}) == 1
    return " on every consumer" if alike else f" on {one.consumer}"


def _verdict(state: VerdictState | None, reason: str) -> Verdict:
    return Verdict(state=state, exit_code=EXIT_CODES[state], reason=reason)


def _judge(case: _Case) -> tuple[VerdictState, str]:
    """Return the state of one consumer and its reason, by the first rule that holds."""
    return next((state, why(case)) for state, holds, why in _RULES if holds(case))


def _uncovered(case: _Case) -> bool:
    coverage = case.evidence.coverage
    return coverage is None or coverage < Fraction(case.min_coverage)


def _left(case: _Case) -> str:
    """Return how much of the budget is left, and how much of it is sure."""
    left, sure = (
        format_share(1 - counts.bad / case.allowed(counts), 1)
        for counts in (case.evidence.counted, case.evidence.worst)
    )
    unseen = f" ({sure} if all that went unseen was lost)" if sure != left else ""
    return f"; {left} is left{unseen}" if case.evidence.worst.bad else ""


_LACKING = (
    # What one cycle does, and several do.
    (State.INCONCLUSIVE, ("cannot tell", "cannot tell")),
    (State.INVALID, ("is our fault", "are our fault")),
    (State.MISSED, ("was missed", "were missed")),
)


def _coverage_reason(case: _Case) -> str:
    counts = ((case.evidence.states[state], words) for state, words in _LACKING)
    told = (f"{n:,} {words[n != 1]}" for n, words in counts if n)
    why = ", ".join(told)
    covered = format_share(case.evidence.coverage or 0, 1)
    needed = format_target(case.min_coverage)
    return (
        f"CANNOT TELL{case.where}: measured {covered} of the time, "
        f"{needed} is needed; of its cycles {why}."
    )


def _unsure_reason(case: _Case) -> str:
    unseen = case.evidence.worst.bad - case.evidence.counted.bad
    return (
        f"CANNOT TELL{case.where}: {case.numbers()}, but over budget if the "
        f"{unseen:,} that went unseen {were(unseen)} lost."
    )


_RULES: tuple[
    tuple[VerdictState, Callable[[_Case], bool], Callable[[_Case], str]], ...
] = (
    (
        # Nothing was counted, so there is nothing to judge: no data is not 100 %.
        "no_data",
        lambda c: not c.evidence.counted.total,
        lambda c: f"NO DATA{c.where}: {_seen(c.evidence)}.",
    ),
    (
        # Before coverage: so many are known to be lost that even if every message of
        # the cycles that do not count had arrived, it would be too many.
        "violated",
        lambda c: c.over(c.evidence.best),
        lambda c: f"OVER BUDGET{c.where}: {c.numbers()}.",
    ),
    (
        # Before the count: the cycles that do not count may well be the bad ones (a
        # platform that drops readers when overloaded), or the only good ones.
        "inconclusive",
        _uncovered,
        _coverage_reason,
    ),
    (
        # Enough was measured, and what was measured is too much.
        "violated",
        lambda c: c.over(c.evidence.counted),
        lambda c: f"OVER BUDGET{c.where}: {c.numbers()}.",
    ),
    (
        # Within budget by what counts, over it if the unseen was lost: silence is not
        # allowed to be good.
        "inconclusive",
        lambda c: c.over(c.evidence.worst),
        _unsure_reason,
    ),
    (
        "met",
        lambda _: True,
        lambda c: f"WITHIN BUDGET{c.where}: {c.numbers()}{_left(c)}.",
    ),
)
"""From evidence to a consumer's state; the first row that holds decides."""

_TOGETHER: tuple[tuple[VerdictState, Callable[[set[VerdictState]], bool]], ...] = (
    # The objective holds for every consumer, so one that is over budget decides.
    ("violated", lambda states: "violated" in states),
    # Nothing was counted anywhere, or nobody was there to count.
    ("no_data", lambda states: states <= {"no_data"}),
    # One consumer without evidence leaves the question open.
    ("inconclusive", lambda states: states != {"met"}),
    ("met", lambda _: True),
)
"""From the consumers' states to the run's; the first row that holds decides."""
