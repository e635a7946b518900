"""Which charts a report has: those for which there are figures, and no others."""

import dataclasses
from decimal import Decimal
from itertools import pairwise

import pytest

from prober.history import HOUR_NS
from prober.records import RunResult, State
from prober.report import build, html, run_pictures
from prober.report.html_parts import Page
from tests.report import histories, renew, samples


def titles(page: Page) -> list[str]:
    """Return the titles of a page's charts, in their order."""
    inside = [chart for section in page.sections for chart in section.charts]
    return [each.title for each in (*page.first, *inside)]


def charts_of(result: RunResult, target: Decimal | None = samples.TARGET) -> list[str]:
    """Return the titles of the charts of a run."""
    return titles(*html.pages(build(result, target)))


def test_a_run_without_losses() -> None:
    """Where nothing was lost there is no course of a budget, and there are no gaps."""
    expected = [
        "Error budget",
        "Reliability over time",
        "Cycles in order",
        "Latency by percentile",
    ]
    assert expected == charts_of(samples.met())


def test_a_run_with_losses() -> None:
    """Losses have a course, and sizes."""
    expected = [
        "Error budget",
        "Reliability over time",
        "Error budget over time",
        "Cycles in order",
        "Gap sizes against ring sizes",
        "Latency by percentile",
    ]
    assert expected == charts_of(samples.violated())


def test_a_run_without_an_objective() -> None:
    """Without an objective there is no budget to draw."""
    assert "Error budget" not in charts_of(samples.violated(), None)


def test_several_consumers_stand_side_by_side() -> None:
    """Of several consumers the worst one's course is drawn, and says whose it is."""
    found = charts_of(samples.inconclusive())

    assert "Reliability over time, gateway" in found
    assert "Consumers side by side" in found


def test_consumers_that_lost_nothing_are_not_drawn() -> None:
    """Where every consumer got everything there is nothing to compare."""
    cycles = [samples.cycle(n, 10, consumer=c) for c in ("a", "b") for n in range(3)]
    both = [
        samples.consumer(each for each in cycles if each.consumer == name)
        for name in ("a", "b")
    ]

    found = charts_of(samples.run(samples.plan(30, 3), *both))

    assert "Reliability over time, a" in found
    assert "Consumers side by side" not in found


def test_cycles_that_cannot_tell_are_drawn_alone() -> None:
    """Where nothing counts, there is still to be seen how the cycles ended."""
    assert ["Cycles in order"] == charts_of(samples.no_data())


def test_a_run_that_could_not_begin() -> None:
    """Where nothing was sent, there is nothing to draw, and the page says why."""
    nothing = samples.run(samples.plan(100, 1), rate_achieved=None)

    (page,) = html.pages(build(nothing, None, failure="nobody answers at 127.0.0.1:1"))

    assert not titles(page)
    assert ("COULD NOT PROBE", "Nobody answers at 127.0.0.1:1") == page.answer[0]


def test_a_cycle_lasts_until_the_next() -> None:
    """Cycles follow each other without a gap, for sending does."""
    report = build(samples.violated(), samples.TARGET)
    assert report.worst is not None

    found = run_pictures._slices(report, report.worst)

    assert len(report.cycles) == len(found)
    assert all(a.to_ns == b.from_ns for a, b in pairwise(found))


def test_an_interrupted_run() -> None:
    """Cycles of which nothing was sent have no place in time."""
    result = samples.met()
    (one,) = result.consumers
    unsent = [
        dataclasses.replace(each, first_sent_ns=None, last_sent_ns=None)
        for each in one.cycles[5:]
    ]
    cut = dataclasses.replace(one, cycles=(*one.cycles[:5], *unsent))
    report = build(dataclasses.replace(result, consumers=(cut,)), samples.TARGET)
    assert report.worst is not None

    assert len(run_pictures._slices(report, report.worst)) == 5


def test_a_window_of_a_day_has_no_map_of_hours() -> None:
    """Hours and days are laid out where there are several days."""
    start = histories.END_NS - histories.DAY_NS
    hours = [
        histories.hour(start + n * HOUR_NS, states={State.LOSS: 1}, lost=5)
        for n in range(24)
    ]
    day = histories.history(hours, from_ns=start)

    assert "Losses by hour and day" in titles(*html.pages(renew.SUBJECTS["month"]()))
    assert "Losses by hour and day" not in titles(*html.pages(renew.window([day])))


def test_an_empty_window() -> None:
    """An environment without history has a page that says so, and no empty charts."""
    (page,) = html.pages(renew.window([histories.history([], run=None)]))

    assert not titles(page)
    assert page.answer[0][0].startswith("N")


@pytest.mark.parametrize("name", renew.SUBJECTS)
def test_names_of_charts_are_their_own(name: str) -> None:
    """No two charts of a file share a name, so that their ids differ."""
    found = [
        chart.name
        for page in html.pages(renew.SUBJECTS[name]())
        for chart in (*page.first, *(c for s in page.sections for c in s.charts))
    ]

    assert len(set(found)) == len(found)
