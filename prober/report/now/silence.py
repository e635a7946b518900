"""Environments that share a store, and whose daemons have fallen silent."""

from collections.abc import Iterable
from dataclasses import dataclass

from prober.history import Live

SILENT_PERIODS = 3
"""Periods without a word after which somebody should look."""
LEAST_SECONDS = 15
"""A daemon speaks every few seconds: at a short cadence a busy store may be later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """An environment of which no daemon has said anything for too long."""

    environment: str
    daemon: str
    """Who spoke last."""
    since_ns: int
    """When that was."""
    every_ns: int
    """Its cadence."""
    said: str
    """What it said last, where that was that it did not measure."""


def silent(lives: Iterable[Live], now_ns: int) -> tuple[Silence, ...]:
    """Return the environments whose last word is older than three of their periods.

    Several daemons may watch one environment: the last to speak counts. One that left
    on purpose is not silent, it is gone.
    """
    last: dict[str, Live] = {}
    for live in sorted(lives, key=lambda each: each.at_ns):
        last[live.environment] = live
    return tuple(
        Silence(
            environment=live.environment,
            daemon=live.daemon,
            since_ns=live.at_ns,
            every_ns=live.every_ns,
            said=live.why_not,
        )
        for live in sorted(last.values(), key=lambda each: each.environment)
        if not live.ended and now_ns - live.at_ns > patience_ns(live.every_ns)
    )


def patience_ns(every_ns: int) -> int:
    """Return how long a daemon of such a cadence may say nothing."""
    return max(SILENT_PERIODS * every_ns, LEAST_SECONDS * 1_000_000_000)
