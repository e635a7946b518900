"""One environment over a window: all that is to be said about it, worked out once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import chain, groupby
from typing import Literal

from prober import __version__, slo
from prober.clock import NS
from prober.history import (
    Annotation,
    EnvironmentHistory,
    HourRecord,
    RunRecord,
    excluding,
)
from prober.report.incidents import Incident, Noted, incidents_of, noted
from prober.report.model import messages_needed, worst_of
from prober.report.watched import Frame, Watched, watched
from prober.slo.budgets import Status

WindowKind = Literal["rolling", "calendar", "given"]
WORST_BURST = 1_000
"""Where history does not tell what one drop can cost: a router's ring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentReport:
    """One environment over a window, with everything that is to be said about it."""

    version: str
    """Of prober, which made the report."""
    environment: str
    kind: WindowKind
    from_ns: int
    to_ns: int
    """Not itself in the window; in the future for a calendar's that goes on."""
    until_ns: int
    """What was known until then: now, or the end of the window."""
    first_ns: int | None
    """When the first cycle ever was due; None for an environment without any."""
    ad_hoc: int
    """Runs from a terminal that history has of it."""
    run: RunRecord | None
    """The latest continuous run: how it was measured."""
    target: Decimal | None
    planned: int | None
    """Messages of the whole window, the budget's basis for a calendar's; None takes
    those that counted so far."""
    worst_burst: int
    verdict: slo.Verdict
    claim: slo.Claim
    needed: int | None
    """Further messages, all arriving, that would prove the objective."""
    status: Status | None
    """Of the budget of the consumer where it is worst; None without an objective."""
    consumers: tuple[Watched, ...]
    worst: Watched | None
    """The one that lost the largest share; None when nothing counts on any of them."""
    incidents: tuple[Incident, ...]
    """In the order of time."""
    notes: tuple[Noted, ...]
    """What people noted, in the order of time."""
    excluded: Annotation | None
    """What takes the cycles of its end out of every figure; None if nothing does."""
    recommendation: slo.Recommendation | None
    """The highest objective that the history of every consumer supports."""
    health: Mapping[str, float]
    """The largest that daemons measured on themselves on its days; empty if untold."""

    @property
    def seconds(self) -> float:
        """How long the window is."""
        return (self.to_ns - self.from_ns) / NS

    @property
    def known_seconds(self) -> float:
        """For how much of it there is history: not before the first cycle ever."""
        began_ns = max(self.from_ns, self.first_ns or self.from_ns)
        return max(0, self.until_ns - began_ns) / NS


def build_environment(
    history: EnvironmentHistory,
    *,
    kind: WindowKind = "given",
    target: Decimal | None = None,
    worst_burst: int | None = None,
    planned: int | None = None,
    to_ns: int | None = None,
    version: str = __version__,
) -> EnvironmentReport:
    """Work out everything that is to be said about an environment.

    Args:
        history: What is known of it in the window, up to now or to its end.
        kind: How the window came about.
        target: The objective as a ratio; by default the one of the latest run.
        worst_burst: The most messages that a single drop can cost; by default what the
            latest run took it for.
        planned: Messages of the whole window on each consumer: the basis of a
            calendar window's budget.
        to_ns: The end of a window that goes on; by default that of what is known.
        version: Of prober, as the report is to name it.

    Raises:
        UsageError: An objective that cannot be.
        ValueError: A worst burst below one message.

    """
    run = history.run
    if target is None and run is not None and run.target is not None:
        target = slo.parse_target(run.target)
    if worst_burst is None:
        worst_burst = run.worst_burst if run else WORST_BURST
    frame = Frame(
        history=history,
        target=target,
        worst_burst=worst_burst,
        planned=planned,
        to_ns=history.to_ns if to_ns is None else max(to_ns, history.to_ns),
    )
    hours = _by_consumer(history.hours)
    evidence = slo.evidence_of_hours(chain.from_iterable(hours.values()))
    # First, for it refuses an objective that cannot be.
    claim = slo.claim(evidence, target, worst_burst=worst_burst)
    consumers = tuple(watched(frame, each, hours[each.consumer]) for each in evidence)
    allowed = {c.name: c.budget.allowed if c.budget else None for c in consumers}
    incidents = incidents_of(history.stretches, allowed, history.annotations)
    return EnvironmentReport(
        version=version,
        environment=history.environment,
        kind=kind,
        from_ns=history.from_ns,
        to_ns=frame.to_ns,
        until_ns=history.to_ns,
        first_ns=history.first_ns,
        ad_hoc=history.ad_hoc,
        run=run,
        target=target,
        planned=planned,
        worst_burst=worst_burst,
        verdict=slo.verdict(evidence, target, planned=planned),
        claim=claim,
        needed=messages_needed((each.bounds for each in consumers), target),
        status=_status(consumers, target),
        consumers=consumers,
        worst=worst_of(consumers),
        incidents=incidents,
        notes=noted(history.annotations, incidents, allowed),
        excluded=excluding(history.annotations, history.to_ns),
        recommendation=_recommend(evidence, worst_burst),
        health=history.health,
    )


def _by_consumer(hours: Iterable[HourRecord]) -> dict[str, list[HourRecord]]:
    def name(hour: HourRecord) -> str:
        return hour.consumer

    ordered = sorted(hours, key=lambda each: (each.consumer, each.start_ns))
    return {consumer: list(group) for consumer, group in groupby(ordered, name)}


_MIN_COVERAGE = Fraction(9, 10)
_WORST_FIRST: tuple[Status, ...] = (
    "exhausted",
    "unknown",
    "no_data",
    "at_risk",
    "ok",
)


def _status(consumers: Iterable[Watched], target: object) -> Status | None:
    """Return the worst status of any consumer that something was asked of."""
    if target is None:
        return None
    found = {each.status for each in consumers if each.coverage is not None}
    return next((status for status in _WORST_FIRST if status in found), "no_data")


def _recommend(
    evidence: Sequence[slo.Evidence], worst_burst: int
) -> slo.Recommendation | None:
    """Return what every consumer's history supports.

    None if one supports nothing, or has too many holes to speak for the window.
    """
    found = [
        slo.recommend(slo.blocks(each.blocks, worst_burst), worst_burst=worst_burst)
        if each.coverage >= _MIN_COVERAGE
        else None
        for each in evidence
        if each.coverage is not None
    ]
    if not found or None in found:
        return None
    known = (each for each in found if each)
    return min(known, key=lambda e: (e.objective, e.budget.remaining or 0))
