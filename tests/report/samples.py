"""Runs with fixed ids and times, from which the sample reports are made."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

import numpy as np

from prober.clock import NS
from prober.histogram import Histogram
from prober.records import (
    BufferDrops,
    Command,
    ConsumerResult,
    Counts,
    CycleResult,
    Kind,
    PlanFacts,
    RunResult,
    Span,
    State,
)
from prober.report import Report, build
from prober.report.comparison import Comparison, compare
from prober.report.sides import side_of_report

START_NS = 1_800_000_000 * NS
VALID = (State.PASS, State.LOSS)


def cycle(
    index: int,
    count: int,
    *,
    consumer: str = "rlp",
    gaps: Sequence[Span] = (),
    state: State | None = None,
    reason: str = "",
    **fates: int,
) -> CycleResult:
    """Return one cycle of `count` messages, a second after the last."""
    lost = sum(gap.count for gap in gaps)
    rest = count - lost - fates.get("late", 0) - fates.get("corrupt", 0)
    counts = Counts(
        **{"attempted": count, "accepted": count, "lost": lost, "on_time": rest} | fates
    )
    begun = START_NS + index * NS
    return CycleResult(
        index=index,
        consumer=consumer,
        span=Span(first=index * count, count=count),
        first_sent_ns=begun,
        last_sent_ns=begun + NS // 2,
        state=state or (State.LOSS if counts.bad else State.PASS),
        reason=reason or (f"{lost:,} lost" if lost else ""),
        counts=counts,
        gaps=tuple(gaps),
    )


def consumer(
    cycles: Iterable[CycleResult], *, transport: str = "rlp", slowest_ms: int = 9
) -> ConsumerResult:
    """Return the sum of cycles, with latencies up to `slowest_ms`."""
    cycles = tuple(cycles)
    counting = [each for each in cycles if each.state in VALID]
    counts = sum((each.counts for each in cycles), Counts())
    latency = Histogram()
    # Their shape is what is shown: tens of thousands show it as well as millions.
    spread = np.linspace(0, 1, min(counts.good, 50_000)) ** 8
    latency.add((900_000 + spread * (slowest_ms * 1e6 - 900_000)).astype(np.int64))
    return ConsumerResult(
        name=cycles[0].consumer,
        transport=transport,
        counts=counts,
        valid=sum((each.counts for each in counting), Counts()),
        latency=latency,
        gaps=tuple(gap for each in counting for gap in each.gaps),
        cycles=cycles,
    )


def plan(messages: int, cycles: int, **others: object) -> PlanFacts:
    """Return a plan like that of `prober run` without options."""
    facts = PlanFacts(
        messages=messages,
        cycles=cycles,
        rate_asked=2_000.0,
        size="100",
        kinds=(Kind.LOG,),
        source_id="prober",
        whole_firehose=False,
        late_after_ns=5 * NS,
        lost_after_ns=10 * NS,
    )
    return dataclasses.replace(facts, **others)  # type: ignore[arg-type]


def run(
    facts: PlanFacts, *consumers: ConsumerResult, seconds: float = 5, **others: object
) -> RunResult:
    """Return a run against the bundled stack that began on 2027-01-15."""
    result = RunResult(
        run_id="2f6c1a9e",
        environment="reference",
        mode="ad_hoc",
        started_at_ns=START_NS,
        ended_at_ns=START_NS + round(seconds * NS),
        seed=7,
        partial=False,
        plan=facts,
        rate_achieved=facts.rate_asked and facts.rate_asked - 0.4,
        written_to=("127.0.0.1:3458",),
        consumers=consumers,
        health={"loop_lag_max_seconds": 0.0031, "reader_lag_max_seconds": 0.0012},
    )
    return dataclasses.replace(result, **others)  # type: ignore[arg-type]


def met() -> RunResult:
    """Everything arrived."""
    clean = consumer(cycle(index, 500) for index in range(20))
    drops = tuple(
        BufferDrops(buffer=buffer, dropped=0, ring=ring)
        for buffer, ring in (("agent ingress", 10_000), ("router 1 egress", 1_000))
    )
    return run(plan(10_000, 20), clean, stack_drops=drops)


def violated() -> RunResult:
    """At full speed the router's ring was lapped four times, in three places."""
    gaps = {
        3: [Span(first=3_000, count=1_000)],
        4: [Span(first=4_000, count=1_000)],
        9: [Span(first=9_000, count=1_000)],
        15: [Span(first=15_000, count=1_000)],
    }
    cycles = [
        cycle(index, 1_000, gaps=gaps.get(index, ()), reordered=37 * (index == 5))
        for index in range(20)
    ]
    whole = consumer(cycles, slowest_ms=412)
    merged = (Span(first=3_000, count=2_000), *whole.gaps[2:])
    return run(
        plan(20_000, 20, rate_asked=None),
        dataclasses.replace(whole, gaps=merged),
        seconds=11.9,
        rate_achieved=48_210.7,
        stack_drops=(
            BufferDrops(buffer="agent ingress", dropped=0, ring=10_000),
            BufferDrops(buffer="router 1 egress", dropped=4_000, ring=1_000),
        ),
    )


def inconclusive() -> RunResult:
    """Two consumers: one was cut off, both suffered from a stall of ours."""

    def outcome(index: int, name: str) -> CycleResult:
        if index == 11:
            reason, state = "loop lag 2.3 s, limit 1 s", State.INVALID
            return cycle(index, 100, consumer=name, state=state, reason=reason)
        if name == "gateway" and index in (5, 6, 7):
            gaps = [Span(first=index * 100 + 20, count=80)]
            reason, state = "consumer disconnected", State.INCONCLUSIVE
            return cycle(
                index, 100, consumer=name, gaps=gaps, state=state, reason=reason
            )
        if index == 2:
            gaps = [Span(first=231, count=3)]
            return cycle(index, 100, consumer=name, gaps=gaps, corrupt=1)
        late, twice = 4 * (index == 9), 12 * (index == 8)
        return cycle(index, 100, consumer=name, late=late, duplicates=twice)

    names = {"rlp": "rlp", "gateway": "rlp_gateway"}
    consumers = [
        consumer(
            (outcome(index, name) for index in range(20)),
            transport=transport,
            slowest_ms=5_920,
        )
        for name, transport in names.items()
    ]
    return run(
        plan(2_000, 20, rate_asked=100.0, whole_firehose=True),
        *consumers,
        seconds=80.2,
        environment="prod_eu",
        written_to=("10.0.4.7:3458", "10.0.4.8:3458"),
        warnings=("the clocks of writer and reader differ by 14 ms",),
        command=Command(
            name="bosh",
            started_ns=START_NS + 2 * NS,
            ended_ns=START_NS + 14 * NS,
            exit_code=0,
            outlasted=False,
        ),
    )


def deployed() -> RunResult:
    """A deploy ran beside it, and cost one of two consumers 340 messages."""

    def outcome(index: int, name: str) -> CycleResult:
        first = index * 200
        gaps = {14: Span(first=first + 60, count=140), 15: Span(first=first, count=200)}
        lost = [gaps[index]] if index in gaps and name == "gateway" else []
        return cycle(index, 200, consumer=name, gaps=lost)

    names = {"gateway": "rlp_gateway", "rlp": "rlp"}
    consumers = [
        consumer(
            (outcome(index, name) for index in range(40)),
            transport=transport,
            slowest_ms=780,
        )
        for name, transport in names.items()
    ]
    merged = (Span(first=2_860, count=340),)
    return run(
        plan(8_000, 40, rate_asked=200.0, lost_after_ns=60 * NS),
        dataclasses.replace(consumers[0], gaps=merged),
        consumers[1],
        seconds=101.2,
        environment="prod_eu",
        written_to=("agent at 10.0.4.7:3458",),
        command=Command(
            name="bosh",
            started_ns=START_NS + 2 * NS,
            ended_ns=START_NS + 35 * NS,
            exit_code=0,
            outlasted=False,
        ),
    )


def no_data() -> RunResult:
    """The only consumer was cut off before anything was sent, and stayed away."""
    reason, state = "consumer disconnected", State.INCONCLUSIVE
    cycles = [
        cycle(
            index,
            500,
            gaps=[Span(first=index * 500, count=500)],
            state=state,
            reason=reason,
        )
        for index in range(20)
    ]
    return run(plan(10_000, 20), consumer(cycles), seconds=15.3)


def upgraded(lossy: Mapping[int, int]) -> RunResult:
    """A run of 200 cycles, some of which lost a lap or a part of one."""
    cycles = [
        cycle(
            index,
            1_000,
            gaps=[Span(first=index * 1_000, count=lossy[index])]
            if index in lossy
            else (),
        )
        for index in range(200)
    ]
    return run(
        plan(200_000, 200, rate_asked=200.0),
        consumer(cycles, slowest_ms=30 + 4 * sum(lossy.values()) // 100),
        environment="prod_eu",
        seconds=1_000.4,
        written_to=("10.0.4.7:3458",),
    )


def upgrade() -> Comparison:
    """Before an upgrade one cycle was lossy, after it nine."""
    after = {place: 1_000 if place % 2 else 400 for place in range(10, 190, 20)}
    day_before = START_NS - 86_400 * NS
    before = dataclasses.replace(
        upgraded({77: 12}),
        run_id="1a7be0f3",
        started_at_ns=day_before,
        ended_at_ns=day_before + 1_000 * NS,
    )
    old, new = (
        build(each, Decimal("0.999"), version="0.1.0", python="3.11.0")
        for each in (before, upgraded(after | {31: 1_000}))
    )
    return compare(
        side_of_report(old),
        side_of_report(new),
        target=Decimal("0.999"),
        version="0.1.0",
        python="3.11.0",
    )


MADE: Mapping[str, Callable[[], RunResult]] = {
    "met": met,
    "violated": violated,
    "inconclusive": inconclusive,
    "no_data": no_data,
}
TARGET = Decimal("0.99")


def deploy() -> Report:
    """Return the report of `prober run ENV --while`, with the versions held fixed."""
    return build(deployed(), TARGET, version="0.1.0", python="3.11.0")


def sample(name: str) -> Report:
    """Return the report of one sample, with the versions held fixed."""
    return build(MADE[name](), TARGET, version="0.1.0", python="3.11.0")
