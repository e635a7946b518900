"""The facts that pass between the parts: frozen, keyword-only, integers where counted.

Times are Unix nanoseconds, sequence numbers count a run's messages from 0.
"""

import dataclasses
import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from prober.histogram import Frozen, Histogram


class Kind(enum.Enum):
    """The five kinds of envelope that Loggregator carries."""

    LOG = "log"
    COUNTER = "counter"
    GAUGE = "gauge"
    TIMER = "timer"
    EVENT = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Where one side's certificate files lie, and the name expected of its peer.

    The files are read again at each connect, so that a renewed certificate is used.
    """

    ca_file: str
    cert_file: str
    key_file: str
    server_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """`count` consecutive sequence numbers from `first` on."""

    first: int
    count: int

    @property
    def end(self) -> int:
        """The first sequence number behind the span."""
        return self.first + self.count


class Handover(enum.Enum):
    """What became of messages at the producer's end of the pipeline."""

    ACCEPTED = "accepted"  # the peer told that it took them in
    REJECTED = "rejected"  # they never left us
    AMBIGUOUS = "ambiguous"  # in flight when the stream broke: nobody knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A writer's word on a span of messages."""

    span: Span
    handover: Handover
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Raw messages as a transport delivered them, undecoded."""

    batches: tuple[bytes, ...]
    at_ns: int
    epoch: int
    """Which of the reader's connections, counted from 1."""


class Sign(enum.Enum):
    """What a reader knows of its own connection, told in the order of the arrivals."""

    CONNECTED = "connected"  # a subscription was asked for: nothing says it is live
    HEARTBEAT = "heartbeat"  # the transport is alive though no envelope came
    STALL = "stall"  # we ourselves read too slowly from then on
    CLOSING = "closing"  # the peer announced the end of this connection
    CUT = "cut"  # the connection is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One sign, when and on which connection it was seen, and the peer's words."""

    sign: Sign
    at_ns: int
    epoch: int
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A measured fault of the prober itself: what is judged in that time is void."""

    from_ns: int
    to_ns: int
    reason: str


class State(enum.Enum):
    """How a cycle ended, for one consumer (see `prober.ledger` for the rules)."""

    PASS = "pass"  # noqa: S105 - not a password
    LOSS = "loss"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    EXCLUDED = "excluded"
    MISSED = "missed"

    # There is one of each: tables of hours ask for millions, and the hash of an
    # enumeration's members is worked out of their names each time.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many messages met which fate, for one consumer; counts add.

    Two sums always hold: `attempted = rejected + ambiguous + not_expected + accepted`
    and `accepted = on_time + late + corrupt + lost`. The others are counted beside.
    """

    attempted: int = 0
    rejected: int = 0
    ambiguous: int = 0
    accepted: int = 0
    on_time: int = 0
    late: int = 0
    corrupt: int = 0
    lost: int = 0
    duplicates: int = 0
    unexplained: int = 0
    other_runs: int = 0
    after_deadline: int = 0
    not_expected: int = 0
    reordered: int = 0

    @property
    def bad(self) -> int:
        """Messages lost or damaged: what counts against an objective of delivery."""
        return self.lost + self.corrupt

    @property
    def good(self) -> int:
        """Messages delivered intact before the last deadline."""
        return self.on_time + self.late

    def __add__(self, other: "Counts") -> "Counts":
        """Return the counts of both together."""
        return Counts.total((self, other))

    @classmethod
    def total(cls, counts: Iterable["Counts"]) -> "Counts":
        """Return the counts of all together."""
        columns = zip(*map(_EACH, counts), strict=True)
        return cls(**dict(zip(_NAMES, map(sum, columns), strict=False)))

    def balanced(self) -> bool:
        """Tell whether both sums of the class hold."""
        handed = self.rejected + self.ambiguous + self.not_expected + self.accepted
        fates = self.on_time + self.late + self.corrupt + self.lost
        return self.attempted == handed and self.accepted == fates


_NAMES = tuple(each.name for each in dataclasses.fields(Counts))
_EACH = attrgetter(*_NAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleResult:
    """One cycle as one consumer saw it, final and never changed again."""

    index: int
    consumer: str
    span: Span
    first_sent_ns: int | None
    last_sent_ns: int | None
    state: State
    reason: str
    """A short phrase, empty for PASS: `consumer disconnected`, `loop lag 2.3 s`."""
    counts: Counts
    gaps: tuple[Span, ...] = ()
    """Those that were lost."""
    damaged: tuple[Span, ...] = ()
    """Those that came, but never intact."""
    latency: Frozen = field(default_factory=Frozen)
    """Send to receive, of intact first arrivals before it was closed."""

    def with_stragglers(self, counts: Counts) -> "CycleResult":
        """Return the same, with what came when it had ended counted beside."""
        return dataclasses.replace(self, counts=self.counts + counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerResult:
    """All of a run's cycles as one consumer saw them."""

    name: str
    transport: str
    counts: Counts
    """Over every cycle, whatever its state."""
    valid: Counts
    """Over the cycles that count: those of state PASS and LOSS."""
    latency: Histogram
    """Send to receive, of intact first arrivals, in nanoseconds."""
    gaps: tuple[Span, ...]
    """Lost sequence numbers of the cycles that count, merged over cycles, in order."""
    cycles: tuple[CycleResult, ...]
    """All of them; none if they were told one by one, and only sums are kept."""

    def states(self) -> dict[State, int]:
        """Return how many cycles ended in each state, all six of them named."""
        found = [cycle.state for cycle in self.cycles]
        return {state: found.count(state) for state in State}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What one consumer got of the messages of one way in, in the cycles that count."""

    consumer: str
    sent: int = 0
    lost: int = 0
    corrupt: int = 0
    lossy_batches: int = 0
    """Batches with something lost or damaged in them: a path loses whole ones."""

    @property
    def bad(self) -> int:
        """What did not come intact."""
        return self.lost + self.corrupt


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterResult:
    """One way in: what became of the messages that were given to it."""

    written_to: str
    attempted: int
    accepted: int
    rejected: int
    ambiguous: int
    blocked: Histogram
    """How long each batch held the writer up, in nanoseconds: the push-back."""
    reached: tuple[Reached, ...] = ()
    """By consumer."""
    refusal: str = ""
    """Why something was rejected, or is ambiguous: what was said of it last."""
    trouble: str = ""
    """Why nothing at all was written to it."""

    @property
    def component(self) -> str:
        """What is written to, without where that is: `router`."""
        return self.written_to.partition(" at ")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFacts:
    """What was asked for, as reports repeat it."""

    messages: int
    cycles: int
    rate_asked: float | None
    """Messages a second; None for as fast as possible."""
    size: str
    """Bytes of a payload, `100` or `100-2000`."""
    kinds: tuple[Kind, ...]
    source_id: str
    whole_firehose: bool
    late_after_ns: int
    lost_after_ns: int
    control: int = 0
    """Messages of each cycle that were withheld, and had to be found missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferDrops:
    """What one buffer of the reference stack lost of the probe's own messages."""

    buffer: str
    """`agent ingress`, `router 1 ingress`, `router 1 egress`, `rlp egress`."""
    dropped: int
    ring: int
    written: int = 0
    """How many went in."""
    held: int = 0
    """How many were still inside when it was asked, or when its reader went."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformIncrease:
    """How much one of Loggregator's own counters grew while a run went on.

    Never more than the truth, and often less: counters travel through the pipeline
    that is losing data, and what they tell is summed over everybody's envelopes.
    """

    component: str
    """`router`, `RLP`, `traffic controller`, `agent`."""
    instance: str
    """`job/index` of the agent that the counter passed; empty if it had no such."""
    counter: str
    """As Loggregator names it: `dropped`, `rejected_streams`."""
    direction: str
    """`ingress`, `egress`, `all`; empty where the counter has none."""
    increase: int
    from_ns: int
    """Nothing from before is in it: an interval before the first reading."""
    to_ns: int
    """When the last reading came."""
    silent_ns: int
    """The longest time without a reading that was more than some intervals; or 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOff:
    """The traffic controller's own word that it cut a consumer off for being slow.

    It names the connection by its path, in which our shard id stands.
    """

    consumer: str
    from_ns: int
    """Since when it can have missed messages."""
    at_ns: int
    """When the word came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What became of a command that a run went on beside, as a deploy."""

    name: str
    """Of its program alone: arguments may hold secrets, and are kept nowhere."""
    started_ns: int
    ended_ns: int
    exit_code: int
    """As a shell has it: 128 and the number of the signal that ended it."""
    outlasted: bool
    """The probe had ended before it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Everything that one run measured; reports are made of this and nothing else."""

    run_id: str
    environment: str
    mode: str
    """`ad_hoc` or `continuous`."""
    started_at_ns: int
    ended_at_ns: int
    seed: int
    partial: bool
    """Interrupted: less was sent than planned."""
    plan: PlanFacts
    rate_achieved: float | None
    """Messages a second, first to last send; None when fewer than two were sent."""
    send_lag: Histogram | None = None
    """How long after it was due each batch was sent; None where nothing was paced, or
    where that is not kept."""
    written_to: tuple[str, ...]
    writers: tuple[WriterResult, ...] = ()
    consumers: tuple[ConsumerResult, ...]
    warnings: tuple[str, ...] = ()
    stack_drops: tuple[BufferDrops, ...] = ()
    """Of the bundled stack; empty against any other environment."""
    platform: tuple[PlatformIncrease, ...] | None = None
    """Of the deployment's own counters; None when nobody looked."""
    cut_offs: tuple[CutOff, ...] = ()
    """Of our consumers, as the platform itself tells of them."""
    health: Mapping[str, float] = field(default_factory=dict)
    """Measured on ourselves: `loop_lag_max_seconds`, `reader_lag_max_seconds`, …"""
    command: Command | None = None
    """What ran meanwhile; None for a run that went on beside nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One figure of a trial: what was done to the messages beside what was measured."""

    what: str
    """`lost`, `corrupt`, `lossy cycles`, …"""
    consumer: str
    """Empty where it is of all of them together."""
    injected: int
    measured: int
    agrees: bool
    """Equal to the message, cycle by cycle: two wrongs do not make a right sum."""
    expected: str = ""
    """What was expected where that is no number: `some`, `none after 1.4 s`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One scenario of a calibration and how the prober stood it."""

    name: str
    words: str
    """What was done, for people."""
    faults: tuple[str, ...]
    comparisons: tuple[Comparison, ...] = ()
    states: Mapping[str, Mapping[State, int]] = field(default_factory=dict)
    """How many cycles ended in each state, by consumer."""
    said: tuple[str, ...] = ()
    """What a user was told: reasons of cycles that do not count, and warnings."""
    cost: str = ""
    """What it cost in messages and in budget, where that is the question."""
    trouble: str = ""
    """Why nothing can be said: this machine was too busy, or the trial broke."""
    attempts: int = 1
    seconds: float = 0.0

    @property
    def agrees(self) -> bool | None:
        """Whether all figures agree; None when nothing can be said."""
        if self.trouble:
            return None
        return all(each.agrees for each in self.comparisons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was done to known messages, and what the prober made of it."""

    started_at_ns: int
    ended_at_ns: int
    seed: int
    trials: tuple[Trial, ...]
    partial: bool = False
    """Interrupted: not every trial was made."""
    left_out: int = 0
    """Trials that there are, and that were not asked for."""
    exact_up_to: float | None = None
    """Messages a second up to which this machine's readings are exact, as measured by
    an earlier `prober bench`; None when there was none."""

    @property
    def disagreeing(self) -> int:
        """How many trials disagree."""
        return sum(trial.agrees is False for trial in self.trials)

    @property
    def untold(self) -> int:
        """Of how many trials nothing can be said."""
        return sum(trial.agrees is None for trial in self.trials)

    @property
    def exact(self) -> bool | None:
        """Whether all trials agree; None if none disagrees, and not all were told."""
        if self.disagreeing:
            return False
        return None if self.untold or self.partial or self.left_out else True
