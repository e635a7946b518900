"""What JSON documents say alike: versions, verdicts, bounds, times."""

import math
from datetime import UTC, datetime
from fractions import Fraction
from typing import TypeAlias

from prober import slo
from prober.clock import NS
from prober.records import Calibration
from prober.report.model import Budget, GapSize, Latency
from prober.report.platform import Platform

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


def prober(version: str, python: str) -> dict[str, Json]:
    """Return what made the document."""
    return {"version": version, "python": python}


def verdict(found: slo.Verdict) -> dict[str, Json]:
    """Return a verdict."""
    return {
        "state": found.state,
        "exit_code": found.exit_code,
        "reason": found.reason,
    }


def claim(found: slo.Claim) -> dict[str, Json]:
    """Return a claim, with what it rests upon."""
    return {
        "state": found.state,
        "supports": found.supports,
        "upper95": found.upper95,
        "lower95": found.lower95,
        "worst_burst": found.worst_burst,
        "block": found.block or None,
    }


def budget(found: Budget | None) -> dict[str, Json] | None:
    """Return an error budget; shares are of what is allowed, and unclamped."""
    if found is None:
        return None
    return {
        "allowed": float(found.allowed),
        "consumed": float(found.consumed),
        "remaining": float(found.remaining),
        "remaining_if_unseen_lost": float(found.remaining_if_unseen_lost),
    }


def latency(found: Latency) -> dict[str, Json]:
    """Return quantiles, in seconds."""
    return {
        "p50": found.p50,
        "p90": found.p90,
        "p99": found.p99,
        "p999": found.p999,
        "max": found.max,
    }


def gap(found: GapSize) -> dict[str, Json]:
    """Return how often a gap of one size was seen."""
    return {
        "size": found.size,
        "times": found.times,
        "ring": found.ring,
        "owners": list(found.owners),
    }


def platform(found: Platform | None) -> dict[str, Json] | None:
    """Return what Loggregator's own counters said."""
    if found is None:
        return None
    return {
        "evidence": found.evidence,
        "cut_off": [
            {"consumer": each.consumer, "at": time(each.at_ns)}
            for each in found.cut_offs
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
                "from": time(each.from_ns),
                "to": time(each.to_ns),
            }
            for each in found.counters
        ],
    }


def time(at_ns: int | None) -> str | None:
    """Return a time in RFC 3339, UTC, cut to microseconds."""
    if at_ns is None:
        return None
    seconds, ns = divmod(at_ns, NS)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=ns // 1_000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def number(value: Fraction | None) -> float | None:
    """Return a ratio as JSON has numbers."""
    return None if value is None else float(value)


def finite(value: float) -> float | None:
    """Return a number, or None for what JSON has no word for."""
    return value if math.isfinite(value) else None


def calibration(found: Calibration | None) -> dict[str, Json]:
    """Return the property that tells of a calibration; nothing where there is none."""
    if found is None:
        return {}
    return {
        "calibration": {
            "made_at": time(found.started_at_ns),
            "exact": found.exact,
            "partial": found.partial,
            "trials": len(found.trials),
            "untold": found.untold,
            "disagree": [each.name for each in found.trials if each.agrees is False],
            "exact_up_to": found.exact_up_to,
        }
    }
