"""The page of one run."""

from collections.abc import Mapping

from prober import slo
from prober.clock import NS
from prober.report import run_pictures as pictures
from prober.report.answer import sentences
from prober.report.facts import Fact, facts, tables
from prober.report.html_parts import (
    LOOKS,
    Page,
    Section,
    filled,
    grouped,
    split,
    tiles,
)
from prober.report.model import Report
from prober.report.words import many, moment

PLACES: Mapping[str, str] = {
    "in order": "drawn",
    "warning": "warnings",
    "meanwhile": "answer",
    "lost in": "happened",
    "beside": "happened",
    "side by side": "happened",
    "buffers": "happened",
    "platform": "happened",
    "paths": "happened",
    "cycles": "trust",
    "uncounted": "trust",
    "control": "trust",
    "ourselves": "trust",
    "way in": "speed",
    "rate": "speed",
    "explain": "method",
    "read": "method",
    "run": "method",
}
"""In which section a fact stands, by its label."""


def run_page(report: Report) -> Page:
    """Return everything that is told of one run, in its order."""
    result = report.result
    seconds = (result.ended_at_ns - result.started_at_ns) / NS
    began = moment(result.started_at_ns, "%Y-%m-%d %H:%M:%S UTC")
    return Page(
        anchor="run",
        title=result.environment,
        origin=f"run {result.run_id}, {began}, {seconds:,.1f} s",
        look=LOOKS[report.verdict.state],
        answer=(*map(split, sentences(report)), *_cost(report)),
        tiles=tiles(report.worst, report.claim),
        first=pictures.budget_charts("run", report.worst),
        sections=filled(_sections(report)),
    )


def _cost(report: Report) -> tuple[Fact, ...]:
    """Return what a deploy cost, which whoever probed beside it asks first."""
    told = grouped(facts(report), PLACES)["answer"]
    return tuple((label.capitalize(), words) for label, words in told)


def _sections(report: Report) -> list[Section]:
    told = grouped(facts(report), PLACES)
    found = tables(report)
    return [
        Section(
            title="What happened",
            charts=pictures.course_charts(report) + pictures.where_charts(report),
            tables=found[:1],
            facts=told["happened"],
        ),
        Section(
            title="How far to trust it",
            warnings=report.result.warnings,
            facts=told["trust"],
        ),
        Section(
            title="How fast",
            charts=pictures.latency_charts(report),
            tables=found[1:],
            facts=told["speed"],
        ),
        Section(
            title="How it was measured",
            facts=(*told["method"], *_method(report)),
        ),
    ]


def _method(report: Report) -> tuple[Fact, ...]:
    plan = report.result.plan
    late, lost = (
        slo.format_duration(ns / NS) for ns in (plan.late_after_ns, plan.lost_after_ns)
    )
    deadlines = ("deadlines", f"late after {late}, lost after {lost}")
    burst = f"one drop can cost {many(report.claim.worst_burst, 'message')}"
    judged = ("judged", f"95 % confidence, one-sided, over cycles, if {burst}")
    python = ("python", report.python)
    if report.claim.supports is None:
        return deadlines, python
    return deadlines, judged, python
