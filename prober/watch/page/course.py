"""One environment over a window: the report's own page, and an hour cycle by cycle."""

from collections.abc import Sequence
from dataclasses import replace

from prober.clock import NS
from prober.histogram import Histogram
from prober.history import CycleRecord
from prober.report import charts
from prober.report.charts import Chart
from prober.report.environment import EnvironmentReport
from prober.report.html_parts import Page, Section
from prober.report.html_window import environment_page
from prober.watch.page.looking import Seen

_HOUR = "1h"
_QUANTILES = (0.5, 0.9, 0.99, 0.999)


def page_of(report: EnvironmentReport, seen: Seen, window: str) -> Page:
    """Return the page of a window; of an hour its charts are drawn of single cycles."""
    page = environment_page(report)
    if window != _HOUR or report.worst is None:
        return page
    cycles = sorted(
        (
            each
            for each in seen.known.recent
            if each.consumer == report.worst.name and each.state is not None
        ),
        key=lambda each: each.scheduled_ns,
    )
    return replace(
        page,
        sections=tuple(_by_cycles(each, report, cycles) for each in page.sections),
    )


def _by_cycles(
    section: Section, report: EnvironmentReport, cycles: Sequence[CycleRecord]
) -> Section:
    """Return a section with charts of cycles where it had some of hours."""
    drawn = tuple(filter(None, (_redrawn(c, report, cycles) for c in section.charts)))
    return replace(section, charts=drawn)


def _redrawn(
    chart: Chart, report: EnvironmentReport, cycles: Sequence[CycleRecord]
) -> Chart | None:
    if chart.name.endswith("-strip"):
        return None  # the one of the last hour stands above
    if not cycles:
        return chart
    if chart.name.endswith("-reliability"):
        return charts.reliability(_reliability(chart.name, report, cycles))
    if chart.name.endswith("-latency"):
        return charts.percentiles(_latency(chart.name, report, cycles))
    return chart


def _reliability(
    name: str, report: EnvironmentReport, cycles: Sequence[CycleRecord]
) -> charts.Reliability:
    return charts.Reliability(
        name=name,
        whose=_whose(report),
        slices=tuple(
            charts.Slice(
                from_ns=cycle.scheduled_ns,
                to_ns=_end_ns(cycle),
                bad=cycle.bad,
                total=cycle.total,
            )
            for cycle in cycles
        ),
        unit="cycle",
        target=report.target,
        supports=(),
    )


def _latency(
    name: str, report: EnvironmentReport, cycles: Sequence[CycleRecord]
) -> charts.Percentiles:
    late_after = report.run.plan.late_after_ns / NS if report.run else None
    return charts.Percentiles(
        name=name,
        whose=_whose(report),
        slices=tuple(
            charts.Quantiles(
                from_ns=cycle.scheduled_ns,
                to_ns=_end_ns(cycle),
                seconds=_quantiles(cycle),
            )
            for cycle in cycles
        ),
        late_after=late_after,
    )


def _quantiles(cycle: CycleRecord) -> tuple[float | None, ...]:
    took = Histogram.thaw(cycle.latency)
    return tuple(_seconds(took.quantile(each)) for each in _QUANTILES)


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / NS


def _end_ns(cycle: CycleRecord) -> int:
    """Return where the next cycle begins, as far as this one tells."""
    sent_ns = cycle.last_sent_ns or cycle.scheduled_ns
    return max(sent_ns, cycle.scheduled_ns + NS)


def _whose(report: EnvironmentReport) -> str:
    several = len(report.consumers) > 1 and report.worst is not None
    return report.worst.name if several and report.worst else ""
