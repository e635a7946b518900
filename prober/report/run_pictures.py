"""Which charts the report of a run has, and what of its figures they draw."""

from collections.abc import Iterable, Mapping

from prober.clock import NS
from prober.history import COUNTED
from prober.records import CycleResult
from prober.report import charts
from prober.report.charts import Chart
from prober.report.model import RINGS, Consumer, Report
from prober.slo import Across

_LEAST_NS = NS // 1_000
"""A cycle whose messages were sent at once still takes some room."""


def budget_charts(worst: Consumer | None) -> list[Chart]:
    """Return the budget as a bar, where there is one."""
    if worst is None or worst.budget is None:
        return []
    spent = charts.Spent(
        name="budget",
        allowed=worst.budget.allowed,
        consumed=worst.budget.consumed,
        if_unseen=1 - worst.budget.remaining_if_unseen_lost,
    )
    return [charts.budget(spent)]


def course_charts(report: Report) -> list[Chart]:
    """Return what happened in the course of a run."""
    sent = [each for each in report.cycles if each.first_sent_ns is not None]
    if report.worst is None or not sent:
        return []
    slices = _slices(report, report.worst)
    drawn = [charts.reliability(_reliability(report, report.worst, slices))]
    if report.worst.budget is not None and report.worst.valid.bad:
        drawn.append(charts.burndown(_burndown(report.worst, slices)))
    return [*drawn, charts.strip(_strip(report, slices))]


def where_charts(report: Report) -> list[Chart]:
    """Return where losses were: on which consumer, and of which size."""
    drawn = []
    if report.across is not None and report.across.messages:
        drawn.append(charts.consumers(missed("consumers", report.across)))
    if any(each.gap_sizes for each in report.consumers):
        drawn.append(charts.gaps(gaps("gaps", report.consumers)))
    return drawn


def latency_charts(report: Report) -> list[Chart]:
    """Return how fast messages were."""
    measured = [
        charts.Latencies(
            consumer=each.name,
            buckets=tuple((ns / NS, n) for ns, n in each.latency.buckets().items()),
        )
        for each in report.result.consumers
        if each.latency.count
    ]
    if not measured:
        return []
    data = charts.Distribution(
        name="latency",
        consumers=tuple(measured),
        late_after=report.result.plan.late_after_ns / NS,
    )
    return [charts.distribution(data)]


def _whose(report: Report, one: Consumer) -> str:
    return one.name if len(report.consumers) > 1 else ""


def _slices(report: Report, one: Consumer) -> tuple[charts.Slice, ...]:
    """Return a consumer's cycles, each from its first message to its last."""
    found = []
    for cycle in report.cycles:
        outcome = next((o for o in cycle.outcomes if o.consumer == one.name), None)
        if outcome is None or cycle.first_sent_ns is None:
            continue
        last_ns = cycle.last_sent_ns or cycle.first_sent_ns
        bad, total = _counted(outcome)
        found.append(
            charts.Slice(
                name=f"cycle {cycle.index + 1:,}",
                from_ns=cycle.first_sent_ns,
                to_ns=max(last_ns, cycle.first_sent_ns + _LEAST_NS),
                bad=bad,
                total=total,
            )
        )
    return tuple(found)


def _counted(outcome: CycleResult) -> tuple[int, int]:
    if outcome.state not in COUNTED:
        return 0, 0
    return outcome.counts.bad, outcome.counts.accepted


def _reliability(
    report: Report, worst: Consumer, slices: tuple[charts.Slice, ...]
) -> charts.Reliability:
    return charts.Reliability(
        name="reliability",
        whose=_whose(report, worst),
        slices=slices,
        unit="cycle",
        target=report.target,
        supports=report.claim.supports,
    )


def _burndown(worst: Consumer, slices: tuple[charts.Slice, ...]) -> charts.BurnDown:
    assert worst.budget is not None  # noqa: S101 - asked before
    spent = 0
    course = [charts.Left(at_ns=slices[0].from_ns, share=1.0)]
    for each in slices:
        if each.bad:
            spent += each.bad
            share = float(1 - spent / worst.budget.allowed)
            course.append(charts.Left(at_ns=each.to_ns, share=share))
    return charts.BurnDown(
        name="burn-down",
        from_ns=slices[0].from_ns,
        to_ns=slices[-1].to_ns,
        course=tuple(course),
        gone_ns=None,
    )


def _strip(report: Report, slices: tuple[charts.Slice, ...]) -> charts.Strip:
    return charts.Strip(
        name="strip",
        rows=tuple(
            charts.Row(name=each.name, states=each.course, counts=each.states)
            for each in report.consumers
        ),
        unit="cycle",
        from_ns=slices[0].from_ns,
        to_ns=slices[-1].to_ns,
    )


def missed(name: str, across: Across) -> charts.Consumers:
    """Return what each consumer missed, by who else did."""
    return charts.Consumers(
        name=name,
        messages=across.messages,
        consumers=tuple(
            charts.Missed(
                consumer=each,
                by_all=across.lost_by_all,
                by_some=lost - across.lost_by_all - across.lost_only_by[each],
                alone=across.lost_only_by[each],
            )
            for each, lost in across.lost_by.items()
        ),
    )


def gaps(name: str, consumers: Iterable[Consumer]) -> charts.Gaps:
    """Return the gaps of all consumers by size, and the rings that they fit."""
    times: dict[int, int] = {}
    fits: dict[int, int | None] = {}
    rings: Mapping[int, tuple[str, ...]] = RINGS
    found = [gap for each in consumers for gap in each.gap_sizes]
    for gap in found:
        times[gap.size] = times.get(gap.size, 0) + gap.times
        fits[gap.size] = gap.ring
    known = {gap.ring: gap.owners for gap in found if gap.ring is not None}
    return charts.Gaps(
        name=name,
        gaps=tuple(
            charts.Gap(size=size, times=times[size], ring=fits[size])
            for size in sorted(times)
        ),
        rings=known or rings,
    )
