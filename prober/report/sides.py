"""The sides of a comparison: of a run, of the document of one, of history's cycles."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec

from prober import slo
from prober.clock import NS
from prober.history import COUNTED, CycleRecord, RunRecord
from prober.records import CycleResult, State
from prober.report.comparison import Sample, Side
from prober.report.json_run import SCHEMA
from prober.report.model import Latency, Report
from prober.report.slots import latency_of, merged
from prober.slo import tallies


def side_of_report(report: Report) -> Side:
    """Return a run that was just made as one side."""
    result = report.result
    return Side(
        label=f"run {result.run_id}",
        environment=result.environment,
        from_ns=result.started_at_ns,
        to_ns=result.ended_at_ns,
        version=report.version,
        rate=result.plan.rate_asked,
        whole_firehose=result.plan.whole_firehose,
        target=report.target,
        samples=tuple(
            _sample(consumer.name, seen.cycles, consumer.latency)
            for consumer, seen in zip(report.consumers, result.consumers, strict=True)
        ),
    )


def _sample(name: str, cycles: Iterable[CycleResult], latency: Latency) -> Sample:
    outcomes = list(cycles)
    return Sample(
        consumer=name,
        blocks=tuple(
            slo.Tally(each.counts.bad, each.counts.accepted)
            for each in outcomes
            if each.state in COUNTED
        ),
        cycles=sum(each.state is not State.EXCLUDED for each in outcomes),
        latency=latency,
    )


_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
_Rate = Annotated[float, msgspec.Meta(gt=0, le=1e12)]


# What of a document a comparison is made of; everything else in it is left alone.


class _Prober(msgspec.Struct):
    version: str


class _RateOf(msgspec.Struct):
    asked: _Rate | None


class _Plan(msgspec.Struct):
    rate: _RateOf
    whole_firehose: bool


class _Run(msgspec.Struct):
    id: str
    environment: str
    started_at: str
    ended_at: str
    plan: _Plan


class _Objective(msgspec.Struct):
    target: Annotated[float, msgspec.Meta(gt=0, lt=1)]


class _Seen(msgspec.Struct):
    name: str
    state: State
    lost: _Count
    corrupt: _Count
    accepted: _Count


class _Cycle(msgspec.Struct):
    consumers: list[_Seen]


class _Took(msgspec.Struct):
    p50: _Seconds | None
    p90: _Seconds | None
    p99: _Seconds | None
    p999: _Seconds | None
    max: _Seconds | None


class _Consumer(msgspec.Struct):
    name: str
    latency_seconds: _Took


class _Document(msgspec.Struct):
    schema: str
    prober: _Prober
    run: _Run
    objective: _Objective | None
    consumers: list[_Consumer]
    cycles: list[_Cycle]


def side_of_document(document: object) -> Side:
    """Return a run as one side, of the document that was written of it.

    Raises ValueError where it is none of ours, or no run could have had its figures.
    """
    found = msgspec.convert(document, _Document)
    if found.schema != SCHEMA:
        raise ValueError(found.schema)
    run, objective = found.run, found.objective
    outcomes: dict[str, list[_Seen]] = {}
    for cycle in found.cycles:
        for seen in cycle.consumers:
            outcomes.setdefault(seen.name, []).append(seen)
    return Side(
        label=f"run {run.id}",
        environment=run.environment,
        from_ns=_ns(run.started_at),
        to_ns=_ns(run.ended_at),
        version=found.prober.version,
        rate=run.plan.rate.asked,
        whole_firehose=run.plan.whole_firehose,
        target=None if objective is None else Decimal(str(objective.target)),
        samples=tuple(
            _told(consumer, outcomes.get(consumer.name, ()))
            for consumer in found.consumers
        ),
    )


def _told(consumer: _Consumer, seen: Sequence[_Seen]) -> Sample:
    took = consumer.latency_seconds
    blocks = tuple(
        tallies.tally(each.lost + each.corrupt, each.accepted)
        for each in seen
        if each.state in COUNTED
    )
    tallies.add(blocks)  # all of them are no more than can have been counted
    return Sample(
        consumer=consumer.name,
        blocks=blocks,
        cycles=sum(each.state is not State.EXCLUDED for each in seen),
        latency=Latency(
            p50=took.p50, p90=took.p90, p99=took.p99, p999=took.p999, max=took.max
        ),
    )


def _ns(written: str) -> int:
    seconds, _, fraction = written.removesuffix("Z").partition(".")
    whole = round(datetime.fromisoformat(f"{seconds}+00:00").timestamp())
    return whole * NS + int(fraction.ljust(9, "0")[:9])


def side_of_history(
    records: Iterable[CycleRecord], run: RunRecord, *, label: str = ""
) -> Side:
    """Return cycles that history keeps as one side, in the order of their schedule.

    `run` is theirs, or the latest of theirs, for how they were measured. Raises
    ValueError without any that is final.
    """
    label = label or f"run {run.run_id}"
    cycles = sorted(
        (each for each in records if each.state is not None),
        key=lambda each: each.scheduled_ns,
    )
    if not cycles:
        raise ValueError(f"{label} has no cycle that is final")
    by_consumer: dict[str, list[CycleRecord]] = {}
    for each in cycles:
        by_consumer.setdefault(each.consumer, []).append(each)
    return Side(
        label=label,
        environment=cycles[0].environment,
        from_ns=cycles[0].scheduled_ns,
        to_ns=max(each.final_ns or each.scheduled_ns for each in cycles),
        version=run.version,
        rate=_rate(run),
        whole_firehose=run.plan.whole_firehose,
        target=None if run.target is None else slo.parse_target(run.target),
        samples=tuple(
            _of_records(name, found) for name, found in sorted(by_consumer.items())
        ),
    )


def _rate(run: RunRecord) -> float | None:
    """Return messages a second: a daemon spreads a cycle over its minute."""
    if run.every_ns is None:
        return run.plan.rate_asked
    return run.plan.messages / max(1, run.plan.cycles) * NS / run.every_ns


def _of_records(name: str, cycles: Sequence[CycleRecord]) -> Sample:
    counted = [each for each in cycles if each.state in COUNTED]
    return Sample(
        consumer=name,
        blocks=tuple(slo.Tally(each.bad, each.total) for each in counted),
        cycles=sum(each.state is not State.EXCLUDED for each in cycles),
        latency=latency_of(merged(each.latency for each in counted)),
    )
