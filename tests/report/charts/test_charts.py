"""Charts: what is seen in them, what stands behind them, and that nothing flatters."""

import re

import pytest

from prober.report import charts
from prober.report.charts import Chart
from tests.report.charts import drawn
from tests.report.charts.drawn import MADE, SVG, paths, read, words


@pytest.fixture(params=MADE)
def chart(request: pytest.FixtureRequest) -> Chart:
    """A chart of each kind."""
    return MADE[request.param]()


def test_a_chart_can_be_read_without_seeing_it(chart: Chart) -> None:
    """A picture is one image with a title and a description; a table is behind it."""
    for picture in (chart.wide, chart.narrow):
        found = read(picture)
        title, described = found[0], found[1]

        assert "img" == found.get("role")
        assert [f"{SVG}title", f"{SVG}desc"] == [title.tag, described.tag]
        named = f"{title.get('id')} {described.get('id')}"
        assert named == found.get("aria-labelledby")
        assert (chart.title, chart.description) == (title.text, described.text)
    assert chart.table.rows
    assert {len(chart.table.header)} == {len(row) for row in chart.table.rows}


def test_ids_are_of_one_picture(chart: Chart) -> None:
    """Both sizes of a chart stand in one page, so that their ids differ."""
    ids = [
        each.get("id")
        for picture in (chart.wide, chart.narrow)
        for each in read(picture).iter()
        if each.get("id")
    ]

    assert len(set(ids)) == len(ids)


def test_a_chart_is_small(chart: Chart) -> None:
    """No picture takes more than ten thousand bytes."""
    assert len(chart.wide.encode()) < 10_000
    assert len(chart.narrow.encode()) < 10_000


def test_nothing_lies_beside_the_picture(chart: Chart) -> None:
    """All texts begin within their picture, in both sizes."""
    for picture in (chart.wide, chart.narrow):
        found = read(picture)
        width = float(found.get("width", "0"))
        places = [float(each.get("x", "0")) for each in found.iter(f"{SVG}text")]
        assert all(-1 <= each <= width for each in places)


def test_charts_take_no_style_with_them(chart: Chart) -> None:
    """How a picture looks is said in one place: it holds classes and no colours."""
    for picture in (chart.wide, chart.narrow):
        assert not re.search(r"style=|fill=|stroke=|#[0-9a-f]{6}", picture)


def test_losses_are_marked_where_they_were() -> None:
    """A lossy hour has a mark, the more was lost the lower; the others have none."""
    told = drawn.reliability(0, 1, 0, 500)

    marks = paths(told.wide, "loss")[-1]
    places = [(float(x), float(y)) for _, x, y in drawn.PAIR.findall(marks)]

    assert len(places) == 2
    (x1, y1), (x2, y2) = places
    assert x1 < x2
    assert y1 < y2


def test_what_was_not_counted_is_no_success() -> None:
    """An hour of which nothing counts is neither lossy nor free of losses."""
    told = drawn.reliability(0, -1, 0)

    [clean] = paths(told.wide, "none-lost")

    assert clean.count("M") == 2


def test_the_worst_of_many_is_shown() -> None:
    """Where thousands of hours share a picture, a single lost message is seen."""
    bad = [0] * 5_000
    bad[2_500] = 1

    told = drawn.reliability(*bad)

    assert paths(told.narrow, "loss")[-1].count("M") == 1
    assert len(told.narrow) < 10_000


def test_better_than_the_scale_is_not_drawn_beyond_it() -> None:
    """One lost message of billions stands at the scale's end, not in the legend."""
    slices = drawn.slices(0, 1, 0, total=10**12)

    told = drawn.reliability(slices=slices)

    course = paths(told.wide, "so-far")[-1]
    top = min(float(y) for _, _, y in drawn.PAIR.findall(course))
    assert top >= float(paths(told.wide, "none-lost")[0].split("H")[0].split()[-1])


@pytest.mark.parametrize("size", ["wide", "narrow"])
@pytest.mark.parametrize("count", [10, 100, 5_000, 43_200])
def test_a_single_bad_cycle_is_seen(count: int, size: str) -> None:
    """However many cycles share a mark, the worst of them stands for all."""
    row = "." * (count // 3) + "#" + "." * (count - count // 3 - 1)

    told = drawn.strip(row)

    _, mark = paths(getattr(told, size), "s-loss")
    width = re.search(r"h([\d.]+)", mark)
    assert width is not None
    assert float(width[1]) >= 1.9


def test_cycles_of_a_run_are_numbered() -> None:
    """Cycles need not take equally long, so that their strip has no time."""
    told = drawn.strip("." * 100)

    assert {"1", "20", "100"} < {*words(told.wide)}


def test_states_are_told_by_height_and_letter() -> None:
    """Without colour each state still has a shape of its own."""
    told = drawn.strip(".#?x-_")

    shapes = {}
    for state in ("pass", "loss", "inconclusive", "invalid", "excluded", "missed"):
        key = paths(told.wide, f"s-{state}")[0]
        shapes[state] = re.sub(r"^M-?[\d.]+ ", "", key)

    assert shapes["inconclusive"] == shapes["invalid"], "told apart by their letters"
    assert len(set(shapes.values())) == 5
    assert {"?", "x"} < {*words(told.wide)}


def test_an_expense_falls_where_it_was() -> None:
    """The budget stands at its height until something is lost, and then falls."""
    told = drawn.burndown(1, 0.7, 0.7)

    course = paths(told.wide, "budget-left")[-1]

    assert course.count("V") == 2
    assert "The budget is 70.0% left." == told.description


def test_an_overspent_budget_is_drawn_to_scale() -> None:
    """However far it is overspent, the line goes as far down as the loss does."""
    told = drawn.burndown(1, -19)

    assert "-1,500 %" in words(told.wide)
    assert "The budget is spent 20 times." == told.description


def test_a_forecast_that_is_far_off_is_cut() -> None:
    """A budget that lasts for long does not press what was measured to the edge."""
    soon = drawn.burndown(1, 0.7, gone_ns=drawn.START_NS + 3 * 3_600 * 10**9)
    late = drawn.burndown(1, 0.7, gone_ns=drawn.START_NS + 3_000 * 3_600 * 10**9)

    ends = [paths(each.wide, "forecast")[-1].split("L")[1] for each in (soon, late)]

    (x1, y1), (x2, y2) = (map(float, end.split()) for end in ends)
    assert x1 <= x2 <= 720
    assert y2 < y1, "it has not reached the ground"
    assert "at this pace it will be gone in" in late.description


def test_the_more_an_hour_lost_the_larger_its_dot() -> None:
    """Dots tell by their size how much was lost."""
    told = drawn.heatmap(30, {5: 1, 77: 20, 200: 150, 300: 1_000})

    sides = []
    for level in range(4):
        marks = read(told.wide).iter(f"{SVG}path")
        found = [e for e in marks if e.get("class") == f"heat heat-{level}"]
        assert len({each.get("stroke-width") for each in found}) == 1
        sides.append(float(found[0].get("stroke-width", "0")))

    assert sorted(sides, reverse=True) == sides
    assert len(set(sides)) == 4


def test_beyond_two_months_the_days_of_the_week_stand_for_all() -> None:
    """A quarter is shown as a week, with its sums."""
    told = drawn.heatmap(90, {5: 1})

    assert {"Mon", "Sun"} < {*words(told.wide)}
    assert "1 of 2,160 hours lost something" in told.description


def test_a_line_is_broken_where_nothing_arrived() -> None:
    """No line is drawn over an hour without a latency."""
    told = drawn.percentiles(0.001, None, 0.002)

    assert paths(told.wide, "line-0")[-1].count("M") == 2


def test_the_slowest_message_is_seen() -> None:
    """The curve ends at the slowest of all messages, however few they are."""
    told = drawn.distribution((0.001, 999_999), (20.0, 1))

    assert "20.0 s" == told.table.rows[0][-1]
    assert "p99.9999" in words(told.wide)


def test_gaps_are_held_against_rings() -> None:
    """A whole multiple of a ring has another mark than any other gap."""
    told = drawn.gaps((3, 9, None), (2_000, 1, 1_000))

    assert ("2,000", "1", "2 x 1,000") == told.table.rows[0]
    assert {"router", "agent/router"} < {*words(told.wide)}
    described = "10 gaps, the largest of 2,000; 1 of them a whole multiple of a ring."
    assert described == told.description


def test_what_a_consumer_missed_is_told_by_who_else_did() -> None:
    """Bars have parts of different height: lost by all, by some, by it alone."""
    told = drawn.consumers((3, 1, 7), (3, 1, 0))

    heights = [
        re.search(r"v([\d.]+)", paths(told.wide, class_)[1])
        for class_ in ("c-all", "c-some", "c-alone")
    ]

    assert ["16", "11.2", "6.4"] == [each[1] for each in heights if each]
    assert ("consumer 0", "3", "1", "7", "11") == told.table.rows[0]


@pytest.mark.parametrize(
    ("consumed", "if_unseen", "expected"),
    [
        ("0", "0", "100 lost messages are allowed; the budget is untouched."),
        (
            "3/10",
            "1/2",
            (
                "100 lost messages are allowed; the budget is 70.0% left, "
                "50.0% left if all unseen was lost."
            ),
        ),
        ("20", "20", "100 lost messages are allowed; the budget is spent 20 times."),
    ],
)
def test_a_budget_in_words(consumed: str, if_unseen: str, expected: str) -> None:
    """What is left is told as everywhere else, cut off so that it never flatters."""
    assert expected == drawn.budget(consumed, if_unseen).description


def test_messages_left_are_cut_off() -> None:
    """A third of 100 messages is not told as more than it is: 66.6 are left."""
    rows = {row[0]: row[1] for row in drawn.budget("1/3", "1/3").table.rows}

    assert "66.6" == rows["left"]


def test_nothing_lost_has_no_mark_but_an_interval() -> None:
    """Where nothing was lost, no nines are drawn: only what they are at the least."""
    told = drawn.intervals((0, 9_000, 0.0, 0.001))

    assert len(paths(told.wide, "loss")) == 1, "the legend's"
    assert "none lost" in words(told.wide)


def test_notes_have_letters() -> None:
    """What people noted has a flag with a letter, and stands below the chart."""
    notes = tuple(
        charts.Note(at_ns=drawn.START_NS + n * 3_600 * 10**9, text=f"deploy {n}")
        for n in range(2)
    )

    told = drawn.reliability(0, 0, 0, notes=notes)

    assert ("A: deploy 0", "B: deploy 1") == told.notes
    assert {"A", "B"} < {*words(told.wide)}
