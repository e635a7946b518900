"""Windows of time."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober import slo
from prober.clock import NS
from prober.records import State
from prober.slo.windows import Unit

BERLIN = ZoneInfo("Europe/Berlin")


def ns(*when: int, zone: tzinfo = UTC) -> int:
    """Return a date and time as Unix nanoseconds."""
    year, month, day, *rest = when
    moment = datetime(year, month, day, *rest, tzinfo=zone)  # type: ignore[misc,arg-type]
    return round(moment.timestamp()) * NS


@pytest.mark.parametrize(
    ("unit", "start", "end"),
    [
        ("week", (2026, 3, 23), (2026, 3, 30)),
        ("month", (2026, 3, 1), (2026, 4, 1)),
        ("quarter", (2026, 1, 1), (2026, 4, 1)),
        ("year", (2026, 1, 1), (2027, 1, 1)),
    ],
)
def test_calendar(unit: Unit, start: tuple[int, ...], end: tuple[int, ...]) -> None:
    """A calendar's window goes from midnight to midnight where people live."""
    now_ns = ns(2026, 3, 29, 12, zone=BERLIN)
    found = slo.calendar(now_ns, unit, BERLIN)

    assert (ns(*start, zone=BERLIN), ns(*end, zone=BERLIN)) == (
        found.start_ns,
        found.end_ns,
    )


def test_daylight_saving() -> None:
    """The month of the change is an hour shorter, and so is its plan."""
    march = slo.calendar(ns(2026, 3, 10), "month", BERLIN)

    assert (31 * 24 - 1) * 60 * 1000 == march.planned(every_ns=60 * NS, messages=1000)


def test_december() -> None:
    """The last month of a year ends with it."""
    found = slo.calendar(ns(2026, 12, 31, 23), "month", UTC)

    assert (ns(2026, 12, 1), ns(2027, 1, 1)) == (found.start_ns, found.end_ns)


@given(st.integers(0, 4 * 10**9), st.sampled_from(["week", "month", "quarter", "year"]))
def test_now_is_inside(now_s: int, unit: Unit) -> None:
    """Whatever the time, its window holds it."""
    found = slo.calendar(now_s * NS, unit, BERLIN)

    assert found.start_ns <= now_s * NS < found.end_ns


def test_rolling() -> None:
    """A cycle that becomes final now is in; one that did a window ago is out."""
    cycles = [
        slo.Cycle(final_ns=t, state=State.PASS, bad=0, total=1, planned=1)
        for t in (100, 101, 200, 201)
    ]
    found = slo.rolling(200, 100).select(cycles)

    assert [101, 200] == [cycle.final_ns for cycle in found]


def test_neighbours_share_no_cycle() -> None:
    """Windows that follow each other hold every cycle once."""
    at = [ns(2026, 1, 31, 23, 59, 59), ns(2026, 2, 1), ns(2026, 2, 1, 0, 0, 1)]
    cycles = [
        slo.Cycle(final_ns=t, state=State.PASS, bad=0, total=1, planned=1) for t in at
    ]
    january, february = (slo.calendar(ns(2026, m, 15), "month", UTC) for m in (1, 2))

    assert [1, 2] == [len(each.select(cycles)) for each in (january, february)]
