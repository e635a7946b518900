"""Before and after as one JSON document, `prober.comparison/v1`."""

from prober import slo
from prober.report.comparison import Compared, Comparison, Sample, Side
from prober.report.json_values import Json, latency, prober, time

SCHEMA = "prober.comparison/v1"


def document(found: Comparison) -> dict[str, Json]:
    """Return the document as plain values, in the order of the schema."""
    target = found.target
    return {
        "schema": SCHEMA,
        "prober": prober(found.version, found.python),
        "state": found.state,
        "exit_code": found.exit_code,
        "reason": found.reason,
        "objective": None if target is None else {"target": float(target)},
        "worst_burst": found.worst_burst,
        "before": _side(found.before),
        "after": _side(found.after),
        "consumers": [_compared(each) for each in found.consumers],
        "not_compared": list(found.alone),
        "warnings": list(found.unlike),
    }


def _side(side: Side) -> dict[str, Json]:
    return {
        "label": side.label,
        "environment": side.environment,
        "from": time(side.from_ns),
        "to": time(side.to_ns),
        "version": side.version,
        "rate": side.rate,
        "whole_firehose": side.whole_firehose,
    }


def _compared(each: Compared) -> dict[str, Json]:
    return {
        "name": each.consumer,
        "state": each.state,
        "reason": each.reason,
        "before": _sample(each.before),
        "after": _sample(each.after),
        "test": _test(each, each.regression),
    }


def _sample(sample: Sample) -> dict[str, Json]:
    bad, accepted = sample.counted
    return {
        "accepted": accepted,
        "bad": bad,
        "cycles": {"counted": len(sample.blocks), "due": sample.cycles},
        "latency_seconds": latency(sample.latency),
    }


def _test(each: Compared, found: slo.Regression | None) -> dict[str, Json] | None:
    if found is None:
        return None
    before, after = each.blocks
    return {
        "p_value": found.p_value,
        "exact": found.exact,
        "least_p_value": each.floor,
        "margin": found.margin,
        "block": each.block,
        "blocks": {"before": before, "after": after},
    }
