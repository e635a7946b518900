"""Cycles and runs for tests of history, a minute apart from a fixed hour on."""

from dataclasses import replace

from prober.clock import NS
from prober.histogram import Histogram
from prober.history import HOUR_NS, Annotation, CycleRecord, RunRecord
from prober.records import Counts, Kind, PlanFacts, Span, State

START_NS = 500_000 * HOUR_NS
MINUTE_NS = 60 * NS


def cycle(
    index: int = 0, state: State | None = State.PASS, **changes: object
) -> CycleRecord:
    """A cycle of 100 messages, due `index` minutes from the start; 3 lost if LOSS."""
    lost = 3 if state is State.LOSS else 0
    due_ns = START_NS + index * MINUTE_NS
    opened = CycleRecord(
        environment="production",
        mode="continuous",
        run_id="AAAABBBBCCCC",
        index=index,
        consumer="rlp",
        scheduled_ns=due_ns,
        first_sent_ns=None,
        last_sent_ns=None,
        final_ns=None,
        planned=100,
        state=None,
    )
    if state is None:
        return replace(opened, **changes)  # type: ignore[arg-type]
    latency = Histogram()
    latency.add([1_000_000 + index] * (100 - lost))
    final = replace(
        opened,
        first_sent_ns=due_ns,
        last_sent_ns=due_ns + 50 * NS,
        final_ns=due_ns + MINUTE_NS,
        state=state,
        reason="" if state in (State.PASS, State.LOSS) else f"why {state.value}",
        counts=Counts(attempted=100, accepted=100, on_time=100 - lost, lost=lost),
        latency=latency.freeze(),
        gaps=(Span(first=index * 100 + 7, count=lost),) if lost else (),
    )
    return replace(final, **changes)  # type: ignore[arg-type]


def run(**changes: object) -> RunRecord:
    """A run of a daemon that goes on."""
    plan = PlanFacts(
        messages=100,
        cycles=1,
        rate_asked=None,
        size="100",
        kinds=(Kind.LOG,),
        source_id="prober",
        whole_firehose=False,
        late_after_ns=5 * NS,
        lost_after_ns=60 * NS,
    )
    goes_on = RunRecord(
        run_id="AAAABBBBCCCC",
        environment="production",
        mode="continuous",
        started_ns=START_NS,
        ended_ns=None,
        partial=False,
        seed=2**32 - 1,
        version="0.1.0",
        daemon="host:1",
        plan=plan,
        every_ns=MINUTE_NS,
        target="99.9",
        window_ns=30 * 24 * HOUR_NS,
        worst_burst=1_000,
        written_to=("agent 127.0.0.1:3458",),
        consumers={"rlp": "rlp"},
    )
    return replace(goes_on, **changes)  # type: ignore[arg-type]


def annotation(kind: str = "note", **changes: object) -> Annotation:
    """An annotation of the first hour."""
    plain = Annotation(
        environment="production",
        kind=kind,  # type: ignore[arg-type]
        text="deploy v41",
        author="ada@example",
        from_ns=START_NS,
        to_ns=START_NS + HOUR_NS,
        state=State.LOSS if kind == "reclassify" else None,
        written_ns=START_NS,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]
