"""Cycles and hours as a daemon records them, for tests of what follows from them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from prober import slo
from prober.clock import NS, Clock
from prober.histogram import Histogram
from prober.history import HOUR_NS, CycleRecord, hours_of
from prober.ledger import Deadlines
from prober.plan import Plan, Sizes
from prober.records import Counts, Kind, State
from prober.watch.watched import Watched, Ways

START_NS = 1_798_761_600 * NS
"""A full hour."""
EVERY_NS = 60 * NS
MESSAGES = 300
_NOTHING = (State.MISSED, State.EXCLUDED)


def cycle(
    index: int,
    state: State = State.PASS,
    *,
    counts: Counts | None = None,
    reason: str = "",
    consumer: str = "rlp",
    environment: str = "prod",
    latencies_ns: Sequence[int] = (),
    every_ns: int = EVERY_NS,
) -> CycleRecord:
    """Return one cycle of three hundred messages, all of them on time unless told."""
    whole = Counts(attempted=MESSAGES, accepted=MESSAGES, on_time=MESSAGES)
    latency = Histogram()
    latency.add(latencies_ns)
    due_ns = START_NS + index * every_ns
    return CycleRecord(
        environment=environment,
        mode="continuous",
        run_id="k3v9x2m4q7a",
        index=index,
        consumer=consumer,
        scheduled_ns=due_ns,
        first_sent_ns=due_ns,
        last_sent_ns=due_ns + every_ns - NS,
        final_ns=due_ns + every_ns,
        planned=MESSAGES,
        state=state,
        reason=reason,
        counts=counts or (Counts() if state in _NOTHING else whole),
        latency=latency.freeze(),
    )


def lossy(
    index: int,
    lost: int,
    total: int = MESSAGES,
    *,
    consumer: str = "rlp",
    environment: str = "prod",
) -> CycleRecord:
    """Return a cycle that lost some, or a clean one for none."""
    counts = Counts(attempted=total, accepted=total, on_time=total - lost, lost=lost)
    state = State.LOSS if lost else State.PASS
    return cycle(
        index, state, counts=counts, consumer=consumer, environment=environment
    )


def window(hours: Sequence[tuple[int, int]]) -> slo.Summary:
    """Return a window of hours, each with its accepted and lost messages."""
    per_hour = HOUR_NS // EVERY_NS
    cycles = [
        lossy(number * per_hour, lost, total)
        for number, (total, lost) in enumerate(hours)
    ]
    return slo.Summary(
        environment="prod",
        from_ns=START_NS,
        to_ns=START_NS + len(hours) * HOUR_NS,
        run=None,
        evidence=slo.evidence_of_hours(hours_of(cycles)),
        annotations=(),
        first_ns=START_NS,
    )


@asynccontextmanager
async def nowhere(clock: Clock, plan: Plan) -> AsyncIterator[Ways]:
    """Open nothing: nobody is measured in these tests."""
    raise AssertionError(plan)
    yield clock


def watched(
    name: str = "prod",
    *consumers: str,
    target: str | None = "99.9",
    every_ns: int = EVERY_NS,
) -> Watched:
    """Return an environment as a daemon is given it."""
    return Watched(
        name=name,
        every_ns=every_ns,
        sample=Plan(
            messages=MESSAGES,
            cycles=1,
            rate=None,
            sizes=Sizes(low=100, high=100),
            kinds=(Kind.LOG,),
            source_id="prober",
            seed=0,
        ),
        deadlines=Deadlines(late_after_ns=5 * NS, lost_after_ns=60 * NS),
        whole_firehose=False,
        target=target,
        window_ns=None if target is None else 30 * 86_400 * NS,
        worst_burst=1_000,
        consumers=dict.fromkeys(consumers or ("rlp",), "memory"),
        settings="",
        open=nowhere,
    )
