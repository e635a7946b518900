"""What one consumer's cycles say, summed up once for verdicts, claims and budgets."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from prober.records import ConsumerResult, CycleResult, State
from prober.slo.tallies import Tally, add, sli, tally

VALID = (State.PASS, State.LOSS)
"""The states whose messages count; the others lower the coverage, or are excused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """One final cycle of one consumer, as windows of time need it."""

    final_ns: int
    """When it became final, in Unix nanoseconds: the window that it belongs to."""
    state: State
    bad: int
    """Lost or damaged; in an inconclusive cycle, all that went unseen."""
    total: int
    """Accepted; in an inconclusive cycle with what may have been."""
    planned: int
    """Messages that the schedule asked for, whatever came of it."""

    @classmethod
    def of(
        cls, result: CycleResult, *, final_ns: int = 0, indicator: str = "delivery"
    ) -> "Cycle":
        """Return a cycle's result in short, by one of the indicators of `sli`."""
        counts = sli(result.counts, indicator)
        # Nobody knows whether an ambiguous message was ever handed over: only the
        # worst case counts it, and there as lost.
        unsure = (
            result.counts.ambiguous
            if result.state is State.INCONCLUSIVE and indicator != "ingress"
            else 0
        )
        return cls(
            final_ns=final_ns,
            state=result.state,
            bad=counts.bad + unsure,
            total=counts.total + unsure,
            planned=result.span.count,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The cycles of one consumer in a run or a window."""

    consumer: str
    blocks: tuple[Tally, ...]
    """Bad and accepted of the cycles that count, in order, or of longer blocks."""
    states: Mapping[State, int]
    """How many cycles ended in each state."""
    unsure: Tally
    """Unseen, of the messages of inconclusive cycles."""
    uncounted: int
    """Messages scheduled in cycles that were inconclusive, invalid or missed."""
    counted: Tally = field(init=False)
    """Bad and accepted of all the cycles that count: the headline."""

    def __post_init__(self) -> None:
        """Sum up once: a window has thousands of blocks, and many who ask."""
        object.__setattr__(self, "counted", add(self.blocks))

    @property
    def worst(self) -> Tally:
        """The same if all that went unseen in inconclusive cycles was lost.

        Never better than the headline: what was seen there may not dilute it.
        """
        both = add((self.counted, self.unsure))
        if both.bad * self.counted.total < self.counted.bad * both.total:
            return self.counted
        return both

    @property
    def best(self) -> Tally:
        """The same if every message of a cycle that does not count had arrived."""
        bad, total = self.counted
        return tally(bad, total + self.uncounted)

    @property
    def coverage(self) -> Fraction | None:
        """Cycles that count, of those scheduled and not excluded; None for none."""
        scheduled = sum(self.states.values()) - self.states[State.EXCLUDED]
        valid = sum(self.states[state] for state in VALID)
        return Fraction(valid, scheduled) if scheduled else None


def concerned(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Return the consumers that anything was asked of, all of them if it is none.

    One whose cycles are all excluded, as a way out that cannot carry what was sent, has
    no say in a verdict.
    """
    asked = [
        each
        for each in evidence
        if each.coverage is not None or not each.states[State.EXCLUDED]
    ]
    return asked or [*evidence]


def evidence(
    consumer: str, cycles: Iterable[Cycle], *, block_ns: int | None = None
) -> Evidence:
    """Sum up the cycles of one consumer, given in the order of their sending.

    With `block_ns` the cycles that count are merged into blocks of that time, aligned
    to it, by their final times: an hour for continuous windows, since outages outlast a
    cycle. Without, each cycle is a block.
    """
    seen = list(cycles)
    counted = [cycle for cycle in seen if cycle.state in VALID]
    lacking = (State.INCONCLUSIVE, State.INVALID, State.MISSED)
    found = Counter(cycle.state for cycle in seen)
    return Evidence(
        consumer=consumer,
        blocks=_by_time(counted, block_ns) if block_ns else _pairs(counted),
        states={state: found[state] for state in State},
        unsure=add(_pairs(c for c in seen if c.state is State.INCONCLUSIVE)),
        uncounted=sum(cycle.planned for cycle in seen if cycle.state in lacking),
    )


def evidence_of(result: ConsumerResult, *, indicator: str = "delivery") -> Evidence:
    """Sum up the cycles of a run as one consumer saw them, by an indicator of `sli`."""
    cycles = (Cycle.of(cycle, indicator=indicator) for cycle in result.cycles)
    return evidence(result.name, cycles)


def _pairs(cycles: Iterable[Cycle]) -> tuple[Tally, ...]:
    """Return bad and total of each cycle."""
    return tuple(tally(cycle.bad, cycle.total) for cycle in cycles)


def _by_time(cycles: Iterable[Cycle], block_ns: int) -> tuple[Tally, ...]:
    """Return bad and total of each stretch of time that has cycles, in order."""
    stretches: dict[int, list[Cycle]] = {}
    for cycle in cycles:
        stretches.setdefault(cycle.final_ns // block_ns, []).append(cycle)
    return tuple(add(_pairs(stretches[start])) for start in sorted(stretches))
