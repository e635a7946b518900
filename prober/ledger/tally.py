"""What one reader saw of a run's messages, in a form that merges with another's.

A message's fate is one byte, and the fates are ordered so that the better one wins:
merging two tallies, or a second arrival, is taking the maximum. What is told of a cycle
is counted as it comes, so that nobody has to look at the messages again.
"""

import enum
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from prober.histogram import BUCKETS, Histogram, buckets_of
from prober.ledger.window import Window
from prober.plan import Plan
from prober.records import Kind, Span

Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]


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


OF_CYCLE = np.dtype(
    [
        ("arrivals", "<i8"),  # duplicates and damaged ones included; copies not
        ("reordered", "<i8"),  # first arrivals after one with a higher number
        ("last_first_ns", "<i8"),  # when the latest first arrival came; 0 for none
        ("on_time", "<i8"),
        ("late", "<i8"),
        ("aside", "<i8"),  # not expected or withheld, and not come
    ]
)
"""What is counted of a cycle, beside the fate of each of its messages."""
_COLUMNS = {Fate.ON_TIME: "on_time", Fate.LATE: "late", Fate.NOT_EXPECTED: "aside"}
_PART = 1 << 20
_DENSE = 64
"""Numbers lie close together if there is one among so many, or more."""


@dataclass(slots=True)
class Tally:
    """The arrivals at one reader, of the cycles that are still open.

    Memory: one byte a message, 48 bytes and a histogram a cycle, whatever arrives.
    """

    plan: Plan
    kinds: frozenset[Kind]
    """What the way out can carry."""
    fates: Window
    """By sequence number."""
    cycles: Window
    """`OF_CYCLE`, by cycle."""
    latencies: dict[int, Histogram] = field(default_factory=dict)
    """Of first intact arrivals, by cycle."""
    intact: int = 0
    """How many messages came intact, each counted once, those of closed cycles too."""
    unexplained: int = 0
    other_runs: int = 0
    highest: int = -1

    @classmethod
    def of(cls, plan: Plan, kinds: Collection[Kind] = tuple(Kind)) -> "Tally":
        """Return the empty tally of a plan, for a way out that carries some kinds."""
        return cls(plan, frozenset(kinds), Window(np.uint8), Window(OF_CYCLE))

    @property
    def latency(self) -> Histogram:
        """The latencies of all open cycles."""
        whole = Histogram()
        for each in self.latencies.values():
            whole.merge(each)
        return whole

    def reach(self, end: int) -> None:
        """Have room for messages up to before `end`."""
        since = self.fates.end
        if end <= since:
            return
        cycle = self.plan.cycle_of(end - 1) or 0
        self.cycles.reach(cycle + 1)
        self.fates.reach(end, soon=self.plan.span_of(cycle).end)
        if not self.kinds.issuperset(self.plan.kinds):
            for first in range(since, end, _PART):
                self._set_aside(Span(first=first, count=min(_PART, end - first)))

    def _set_aside(self, span: Span) -> None:
        """Expect nothing of messages whose kinds cannot come this way."""
        other = ~self.plan.carried_by(self.kinds, span)
        self.fates.of(span)[other] = Fate.NOT_EXPECTED
        where = _Where(self, np.flatnonzero(other) + span.first)
        where.count("aside")

    def withhold(self, numbers: Numbers, cycle: int) -> None:
        """Expect nothing of messages of a cycle that are never sent."""
        unseen = self.fates.values[numbers - self.fates.first] == Fate.UNSEEN
        row = self.cycles.values[cycle - self.cycles.first]
        row["aside"] += np.count_nonzero(unseen)

    def release(self, end: int) -> None:
        """Forget the messages before one that begins a cycle, and their cycles."""
        self.fates.release(end)
        cycle = self.plan.cycle_of(end)
        self.cycles.release(self.plan.cycles if cycle is None else cycle)

    def arrive(
        self,
        deadlines: Deadlines,
        sequences: Numbers,
        sent_ns: Numbers,
        at_ns: int | Numbers,
        *,
        copies: Mask | None = None,
    ) -> None:
        """Book intact arrivals of sent messages, in the order in which they came.

        `at_ns` is when they did, all together or each by itself.
        """
        if not sequences.size:
            return
        where = _Where(self, sequences)
        where.count("arrivals", None if copies is None else ~copies)
        first = self._first_arrivals(sequences, where)
        self._book_order(sequences, where, first)
        latency = at_ns - sent_ns
        if not first.all():
            sequences, latency = sequences[first], latency[first]
            at_ns = at_ns if isinstance(at_ns, int) else at_ns[first]
            where = _Where(self, sequences)
        if sequences.size:
            self._book_first(deadlines, where, latency, at_ns)

    def _book_first(
        self,
        deadlines: Deadlines,
        where: "_Where",
        latency: Numbers,
        at_ns: int | Numbers,
    ) -> None:
        if not self.kinds.issuperset(self.plan.kinds):
            where.count("aside", where.fates() == Fate.NOT_EXPECTED, by=-1)
        if int(latency.max()) <= deadlines.late_after_ns:
            where.set(Fate.ON_TIME)
            where.count("on_time")
        else:
            late = latency > deadlines.late_after_ns
            lost = latency > deadlines.lost_after_ns
            fates = np.full(len(latency), Fate.ON_TIME, dtype=np.uint8)
            fates[late], fates[lost] = Fate.LATE, Fate.AFTER_DEADLINE
            where.set(fates)
            where.count("on_time", ~late)
            where.count("late", late & ~lost)
        self.intact += len(latency)
        where.latest("last_first_ns", at_ns)
        self._book_latencies(where, latency)

    def damage(self, sequence: int, *, copy: bool = False) -> None:
        """Book the arrival of a damaged message."""
        where = _Where(self, np.array([sequence]))
        before = where.fates()[0]
        where.count("arrivals", by=int(not copy))
        if before < Fate.CORRUPT:
            where.set(Fate.CORRUPT)
            where.count("aside", by=-int(before == Fate.NOT_EXPECTED))

    def _first_arrivals(self, sequences: Numbers, where: "_Where") -> Mask:
        """Mark those that were not here intact before, neither earlier nor in these."""
        fresh: Mask = where.fates() <= Fate.CORRUPT
        return fresh if where.ascending else fresh & first_of_each(sequences)

    def _book_order(self, sequences: Numbers, where: "_Where", first: Mask) -> None:
        if where.ascending and where.low > self.highest:
            self.highest = where.high
            return
        before = np.maximum.accumulate(np.concatenate(([self.highest], sequences)))
        where.count("reordered", first & (sequences < before[:-1]))
        self.highest = int(before[-1])

    def _book_latencies(self, where: "_Where", latency: Numbers) -> None:
        """Count latencies for their cycles.

        What was sent together and came together took the same time, so runs of equal
        latencies are counted, and of many runs those that fall into one bucket.
        """
        cycles, heads, lengths = where.runs_of(latency)
        taken = latency[heads]
        keys = cycles * BUCKETS + buckets_of(np.maximum(taken, 0))
        if len(keys) > 1:
            order = np.argsort(keys, kind="stable")
            keys, taken, lengths = keys[order], taken[order], lengths[order]
            starts = np.flatnonzero(np.diff(keys, prepend=-1))
            keys = keys[starts]
            sums = np.add.reduceat(np.maximum(taken, 0) * lengths, starts)
            most = np.maximum.reduceat(taken, starts)
            counts = np.add.reduceat(lengths, starts)
        else:
            most, counts, sums = taken, lengths, np.maximum(taken, 0) * lengths
        figures = (keys, counts, most, sums)
        each = zip(*(figure.tolist() for figure in figures), strict=True)
        for key, count, most_ns, sum_ns in each:
            cycle, bucket = divmod(key, BUCKETS)
            histogram = self._histogram(where.cycle + cycle)
            histogram.book(bucket, count, most_ns=max(0, most_ns), sum_ns=sum_ns)
        for at in np.flatnonzero(latency < 0).tolist():
            self._histogram(where.cycle + where.at(at)).negative += 1

    def _histogram(self, cycle: int) -> Histogram:
        found = self.latencies.get(cycle)
        if found is None:
            found = self.latencies[cycle] = Histogram()
        return found

    def merge(self, other: "Tally") -> None:
        """Take in what another reader of the same plan saw: the union of both.

        Of cycles that were released here nothing is taken.
        """
        self._merge_fates(other)
        first = max(self.cycles.first, other.cycles.first)
        rest = Span(first=first, count=max(0, other.cycles.end - first))
        self.cycles.reach(rest.end)
        ours, theirs = self.cycles.of(rest), other.cycles.of(rest)
        for name in ("arrivals", "reordered"):
            ours[name] += theirs[name]
        np.maximum(
            ours["last_first_ns"], theirs["last_first_ns"], out=ours["last_first_ns"]
        )
        for cycle, latencies in other.latencies.items():
            if cycle >= first:
                self._histogram(cycle).merge(latencies)
        self.unexplained += other.unexplained
        self.other_runs += other.other_runs
        self.highest = max(self.highest, other.highest)

    def _merge_fates(self, other: "Tally") -> None:
        first = max(self.fates.first, other.fates.first)
        span = Span(first=first, count=max(0, other.fates.end - first))
        self.reach(span.end)
        ours, theirs = self.fates.of(span), other.fates.of(span)
        better = np.flatnonzero(theirs > ours)
        if not better.size:
            return
        before, after = ours[better], theirs[better]
        where = _Where(self, better + span.first)
        for fate, column in _COLUMNS.items():
            where.count(column, after == fate)
            where.count(column, before == fate, by=-1)
        came = (before <= Fate.CORRUPT) & (after > Fate.CORRUPT)
        self.intact += int(np.count_nonzero(came))
        where.set(after)


class _Where:
    """Where in a tally some messages stand, and in which cycles.

    Most often all are of one cycle, and in order: then nothing is asked of each.
    """

    __slots__ = ("_at", "_count", "_of", "_tally", "ascending", "cycle", "high", "low")

    def __init__(self, tally: Tally, sequences: Numbers) -> None:
        self._tally = tally
        self.ascending = bool((sequences[1:] > sequences[:-1]).all())
        if self.ascending:
            ends = sequences[[0, -1]] if sequences.size else np.array([0, -1])
            self.low, self.high = ends.tolist()
        else:
            self.low, self.high = int(sequences.min()), int(sequences.max())
        tally.reach(self.high + 1)
        self.cycle = tally.plan.cycle_of(self.low) or 0
        last = tally.plan.cycle_of(self.high) or 0
        self._of: Numbers | None = None
        """Of each its cycle, counted from the first; None if all are of one."""
        if last > self.cycle:
            self._of = tally.plan.cycles_of(sequences) - self.cycle
        self._count = len(sequences)
        self._at: Numbers | slice
        if self.ascending and self.high - self.low == self._count - 1:
            # Without a gap, as one connection brings them: nothing is looked up.
            at = self.low - tally.fates.first
            self._at = slice(at, at + self._count)
        else:
            self._at = sequences - tally.fates.first

    def fates(self) -> NDArray[np.uint8]:
        """Return the fates of all; they may change when any is set."""
        fates: NDArray[np.uint8] = self._tally.fates.values[self._at]
        return fates

    def set(self, fates: Fate | NDArray[np.uint8]) -> None:
        """Set the fates of all."""
        self._tally.fates.values[self._at] = fates

    def count(self, column: str, some: Mask | None = None, *, by: int = 1) -> None:
        """Count all, or some, in a column of their cycles."""
        values = self._column(column)
        if self._of is None:
            number = self._count if some is None else np.count_nonzero(some)
            values[:1] += by * number
        elif some is None or some.any():
            np.add.at(values, self._of if some is None else self._of[some], by)

    def latest(self, column: str, at_ns: int | Numbers) -> None:
        """Keep the latest time in a column of their cycles."""
        values = self._column(column)
        if self._of is None:
            values[0] = max(values[0], np.max(at_ns))
        else:
            np.maximum.at(values, self._of, at_ns)

    def _column(self, name: str) -> Numbers:
        cycles = self._tally.cycles
        column: Numbers = cycles.values[name][self.cycle - cycles.first :]
        return column

    def at(self, place: int) -> int:
        """Return the cycle of one of them, counted from the first."""
        return 0 if self._of is None else int(self._of[place])

    def runs_of(self, values: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Return cycle, place and length of each run of one value and one cycle."""
        differs = np.ones(len(values), dtype=np.bool_)
        differs[1:] = values[1:] != values[:-1]
        if self._of is not None:
            differs[1:] |= self._of[1:] != self._of[:-1]
        heads = np.flatnonzero(differs)
        lengths = np.diff(heads, append=len(values))
        return (heads * 0 if self._of is None else self._of[heads]), heads, lengths


def first_of_each(numbers: Numbers) -> Mask:
    """Mark the first of each number among those that are there more than once.

    Most often they lie close together: then each leaves its place in a table, from the
    last to the first, so that the first of each remains.

        numbers  7 8 7 9      table  7: 0   8: 1   9: 3      first  yes yes no yes
    """
    count = len(numbers)
    low, high = int(numbers.min()), int(numbers.max())
    if high - low >= _DENSE * count:
        first: Mask = np.zeros(count, dtype=np.bool_)
        first[np.unique(numbers, return_index=True)[1]] = True
        return first
    places, at = np.arange(count), numbers - low
    table = np.empty(high - low + 1, dtype=np.int64)
    table[at[::-1]] = places[::-1]
    remains: Mask = table[at] == places
    return remains


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
