"""A run as one JSON document, `prober.report/v1`: see `reports/schema`.

A property is added here and in the schema together; what would rename or remove one is
v2.
"""

from dataclasses import asdict

from prober import slo
from prober.clock import NS
from prober.histogram import Histogram
from prober.records import Command, PlanFacts, RunResult, Span, WriterResult
from prober.report.cost import Cost
from prober.report.json_values import (
    Json,
    budget,
    calibration,
    claim,
    finite,
    latency,
    number,
    platform,
    prober,
    time,
    verdict,
)
from prober.report.model import Consumer, Cycle, Report, StackDrops

SCHEMA = "prober.report/v1"


def document(report: Report) -> dict[str, Json]:
    """Return the document as plain values, in the order of the schema."""
    target = report.target
    return {
        "schema": SCHEMA,
        "prober": prober(report.version, report.python),
        "run": _run(report),
        "objective": None if target is None else {"target": float(target)},
        "verdict": verdict(report.verdict),
        "claim": claim(report.claim),
        "consumers": [_consumer(each) for each in report.consumers],
        "across": _across(report.across),
        "writers": [_writer(each) for each in report.result.writers],
        "routers": asdict(report.routers),
        "cycles": [_cycle(each) for each in report.cycles],
        "reference_stack": _stack(report.stack_drops),
        "platform": platform(report.platform),
        "health": {name: finite(v) for name, v in report.result.health.items()},
        "warnings": list(report.result.warnings),
        "command": _command(report.result.command, report.cost),
        **calibration(report.calibration),
    }


def _run(report: Report) -> dict[str, Json]:
    result = report.result
    return {
        "id": result.run_id,
        "environment": result.environment,
        "mode": result.mode,
        "started_at": time(result.started_at_ns),
        "ended_at": time(result.ended_at_ns),
        "seed": result.seed,
        "partial": result.partial,
        "written_to": list(result.written_to),
        "plan": _plan(result.plan, _rate(result)),
    }


def _rate(result: RunResult) -> Json:
    rate: dict[str, Json] = {
        "asked": result.plan.rate_asked,
        "achieved": result.rate_achieved,
    }
    if result.send_lag is not None:
        rate["late_seconds"] = _quantiles(result.send_lag)
    return rate


def _quantiles(latencies: Histogram) -> Json:
    """Return three of them in seconds; each is null where there is nothing."""

    def seconds(q: float) -> Json:
        ns = latencies.quantile(q)
        return None if ns is None else ns / NS

    return {"p50": seconds(0.5), "p99": seconds(0.99), "max": seconds(1)}


def _plan(plan: PlanFacts, rate: Json) -> dict[str, Json]:
    return {
        "messages": plan.messages,
        "cycles": plan.cycles,
        "rate": rate,
        "size": plan.size,
        "kinds": [kind.value for kind in plan.kinds],
        "source_id": plan.source_id,
        "whole_firehose": plan.whole_firehose,
        **({"control": plan.control} if plan.control else {}),
        "deadlines": {
            "late_after_seconds": plan.late_after_ns / NS,
            "lost_after_seconds": plan.lost_after_ns / NS,
        },
    }


def _consumer(consumer: Consumer) -> dict[str, Json]:
    bounds = consumer.bounds
    return {
        "name": consumer.name,
        "transport": consumer.transport,
        "counts": asdict(consumer.counts),
        "valid": {"accepted": consumer.valid.accepted, "bad": consumer.valid.bad},
        "sli": consumer.sli,
        "nines": {
            "point": consumer.nines,
            "lower95": bounds.nines_lower,
            "basis": {
                "worst_burst": bounds.worst_burst,
                "blocks": consumer.blocks,
                "lossy_blocks": bounds.lossy_blocks,
            },
        },
        "budget": budget(consumer.budget),
        "coverage": number(consumer.coverage),
        "latency_seconds": latency(consumer.latency),
        "gaps": [_span(gap) for gap in consumer.gaps],
        "cycles": {state.value: n for state, n in consumer.states.items()},
    }


def _command(command: Command | None, cost: Cost | None) -> Json:
    if command is None:
        return None
    return {
        "name": command.name,
        "started_at": time(command.started_ns),
        "ended_at": time(command.ended_ns),
        "exit_code": command.exit_code,
        "outlasted": command.outlasted,
        "cost": None
        if cost is None
        else {
            "consumer": cost.consumer,
            "accepted": cost.total,
            "bad": cost.bad,
            "uncounted_cycles": cost.aside,
            "budget_share": number(cost.budget),
            "window_seconds": cost.window_ns / NS,
        },
    }


def _across(across: slo.Across | None) -> Json:
    if across is None:
        return None
    return {
        "messages": across.messages,
        "lost_by_all": across.lost_by_all,
        "lost_by_some": across.lost_by_some,
        "lost_only_by": dict(across.lost_only_by),
    }


def _writer(writer: WriterResult) -> dict[str, Json]:
    return {
        "written_to": writer.written_to,
        "attempted": writer.attempted,
        "accepted": writer.accepted,
        "rejected": writer.rejected,
        "ambiguous": writer.ambiguous,
        "blocked_seconds": _quantiles(writer.blocked),
        "consumers": [
            {
                "name": each.consumer,
                "sent": each.sent,
                "lost": each.lost,
                "corrupt": each.corrupt,
                "lossy_batches": each.lossy_batches,
            }
            for each in writer.reached
        ],
        "refusal": writer.refusal,
        "trouble": writer.trouble,
    }


def _cycle(cycle: Cycle) -> dict[str, Json]:
    return {
        "index": cycle.index,
        **_span(cycle.span),
        "first_sent_at": time(cycle.first_sent_ns),
        "last_sent_at": time(cycle.last_sent_ns),
        "consumers": [
            {
                "name": each.consumer,
                "state": each.state.value,
                "reason": each.reason,
                "accepted": each.counts.accepted,
                "lost": each.counts.lost,
                "corrupt": each.counts.corrupt,
            }
            for each in cycle.outcomes
        ],
    }


def _stack(drops: StackDrops | None) -> Json:
    if drops is None:
        return None
    return {
        "dropped": drops.dropped,
        "lost": drops.lost,
        "under_way": drops.under_way,
        "agrees": drops.agrees,
        "buffers": [
            {
                "buffer": each.buffer,
                "dropped": each.dropped,
                "held": each.held,
                "ring": each.ring,
            }
            for each in drops.buffers
        ],
    }


def _span(span: Span) -> dict[str, Json]:
    return {"first": span.first, "count": span.count}
