"""A window cut into hours and days, for whoever draws it: what came, what was left."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, groupby

from prober import slo
from prober.clock import NS
from prober.histogram import Frozen
from prober.history import HOUR_NS, HourRecord
from prober.records import Counts, State
from prober.report.model import Latency

DAY_NS = 24 * HOUR_NS
"""A day in UTC, whatever clocks on walls do."""

_WORST_FIRST = (
    State.LOSS,
    State.INCONCLUSIVE,
    State.INVALID,
    State.MISSED,
    State.EXCLUDED,
    State.PASS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One hour or one day as one consumer saw it; one without cycles is left out."""

    from_ns: int
    to_ns: int
    counts: Counts
    """Over the cycles that count."""
    planned: int
    """Messages scheduled, whatever came of it."""
    unseen: int
    """Messages of inconclusive cycles that never came,"""
    unsure: int
    """of so many of theirs."""
    sli: float | None
    """Good of total; None when nothing counts."""
    states: Mapping[State, int]
    """How many cycles ended in each state, all six of them named."""
    state: State
    """The worst of them: it stands for the slot where there is room for one."""
    largest_loss: int
    """Bad messages of its worst cycle."""
    latency: Latency
    remaining: float | None
    """The share of the window's budget that was left at its end; negative when
    overspent, None without an objective."""
    supports: float | None
    """What everything since the window began supported as a promise at its end.

    Of days only, and None while nothing counts.
    """

    @property
    def bad(self) -> int:
        """Lost or damaged, in cycles that count."""
        return self.counts.bad

    @property
    def total(self) -> int:
        """Accepted, in cycles that count."""
        return self.counts.accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What slots are held against."""

    allowed: Fraction | None
    """Messages that the objective allows to be bad in the whole window."""
    worst_burst: int

    def left(self, spent: int) -> float | None:
        """Return the share of the budget that is left when so many were bad."""
        return float(1 - spent / self.allowed) if self.allowed else None


def hourly(hours: Sequence[HourRecord], basis: Basis) -> tuple[Slot, ...]:
    """Return a slot an hour, of one consumer's hours in the order of time."""
    spent, left = 0, basis.left(0)
    found = []
    for each in hours:
        if each.counts.bad:
            spent += each.counts.bad
            left = basis.left(spent)
        found.append(_slot(each, HOUR_NS, left))
    return tuple(found)


def daily(hours: Sequence[HourRecord], basis: Basis) -> tuple[tuple[Slot, ...], Frozen]:
    """Return a slot a day, of one consumer's hours in the order of time.

    And the latencies of all of them, which are merged on the way.
    """
    found, latencies = [], []
    bad: list[int] = []
    total = 0
    for _, group in groupby(hours, lambda each: each.start_ns // DAY_NS):
        day = list(group)
        bad += [each.counts.bad for each in day if each.counts.bad]
        whole = _whole(day)
        total += whole.counts.accepted
        supports = slo.supported(bad, total, worst_burst=basis.worst_burst)
        latencies.append(whole.latency)
        found.append(_slot(whole, DAY_NS, basis.left(sum(bad)), supports))
    return tuple(found), merged(latencies)


def _whole(hours: Sequence[HourRecord]) -> HourRecord:
    """Return hours of one consumer as if they were one."""
    first = hours[0]
    return replace(
        first,
        states={state: sum(e.states.get(state, 0) for e in hours) for state in State},
        counts=Counts.total(each.counts for each in hours),
        unseen=sum(each.unseen for each in hours),
        unsure=sum(each.unsure for each in hours),
        planned=sum(each.planned for each in hours),
        largest_loss=max(each.largest_loss for each in hours),
        latency=merged(each.latency for each in hours),
    )


def _slot(
    hour: HourRecord,
    length_ns: int,
    remaining: float | None,
    supports: float | None = None,
) -> Slot:
    start_ns = hour.start_ns - hour.start_ns % length_ns
    counts, states = hour.counts, hour.states
    return Slot(
        from_ns=start_ns,
        to_ns=start_ns + length_ns,
        counts=counts,
        planned=hour.planned,
        unseen=hour.unseen,
        unsure=hour.unsure,
        sli=counts.good / counts.accepted if counts.accepted else None,
        states=states,
        state=next((s for s in _WORST_FIRST if states.get(s)), State.MISSED),
        largest_loss=hour.largest_loss,
        latency=latency_of(hour.latency),
        remaining=remaining,
        supports=supports,
    )


def merged(latencies: Iterable[Frozen]) -> Frozen:
    """Return histograms at rest as one: counts add, percentiles never do."""
    buckets: dict[int, int] = {}
    known = buckets.get
    slowest: list[int] = []
    negative = 0
    for each in latencies:
        for edge, count in each.buckets.items():
            buckets[edge] = known(edge, 0) + count
        slowest += [each.max_ns] if each.max_ns is not None else []
        negative += each.negative
    return Frozen(
        buckets=dict(sorted(buckets.items())),
        max_ns=max(slowest, default=None),
        negative=negative,
        sum_ns=None,  # nobody asks for it here
    )


_QUANTILES = ((1, 2), (9, 10), (99, 100), (999, 1_000), (1, 1))


def latency_of(histogram: Frozen) -> Latency:
    """Return the quantiles of a histogram at rest, whose edges are in order.

    As `Histogram.quantile` has them, without thawing it: a window has thousands.
    """
    if histogram.max_ns is None:
        return Latency(p50=None, p90=None, p99=None, p999=None, max=None)
    edges = [*histogram.buckets]
    running = [*accumulate(histogram.buckets.values())]
    total, slowest = running[-1], histogram.max_ns
    found = (
        min(edges[bisect_left(running, -(-total * share // of))], slowest) / NS
        for share, of in _QUANTILES  # the rank is rounded up
    )
    p50, p90, p99, p999, longest = found
    return Latency(p50=p50, p90=p90, p99=p99, p999=p999, max=longest)
