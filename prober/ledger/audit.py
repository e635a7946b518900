"""The account of an export: what was sent is known by counts, what came by stamps.

An archive has no connection that could break and no clock to hold a deadline against.
What it has is edges: an export may begin after the run did, or end before it. Primers
were sent before the first message and trailers after the last; without them, what is
missing before the first found or behind the last may only be outside of the export.

Of a cycle that was accepted as a whole it is known which messages are missing; of one
that was accepted in part, only how many.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prober.histogram import Histogram
from prober.ledger.tally import join_spans, spans_of
from prober.plan import Plan
from prober.records import ConsumerResult, Counts, CycleResult, Span, State
from prober.stamp import Sightings

NAME = "export"
"""What the one consumer of an audit is called."""
FIRST_PRIMERS = 10
"""So many primers, at least, are sent before the first message."""
_COUNTED = (State.PASS, State.LOSS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCycle:
    """What a run's report tells of one cycle."""

    index: int
    span: Span
    accepted: int
    """How many of it the pipeline took in."""
    exact: bool
    """Whether the others are known not to have been; else nobody knows of some."""
    aside: tuple[State, str] | None = None
    """State and reason of a cycle that says nothing about the pipeline."""


class Audit:
    """Accounts for what is found of one run in an export, as for a consumer."""

    def __init__(self, plan: Plan, cycles: Sequence[SentCycle]) -> None:
        self._plan, self._cycles = plan, cycles
        end = max((c.span.end for c in cycles if _begun(c)), default=0)
        self._intact = np.zeros(end, dtype=np.bool_)
        self._damaged = np.zeros(end, dtype=np.bool_)
        self._arrivals = np.zeros(plan.cycles, dtype=np.int64)
        self._unexplained = self._other_runs = 0
        self.primers = False
        """The export holds what was sent before the first message."""
        self.trailers = False
        """The export holds what was sent after the last one."""

    def take(self, found: Sightings) -> None:
        """Book what was found in one piece of the export."""
        intact = self._sent(found.sequences)
        damaged = self._sent([each for each in found.damaged if each is not None])
        self._intact[intact] = True
        self._damaged[damaged] = True
        both = np.concatenate((intact, damaged))
        np.add.at(self._arrivals, self._plan.cycles_of(both), 1)
        seen = len(found.sequences) + len(found.damaged)
        self._unexplained += seen - both.size
        self._other_runs += found.other_runs
        self.primers |= any(each < FIRST_PRIMERS for each in found.primers)
        self.trailers |= bool(found.trailers)

    def _sent(self, sequences: Sequence[int]) -> NDArray[np.int64]:
        """Return those that are in cycles that were begun."""
        numbers = np.asarray(sequences, dtype=np.int64)
        return numbers[(numbers >= 0) & (numbers < self._intact.size)]

    def result(self) -> ConsumerResult:
        """Return the account of everything that was found."""
        surely = self._within()
        cycles = tuple(self._judge(cycle, surely) for cycle in self._cycles)
        counted = [cycle for cycle in cycles if cycle.state in _COUNTED]
        beside = Counts(unexplained=self._unexplained, other_runs=self._other_runs)
        return ConsumerResult(
            name=NAME,
            transport=NAME,
            counts=sum((cycle.counts for cycle in cycles), beside),
            valid=sum((cycle.counts for cycle in counted), Counts()),
            latency=Histogram(),
            gaps=join_spans(gap for cycle in counted for gap in cycle.gaps),
            cycles=cycles,
        )

    def _within(self) -> Span:
        """Return the sequence numbers that the export must hold if it lost nothing."""
        found = np.flatnonzero(self._intact | self._damaged)
        first, end = (found[0], found[-1] + 1) if found.size else (0, 0)
        first = 0 if self.primers else int(first)
        end = self._intact.size if self.trailers else int(end)
        return Span(first=first, count=max(0, end - first))

    def _judge(self, cycle: SentCycle, within: Span) -> CycleResult:
        here = slice(cycle.span.first, cycle.span.end)
        found = self._intact[here] | self._damaged[here]
        withheld = self._plan.withheld_of(cycle.index)
        if _begun(cycle):
            found[withheld - here.start] = True  # never sent: not to be missed
        missing = spans_of(np.flatnonzero(~found) + here.start)
        counts = self._count(cycle)
        state, reason = self._state(cycle, counts, missing, within)
        whole = counts.accepted == cycle.span.count - withheld.size
        return CycleResult(
            index=cycle.index,
            consumer=NAME,
            span=cycle.span,
            first_sent_ns=None,
            last_sent_ns=None,
            state=state,
            reason=reason,
            counts=counts,
            gaps=missing if whole else (),
        )

    def _count(self, cycle: SentCycle) -> Counts:
        if not _begun(cycle):
            return Counts()
        here = slice(cycle.span.first, cycle.span.end)
        found = int(np.count_nonzero(self._intact[here]))
        corrupt = int(np.count_nonzero(self._damaged[here] & ~self._intact[here]))
        # What is here was accepted, whatever the writer knew of it.
        accepted = max(cycle.accepted, found + corrupt)
        attempted = cycle.span.count - self._plan.control
        others = attempted - accepted
        return Counts(
            attempted=attempted,
            rejected=others if cycle.exact else 0,
            ambiguous=0 if cycle.exact else others,
            accepted=accepted,
            on_time=found,
            corrupt=corrupt,
            lost=accepted - found - corrupt,
            duplicates=int(self._arrivals[cycle.index]) - found - corrupt,
        )

    def _state(
        self,
        cycle: SentCycle,
        counts: Counts,
        missing: Sequence[Span],
        within: Span,
    ) -> tuple[State, str]:
        """Return how a cycle ended for the archive, and why: the first rule decides."""
        if cycle.aside is not None:
            return cycle.aside
        case = _Case(cycle=cycle, counts=counts, missing=missing, within=within)
        for state, rule in _RULES:
            if reason := rule(case):
                return state, reason
        return State.PASS, ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What a cycle's state depends on."""

    cycle: SentCycle
    counts: Counts
    missing: Sequence[Span]
    within: Span


def _unknown(case: _Case) -> str:
    if not case.counts.ambiguous:
        return ""
    return f"{case.counts.accepted:,} of {case.cycle.span.count:,} accepted, or more"


def _nothing_accepted(case: _Case) -> str:
    return "" if case.counts.accepted else "the ingress refused every message"


def _outside(case: _Case) -> str:
    if not case.counts.lost:
        return ""
    if not case.within.count:
        return "nothing shows that the export is of that time"
    if any(gap.first < case.within.first for gap in case.missing):
        return "the export may begin after the run did"
    if any(gap.end > case.within.end for gap in case.missing):
        return "the export may end before the run did"
    return ""


def _bad(case: _Case) -> str:
    lost, corrupt = case.counts.lost, case.counts.corrupt
    words = [f"{lost:,} missing"] if lost else []
    words += [f"{corrupt:,} corrupt"] if corrupt else []
    return ", ".join(words)


_RULES: tuple[tuple[State, Callable[[_Case], str]], ...] = (
    # The first rule that gives a reason decides.
    (State.INCONCLUSIVE, _unknown),  # nobody knows what there was to archive
    (State.INCONCLUSIVE, _nothing_accepted),  # nothing to archive, nothing to judge
    (State.INCONCLUSIVE, _outside),  # it may be missing from the export alone
    (State.LOSS, _bad),
)


def _begun(cycle: SentCycle) -> bool:
    return cycle.aside is None or cycle.aside[0] is not State.MISSED
