"""Pages as a browser shows them: complete, quiet, for everybody, on any screen."""

import dataclasses
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from playwright.sync_api import Browser

from prober.history import HOUR_NS
from prober.records import State
from prober.report import build, facts, html_run, html_window, window_facts
from prober.report.html import pages, render
from tests import browser
from tests.report import histories, renew, samples
from tests.report.test_formats import hostile, named
from tests.report.test_paths import way_in


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with browser.chromium() as running:
        yield running


UNFOLD = "all => all.forEach(each => each.open = true)"


def saved(folder: Path, text: str) -> str:
    """Return the address of a page."""
    path = folder / "report.html"
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", renew.SUBJECTS)
def test_a_page_is_complete_and_accessible(
    name: str, scheme: str, chromium: Browser
) -> None:
    """A page asks for nothing, complains of nothing, and axe has nothing against it."""
    url = (renew.EXAMPLES / name / "report.html").as_uri()

    with browser.visit(chromium, url, scheme=scheme) as seen:  # type: ignore[arg-type]
        seen.page.locator("details").evaluate_all(UNFOLD)
        found = browser.violations(seen.page)

    assert not found
    assert not seen.complaints
    assert [url] == [each for each in seen.requests if not each.startswith("data:")]


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
@pytest.mark.parametrize("name", renew.SUBJECTS)
def test_a_page_fits_its_screen(name: str, width: int, chromium: Browser) -> None:
    """Nothing has to be scrolled sideways, and one size of each chart is shown."""
    url = (renew.EXAMPLES / name / "report.html").as_uri()

    with browser.visit(chromium, url, width=width) as seen:
        wide = seen.page.evaluate("document.documentElement.scrollWidth")
        shown = seen.page.locator("svg.chart:visible").count()
        figures = seen.page.locator("figure").count()

    assert wide <= width
    assert figures == shown


@pytest.mark.parametrize("name", renew.SUBJECTS)
def test_what_was_lost_is_seen_on_a_phone(name: str, chromium: Browser) -> None:
    """Nobody has to push a table aside to see what was lost."""
    url = (renew.EXAMPLES / name / "report.html").as_uri()

    with browser.visit(chromium, url, width=390) as seen:
        loud = seen.page.locator("td.loud:visible")
        ends = loud.evaluate_all("all => all.map(c => c.getBoundingClientRect().right)")

    assert all(end <= 390 for end in ends)
    assert ends or name in ("met", "upgrade")


@pytest.mark.parametrize("width", [320, 1280])
def test_long_names_fit_the_screen(
    width: int, chromium: Browser, tmp_path: Path
) -> None:
    """Names that are too long for a chart are cut there, and whole in its table."""
    name = "firehose-consumer-of-the-second-foundation-in-frankfurt-with-a-long-name"
    for subject in named(name):
        url = saved(tmp_path, render(subject))

        with browser.visit(chromium, url, width=width) as seen:
            seen.page.locator("details").evaluate_all(UNFOLD)
            wide = seen.page.evaluate("document.documentElement.scrollWidth")
            tables = seen.page.locator("table").all_inner_texts()

        assert wide <= width
        assert any(name in each for each in tables)


OVERLAPS = """charts => charts.flatMap(chart => {
    const boxes = [...chart.querySelectorAll("text")]
        .map(each => [each.textContent, each.getBoundingClientRect()])
    return boxes.flatMap(([a, p], place) => boxes.slice(place + 1)
        .filter(([b, q]) => p.right > q.left + 1 && q.right > p.left + 1
                         && p.bottom > q.top + 4 && q.bottom > p.top + 4)
        .map(([b, q]) => `${chart.querySelector("title").textContent}: ${a}, ${b}`))
})"""
"""Words of a chart of which the boxes have more in common than their edges."""


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", renew.SUBJECTS)
def test_labels_do_not_lie_over_each_other(
    name: str, width: int, chromium: Browser
) -> None:
    """No two words of a chart share a place, at phone width and on a desktop."""
    url = (renew.EXAMPLES / name / "report.html").as_uri()

    with browser.visit(chromium, url, width=width) as seen:
        found = seen.page.locator("svg.chart:visible").evaluate_all(OVERLAPS)

    assert not found


def test_a_page_is_printed_in_full(chromium: Browser) -> None:
    """On paper it is light, and what was folded up is left out, not its charts."""
    url = (renew.EXAMPLES / "month" / "report.html").as_uri()

    with browser.visit(chromium, url, width=360, scheme="dark") as seen:
        seen.page.emulate_media(media="print")
        paper = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        wide = seen.page.locator("svg.wide:visible").count()
        folded = seen.page.locator("details:visible").count()
        figures = seen.page.locator("figure").count()

    assert "rgb(255, 255, 255)" == paper
    assert (figures, 0) == (wide, folded)


def test_a_month_of_minutes_is_small() -> None:
    """A page of 43,200 cycles on three consumers, every hour lossy, is below 300 kB."""
    hours, stretches = [], []
    for start in range(histories.FROM_NS, histories.END_NS, HOUR_NS):
        lost = 1 + start // HOUR_NS % 977
        for name in ("gateway", "rlp", "v1"):
            hour = histories.hour(
                start, consumer=name, states={State.LOSS: 3}, lost=lost
            )
            hours.append(hour)
            stretch = histories.stretch(
                State.LOSS, start, 3, "lost", consumer=name, bad=lost
            )
            stretches.append(dataclasses.replace(stretch, gap_sizes={lost: 1}))

    text = render(renew.window([histories.history(hours, stretches)]))

    assert len(text.encode()) < 300_000


def test_style_is_allowed_by_its_hash() -> None:
    """Nothing may run, and nothing be fetched: only the style that we wrote holds."""
    text = render(samples.sample("met"))

    policy = re.search(r'Security-Policy" content="([^"]*)"', text)

    assert policy is not None
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/=]{44}'; img-src data:; "
        r"base-uri 'none'; form-action 'none'",
        policy[1].replace("&#39;", "'"),
    )
    named = text.replace("http://www.w3.org/2000/svg", "")  # a name, no address
    assert not re.search(r"<script|\son\w+=|style=|https?://", named)


@settings(max_examples=10)
@given(text=hostile)
def test_hostile_strings_are_words(text: str) -> None:
    """No name, reason or note becomes markup, and none hides or turns around others."""
    for subject, expected in zip(named(text), plain_elements(), strict=True):
        page = render(subject)

        assert elements(page) <= expected
        shown = page.replace("\n", "").replace("\N{NO-BREAK SPACE}", "")
        assert shown.isprintable()


@cache
def plain_elements() -> list[set[str]]:
    """Return the elements of each page if all strings are harmless."""
    return [elements(render(each)) for each in named("na; me")]


def elements(page: str) -> set[str]:
    """Return which elements a page has."""
    return {each.lower() for each in re.findall(r"</?[^ >/]*", page)}


def test_hostile_strings_do_nothing_in_a_browser(
    chromium: Browser, tmp_path: Path
) -> None:
    """Markup in every string is shown as it was written, and nothing runs."""
    attack = '"><img src=x onerror=alert(1)></title><script>alert(2)</script>'
    for subject in named(attack):
        url = saved(tmp_path, render(subject))

        with browser.visit(chromium, url) as seen:
            shown = seen.page.locator("body").inner_text()
            found = seen.page.locator("img, script").count()

        assert attack in shown
        assert (0, []) == (found, seen.complaints)


def test_every_fact_has_its_section() -> None:
    """What the screen tells, the page tells: each label has a place on it."""
    for name in samples.MADE:
        told = {label for label, _ in facts.facts(samples.sample(name))}
        assert told - {""} <= html_run.PLACES.keys()
    for report in renew.window([histories.month(), *histories.foundations()]).reports:
        found = (*window_facts.before(report), *window_facts.after(report))
        assert {label for label, _ in found} - {""} <= html_window.PLACES.keys()


def test_control_and_ways_in_have_their_sections() -> None:
    """A run with messages withheld, by several ways in, is a page as any other."""
    made = samples.met()
    run = dataclasses.replace(
        made,
        plan=dataclasses.replace(made.plan, control=3),
        writers=(way_in("router at h:1"), way_in("router at h:2")),
    )
    (page,) = pages(build(run, None))
    labels = {each.title: [label for label, _ in each.facts] for each in page.sections}

    assert "paths" in labels["What happened"]
    assert "control" in labels["How far to trust it"]


def test_the_cost_of_a_deploy_stands_with_the_answer() -> None:
    """Who probed beside a deploy reads what it cost before any chart."""
    (page,) = pages(renew.SUBJECTS["deploy"]())
    word, words = page.answer[-1]

    assert "Meanwhile" == word
    assert words.startswith("bosh ran 33 s")
    told = [label for each in page.sections for label, _ in each.facts]
    assert "meanwhile" not in told


def test_several_environments_are_reached_from_the_first(chromium: Browser) -> None:
    """Each environment of a report is one step from its beginning."""
    url = (renew.EXAMPLES / "foundations" / "report.html").as_uri()

    with browser.visit(chromium, url) as seen:
        links = seen.page.locator("nav a").all()
        reached = [
            seen.page.locator(each.get_attribute("href") or "") for each in links
        ]
        titles = [each.locator("strong bdi").first.inner_text() for each in reached]
        names = [each.inner_text() for each in links]

    assert names
    assert names == titles
