"""What one reader saw of a run's messages, in a form that merges with another's.

A message's fate is one byte, and the fates are ordered so that the better one wins:
merging two tallies, or a second arrival, is taking the maximum.
"""

import enum
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from prober.histogram import Histogram
from prober.plan import Plan
from prober.records import Kind, Span

Fates = NDArray[np.uint8]


class Fate(enum.IntEnum):
    """What became of a message, as far as one reader saw; the higher one prevails."""

    UNSEEN = 0
    NOT_EXPECTED = 1  # did not come, as this way out cannot carry its kind
    CORRUPT = 2  # came, but never intact
    AFTER_DEADLINE = 3  # first came when it was already lost: it stays lost
    LATE = 4
    ON_TIME = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long after its sending a message is late, and how long until it is lost."""

    late_after_ns: int
    lost_after_ns: int


@dataclass(slots=True)
class Tally:
    """The arrivals at one reader; `fates` has one byte a message of the plan.

    Memory: one byte a message, 24 bytes a cycle, whatever arrives.
    """

    fates: Fates
    arrivals: NDArray[np.int64]
    """Arrivals a cycle, duplicates and damaged ones included; copies (`seams`) not."""
    reordered: NDArray[np.int64]
    """First arrivals a cycle that came after one with a higher sequence number."""
    last_first_ns: NDArray[np.int64]
    """Per cycle, when the latest of its first intact arrivals came; 0 before any."""
    latency: Histogram = field(default_factory=Histogram)
    unexplained: int = 0
    other_runs: int = 0
    highest: int = -1

    @classmethod
    def of(cls, plan: Plan, kinds: Collection[Kind] = tuple(Kind)) -> "Tally":
        """Return the empty tally of a plan, for a way out that carries some kinds."""
        fates = np.full(plan.messages, Fate.NOT_EXPECTED, dtype=np.uint8)
        fates[plan.carried_by(kinds)] = Fate.UNSEEN
        return cls(
            fates=fates,
            arrivals=np.zeros(plan.cycles, dtype=np.int64),
            reordered=np.zeros(plan.cycles, dtype=np.int64),
            last_first_ns=np.zeros(plan.cycles, dtype=np.int64),
        )

    def arrive(
        self,
        plan: Plan,
        deadlines: Deadlines,
        sequences: NDArray[np.int64],
        sent_ns: NDArray[np.int64],
        at_ns: int | NDArray[np.int64],
        *,
        copies: NDArray[np.bool_] | None = None,
    ) -> None:
        """Book intact arrivals of sent messages, in the order in which they came.

        `at_ns` is when they did, all together or each by itself.
        """
        cycles = plan.cycles_of(sequences)
        np.add.at(self.arrivals, cycles if copies is None else cycles[~copies], 1)
        first = self._first_arrivals(sequences)
        self._book_order(sequences, cycles, first)
        came_ns = np.broadcast_to(at_ns, sequences.shape)[first]
        latency = came_ns - sent_ns[first]
        fates = np.full(len(latency), Fate.ON_TIME, dtype=np.uint8)
        fates[latency > deadlines.late_after_ns] = Fate.LATE
        fates[latency > deadlines.lost_after_ns] = Fate.AFTER_DEADLINE
        new = sequences[first]
        self.fates[new] = np.maximum(self.fates[new], fates)
        np.maximum.at(self.last_first_ns, cycles[first], came_ns)
        self.latency.add(latency)

    def damage(self, plan: Plan, sequence: int, *, copy: bool = False) -> None:
        """Book the arrival of a damaged message."""
        self.arrivals[plan.cycle_of(sequence)] += not copy
        self.fates[sequence] = max(self.fates[sequence], Fate.CORRUPT)

    def _first_arrivals(self, sequences: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark those that were not here intact before, neither earlier nor in these."""
        fresh: NDArray[np.bool_] = self.fates[sequences] <= Fate.CORRUPT
        if _distinct(sequences):
            return fresh
        earliest = np.zeros(len(sequences), dtype=np.bool_)
        earliest[np.unique(sequences, return_index=True)[1]] = True
        return fresh & earliest

    def _book_order(
        self,
        sequences: NDArray[np.int64],
        cycles: NDArray[np.int64],
        first: NDArray[np.bool_],
    ) -> None:
        before = np.maximum.accumulate(np.concatenate(([self.highest], sequences)))
        overtaken = first & (sequences < before[:-1])
        np.add.at(self.reordered, cycles[overtaken], 1)
        self.highest = int(before[-1])

    def merge(self, other: "Tally") -> None:
        """Take in what another reader of the same plan saw: the union of both."""
        np.maximum(self.fates, other.fates, out=self.fates)
        self.arrivals += other.arrivals
        self.reordered += other.reordered
        np.maximum(self.last_first_ns, other.last_first_ns, out=self.last_first_ns)
        self.latency.merge(other.latency)
        self.unexplained += other.unexplained
        self.other_runs += other.other_runs
        self.highest = max(self.highest, other.highest)


def _distinct(numbers: NDArray[np.int64]) -> bool:
    """Tell whether no number is there twice: ascending ones need no sorting."""
    if not np.all(numbers[1:] > numbers[:-1]):
        numbers = np.sort(numbers)
    return bool(np.all(numbers[1:] != numbers[:-1]))


def spans_of(sequences: Sequence[int] | NDArray[np.int64]) -> tuple[Span, ...]:
    """Return ascending sequence numbers as runs of consecutive ones."""
    numbers = np.asarray(sequences, dtype=np.int64)
    if not numbers.size:
        return ()
    breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
    starts = np.concatenate(([0], breaks))
    lengths = np.diff(np.concatenate((starts, [numbers.size])))
    pairs = zip(numbers[starts], lengths, strict=True)
    return tuple(Span(first=int(first), count=int(count)) for first, count in pairs)


def join_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return ascending spans with those that touch made one."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].end == span.first:
            last = joined.pop()
            span = Span(first=last.first, count=last.count + span.count)  # noqa: PLW2901
        joined.append(span)
    return tuple(joined)
