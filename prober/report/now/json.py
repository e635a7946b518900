"""How it stands, as one document: `prober.status/v1`; see `reports/schema`."""

import json
from collections.abc import Iterable
from typing import Any

from prober.clock import NS
from prober.history import Live
from prober.report.json_values import time
from prober.report.now.model import Now, worst_first

SCHEMA = "prober.status/v1"


def document(found: Iterable[Now], at_ns: int) -> str:
    """Return it as text, worst first."""
    told = {
        "schema": SCHEMA,
        "at": time(at_ns),
        "environments": [environment(each) for each in worst_first(found)],
    }
    return json.dumps(told, indent=2, allow_nan=False) + "\n"


def environment(each: Now) -> dict[str, Any]:
    """Return one environment as plain data; None for what is not defined."""
    budget, live = each.budget, each.live
    return {
        "environment": each.environment,
        "condition": each.condition.value,
        "headline": each.headline,
        "alerts": each.alerts or None,
        "lines": {line.label.rstrip("?"): line.words for line in each.lines},
        "measuring": bool(live and live.measuring and not each.silent),
        "silent": each.silent,
        "losing_since": time(each.since_ns),
        "last_cycle": time(each.last_cycle_ns),
        "budget": budget
        and {
            "target": each.target,
            "window_seconds": each.window_ns // NS,
            "bad": budget.bad,
            "total": budget.total,
            "remaining_ratio": budget.remaining,
            "worst_remaining_ratio": budget.worst_remaining,
            "status": budget.status,
            "burn_rate": each.burn,
            "gone_in_seconds": None
            if each.gone_in_ns is None
            else each.gone_in_ns // NS,
        },
        "mine": [
            {"name": check.name, "well": check.well, "words": check.words}
            for check in each.checks
        ],
        "daemon": live and _daemon(live),
    }


def _daemon(live: Live) -> dict[str, Any]:
    return {
        "name": live.daemon,
        "heard": time(live.at_ns),
        "since": time(live.since_ns),
        "why_not": live.why_not or None,
        "ours": live.ours,
        "ended": live.ended,
        "every_seconds": live.every_ns / NS,
        "retries": live.retries,
        "own_rate": live.own_rate,
        "foreign_rate": live.foreign_rate,
        "waiting": live.waiting,
        "unread": list(live.unread),
        "health": dict(live.health),
        "consumers": [
            {
                "name": consumer.name,
                "connected": consumer.connected,
                "blind": consumer.blind,
                "lag_seconds": consumer.lag_seconds,
                "under_way": consumer.under_way,
                "due": consumer.due,
                "overdue": consumer.overdue,
                "overdue_since": time(consumer.overdue_since_ns),
                "last_arrival": time(consumer.last_arrival_ns),
                "detail": consumer.detail or None,
            }
            for consumer in live.consumers
        ],
    }
