"""Environments over windows as one JSON document, `prober.window/v1`."""

from dataclasses import asdict

from prober import slo
from prober.clock import NS
from prober.report.environment import EnvironmentReport
from prober.report.environments import Environments
from prober.report.incidents import Hit, Incident, Noted
from prober.report.json_values import (
    Json,
    budget,
    calibration,
    claim,
    gap,
    latency,
    number,
    platform,
    prober,
    time,
    verdict,
)
from prober.report.slots import Slot
from prober.report.watched import Pace, SetAside, Watched

SCHEMA = "prober.window/v1"


def document(subject: Environments) -> dict[str, Json]:
    """Return the document as plain values, in the order of the schema."""
    return {
        "schema": SCHEMA,
        "prober": prober(subject.version, subject.python),
        "made_at": time(subject.made_ns),
        "environments": [_environment(each) for each in subject.reports],
        **calibration(subject.calibration),
    }


def _environment(report: EnvironmentReport) -> dict[str, Json]:
    target = report.target
    return {
        "name": report.environment,
        "window": {
            "kind": report.kind,
            "from": time(report.from_ns),
            "to": time(report.to_ns),
            "known_until": time(report.until_ns),
            "history_begins": time(report.first_ns),
            "planned_messages": report.planned,
        },
        "objective": None if target is None else {"target": float(target)},
        "status": report.status,
        "verdict": verdict(report.verdict),
        "claim": claim(report.claim),
        "consumers": [_consumer(each) for each in report.consumers],
        "incidents": [_incident(each) for each in report.incidents],
        "notes": [_noted(each) for each in report.notes],
        "could_hold": _could_hold(report.recommendation),
        "health": dict(report.health),
        "measured_by": _run(report),
    }


def _consumer(consumer: Watched) -> dict[str, Json]:
    bounds = consumer.bounds
    return {
        "name": consumer.name,
        "transport": consumer.transport,
        "counts": asdict(consumer.valid),
        "valid": {"accepted": consumer.valid.accepted, "bad": consumer.valid.bad},
        "planned": consumer.planned,
        "sli": consumer.sli,
        "timely": {"accepted": consumer.timely.total, "bad": consumer.timely.bad},
        "nines": {
            "point": consumer.nines,
            "lower95": bounds.nines_lower,
            "basis": {
                "worst_burst": bounds.worst_burst,
                "blocks": consumer.blocks,
                "lossy_blocks": bounds.lossy_blocks,
                "lengthened": consumer.lengthened,
            },
        },
        "interval95": {"lower": bounds.lower, "upper": bounds.upper},
        "budget": budget(consumer.budget),
        "pace": _pace(consumer.pace),
        "coverage": number(consumer.coverage),
        "unseen": {"messages": consumer.unseen, "of": consumer.unsure},
        "lossy": {
            "cycles": consumer.lossy_cycles,
            "largest_cycle": consumer.largest_loss,
            "hours": consumer.lossy_hours,
            "largest_hour": consumer.largest_hour,
        },
        "latency_seconds": latency(consumer.latency),
        "gap_sizes": [gap(each) for each in consumer.gap_sizes],
        "cycles": {state.value: n for state, n in consumer.states.items()},
        "uncounted": [_aside(each) for each in consumer.asides],
        "days": [_day(each) for each in consumer.days],
    }


def _pace(pace: Pace | None) -> dict[str, Json] | None:
    if pace is None:
        return None
    return {
        "from": time(pace.from_ns),
        "bad": pace.bad,
        "accepted": pace.total,
        "burn_rate": pace.burn,
        "exhausted_at": time(pace.exhausted_ns),
    }


def _aside(aside: SetAside) -> dict[str, Json]:
    return {
        "state": aside.state.value,
        "reason": aside.reason,
        "cycles": aside.cycles,
        "stretches": aside.times,
        "from": time(aside.from_ns),
        "to": time(aside.to_ns),
    }


def _day(slot: Slot) -> dict[str, Json]:
    return {
        "from": time(slot.from_ns),
        "accepted": slot.total,
        "bad": slot.bad,
        "cycles": {state.value: n for state, n in slot.states.items() if n},
        "latency_seconds": latency(slot.latency),
        "remaining": slot.remaining,
        "supports": slot.supports,
    }


def _incident(incident: Incident) -> dict[str, Json]:
    return {
        "number": incident.number,
        "from": time(incident.from_ns),
        "to": time(incident.to_ns),
        "bad": incident.bad,
        "share_of_budget": number(incident.share),
        "upstream": incident.upstream,
        "consumers": [_hit(each) for each in incident.hits],
        "spared": list(incident.spared),
        "reasons": list(incident.reasons),
        "gap_sizes": [gap(each) for each in incident.gap_sizes],
        "platform": platform(incident.platform),
        "notes": [each.text for each in incident.notes],
    }


def _hit(hit: Hit) -> dict[str, Json]:
    return {
        "name": hit.consumer,
        "bad": hit.bad,
        "accepted": hit.total,
        "cycles": hit.cycles,
        "largest_cycle": hit.largest_loss,
    }


def _noted(noted: Noted) -> dict[str, Json]:
    note = noted.annotation
    return {
        "text": note.text,
        "author": note.author,
        "from": time(note.from_ns),
        "to": time(note.to_ns),
        "bad": noted.bad,
        "share_of_budget": number(noted.share),
        "incidents": list(noted.incidents),
    }


def _could_hold(found: slo.Recommendation | None) -> dict[str, Json] | None:
    if found is None:
        return None
    return {
        "target": float(found.objective),
        "remaining": found.budget.remaining,
    }


def _run(report: EnvironmentReport) -> dict[str, Json] | None:
    run = report.run
    if run is None:
        return None
    plan = run.plan
    return {
        "run": run.run_id,
        "daemon": run.daemon,
        "version": run.version,
        "since": time(run.started_ns),
        "every_seconds": None if run.every_ns is None else run.every_ns / NS,
        "messages": plan.messages // max(1, plan.cycles),
        "size": plan.size,
        "kinds": [kind.value for kind in plan.kinds],
        "source_id": plan.source_id,
        "whole_firehose": plan.whole_firehose,
        "written_to": list(run.written_to),
        "late_after_seconds": plan.late_after_ns / NS,
        "lost_after_seconds": plan.lost_after_ns / NS,
        "worst_burst": report.worst_burst,
        "block_seconds": 3_600,
        "confidence": 0.95,
    }
