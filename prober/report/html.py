"""One self-contained HTML file: style and pictures in it, and no script."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import singledispatch

from markupsafe import Markup

from prober.report.charts import Chart
from prober.report.comparison import Comparison
from prober.report.environments import Environments
from prober.report.facts import Table
from prober.report.formats import Subject
from prober.report.html_comparison import comparison_page
from prober.report.html_parts import Page, Section
from prober.report.html_run import run_page
from prober.report.html_window import environment_page, overview_page
from prober.report.model import Report
from prober.report.pages import calibrated
from prober.report.styles import ink_of, page_style
from prober.report.templating import templates


def render(subject: Subject) -> str:
    """Return a report as a page that can be read, printed and mailed."""
    return page(subject)


def page(subject: Subject, *, drawn: Callable[[Chart], Markup] | None = None) -> str:
    """Return a report as a page; one for paper gets its charts from `drawn`.

    Paper cannot be opened further: the figures behind charts are left out there.
    """
    style = page_style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        templates()
        .get_template("report.html")
        .render(
            pages=_with_calibration(pages(subject), subject),
            loud=("corrupt", "lost"),
            # Ours, and allowed by its hash: no other style and no script may run.
            style=Markup(style),  # noqa: S704
            style_hash=digest,
            drawn=drawn,
            ink_of=ink_of,
        )
    )


def _with_calibration(found: tuple[Page, ...], subject: Subject) -> tuple[Page, ...]:
    """Return pages of which the first ends with what the instrument is worth."""
    told = [
        Section(
            title="What the instrument is worth",
            facts=tuple(
                ("" if n else "calibration", s) for n, s in enumerate(each.answer)
            ),
            tables=tuple(part for part in each.parts if isinstance(part, Table)),
        )
        for each in calibrated(subject)
    ]
    first, *others = found
    return (replace(first, sections=(*first.sections, *told)), *others)


@singledispatch
def pages(subject: Subject) -> tuple[Page, ...]:
    """Return the pages of a subject; of several environments an overview first."""
    raise TypeError(f"no report is of {type(subject).__name__}")


@pages.register
def _of_run(subject: Report) -> tuple[Page, ...]:
    return (run_page(subject),)


@pages.register
def _of_environments(subject: Environments) -> tuple[Page, ...]:
    alone = len(subject.reports) == 1
    found = [
        environment_page(each, number, alone=alone)
        for number, each in enumerate(subject.reports, 1)
    ]
    return tuple(found) if alone else (overview_page(subject), *found)


@pages.register
def _of_comparison(subject: Comparison) -> tuple[Page, ...]:
    return (comparison_page(subject),)
