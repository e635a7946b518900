"""Which charts the report of a run has, and what of its figures they draw."""

from collections import Counter
from collections.abc import Iterable

from prober.clock import NS
from prober.history import COUNTED
from prober.records import CycleResult
from prober.report import charts
from prober.report.charts import Chart
from prober.report.model import RINGS, Budget, Consumer, Report
from prober.report.watched import Watched
from prober.slo import Across

_LEAST_NS = NS // 1_000
"""A cycle whose messages were sent at once still takes some room."""


def budget_charts(anchor: str, worst: Consumer | Watched | None) -> tuple[Chart, ...]:
    """Return the budget as a bar, where there is one."""
    if worst is None or worst.budget is None:
        return ()
    spent = charts.Spent(
        name=f"{anchor}-budget",
        allowed=worst.budget.allowed,
        consumed=worst.budget.consumed,
        if_unseen=1 - worst.budget.remaining_if_unseen_lost,
    )
    return (charts.budget(spent),)


def course_charts(report: Report) -> tuple[Chart, ...]:
    """Return what happened in the course of a run."""
    if not report.consumers:
        return ()
    worst = report.worst
    slices = _slices(report, worst or report.consumers[0])
    if not slices:
        return ()
    drawn = []
    if worst is not None:
        drawn.append(charts.reliability(_reliability(report, worst, slices)))
        if worst.budget is not None and worst.valid.bad:
            burn = _burndown(worst.budget, slices, _whose(report, worst))
            drawn.append(charts.burndown(burn))
    return (*drawn, charts.strip(_strip(report)))


def where_charts(report: Report) -> tuple[Chart, ...]:
    """Return where losses were: on which consumer, and of which size."""
    drawn = []
    if report.across is not None and any(report.across.lost_by.values()):
        drawn.append(charts.consumers(_missed(report.across)))
    return (*drawn, *gap_charts("run", report.consumers))


def gap_charts(
    anchor: str, consumers: Iterable[Consumer | Watched]
) -> tuple[Chart, ...]:
    """Return the gaps of all consumers by size, and the rings that they fit."""
    found = [gap for each in consumers for gap in each.gap_sizes]
    if not found:
        return ()
    times: Counter[int] = Counter()
    for gap in found:
        times[gap.size] += gap.times
    fits = {gap.size: gap.ring for gap in found}
    known = {gap.ring: gap.owners for gap in found if gap.ring is not None}
    sizes = charts.Gaps(
        name=f"{anchor}-gaps",
        gaps=tuple(
            charts.Gap(size=size, times=times[size], ring=fits[size])
            for size in sorted(times)
        ),
        rings=known or RINGS,
    )
    return (charts.gaps(sizes),)


def latency_charts(report: Report) -> tuple[Chart, ...]:
    """Return how fast messages were."""
    measured = tuple(
        charts.Latencies(
            consumer=each.name,
            buckets=tuple((ns / NS, n) for ns, n in each.latency.buckets().items()),
        )
        for each in report.result.consumers
        if each.latency.count
    )
    late_after = report.result.plan.late_after_ns / NS
    data = charts.Distribution(
        name="run-latency", consumers=measured, late_after=late_after
    )
    return (charts.distribution(data),) if measured else ()


def _whose(report: Report, one: Consumer) -> str:
    return one.name if len(report.consumers) > 1 else ""


def _slices(report: Report, one: Consumer) -> tuple[charts.Slice, ...]:
    """Return a consumer's cycles, each from its first message to that of the next."""
    found = [
        (cycle, outcome)
        for cycle in report.cycles
        for outcome in cycle.outcomes
        if outcome.consumer == one.name and cycle.first_sent_ns is not None
    ]
    starts = [cycle.first_sent_ns or 0 for cycle, _ in found]
    ends = [*starts[1:], *(cycle.last_sent_ns or 0 for cycle, _ in found[-1:])]
    return tuple(
        charts.Slice(
            name=f"cycle {cycle.index + 1:,}",
            from_ns=start,
            to_ns=max(end, start + _LEAST_NS),
            bad=bad,
            total=total,
        )
        for (cycle, outcome), start, end in zip(found, starts, ends, strict=True)
        for bad, total in [_counted(outcome)]
    )


def _counted(outcome: CycleResult) -> tuple[int, int]:
    if outcome.state not in COUNTED:
        return 0, 0
    return outcome.counts.bad, outcome.counts.accepted


def _reliability(
    report: Report, worst: Consumer, slices: tuple[charts.Slice, ...]
) -> charts.Reliability:
    supports, ended_ns = report.claim.supports, slices[-1].to_ns
    bound = charts.Bound(at_ns=ended_ns, share=supports or 0.0)
    return charts.Reliability(
        name="run-reliability",
        whose=_whose(report, worst),
        slices=slices,
        unit="cycle",
        target=report.target,
        supports=() if supports is None else (bound,),
    )


def _burndown(
    budget: Budget, slices: tuple[charts.Slice, ...], whose: str
) -> charts.BurnDown:
    spent = 0
    course = [charts.Left(at_ns=slices[0].from_ns, share=1.0)]
    for each in slices:
        if each.bad:
            spent += each.bad
            share = float(1 - spent / budget.allowed)
            course.append(charts.Left(at_ns=each.to_ns, share=share))
    return charts.BurnDown(
        name="run-burn-down",
        whose=whose,
        from_ns=slices[0].from_ns,
        to_ns=slices[-1].to_ns,
        course=tuple(course),
        left=budget.remaining,
        ends_ns=slices[-1].to_ns,
        gone_ns=None,
    )


def _strip(report: Report) -> charts.Strip:
    return charts.Strip(
        name="run-strip",
        rows=tuple(
            charts.Row(name=each.name, states=each.course, counts=each.states)
            for each in report.consumers
        ),
        unit="cycle",
        times=None,
    )


def _missed(across: Across) -> charts.Consumers:
    """Return what each consumer missed, by who else did."""
    return charts.Consumers(
        name="run-consumers",
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
