"""What history holds, as one JSON document, `prober.history/v1`: see `reports/schema`.

Nothing is folded: each cycle of each consumer, each run, each annotation by itself.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict

from prober.clock import NS
from prober.histogram import Frozen, Histogram
from prober.history import Annotation, CycleRecord, RunRecord
from prober.records import PlatformIncrease
from prober.report.listing import Listing
from prober.report.words import timestamp

SCHEMA = "prober.history/v1"


def render(listings: Sequence[Listing], version: str) -> str:
    """Return the document as text that ends in a newline."""
    found = document(listings, version)
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def document(listings: Sequence[Listing], version: str) -> dict[str, object]:
    """Return the document as plain values, in the order of the schema."""
    return {
        "schema": SCHEMA,
        "prober": {"version": version},
        "environments": [each.environment for each in listings],
        "cut": any(each.cut for each in listings),
        "runs": [_run(run) for each in listings for run in each.runs],
        "cycles": [_cycle(cycle) for each in listings for cycle in each.cycles],
        "annotations": [_annotation(a) for each in listings for a in each.annotations],
    }


def _run(run: RunRecord) -> dict[str, object]:
    return {
        "id": run.run_id,
        "environment": run.environment,
        "mode": run.mode,
        "started_at": timestamp(run.started_ns),
        "ended_at": timestamp(run.ended_ns),
        "partial": run.partial,
        "seed": run.seed,
        "version": run.version,
        "daemon": run.daemon,
        "every_seconds": None if run.every_ns is None else run.every_ns / NS,
        "target": run.target,
        "window_seconds": None if run.window_ns is None else run.window_ns / NS,
        "worst_burst": run.worst_burst,
        "written_to": list(run.written_to),
        "consumers": dict(run.consumers),
    }


def _cycle(cycle: CycleRecord) -> dict[str, object]:
    return {
        "environment": cycle.environment,
        "mode": cycle.mode,
        "run": cycle.run_id,
        "index": cycle.index,
        "consumer": cycle.consumer,
        "scheduled_at": timestamp(cycle.scheduled_ns),
        "first_sent_at": timestamp(cycle.first_sent_ns),
        "last_sent_at": timestamp(cycle.last_sent_ns),
        "final_at": timestamp(cycle.final_ns),
        "planned": cycle.planned,
        "state": None if cycle.state is None else cycle.state.value,
        "reason": cycle.reason,
        "counts": asdict(cycle.counts),
        "latency_seconds": _latency(cycle.latency),
        "gaps": [{"first": gap.first, "count": gap.count} for gap in cycle.gaps],
        "platform": [_increase(each) for each in cycle.platform],
    }


def _latency(frozen: Frozen) -> dict[str, float | None]:
    histogram = Histogram.thaw(frozen)
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
    found = {name: histogram.quantile(share) for name, share in shares.items()}
    return {
        name: None if ns is None else ns / NS
        for name, ns in (found | {"max": histogram.max_ns}).items()
    }


def _increase(each: PlatformIncrease) -> dict[str, object]:
    return {
        "component": each.component,
        "instance": each.instance,
        "counter": each.counter,
        "direction": each.direction,
        "increase": each.increase,
        "from": timestamp(each.from_ns),
        "to": timestamp(each.to_ns),
        "silent_seconds": each.silent_ns / NS,
    }


def _annotation(each: Annotation) -> dict[str, object]:
    return {
        "number": each.number,
        "environment": each.environment,
        "kind": each.kind,
        "text": each.text,
        "author": each.author,
        "from": timestamp(each.from_ns),
        "to": timestamp(each.to_ns),
        "state": None if each.state is None else each.state.value,
        "written_at": timestamp(each.written_ns),
    }
