"""Which charts the report of a window has, and what of its figures they draw."""

from collections import Counter

from prober.clock import NS
from prober.history import HOUR_NS
from prober.records import State
from prober.report import charts
from prober.report.charts import Chart
from prober.report.environment import EnvironmentReport
from prober.report.environments import Environments
from prober.report.slots import DAY_NS, Slot
from prober.report.watched import Watched
from prober.report.words import MARKS

_MOST_FLAGS = 12
"""More flags than that hide what they stand beside; the table has all notes."""


def budget_course(report: EnvironmentReport, anchor: str) -> tuple[Chart, ...]:
    """Return how the budget was spent, and how long it will last."""
    worst = report.worst
    if worst is None or worst.budget is None or not worst.hours:
        return ()
    course = [charts.Left(at_ns=report.from_ns, share=1.0)]
    course += [
        charts.Left(at_ns=min(slot.to_ns, report.until_ns), share=slot.remaining)
        for slot in worst.hours
        if slot.remaining is not None and slot.bad
    ]
    data = charts.BurnDown(
        name=f"{anchor}-burn-down",
        whose=_whose(report, worst),
        from_ns=report.from_ns,
        to_ns=report.until_ns,
        course=tuple(course),
        left=worst.budget.remaining,
        ends_ns=report.to_ns,
        gone_ns=worst.pace.exhausted_ns if worst.pace else None,
        notes=_flags(report),
    )
    return (charts.burndown(data),)


def course_charts(report: EnvironmentReport, anchor: str) -> tuple[Chart, ...]:
    """Return what happened in the course of a window."""
    worst = report.worst
    if not any(each.hours for each in report.consumers):
        return ()
    drawn = []
    if worst is not None:
        drawn.append(charts.reliability(_reliability(report, worst, anchor)))
    drawn.append(charts.strip(_strip(report, anchor)))
    if worst is not None and report.to_ns - report.from_ns > 2 * DAY_NS:
        hours = tuple(
            charts.Hour(start_ns=slot.from_ns, bad=slot.bad, total=slot.total)
            for slot in worst.hours
        )
        heat = charts.HeatMap(
            name=f"{anchor}-hours", whose=_whose(report, worst), hours=hours
        )
        drawn.append(charts.heatmap(heat))
    return tuple(drawn)


def latency_charts(report: EnvironmentReport, anchor: str) -> tuple[Chart, ...]:
    """Return how fast messages were, over time and all in all."""
    late_after = report.run.plan.late_after_ns / NS if report.run else None
    measured = tuple(
        charts.Latencies(consumer=each.name, buckets=each.distribution)
        for each in report.consumers
        if each.distribution
    )
    if not measured or report.worst is None:
        return ()
    course = charts.Percentiles(
        name=f"{anchor}-latency",
        whose=_whose(report, report.worst),
        slices=tuple(map(_quantiles, report.worst.hours)),
        late_after=late_after,
    )
    whole = charts.Distribution(
        name=f"{anchor}-percentiles", consumers=measured, late_after=late_after
    )
    return charts.percentiles(course), charts.distribution(whole)


def overview_charts(subject: Environments) -> tuple[Chart, ...]:
    """Return what was counted in each environment, and what that supports."""
    counted = tuple(
        charts.Counted(
            label=each.environment,
            bad=each.worst.valid.bad if each.worst else 0,
            total=each.worst.valid.accepted if each.worst else 0,
            lower=each.worst.bounds.lower if each.worst else 0.0,
            upper=each.worst.bounds.upper if each.worst else 1.0,
        )
        for each in subject.reports
    )
    if not counted:
        return ()
    targets = {each.target for each in subject.reports}
    data = charts.Intervals(
        name="overview-intervals",
        title="What arrived, by environment",
        counted=counted,
        target=next(iter(targets)) if len(targets) == 1 else None,
    )
    return charts.intervals(data), charts.strip(_side_by_side(subject))


def _side_by_side(subject: Environments) -> charts.Strip:
    """Return the hours of all environments, each as bad as on its worst consumer."""
    start_ns = min(each.from_ns - each.from_ns % HOUR_NS for each in subject.reports)
    end_ns = max(each.until_ns for each in subject.reports)
    rows = []
    for report in subject.reports:
        hours = sorted(
            (slot for each in report.consumers for slot in each.hours),
            # The last one of an hour is kept: the worst, of which the marks tell first.
            key=lambda slot: -tuple(MARKS).index(slot.state),
        )
        counts: Counter[State] = Counter()
        for each in report.consumers:
            counts.update(each.states)
        rows.append(
            charts.Row(
                name=report.environment,
                states=_states(tuple(hours), start_ns, end_ns),
                counts=counts,
            )
        )
    return charts.Strip(
        name="overview-strip", rows=tuple(rows), unit="hour", times=(start_ns, end_ns)
    )


def _whose(report: EnvironmentReport, one: Watched) -> str:
    return one.name if len(report.consumers) > 1 else ""


def _flags(report: EnvironmentReport) -> tuple[charts.Note, ...]:
    """Return the notes within the window: those that cost most, if there are many."""
    within = [
        each
        for each in report.notes
        if report.from_ns <= each.annotation.from_ns < report.to_ns
    ]
    dearest = sorted(within, key=lambda each: -each.bad)[:_MOST_FLAGS]
    return tuple(
        charts.Note(at_ns=each.annotation.from_ns, text=each.annotation.text)
        for each in sorted(dearest, key=lambda each: each.annotation.from_ns)
    )


def _reliability(
    report: EnvironmentReport, worst: Watched, anchor: str
) -> charts.Reliability:
    return charts.Reliability(
        name=f"{anchor}-reliability",
        whose=_whose(report, worst),
        slices=tuple(
            charts.Slice(
                from_ns=slot.from_ns,
                to_ns=slot.to_ns,
                bad=slot.bad,
                total=slot.total,
            )
            for slot in worst.hours
        ),
        unit="hour",
        target=report.target,
        supports=tuple(
            charts.Bound(at_ns=min(slot.to_ns, report.until_ns), share=slot.supports)
            for slot in worst.days
            if slot.supports is not None
        ),
        notes=_flags(report),
    )


def _strip(report: EnvironmentReport, anchor: str) -> charts.Strip:
    start_ns = report.from_ns - report.from_ns % HOUR_NS
    return charts.Strip(
        name=f"{anchor}-strip",
        rows=tuple(
            charts.Row(
                name=each.name,
                states=_states(each.hours, start_ns, report.until_ns),
                counts=each.states,
            )
            for each in report.consumers
        ),
        unit="hour",
        times=(start_ns, report.until_ns),
    )


def _states(
    hours: tuple[Slot, ...], from_ns: int, to_ns: int
) -> tuple[State | None, ...]:
    """Return the worst state of each hour; None where nothing was scheduled."""
    known = {slot.from_ns: slot.state for slot in hours}
    return tuple(map(known.get, range(from_ns, to_ns, HOUR_NS)))


def _quantiles(slot: Slot) -> charts.Quantiles:
    took = slot.latency
    return charts.Quantiles(
        from_ns=slot.from_ns,
        to_ns=slot.to_ns,
        seconds=(took.p50, took.p90, took.p99, took.p999),
    )
