"""What is counted of each consumer since the start: fates, cycles, latencies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from prober.history import CycleRecord
from prober.records import Counts, State
from prober.watch.reasons import LABELS, label

FATES: Mapping[str, Callable[[Counts], int]] = {
    # They partition what was accepted: their sum has a meaning.
    "on_time": lambda counts: counts.on_time,
    "late": lambda counts: counts.late,
    "corrupt": lambda counts: counts.corrupt,
    "lost": lambda counts: counts.lost,
}
BESIDE: Mapping[str, tuple[str, Callable[[Counts], int]]] = {
    # Outside that partition.
    "duplicate": ("Further intact arrivals of messages.", lambda c: c.duplicates),
    "unexplained": ("Arrivals of ours that were never sent.", lambda c: c.unexplained),
    "rejected": ("Messages that the way in refused.", lambda c: c.rejected),
    "ambiguous": ("Messages in flight when a stream broke.", lambda c: c.ambiguous),
}
POWERS = range(20, 37)
"""Buckets end at 2**20 ns (1.05 ms) to 2**36 ns (68.7 s). Powers of two are where the
histogram's own buckets end, so that no arrival is counted on the wrong side."""


@dataclass(slots=True)
class Series:
    """All counters of one consumer."""

    fates: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FATES, 0))
    beside: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BESIDE, 0))
    cycles: dict[tuple[State, str], int] = field(
        default_factory=lambda: {(s, r): 0 for s in LABELS for r in LABELS[s]}
    )
    buckets: list[int] = field(default_factory=lambda: [0] * (len(POWERS) + 1))
    latency_ns: int | None = 0
    """All of them added up; None when that is not known of some cycle."""
    last: CycleRecord | None = None
    """The last that counted."""
    last_bad: CycleRecord | None = None
    """The last that lost something: an exemplar."""

    def miss(self, cycles: int, reason: str) -> None:
        """Count cycles that were not begun."""
        self.cycles[State.MISSED, label(State.MISSED, reason)] += cycles

    def add(self, cycle: CycleRecord) -> None:
        """Count a final cycle: fates and latencies only if its messages count."""
        state, counts = cycle.state, cycle.counts
        if state is None:
            return
        self.cycles[state, label(state, cycle.reason, lost=counts.lost)] += 1
        for name, (_, of) in BESIDE.items():
            self.beside[name] += of(counts)
        if state not in (State.PASS, State.LOSS):
            return
        self.last = cycle
        if counts.bad:
            self.last_bad = cycle
        for name, of in FATES.items():
            self.fates[name] += of(counts)
        sum_ns = cycle.latency.sum_ns
        if self.latency_ns is not None:
            self.latency_ns = None if sum_ns is None else self.latency_ns + sum_ns
        for edge_ns, count in cycle.latency.buckets.items():
            place = max(0, (edge_ns).bit_length() - POWERS.start)
            self.buckets[min(place, len(POWERS))] += count
