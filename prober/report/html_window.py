"""The page of one environment over a window, and the overview of several."""

from collections.abc import Iterable, Mapping

from prober.report import window_facts
from prober.report import window_pictures as pictures
from prober.report.environment import EnvironmentReport
from prober.report.environments import Environments
from prober.report.facts import Table
from prober.report.html_parts import (
    LOOKS,
    Page,
    Section,
    filled,
    grouped,
    split,
    tiles,
)
from prober.report.pages import overview, sentences
from prober.report.run_pictures import budget_charts, gap_charts
from prober.report.words import many, moment

PLACES: Mapping[str, str] = {
    "budget": "answer",
    "pace": "answer",
    "incidents": "items",
    "noted": "noted",
    "beside": "happened",
    "measured": "trust",
    "uncounted": "trust",
    "worst case": "trust",
    "ourselves": "trust",
    "in time": "speed",
    "way in": "speed",
    "rate": "speed",
    "could hold": "objective",
    "read": "method",
    "judged": "method",
    "window": "method",
    "run": "method",
}
"""In which section a fact stands, by its label."""
_MOST_INCIDENTS, _MOST_OF_SEVERAL = 50, 10
"""Told one by one on a page of its own, and where several environments share a file."""


def environment_page(
    report: EnvironmentReport, number: int = 1, *, alone: bool = True
) -> Page:
    """Return everything that is told of an environment, the `number`th in its file."""
    anchor = f"environment-{number}"
    form = "%Y-%m-%d %H:%M"
    times = f"{moment(report.from_ns, form)} to {moment(report.to_ns, form)} UTC"
    return Page(
        anchor=anchor,
        title=report.environment,
        origin=times,
        look=LOOKS[report.verdict.state],
        answer=tuple(map(split, sentences(report))),
        tiles=tiles(report.worst, report.claim),
        first=budget_charts(anchor, report.worst),
        sections=filled(_sections(report, anchor, alone=alone)),
    )


def _sections(report: EnvironmentReport, anchor: str, *, alone: bool) -> list[Section]:
    before, after = window_facts.before(report), window_facts.after(report)
    told = grouped((*before, *after), PLACES)
    counted = (window_facts.counts(report),) if report.consumers else ()
    latencies = (window_facts.latencies(report),) if report.consumers else ()
    return [
        Section(
            title="The budget",
            charts=pictures.budget_course(report, anchor),
            facts=told["answer"],
        ),
        Section(
            title="What happened",
            opening=told["noted"],
            charts=pictures.course_charts(report, anchor),
            items=tuple(_incidents(report, alone=alone)),
            tables=counted,
            facts=told["happened"],
        ),
        Section(title="Where it was", charts=gap_charts(anchor, report.consumers)),
        Section(title="How far to trust it", facts=told["trust"]),
        Section(
            title="How fast",
            charts=pictures.latency_charts(report, anchor),
            tables=latencies,
            facts=told["speed"],
        ),
        Section(title="What could be promised", facts=told["objective"]),
        Section(title="How it was measured", facts=told["method"]),
    ]


def _incidents(
    report: EnvironmentReport, *, alone: bool
) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Return the largest incidents in the order of time, with all that is known."""
    several = len(report.consumers) > 1
    most = _MOST_INCIDENTS if alone else _MOST_OF_SEVERAL
    largest = sorted(report.incidents, key=lambda each: -each.bad)[:most]
    for each in sorted(largest, key=lambda each: each.number):
        head, *known = window_facts.incident(each, several=several).split("; ")
        yield head, tuple(known)
    rest = len(report.incidents) - len(largest)
    if rest > 0:
        least = min(each.bad for each in largest)
        yield f"{rest:,} more, none larger than {many(least, 'message')}", ()


def overview_page(subject: Environments) -> Page:
    """Return several environments side by side, the worst first."""
    told = overview(subject)
    made = moment(subject.made_ns, "%Y-%m-%d %H:%M UTC")
    found = [part for part in told.parts if isinstance(part, Table)]
    opening, _, rest = told.answer[0].partition(": ")
    return Page(
        anchor="overview",
        title="All environments" if subject.reports else "No environment",
        origin=f"worst first, {made}",
        look=LOOKS[told.state],
        answer=((opening, rest[:1].upper() + rest[1:]),),
        tiles=(),
        first=pictures.overview_charts(subject),
        sections=filled([Section(title="Side by side", tables=tuple(found))]),
    )
