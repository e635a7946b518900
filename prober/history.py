"""The facts that history keeps: runs, cycles, hours of them, and what people add.

What was measured is written once and never changed. What people know better is added
beside it, as annotations, and `adjudicated` lays them over the cycles: windows are
computed of what comes out. Times are Unix nanoseconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from prober.histogram import Frozen, Histogram
from prober.records import (
    BufferDrops,
    Command,
    Counts,
    CutOff,
    PlanFacts,
    PlatformIncrease,
    Reached,
    Span,
    State,
)

Mode = Literal["ad_hoc", "continuous"]
"""Windows are made of continuous cycles alone: one large run would outweigh a month."""

HOUR_NS = 3_600 * 1_000_000_000
"""An hour is what history sums up at write time, and the block that outages fill."""

COUNTED = (State.PASS, State.LOSS)
"""The states whose messages count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way in, as a run's writer found it."""

    written_to: str
    attempted: int
    accepted: int
    rejected: int
    ambiguous: int
    blocked: Frozen
    """How long each batch held the writer up: the push-back."""
    reached: tuple[Reached, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What an ad hoc run measured beside its cycles, so that it can be told again."""

    rate_achieved: float | None = None
    counts: Mapping[str, Counts] = field(default_factory=dict)
    """Of all cycles by consumer, with what belongs to none of them."""
    writers: tuple[Way, ...] = ()
    warnings: tuple[str, ...] = ()
    stack_drops: tuple[BufferDrops, ...] = ()
    platform: tuple[PlatformIncrease, ...] | None = None
    cut_offs: tuple[CutOff, ...] = ()
    health: Mapping[str, float] = field(default_factory=dict)
    command: Command | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run: a probe from a terminal, or one stretch of a daemon's watching."""

    run_id: str
    environment: str
    mode: Mode
    started_ns: int
    ended_ns: int | None
    """None while it goes on, or when its process died."""
    partial: bool
    """Interrupted, or its process died."""
    seed: int
    version: str
    """Of prober."""
    daemon: str
    """Who measured: `host:process`, a name for one process."""
    plan: PlanFacts
    every_ns: int | None
    """From one cycle to the next; None for a run from a terminal."""
    target: str | None
    """The objective as it was written, `99.9`; None for none."""
    window_ns: int | None
    worst_burst: int
    written_to: tuple[str, ...]
    consumers: Mapping[str, str]
    """Transport by name."""
    beside: Beside | None = None
    """None of a daemon's run, and of those that a prober without it wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleRecord:
    """One cycle as one consumer saw it.

    It is written twice: when it opens, without a state, and when it is final.
    """

    environment: str
    mode: Mode
    run_id: str
    index: int
    consumer: str
    scheduled_ns: int
    """When it was due to begin: its place in the cadence."""
    first_sent_ns: int | None
    last_sent_ns: int | None
    final_ns: int | None
    """When nothing could change it any more: the window that it belongs to."""
    planned: int
    """Messages that the schedule asked for, whatever came of it."""
    state: State | None
    """None while it is open."""
    reason: str = ""
    counts: Counts = field(default_factory=Counts)
    latency: Frozen = field(default_factory=lambda: Histogram().freeze())
    gaps: tuple[Span, ...] = ()
    platform: tuple[PlatformIncrease, ...] = ()
    """What Loggregator's own counters grew by in that time, where anything grew."""
    was: State | None = None
    """Its state as it was measured, of one that people excluded; else None."""

    @property
    def bad(self) -> int:
        """Messages that count against the objective: none of a cycle that does not."""
        return self.counts.bad if self.state in COUNTED else 0

    @property
    def total(self) -> int:
        """Messages that count."""
        return self.counts.accepted if self.state in COUNTED else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What somebody adds to an environment's history; never changed, never removed.

    A `note` tells what happened (a deploy). An `exclude` takes the cycles that were due
    in its time out of every figure. A `reclassify` decides what could not be told.
    """

    environment: str
    kind: Literal["note", "exclude", "reclassify"]
    text: str
    author: str
    from_ns: int
    to_ns: int
    """The same as `from_ns` for a moment; not itself in the time."""
    state: State | None = None
    """LOSS or INVALID, of a `reclassify`."""
    written_ns: int
    number: int = 0
    """Its place in the order of writing, given by the store."""

    def decides(self, cycle: CycleRecord) -> bool:
        """Tell whether a cycle's state is another because of it."""
        if not self.from_ns <= cycle.scheduled_ns < self.to_ns:
            return False
        if self.kind == "reclassify":
            return cycle.state in (State.INCONCLUSIVE, State.MISSED)
        return self.kind == "exclude"


def excluding(annotations: Iterable[Annotation], at_ns: int) -> Annotation | None:
    """Return the exclusion that is in force at a time, of several the longest."""
    return max(
        (
            each
            for each in annotations
            if each.kind == "exclude" and each.from_ns <= at_ns < each.to_ns
        ),
        key=lambda each: each.to_ns,
        default=None,
    )


def adjudicated(cycle: CycleRecord, annotations: Sequence[Annotation]) -> CycleRecord:
    """Return a final cycle as people decided; as it was measured if nobody did.

    What excludes prevails; of several decisions the one written last.
    """
    deciding = [each for each in annotations if each.decides(cycle)]
    if cycle.state is None or not deciding:
        return cycle
    last = max(deciding, key=lambda each: (each.kind == "exclude", each.number))
    excluded = last.kind == "exclude"
    was = f"; was {cycle.state.value}" + (f": {cycle.reason}" if cycle.reason else "")
    return replace(
        cycle,
        state=State.EXCLUDED if excluded else last.state,
        reason=f"{last.text} ({last.author}){was}",
        was=cycle.state if excluded else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HourRecord:
    """All final cycles of an hour as one consumer saw them, adjudicated and summed."""

    environment: str
    consumer: str
    start_ns: int
    states: Mapping[State, int]
    """How many cycles ended in each state, all six of them named."""
    counts: Counts
    """Over the cycles that count."""
    unseen: int
    """Of the messages of inconclusive cycles: what did not come, and what nobody knows
    to have been handed over."""
    unsure: int
    """All messages of inconclusive cycles."""
    uncounted: int
    """Messages scheduled in cycles that were inconclusive, invalid or missed."""
    planned: int
    """Messages scheduled, whatever came of it."""
    lossy_cycles: int
    largest_loss: int
    """Bad messages of the worst cycle that counts."""
    latency: Frozen
    """Of all intact first arrivals in cycles that count."""


def hours_of(cycles: Iterable[CycleRecord]) -> list[HourRecord]:
    """Sum up final, adjudicated cycles by environment, consumer and hour, in order."""
    found: dict[tuple[str, str, int], list[CycleRecord]] = {}
    for cycle in cycles:
        if cycle.state is not None and cycle.final_ns is not None:
            start_ns = cycle.final_ns - cycle.final_ns % HOUR_NS
            key = (cycle.environment, cycle.consumer, start_ns)
            found.setdefault(key, []).append(cycle)
    return [_hour(*key, found[key]) for key in sorted(found)]


def _hour(
    environment: str, consumer: str, start_ns: int, cycles: Sequence[CycleRecord]
) -> HourRecord:
    states = [cycle.state for cycle in cycles]
    counted = [cycle for cycle in cycles if cycle.state in COUNTED]
    unsure = [cycle.counts for cycle in cycles if cycle.state is State.INCONCLUSIVE]
    lacking = (State.INCONCLUSIVE, State.INVALID, State.MISSED)
    latency = Histogram()
    for cycle in counted:
        latency.merge(Histogram.thaw(cycle.latency))
    return HourRecord(
        environment=environment,
        consumer=consumer,
        start_ns=start_ns,
        states={state: states.count(state) for state in State},
        counts=sum((cycle.counts for cycle in counted), Counts()),
        unseen=sum(counts.bad + counts.ambiguous for counts in unsure),
        unsure=sum(counts.accepted + counts.ambiguous for counts in unsure),
        uncounted=sum(c.planned for c in cycles if c.state in lacking),
        planned=sum(cycle.planned for cycle in cycles),
        lossy_cycles=sum(cycle.bad > 0 for cycle in counted),
        largest_loss=max((cycle.bad for cycle in counted), default=0),
        latency=latency.freeze(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Consecutive cycles of one consumer that ended alike, for one reason: no PASS."""

    consumer: str
    state: State
    reason: str
    """Of the first of them."""
    from_ns: int
    """When the first of them was due."""
    to_ns: int
    """When the last of them was final."""
    cycles: int
    bad: int
    total: int
    largest_loss: int
    gap_sizes: Mapping[int, int]
    """How often a run of lost messages of each size was seen."""
    platform: tuple[PlatformIncrease, ...] = ()
    """What Loggregator's own counters grew by in that time, summed by counter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentHistory:
    """What is known of one environment in a window: all that a report is made of."""

    environment: str
    from_ns: int
    to_ns: int
    """Not itself in the window."""
    run: RunRecord | None
    """The latest continuous run that began before `to_ns`: how it was measured."""
    hours: tuple[HourRecord, ...]
    """By consumer and time; hours that the window cuts hold only what is in it."""
    stretches: tuple[Stretch, ...]
    """Everything that was not a PASS, by time."""
    annotations: tuple[Annotation, ...]
    """Those that touch the window, in the order of time."""
    first_ns: int | None
    """When the first cycle ever was due; None for an environment without any."""
    health: Mapping[str, float] = field(default_factory=dict)
    """The largest that daemons measured on themselves on the days of the window, by
    name; empty where none told."""
    ad_hoc: int = 0
    """Runs from a terminal that are kept of it, of whatever time: in no window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveConsumer:
    """One consumer as a daemon sees it now; counts of messages of open cycles."""

    name: str
    connected: bool
    blind: bool
    """A new subscription gets what this one misses."""
    lag_seconds: float
    under_way: int
    """Handed over and not yet seen."""
    due: int
    """Of open cycles: handed over for longer than `late_after`, whether seen or not."""
    overdue: int
    """Of these, those that have not come."""
    overdue_since_ns: int | None
    """When the first of these was handed over, or its cycle began; None for none."""
    last_arrival_ns: int | None
    detail: str = ""
    """The peer's words where it is not connected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What one daemon is doing with one environment now, told every few seconds."""

    environment: str
    daemon: str
    at_ns: int
    since_ns: int
    """Since when `measuring` is what it is."""
    measuring: bool
    why_not: str
    """One clear sentence; empty while measuring."""
    ours: bool
    """What keeps it from measuring is on our side: token, network, machine."""
    every_ns: int
    last_cycle_ns: int | None
    """When the last cycle that counts became final; None while there was none."""
    retries: int
    """How often it was tried again since it measured."""
    ended: bool
    """The daemon left on purpose, or the environment its configuration: the last word
    of it."""
    consumers: tuple[LiveConsumer, ...]
    health: Mapping[str, float]
    """Measured on the daemon itself over the last minute, by name with its unit."""
    own_rate: float
    """Messages a second that we add to the pipeline."""
    foreign_rate: float | None
    """Envelopes a second of others that we saw; None where only our own are read."""
    waiting: int
    """Results that wait in memory for the store."""
    unread: tuple[str, ...] = ()
    """Why metrics of agents cannot be read: what those drop is not known."""
