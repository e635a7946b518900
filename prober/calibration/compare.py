"""The truth beside the prober's account: cycle by cycle, message by message."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prober import slo
from prober.calibration.trials import Plan
from prober.calibration.truth import Fates, Truth
from prober.records import (
    Comparison,
    ConsumerResult,
    CycleResult,
    RunResult,
    Span,
    State,
)

COUNTED = (State.PASS, State.LOSS)
ASIDE = "cycles aside"
"""What cycles are called that do not count."""
AFTER_DEADLINE = "after deadline"
"""What messages are called that came when they were lost already."""
_FIGURES = (
    "accepted",
    "lost",
    "corrupt",
    "late",
    "duplicates",
    "reordered",
    "after_deadline",
)


@dataclass(frozen=True, slots=True)
class _Cycle:
    """One cycle that counts: what became of its messages, and what was measured."""

    truth: Fates
    measured: CycleResult

    @property
    def missing(self) -> set[int]:
        """The numbers that the prober calls lost."""
        gaps = self.measured.gaps
        return {number for gap in gaps for number in range(gap.first, gap.end)}


def compare(
    plan: Plan,
    result: RunResult,
    truths: Mapping[str, Truth],
    expected: Mapping[str, set[int]],
) -> list[Comparison]:
    """Return every figure of a trial, what was injected beside what was measured.

    `expected` has, by consumer, the messages that its way out can carry.
    """
    figures: list[Comparison] = []
    counted: dict[str, list[_Cycle]] = {}
    for consumer in result.consumers:
        truth = truths[consumer.name]
        cycles = [
            _Cycle(truth.fates(cycle.span, expected[consumer.name]), cycle)
            for cycle in consumer.cycles
            if cycle.state in COUNTED
        ]
        counted[consumer.name] = cycles
        figures += _of_messages(consumer.name, cycles)
        figures += _of_cycles(plan, consumer, cycles)
    if len(counted) > 1:
        figures += _across(result.consumers, counted)
    return figures


def _of_messages(consumer: str, cycles: Sequence[_Cycle]) -> Iterator[Comparison]:
    for name in _FIGURES:
        pairs = [
            (each.truth.counts[name], getattr(each.measured.counts, name))
            for each in cycles
        ]
        agrees = all(injected == measured for injected, measured in pairs)
        if name == "lost":
            agrees = agrees and all(e.truth.lost == e.missing for e in cycles)
        yield Comparison(
            what=name.replace("_", " "),
            consumer=consumer,
            injected=sum(injected for injected, _ in pairs),
            measured=sum(measured for _, measured in pairs),
            agrees=agrees,
        )


def _of_cycles(
    plan: Plan, consumer: ConsumerResult, cycles: Sequence[_Cycle]
) -> Iterator[Comparison]:
    lossy = [(bool(e.truth.bad), e.measured.state is State.LOSS) for e in cycles]
    yield Comparison(
        what="lossy cycles",
        consumer=consumer.name,
        injected=sum(injected for injected, _ in lossy),
        measured=sum(measured for _, measured in lossy),
        agrees=all(injected == measured for injected, measured in lossy),
    )
    aside = [each for each in consumer.cycles if each.state not in COUNTED]
    yield Comparison(
        what=ASIDE,
        consumer=consumer.name,
        injected=0,
        measured=len(aside),
        agrees=_rightly_aside(plan, consumer, aside),
        expected=_expected_aside(plan),
    )


def _rightly_aside(
    plan: Plan, consumer: ConsumerResult, aside: Sequence[CycleResult]
) -> bool:
    """Tell whether cycles were set aside if they had to be, and for that reason.

    Those from before the fault count, and so does the end, when it was over; and
    somewhere the loss that is there has to be told.
    """
    if plan.aside is None:
        return not aside
    reasons = all(
        each.state is plan.aside and re.search(plan.because, each.reason)
        for each in aside
    )
    ends = (consumer.cycles[0], consumer.cycles[-1])
    whole = all(each.state in COUNTED for each in ends)
    told = any(each.state is State.LOSS for each in consumer.cycles)
    return (bool(aside) or not plan.certain) and reasons and whole and told


def _expected_aside(plan: Plan) -> str:
    if plan.aside is None:
        return "none"
    return "some" if plan.certain else "some or no"


def _across(
    consumers: Sequence[ConsumerResult], counted: Mapping[str, Sequence[_Cycle]]
) -> Iterator[Comparison]:
    """Compare where it was lost: by all, before they fork, or by one on its own way."""
    told = slo.across_run(consumers)
    common = set.intersection(
        *({each.measured.index for each in cycles} for cycles in counted.values())
    )
    lost = {
        name: set().union(*(c.truth.lost for c in cycles if c.measured.index in common))
        for name, cycles in counted.items()
    }
    pairs = {("", "lost by all"): (set.intersection(*lost.values()), told.lost_by_all)}
    for name, own in lost.items():
        others = set().union(*(lost[other] for other in lost if other != name))
        alone = (own - others, told.lost_only_by[name])
        pairs[name, "lost by it alone"] = alone
    for (consumer, what), (injected, measured) in pairs.items():
        yield Comparison(
            what=what,
            consumer=consumer,
            injected=len(injected),
            measured=measured,
            agrees=len(injected) == measured,
        )


def rings(plan: Plan, consumer: ConsumerResult, dropped: int) -> Iterator[Comparison]:
    """Compare a loss with what the stack's own ring admits to, and its shape."""
    assert plan.ring is not None  # noqa: S101 - asked only then
    yield Comparison(
        what="dropped by the ring",
        consumer=consumer.name,
        injected=dropped,
        measured=consumer.counts.lost,
        agrees=0 < dropped == consumer.counts.lost,
    )
    laps = _whole(consumer.gaps, plan.ring)
    yield Comparison(
        what="gaps of whole laps",
        consumer=consumer.name,
        injected=len(consumer.gaps),
        measured=laps,
        agrees=laps == len(consumer.gaps),
    )


def _whole(gaps: Iterable[Span], ring: int) -> int:
    return sum(gap.count % ring == 0 for gap in gaps)
