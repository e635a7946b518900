"""One consumer of an environment over a window: its figures, and what they rest on."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from prober import slo
from prober.clock import NS
from prober.history import EnvironmentHistory, HourRecord, Stretch
from prober.records import Counts, State
from prober.report.model import RINGS, Budget, GapSize, Latency, budget_of, gap_sizes_of
from prober.report.slots import DAY_NS, Basis, Slot, daily, hourly, latency_of
from prober.slo.blocking import at_least
from prober.slo.budgets import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """Cycles that do not count, all for one reason."""

    state: State
    reason: str
    cycles: int
    times: int
    """In how many stretches they came."""
    from_ns: int
    """When the first of them was due."""
    to_ns: int
    """When the last of them was final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the budget is spent now, and when it is gone if that goes on."""

    from_ns: int
    """Since then it is reckoned: a day, or less where less is known."""
    bad: int
    total: int
    burn: float
    """In units of the budget: 1 spends it exactly in its window."""
    exhausted_ns: int | None
    """None when it lasts for longer than the window does, and when it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """All figures of one consumer over a window.

    Fields that the consumer of a run has, too, are called and mean the same.
    """

    name: str
    transport: str
    """Empty where history does not tell."""
    valid: Counts
    """Over the cycles that count; history keeps no others."""
    planned: int
    """Messages scheduled, whatever came of it."""
    sli: float | None
    nines: float | None
    """None when nothing was lost: a sample cannot tell how much less that is."""
    bounds: slo.Interval
    """What the sample supports, over blocks that hold a worst burst."""
    blocks: int
    lengthened: int
    """How many blocks had to be taken as one, for losses lie side by side; else 1."""
    budget: Budget | None
    """None without an objective, and when nothing counts."""
    status: Status | None
    """Of the budget; None without an objective."""
    pace: Pace | None
    """None without a budget, and when nothing counted lately."""
    coverage: Fraction | None
    """Cycles that count, of those that could have; None when there were none."""
    unseen: int
    """Messages of inconclusive cycles that never came."""
    unsure: int
    """All messages of inconclusive cycles."""
    lossy_cycles: int
    lossy_hours: int
    largest_loss: int
    """Bad messages of the worst cycle that counts."""
    largest_hour: int
    """Bad messages of the worst hour."""
    latency: Latency
    distribution: tuple[tuple[float, int], ...]
    """Latencies by size: upper edge in seconds, and how many up to it from the last."""
    timely: slo.Tally
    """Messages that did not arrive in time, lost or late, of those accepted."""
    gap_sizes: tuple[GapSize, ...]
    """Runs of lost messages by size, largest first."""
    states: Mapping[State, int]
    asides: tuple[SetAside, ...]
    """Cycles that do not count, by reason, in the order of their first."""
    hours: tuple[Slot, ...]
    days: tuple[Slot, ...]

    @property
    def counts(self) -> Counts:
        """The same as `valid`, called as a run's consumer calls it."""
        return self.valid


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What all consumers of a window share."""

    history: EnvironmentHistory
    target: Decimal | None
    worst_burst: int
    planned: int | None
    """Messages of the whole window: the budget's basis, if not those that counted."""
    to_ns: int
    """The end of the window; later than that of the history where it goes on."""


def watched(
    frame: Frame, evidence: slo.Evidence, hours: Sequence[HourRecord]
) -> Watched:
    """Work out the figures of one consumer, of its hours in the order of time."""
    counted, name = evidence.counted, evidence.consumer
    blocks, lengthened = slo.independent(at_least(evidence.blocks, frame.worst_burst))
    budget = budget_of(evidence, frame.target, planned=frame.planned)
    allowed = budget.allowed if budget else None
    basis = Basis(allowed=allowed, worst_burst=frame.worst_burst)
    days, latency = daily(hours, basis)
    counts = Counts.total(each.counts for each in days)
    return Watched(
        name=name,
        transport=frame.history.run.consumers.get(name, "")
        if frame.history.run
        else "",
        valid=counts,
        planned=sum(each.planned for each in hours),
        sli=counted.sli,
        nines=slo.nines(*counted),
        bounds=slo.interval(
            (each.bad for each in blocks), counted.total, worst_burst=frame.worst_burst
        ),
        blocks=len(blocks),
        lengthened=lengthened,
        budget=budget,
        status=_status(evidence, frame),
        pace=_pace(frame, budget, hours),
        coverage=evidence.coverage,
        unseen=evidence.unsure.bad,
        unsure=evidence.unsure.total,
        lossy_cycles=sum(each.lossy_cycles for each in hours),
        lossy_hours=sum(each.counts.bad > 0 for each in hours),
        largest_loss=max((each.largest_loss for each in hours), default=0),
        largest_hour=max((each.counts.bad for each in hours), default=0),
        latency=latency_of(latency),
        distribution=tuple((e / NS, count) for e, count in latency.buckets.items()),
        timely=slo.sli(counts, "timely_delivery"),
        gap_sizes=_gap_sizes(frame.history.stretches, name),
        states=evidence.states,
        asides=_asides(frame.history.stretches, name),
        hours=hourly(hours, basis),
        days=days,
    )


def _status(evidence: slo.Evidence, frame: Frame) -> Status | None:
    if frame.target is None:
        return None
    return slo.budget_of(evidence, frame.target, planned=frame.planned).status


def _pace(
    frame: Frame, budget: Budget | None, hours: Iterable[HourRecord]
) -> Pace | None:
    """Return the pace of the last day that is known, and what comes of it."""
    if budget is None or frame.target is None:
        return None
    history = frame.history
    from_ns = max(history.from_ns, history.to_ns - DAY_NS)
    lately = [each.counts for each in hours if each.start_ns >= from_ns]
    bad, total = sum(c.bad for c in lately), sum(c.accepted for c in lately)
    burn = slo.burn_rate(bad, total, frame.target)
    if burn is None:
        return None
    period = (frame.to_ns - history.from_ns) / NS
    lasts = slo.time_to_exhaustion(float(budget.remaining), burn, period)
    soon = lasts is not None and 0 < lasts <= period
    return Pace(
        from_ns=max(from_ns, history.first_ns or from_ns),
        bad=bad,
        total=total,
        burn=burn,
        exhausted_ns=history.to_ns + round(lasts * NS) if soon and lasts else None,
    )


def _gap_sizes(stretches: Iterable[Stretch], consumer: str) -> tuple[GapSize, ...]:
    sizes: Counter[int] = Counter()
    for each in stretches:
        if each.consumer == consumer and each.state is State.LOSS:
            sizes.update(each.gap_sizes)
    return gap_sizes_of(sizes, RINGS)


def _asides(stretches: Iterable[Stretch], consumer: str) -> tuple[SetAside, ...]:
    found: dict[tuple[State, str], list[Stretch]] = {}
    for each in stretches:
        if each.consumer == consumer and each.state is not State.LOSS:
            found.setdefault((each.state, each.reason), []).append(each)
    return tuple(
        SetAside(
            state=state,
            reason=reason,
            cycles=sum(each.cycles for each in group),
            times=len(group),
            from_ns=min(each.from_ns for each in group),
            to_ns=max(each.to_ns for each in group),
        )
        for (state, reason), group in found.items()
    )
