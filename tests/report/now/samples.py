"""Environments in trouble, as a store knows them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from prober import slo
from prober.clock import NS
from prober.history import (
    HOUR_NS,
    Annotation,
    CycleRecord,
    HourRecord,
    Live,
    LiveConsumer,
    RunRecord,
    hours_of,
)
from prober.records import Counts, PlanFacts, PlatformIncrease, State
from prober.report.now import Known

MINUTE_NS = 60 * NS


def at(clock: str) -> int:
    """Return a time of one day, in Unix nanoseconds."""
    hour, minute, second = map(int, clock.split(":"))
    day = datetime(2026, 11, 20, hour, minute, second, tzinfo=UTC)
    return int(day.timestamp()) * NS


NOW = at("03:08:12")
HEALTH: Mapping[str, float] = {
    "loop_lag_max_seconds": 0.003,
    "reader_lag_max_seconds": 0.012,
    "gc_pause_max_seconds": 0.002,
    "clock_step_max_seconds": 0.0,
}


def consumer(name: str, **changes: object) -> LiveConsumer:
    """A consumer to which everything comes."""
    calm = LiveConsumer(
        name=name,
        connected=True,
        blind=False,
        lag_seconds=0.012,
        under_way=3,
        due=300,
        overdue=0,
        overdue_since_ns=None,
        last_arrival_ns=NOW - NS,
    )
    return replace(calm, **changes)  # type: ignore[arg-type]


def live(*consumers: LiveConsumer, **changes: object) -> Live:
    """A daemon that measures, heard two seconds ago."""
    calm = Live(
        environment="prod_eu",
        daemon="diego-0:812",
        at_ns=NOW - 2 * NS,
        since_ns=NOW - 40 * MINUTE_NS,
        measuring=True,
        why_not="",
        ours=False,
        every_ns=MINUTE_NS,
        last_cycle_ns=NOW - 58 * NS,
        retries=0,
        ended=False,
        consumers=consumers or (consumer("rlp"), consumer("gateway")),
        health=HEALTH,
        own_rate=5.0,
        foreign_rate=None,
        waiting=0,
    )
    return replace(calm, **changes)  # type: ignore[arg-type]


def cycle(
    final: str, name: str = "rlp", *, lost: int = 0, **changes: object
) -> CycleRecord:
    """A cycle of 300 messages that was final at a time, a minute after it was due."""
    final_ns = at(final)
    counts = Counts(attempted=300, accepted=300, on_time=300 - lost, lost=lost)
    made = CycleRecord(
        environment="prod_eu",
        mode="continuous",
        run_id="k3v9x2m4q7a",
        index=final_ns // MINUTE_NS,
        consumer=name,
        scheduled_ns=final_ns - MINUTE_NS,
        first_sent_ns=final_ns - MINUTE_NS,
        last_sent_ns=final_ns - NS,
        final_ns=final_ns,
        planned=300,
        state=State.LOSS if lost else State.PASS,
        reason=f"{lost} lost" if lost else "",
        counts=counts,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def drops(component: str, direction: str, increase: int) -> PlatformIncrease:
    """A counter that rose in the same time."""
    return PlatformIncrease(
        component=component,
        instance="doppler/0",
        counter="dropped",
        direction=direction,
        increase=increase,
        from_ns=NOW - 90 * NS,
        to_ns=NOW,
        silent_ns=0,
    )


def note(clock: str, text: str, author: str = "ci") -> Annotation:
    """What somebody added."""
    return Annotation(
        environment="prod_eu",
        kind="note",
        text=text,
        author=author,
        from_ns=at(clock),
        to_ns=at(clock),
        written_ns=at(clock),
        number=1,
    )


def run(target: str | None = "99") -> RunRecord:
    """How it is measured."""
    plan = PlanFacts(
        messages=300,
        cycles=1,
        rate_asked=5.0,
        size="100",
        kinds=(),
        source_id="prober",
        whole_firehose=False,
        late_after_ns=5 * NS,
        lost_after_ns=60 * NS,
    )
    return RunRecord(
        run_id="k3v9x2m4q7a",
        environment="prod_eu",
        mode="continuous",
        started_ns=NOW - 40 * HOUR_NS,
        ended_ns=None,
        partial=False,
        seed=1,
        version="0",
        daemon="diego-0:812",
        plan=plan,
        every_ns=MINUTE_NS,
        target=target,
        window_ns=30 * 24 * HOUR_NS,
        worst_burst=1_000,
        written_to=("agent at 127.0.0.1:3458",),
        consumers={"rlp": "rlp", "gateway": "rlp_gateway"},
    )


def hour(name: str, bad: int, total: int) -> HourRecord:
    """An hour that sums up everything of a window."""
    one = hours_of([cycle("01:00:00", name)])[0]
    counts = Counts(attempted=total, accepted=total, on_time=total - bad, lost=bad)
    return replace(one, counts=counts)


def window(
    *notes: Annotation, bad: int = 0, total: int = 1_000_000, target: str | None = "99"
) -> slo.Summary:
    """A window in which both consumers lost as many."""
    return slo.Summary(
        environment="prod_eu",
        from_ns=NOW - 30 * 24 * HOUR_NS,
        to_ns=NOW,
        run=run(target),
        evidence=slo.evidence_of_hours(
            hour(name, bad, total) for name in ("gateway", "rlp")
        ),
        annotations=notes,
        first_ns=NOW - 40 * HOUR_NS,
    )


def known(**changes: object) -> Known:
    """An environment in which all is well."""
    calm = Known(
        environment="prod_eu",
        at_ns=NOW,
        lives=[live()],
        recent=[cycle("03:07:14", name) for name in ("rlp", "gateway")],
        window=window(),
    )
    return replace(calm, **changes)  # type: ignore[arg-type]


def losing() -> Known:
    """Half of everything is overdue, on subscriptions that were there before."""
    half = {
        "due": 485,
        "overdue": 247,
        "overdue_since_ns": at("03:06:58"),
        "blind": True,
    }
    return known(
        lives=[live(consumer("rlp", **half), consumer("gateway", **half))],
        window=window(note("03:06:40", "deploy cf v41"), bad=1_900),
        firing=frozenset({"ticket"}),
    )
