"""The report as one JSON document, `prober.report/v1`: see `reports/schema`.

A property is added here and in the schema together; what would rename or remove one is
v2. Everything is written as ASCII, so that no name in it can move a terminal's cursor.
"""

import json
import math
from dataclasses import asdict
from datetime import UTC, datetime
from fractions import Fraction
from typing import TypeAlias

from prober import slo
from prober.clock import NS
from prober.records import PlanFacts, Span, WriterResult
from prober.report.model import Budget, Consumer, Cycle, Report, StackDrops
from prober.report.platform import Platform

SCHEMA = "prober.report/v1"

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


def render(report: Report) -> str:
    """Return the document as text that ends in a newline."""
    return json.dumps(document(report), indent=2, allow_nan=False) + "\n"


def document(report: Report) -> dict[str, Json]:
    """Return the document as plain values, in the order of the schema."""
    target, verdict, claim = report.target, report.verdict, report.claim
    return {
        "schema": SCHEMA,
        "prober": {"version": report.version, "python": report.python},
        "run": _run(report),
        "objective": None if target is None else {"target": float(target)},
        "verdict": {
            "state": verdict.state,
            "exit_code": verdict.exit_code,
            "reason": verdict.reason,
        },
        "claim": {
            "state": claim.state,
            "supports": claim.supports,
            "upper95": claim.upper95,
            "lower95": claim.lower95,
            "worst_burst": claim.worst_burst,
            "block": claim.block or None,
        },
        "consumers": [_consumer(each) for each in report.consumers],
        "across": _across(report.across),
        "writers": [_writer(each) for each in report.result.writers],
        "cycles": [_cycle(each) for each in report.cycles],
        "reference_stack": _stack(report.stack_drops),
        "platform": _platform(report.platform),
        "health": {name: _finite(v) for name, v in report.result.health.items()},
        "warnings": list(report.result.warnings),
    }


def _run(report: Report) -> dict[str, Json]:
    result = report.result
    return {
        "id": result.run_id,
        "environment": result.environment,
        "mode": result.mode,
        "started_at": _time(result.started_at_ns),
        "ended_at": _time(result.ended_at_ns),
        "seed": result.seed,
        "partial": result.partial,
        "written_to": list(result.written_to),
        "plan": _plan(result.plan, result.rate_achieved),
    }


def _plan(plan: PlanFacts, achieved: float | None) -> dict[str, Json]:
    return {
        "messages": plan.messages,
        "cycles": plan.cycles,
        "rate": {"asked": plan.rate_asked, "achieved": achieved},
        "size": plan.size,
        "kinds": [kind.value for kind in plan.kinds],
        "source_id": plan.source_id,
        "whole_firehose": plan.whole_firehose,
        "deadlines": {
            "late_after_seconds": plan.late_after_ns / NS,
            "lost_after_seconds": plan.lost_after_ns / NS,
        },
    }


def _consumer(consumer: Consumer) -> dict[str, Json]:
    bounds, latency = consumer.bounds, consumer.latency
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
        "budget": _budget(consumer.budget),
        "coverage": _number(consumer.coverage),
        "latency_seconds": {
            "p50": latency.p50,
            "p90": latency.p90,
            "p99": latency.p99,
            "p999": latency.p999,
            "max": latency.max,
        },
        "gaps": [_span(gap) for gap in consumer.gaps],
        "cycles": {state.value: n for state, n in consumer.states.items()},
    }


def _budget(budget: Budget | None) -> Json:
    if budget is None:
        return None
    return {
        "allowed": float(budget.allowed),
        "consumed": float(budget.consumed),
        "remaining": float(budget.remaining),
        "remaining_if_unseen_lost": float(budget.remaining_if_unseen_lost),
    }


def _platform(platform: Platform | None) -> Json:
    if platform is None:
        return None
    return {
        "evidence": platform.evidence,
        "cut_off": [
            {"consumer": each.consumer, "at": _time(each.at_ns)}
            for each in platform.cut_offs
        ],
        "counters": [
            {
                "component": each.component,
                "counter": each.counter,
                "direction": each.direction,
                "increase": each.increase,
                "instances": each.instances,
                "silent": each.silent,
                "rose": [
                    {"instance": one.instance, "increase": one.increase}
                    for one in each.rose
                ],
                "from": _time(each.from_ns),
                "to": _time(each.to_ns),
            }
            for each in platform.counters
        ],
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
    def seconds(q: float) -> Json:
        ns = writer.blocked.quantile(q)
        return None if ns is None else ns / NS

    return {
        "written_to": writer.written_to,
        "attempted": writer.attempted,
        "accepted": writer.accepted,
        "rejected": writer.rejected,
        "ambiguous": writer.ambiguous,
        "blocked_seconds": {
            "p50": seconds(0.5),
            "p99": seconds(0.99),
            "max": seconds(1),
        },
    }


def _cycle(cycle: Cycle) -> dict[str, Json]:
    return {
        "index": cycle.index,
        **_span(cycle.span),
        "first_sent_at": _time(cycle.first_sent_ns),
        "last_sent_at": _time(cycle.last_sent_ns),
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
        "agrees": drops.agrees,
        "buffers": [
            {"buffer": each.buffer, "dropped": each.dropped, "ring": each.ring}
            for each in drops.buffers
        ],
    }


def _span(span: Span) -> dict[str, Json]:
    return {"first": span.first, "count": span.count}


def _time(at_ns: int | None) -> str | None:
    """Return a time in RFC 3339, UTC, cut to microseconds."""
    if at_ns is None:
        return None
    seconds, ns = divmod(at_ns, NS)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=ns // 1_000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
