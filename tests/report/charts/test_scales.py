"""Scales and ticks: places in order, round figures, labels that say when."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.clock import NS
from prober.report.charts.scales import (
    around,
    linear,
    log_ticks,
    logarithmic,
    simplified,
    spread,
    ticks,
    time_ticks,
)

DAY_NS = 86_400 * NS
MIDNIGHT_NS = 1_800_057_600 * NS
"""2027-01-16, a Saturday."""
figure = st.floats(-1e9, 1e9)


def test_linear_places() -> None:
    """Equal differences are equally long, and y may run downwards."""
    at = linear((0, 10), (100, 0))

    assert [100, 75, 0] == [at(0), at(2.5), at(10)]


def test_a_range_of_one_figure_has_a_place() -> None:
    """Where all figures are the same, nothing is divided by nothing."""
    assert linear((5, 5), (10, 20))(5) == 10


def test_logarithmic_places() -> None:
    """Equal ratios are equally long, and what is below the scale stands at its end."""
    at = logarithmic((0.001, 1), (0, 30))

    assert [0, 10, 20, 30, 0] == pytest.approx([*map(at, (0.001, 0.01, 0.1, 1, 0))])


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-19, 1, 5, [-15, -10, -5, 0]),
        (0, 9, 4, [0, 5]),
        (3, 3, 4, [3]),
    ],
)
def test_ticks_are_round(
    low: float, high: float, most: int, expected: list[float]
) -> None:
    """Steps are 1, 2 or 5 times a power of ten."""
    assert expected == ticks(low, high, most)


@given(low=figure, high=figure, most=st.integers(1, 12))
def test_ticks_lie_within(low: float, high: float, most: int) -> None:
    """All ticks lie within the range, in order, and about as many as asked for."""
    low, high = sorted((low, high))
    if high - low < 1e-6 * max(abs(low), abs(high), 1):
        return

    found = ticks(low, high, most)

    room = (high - low) * 1e-6
    assert sorted(found) == found
    assert all(low - room <= each <= high + room for each in found)
    assert len(found) <= most + 1


def test_log_ticks() -> None:
    """Decades are ticks, and steps within them where there are few."""
    assert [1, 2, 5, 10] == log_ticks(1, 10)
    assert [0.001, 0.01, 0.1, 1] == pytest.approx(log_ticks(0.001, 1))


@given(values=st.lists(st.floats(0, 1e6), max_size=9))
def test_a_scale_holds_its_figures(values: list[float]) -> None:
    """The range of powers of ten holds all figures, and is a decade at the least."""
    low, high = around(values, least=1e-6)

    assert all(low <= max(each, 1e-6) * (1 + 1e-9) for each in values)
    assert all(each <= high * (1 + 1e-9) for each in values)
    assert high >= 10 * low * (1 - 1e-9)


@pytest.mark.parametrize(
    ("days", "most", "expected"),
    [
        (1, 4, ["16 Jan", "12:00", "17 Jan"]),
        (1, 5, ["16 Jan", "06:00", "12:00", "18:00", "17 Jan"]),
        (3, 4, ["16 Jan", "17 Jan", "18 Jan", "19 Jan"]),
        (30, 6, ["18 Jan", "25 Jan", "1 Feb", "8 Feb", "15 Feb"]),
    ],
)
def test_time_ticks(days: int, most: int, expected: list[str]) -> None:
    """Days are named, hours told, and weeks begin on Monday, all in UTC."""
    found = time_ticks(MIDNIGHT_NS, MIDNIGHT_NS + days * DAY_NS, most)

    assert expected == [each.label for each in found]


def test_a_short_time_is_told_from_its_beginning() -> None:
    """Within minutes it is the time since the start that tells something."""
    found = time_ticks(MIDNIGHT_NS + 7, MIDNIGHT_NS + 7 + NS // 2, 3)

    assert ["+0 s", "+0.2 s", "+0.4 s"] == [each.label for each in found]
    assert MIDNIGHT_NS + 7 == found[0].value


@given(
    start=st.integers(0, 4 * 10**9),
    length=st.integers(1, 10**9),
    most=st.integers(1, 12),
)
def test_time_ticks_lie_within(start: int, length: int, most: int) -> None:
    """All ticks lie within the time, and there are not too many."""
    found = time_ticks(start * NS, (start + length) * NS, most)

    assert all(start * NS <= each.value <= (start + length) * NS for each in found)
    assert len(found) <= max(most, length // (364 * 86_400)) + 1


@given(places=st.lists(st.floats(0, 100), max_size=6))
def test_labels_are_spread(places: list[float]) -> None:
    """Each label is apart from the next, in the order of their places."""
    moved = spread(places, 12)

    ordered = sorted(zip(places, moved, strict=True))
    steps = [b[1] - a[1] for a, b in pairwise(ordered)]
    assert all(each >= 12 - 1e-6 for each in steps)


@given(heights=st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_a_simplified_line_looks_the_same(heights: list[float]) -> None:
    """A point that is left out lies on the line that is drawn, as far as is seen."""
    points = [(float(x), y) for x, y in enumerate(heights)]

    kept = simplified(points)

    assert {points[0], points[-1]} <= {*kept} <= {*points}
    for (x1, y1), (x2, y2) in pairwise(kept):
        drawn = linear((x1, x2), (y1, y2))
        between = [(x, y) for x, y in points if x1 <= x <= x2]
        assert all(abs(drawn(x) - y) < 0.25 + 1e-9 for x, y in between)


def test_a_straight_line_is_its_ends() -> None:
    """Points on a line are left out; a line of nothing stays nothing."""
    assert [(0, 0), (9, 9)] == simplified([(n, n) for n in range(10)])
    assert [] == simplified([])
