"""What one run is to do, how far it is, and who is told."""

import asyncio
import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from prober.ledger import Deadlines
from prober.plan import Plan
from prober.probe.agents import AgentSource
from prober.probe.platform import PlatformSource
from prober.records import CycleResult, PlanFacts, RunResult, Span


class Phase(enum.Enum):
    """Where a probe is."""

    PRIMING = "priming"
    SENDING = "sending"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one run is to do, and how it is called."""

    run_id: str
    environment: str
    plan: Plan
    deadlines: Deadlines
    whole_firehose: bool
    max_send_ns: int | None = None
    """Begin no cycle after so long, as if no more had been planned; None: no limit."""
    mode: str = "ad_hoc"
    keep_cycles: bool = True
    """Keep the result of each cycle until the end; else they are only told one by one,
    the run's result has their sums, and a run without an end stays in its memory."""
    poll_seconds: float = 0.05
    """How often it is looked whether something has to be done: the more runs go on in
    one process, the less often."""
    behind_ns: int | None = None
    """What could not be sent for so long after it was due is left out: whoever falls
    behind never sends faster than planned. None: it is sent as soon as it can be."""
    alarms: Mapping[bytes, str] = field(default_factory=dict)
    """What readers may bring of our own source that voids the cycles under way: why."""

    at_most: bool = False
    """The plan is the most that may be sent: how much it takes is not known before."""
    most_memory: int | None = None
    """Bytes that this process may hold before it is not to be trusted; None: any."""

    def facts(self) -> PlanFacts:
        """Return what was asked for, as reports repeat it."""
        plan = self.plan
        return PlanFacts(
            messages=plan.messages,
            cycles=plan.cycles,
            rate_asked=None if plan.rate is None else float(plan.rate),
            size=str(plan.sizes),
            kinds=plan.kinds,
            source_id=plan.source_id,
            whole_firehose=self.whole_firehose,
            late_after_ns=self.deadlines.late_after_ns,
            lost_after_ns=self.deadlines.lost_after_ns,
            control=plan.control,
        )


def unprobed(job: Job, at_ns: int) -> RunResult:
    """Return the result of a run in which nothing at all could be measured."""
    return RunResult(
        run_id=job.run_id,
        environment=job.environment,
        mode=job.mode,
        started_at_ns=at_ns,
        ended_at_ns=at_ns,
        seed=job.plan.seed,
        partial=False,
        plan=job.facts(),
        rate_achieved=None,
        written_to=(),
        consumers=(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One consumer as the run sees it now."""

    primed: bool
    """Something open is known to bring everything."""
    blind: bool
    """A new subscription gets what this one misses."""
    cut: str
    """The peer's words where nothing is open."""
    lag_seconds: float
    """How far behind its arrivals we were at most in the last second."""
    stall_seconds: float
    """How long at most our own queue had no room in that time."""
    waited_bytes: int
    """The most that waited in our own queue in that time."""
    foreign: int | None
    """Envelopes of others that came in that time; None where only our own are read."""
    unexplained: int
    """Arrivals of ours that were never sent, in that time."""
    write_seconds: float
    """How long at most a batch held the writers up in that time."""
    under_way: int
    due: int
    """Messages of open cycles that should have come by now."""
    overdue: int
    """Of these, those that have not."""
    last_arrival_ns: int | None
    overdue_since_ns: int | None
    """When the cycle was first sent in which something is overdue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a probe is, for a display; counts of messages, times in seconds."""

    phase: Phase
    planned: int
    sent: int
    received: Mapping[str, int]
    overdue: Mapping[str, int]
    """What is late at each consumer just now: sent, and nothing seen of it so far."""
    lag_seconds: Mapping[str, float]
    """How far behind its arrivals each consumer was when it last booked one."""
    rate: float | None
    """Messages a second so far."""
    seconds: float
    seconds_left: float | None
    """Until the last deadline, while draining."""


Observer = Callable[[Progress], None]
OnLook = Callable[[Mapping[str, Attachment]], None]
"""Told how it stands with each consumer."""
OnOpen = Callable[[int, Span, int], None]
"""Told of each cycle before anything of it is sent: its index, its messages, when."""
OnCycle = Callable[[Mapping[str, CycleResult]], None]
"""Told of each cycle, in order, when nothing can change it any more, by consumer.

Of those that are open when the run ends it is told then, as far as they are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """How a run is steered and watched from outside while it goes on."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it, and the run sends no more and waits a little for the tail: partial."""
    stop_seconds: float = 2.0
    """For how long it then waits, at most."""
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it, and the run ends with the cycle that is being sent: whole."""
    begin: Callable[[int], int] = lambda now_ns: now_ns
    """Told the time when all is primed: returns when the first message is due."""
    observer: Observer = lambda _: None
    on_look: OnLook | None = None
    """Told every second, while the run sends, instead of the observer."""
    on_open: OnOpen = lambda _index, _span, _at_ns: None
    on_cycle: OnCycle = lambda _: None
    platform: PlatformSource | None = None
    """Where Loggregator's own counters are read beside the run; None for nowhere."""
    agents: Sequence[AgentSource] = ()
    """The metrics of agents that are written to, where they may be read."""
