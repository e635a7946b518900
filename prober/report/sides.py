"""The sides of a comparison: of a run, of the document of one, of history's cycles."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from prober import slo
from prober.clock import NS
from prober.history import COUNTED, CycleRecord
from prober.records import CycleResult, State
from prober.report.comparison import Sample, Side
from prober.report.json_run import SCHEMA
from prober.report.model import Latency, Report
from prober.report.slots import latency_of, merged


def side_of_report(report: Report) -> Side:
    """Return a run that was just made as one side."""
    result = report.result
    return Side(
        label=f"run {result.run_id}",
        environment=result.environment,
        from_ns=result.started_at_ns,
        to_ns=result.ended_at_ns,
        version=report.version,
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


def side_of_document(document: Mapping[str, Any]) -> Side:
    """Return a run as one side, of the document that was written of it.

    Raises ValueError, KeyError or TypeError where it is none of ours.
    """
    if document["schema"] != SCHEMA:
        raise ValueError(document["schema"])
    run = document["run"]
    outcomes: dict[str, list[Mapping[str, Any]]] = {}
    for cycle in document["cycles"]:
        for seen in cycle["consumers"]:
            outcomes.setdefault(seen["name"], []).append(seen)
    return Side(
        label=f"run {run['id']}",
        environment=str(run["environment"]),
        from_ns=_ns(run["started_at"]),
        to_ns=_ns(run["ended_at"]),
        version=str(document["prober"]["version"]),
        samples=tuple(
            _told(consumer, outcomes.get(consumer["name"], ()))
            for consumer in document["consumers"]
        ),
    )


def _told(consumer: Mapping[str, Any], seen: Sequence[Mapping[str, Any]]) -> Sample:
    took = consumer["latency_seconds"]
    states = [State(each["state"]) for each in seen]
    return Sample(
        consumer=str(consumer["name"]),
        blocks=tuple(
            slo.Tally(int(each["lost"]) + int(each["corrupt"]), int(each["accepted"]))
            for each, state in zip(seen, states, strict=True)
            if state in COUNTED
        ),
        cycles=sum(state is not State.EXCLUDED for state in states),
        latency=Latency(
            p50=took["p50"],
            p90=took["p90"],
            p99=took["p99"],
            p999=took["p999"],
            max=took["max"],
        ),
    )


def _ns(written: str) -> int:
    seconds, _, fraction = written.removesuffix("Z").partition(".")
    whole = round(datetime.fromisoformat(f"{seconds}+00:00").timestamp())
    return whole * NS + int(fraction.ljust(9, "0")[:9])


def side_of_cycles(
    records: Iterable[CycleRecord], label: str, *, version: str = ""
) -> Side:
    """Return cycles that history keeps as one side, in the order of their schedule.

    Raises ValueError without any that is final.
    """
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
        version=version,
        samples=tuple(
            _of_records(name, found) for name, found in sorted(by_consumer.items())
        ),
    )


def _of_records(name: str, cycles: Sequence[CycleRecord]) -> Sample:
    counted = [each for each in cycles if each.state in COUNTED]
    return Sample(
        consumer=name,
        blocks=tuple(slo.Tally(each.bad, each.total) for each in counted),
        cycles=sum(each.state is not State.EXCLUDED for each in cycles),
        latency=latency_of(merged(each.latency for each in counted)),
    )
