"""A picture of the answer and its first charts, for where no page can go."""

import textwrap
from collections.abc import Iterable

from markupsafe import Markup

from prober.report.charts import Chart
from prober.report.charts.svg import box, join, path, tag, text
from prober.report.formats import Subject
from prober.report.html import pages
from prober.report.html_parts import Page
from prober.report.styles import ink_of, palette, picture_style

_WIDTH, _MARGIN = 800, 40
_CHARTS = 4
_STYLE = """
text { font-family: sans-serif; fill: INK; }
.paper { fill: PAPER; }
.origin { font-size: 13px; fill: QUIET; }
.status { font-size: 15px; font-weight: 700; letter-spacing: .5px; fill: STATUS; }
.answer { font-size: 21px; font-weight: 700; }
.more { font-size: 14px; }
.title { font-size: 15px; font-weight: 700; }
"""


def render(subject: Subject) -> str:
    """Return the first page of a report as one SVG file, its style in it."""
    return f"{picture(pages(subject)[0])}\n"


def picture(page: Page) -> Markup:
    """Return the first screen of a page as one SVG, its style in it."""
    words, y = _words(page)
    drawn = []
    for chart in _charts(page):
        drawn.append(text((_MARGIN, y + 15), chart.title, "title"))
        drawn.append(tag("g", chart.wide, transform=f"translate({_MARGIN} {y + 30:g})"))
        y += 30 + chart.height + 30
    colours = palette()
    style = _STYLE.replace("INK", colours["--ink"]).replace("QUIET", colours["--quiet"])
    style = style.replace("STATUS", ink_of(page.look))
    style = style.replace("PAPER", colours["--paper"])
    told = f"{page.title}: {page.answer[0][0]}. {page.answer[0][1]}"
    return tag(
        "svg",
        tag("title", told),
        tag("style", Markup(picture_style() + style)),  # noqa: S704 - ours
        path(box(0, 0, _WIDTH, y + 10), "paper"),
        words,
        *drawn,
        xmlns="http://www.w3.org/2000/svg",
        width=_WIDTH,
        height=y + 10,
        viewBox=f"0 0 {_WIDTH} {y + 10:g}",
        role="img",
    )


def _charts(page: Page) -> list[Chart]:
    within = [chart for section in page.sections for chart in section.charts]
    return [*page.first, *within][:_CHARTS]


def _words(page: Page) -> tuple[Markup, float]:
    """Return the answer in words, and how far down they reach."""
    parts, y = [], float(_MARGIN)
    for words, class_, letters, row in _lines(page):
        for each in textwrap.wrap(words, letters) or [""]:
            parts.append(text((_MARGIN, y), each, class_))
            y += row
        y += row / 3
    return join(parts), y


def _lines(page: Page) -> Iterable[tuple[str, str, int, float]]:
    """Return words with their class, letters in a row, and the height of a row."""
    opening, rest = page.answer[0]
    yield f"{page.title}, {page.origin}", "origin", 104, 18
    yield opening, "status", 80, 20
    yield rest, "answer", 60, 28
    for word, words in page.answer[1:]:
        yield f"{word}: {words}" if word else words, "more", 98, 20
    figures = (f"{each.figure} {each.label}" for each in page.tiles)
    yield " | ".join(figures), "more", 98, 20
