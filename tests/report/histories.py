"""Histories with fixed times, from which sample reports of windows are made."""

import dataclasses
from collections.abc import Mapping, Sequence

from prober.clock import NS
from prober.histogram import Frozen
from prober.history import (
    HOUR_NS,
    Annotation,
    EnvironmentHistory,
    HourRecord,
    RunRecord,
    Stretch,
)
from prober.records import Counts, Kind, PlanFacts, PlatformIncrease, State

DAY_NS = 24 * HOUR_NS
END_NS = 1_800_057_600 * NS
"""2027-01-16 00:00 UTC."""
FROM_NS = END_NS - 30 * DAY_NS
MINUTE_NS = 60 * NS
MESSAGES = 1_000
"""Of a cycle; one a minute."""


def at(day: int, hour: int, minute: float = 0) -> int:
    """Return a time of the month, in days from its beginning."""
    return FROM_NS + day * DAY_NS + hour * HOUR_NS + round(minute * MINUTE_NS)


def latency(count: int, slowest_ms: int = 220) -> Frozen:
    """Return latencies of so many messages; most took 3 ms, few much longer."""
    shares = ((2_097_151, 40), (3_145_727, 900), (12_582_911, 50), (50_331_647, 9))
    buckets = {edge: count * share // 1_000 for edge, share in shares}
    buckets[slowest_ms * 1_000_000] = count - sum(buckets.values())
    found = {edge: many for edge, many in buckets.items() if many}
    slowest = max(found, default=None)
    return Frozen(buckets=found, max_ns=slowest, negative=0)


def hour(
    start_ns: int,
    *,
    consumer: str = "rlp",
    environment: str = "prod_eu",
    states: Mapping[State, int] | None = None,
    lost: int = 0,
    largest_loss: int | None = None,
    unseen: int = 0,
    messages: int = MESSAGES,
    slowest_ms: int = 220,
    **fates: int,
) -> HourRecord:
    """Return an hour of a cycle a minute that passed, but for what is said."""
    other = dict(states or {})
    other.setdefault(State.PASS, 60 - sum(other.values()))
    found = {state: other.get(state, 0) for state in State}
    attempted = (found[State.PASS] + found[State.LOSS]) * messages
    accepted = attempted - fates.get("rejected", 0)
    bad = lost + fates.get("corrupt", 0)
    late = fates.get("late", 0)
    counts = Counts(
        **(
            {
                "attempted": attempted,
                "accepted": accepted,
                "lost": lost,
                "on_time": accepted - bad - late,
            }
            | fates
        )
    )
    lacking = (State.INCONCLUSIVE, State.INVALID, State.MISSED)
    return HourRecord(
        environment=environment,
        consumer=consumer,
        start_ns=start_ns,
        states=found,
        counts=counts,
        unseen=unseen,
        unsure=found[State.INCONCLUSIVE] * messages,
        uncounted=sum(found[state] for state in lacking) * messages,
        planned=60 * messages,
        lossy_cycles=found[State.LOSS],
        largest_loss=bad if largest_loss is None else largest_loss,
        latency=latency(counts.good, slowest_ms),
    )


def stretch(
    state: State, from_ns: int, cycles: int, reason: str, **others: object
) -> Stretch:
    """Return consecutive cycles, one a minute, each final a second after its end."""
    one = Stretch(
        consumer="rlp",
        state=state,
        reason=reason,
        from_ns=from_ns,
        to_ns=from_ns + cycles * MINUTE_NS + NS,
        cycles=cycles,
        bad=0,
        total=cycles * MESSAGES if state is State.LOSS else 0,
        largest_loss=0,
        gap_sizes={},
    )
    return dataclasses.replace(one, **others)  # type: ignore[arg-type]


def drops(component: str, increase: int, from_ns: int, to_ns: int) -> PlatformIncrease:
    """Return by how much the egress drops of one instance rose."""
    return PlatformIncrease(
        component=component,
        instance="doppler/0",
        counter="dropped",
        direction="egress",
        increase=increase,
        from_ns=from_ns,
        to_ns=to_ns,
        silent_ns=0,
    )


def note(from_ns: int, text: str, to_ns: int | None = None) -> Annotation:
    """Return what a pipeline noted of a deploy."""
    return Annotation(
        environment="prod_eu",
        kind="note",
        text=text,
        author="ci",
        from_ns=from_ns,
        to_ns=from_ns if to_ns is None else to_ns,
        written_ns=from_ns,
    )


def run(**others: object) -> RunRecord:
    """Return how a daemon measured: a cycle of 1,000 a minute, 99.9 % over 30 days."""
    record = RunRecord(
        run_id="6f20c1d4",
        environment="prod_eu",
        mode="continuous",
        started_ns=FROM_NS - 40 * DAY_NS,
        ended_ns=None,
        partial=False,
        seed=7,
        version="0.1.0",
        daemon="probe-1:4242",
        plan=PlanFacts(
            messages=MESSAGES,
            cycles=1,
            rate_asked=MESSAGES / 60,
            size="100",
            kinds=(Kind.LOG,),
            source_id="prober",
            whole_firehose=False,
            late_after_ns=5 * NS,
            lost_after_ns=60 * NS,
        ),
        every_ns=MINUTE_NS,
        target="99.9",
        window_ns=30 * DAY_NS,
        worst_burst=1_000,
        written_to=("10.0.4.7:3458",),
        consumers={"rlp": "rlp"},
    )
    return dataclasses.replace(record, **others)  # type: ignore[arg-type]


def history(
    hours: Sequence[HourRecord],
    stretches: Sequence[Stretch] = (),
    annotations: Sequence[Annotation] = (),
    **others: object,
) -> EnvironmentHistory:
    """Return a history of the month."""
    found = EnvironmentHistory(
        environment="prod_eu",
        from_ns=FROM_NS,
        to_ns=END_NS,
        run=run(),
        hours=tuple(hours),
        stretches=tuple(stretches),
        annotations=tuple(annotations),
        first_ns=FROM_NS - 40 * DAY_NS,
        health={
            "loop_lag_max_seconds": 0.0873,
            "reader_lag_max_seconds": 2.3,
            "write_max_seconds": 0.0412,
        },
    )
    return dataclasses.replace(found, **others)  # type: ignore[arg-type]


def month() -> EnvironmentHistory:
    """Return the worked example: 13,355 of 42,999,400 in five hours of thirty days."""
    loss, unsure, invalid = State.LOSS, State.INCONCLUSIVE, State.INVALID
    odd: dict[int, HourRecord] = {}
    for one in (
        hour(at(3, 9), states={loss: 1}, lost=1),
        hour(at(7, 14), states={unsure: 60}, unseen=6_000),
        hour(at(7, 15), states={unsure: 60}, unseen=3_000),
        hour(at(7, 16), states={unsure: 30}, unseen=1_000),
        hour(at(11, 3), states={invalid: 30}),
        hour(at(12, 10), states={loss: 4}, lost=3_100, largest_loss=1_000),
        hour(at(19, 14), states={loss: 10}, lost=9_800, largest_loss=1_000),
        hour(at(19, 16), rejected=600),
        hour(at(22, 2), states={State.EXCLUDED: 20}),
        hour(at(25, 6), states={loss: 1}, lost=412),
        hour(at(29, 11), states={loss: 2}, lost=38, corrupt=4, largest_loss=40),
    ):
        odd[one.start_ns] = one
    hours = [
        odd.get(start, hour(start, late=12 * (start % DAY_NS == 9 * HOUR_NS)))
        for start in range(FROM_NS, END_NS, HOUR_NS)
    ]
    deploy, storm = at(19, 14, 2.5), at(19, 14, 3)
    return history(hours, _stretches(storm), _annotations(deploy))


def foundations() -> list[EnvironmentHistory]:
    """Return four environments: within budget, over it, unsure, and never measured."""
    eu = month()
    us = _renamed(eu, "prod_us", hours=eu.hours[:250], stretches=eu.stretches[:2])
    lost = hour(at(2, 3), environment="staging", states={State.LOSS: 50}, lost=49_000)
    clean = range(at(2, 4), END_NS, HOUR_NS)
    staging = [lost, *(hour(each, environment="staging") for each in clean)]
    storm = stretch(
        State.LOSS,
        lost.start_ns,
        50,
        "49,000 lost",
        bad=49_000,
        largest_loss=1_000,
        gap_sizes={49_000: 1},
    )
    missed = [
        hour(start, environment="prod_us", states={State.MISSED: 60})
        for start in range(at(10, 10), END_NS, HOUR_NS)
    ]
    gone = stretch(State.MISSED, at(10, 10), 470 * 60, "no daemon was running")
    return [
        eu,
        dataclasses.replace(
            us, hours=(*us.hours, *missed), stretches=(*us.stretches, gone)
        ),
        _renamed(eu, "staging", hours=tuple(staging), stretches=(storm,)),
        _renamed(eu, "lab", hours=(), stretches=(), run=None, first_ns=None, health={}),
    ]


def _renamed(
    one: EnvironmentHistory, name: str, **others: object
) -> EnvironmentHistory:
    return dataclasses.replace(one, environment=name, annotations=(), **others)  # type: ignore[arg-type]


def _stretches(storm: int) -> list[Stretch]:
    blind = "blind readers: a new subscription got all"
    return [
        stretch(
            State.LOSS,
            at(3, 9, 17),
            1,
            "1 lost",
            bad=1,
            largest_loss=1,
            gap_sizes={1: 1},
        ),
        stretch(State.INCONCLUSIVE, at(7, 14), 150, "consumer disconnected"),
        stretch(State.INVALID, at(11, 3, 4), 30, "reader lag 2.3 s, limit 1 s"),
        stretch(
            State.LOSS,
            at(12, 10, 40),
            4,
            blind,
            bad=3_100,
            largest_loss=1_000,
            gap_sizes={3_100: 1},
        ),
        stretch(
            State.LOSS,
            storm,
            10,
            "9,800 lost",
            bad=9_800,
            largest_loss=1_000,
            gap_sizes={1_000: 9, 800: 1},
            platform=(drops("router", 12_000, storm, storm + 11 * MINUTE_NS),),
        ),
        stretch(
            State.EXCLUDED, at(22, 2), 20, "router exchange (anna); was inconclusive"
        ),
        stretch(
            State.LOSS,
            at(25, 6, 31),
            1,
            "412 lost",
            bad=412,
            largest_loss=412,
            gap_sizes={412: 1},
        ),
        stretch(
            State.LOSS,
            at(29, 11, 8),
            2,
            "38 lost, 4 damaged",
            bad=42,
            largest_loss=40,
            gap_sizes={36: 1, 2: 1},
        ),
    ]


def _annotations(deploy: int) -> list[Annotation]:
    return [
        note(deploy, "deploy cf v41", deploy + 20 * MINUTE_NS),
        dataclasses.replace(
            note(at(22, 2), "router exchange", at(22, 2, 20)),
            kind="exclude",
            author="anna",
        ),
    ]
