from datetime import UTC, datetime

import pytest

from prober.cli.moments import moment, since, span
from prober.clock import NS
from prober.errors import UsageError

NOW = "2026-07-01 15:00:30"


def ns(text: str) -> int:
    """A time in UTC as Unix nanoseconds."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("now", NOW),
        ("14:02", "2026-07-01 14:02"),
        ("15:00:30", "2026-07-01 15:00:30"),
        ("15:01", "2026-06-30 15:01"),  # not yet today
        ("10m ago", "2026-07-01 14:50:30"),
        ("1h30m ago", "2026-07-01 13:30:30"),
        ("1 h ago", "2026-07-01 14:00:30"),
        ("2026-06-01", "2026-06-01 00:00"),
        ("2026-06-01T02:00", "2026-06-01 02:00"),
        ("2026-06-01T02:00+02:00", "2026-06-01 00:00"),
        ("2026-06-01T02:00Z", "2026-06-01 02:00"),
        ("2026-06-01 02:00:05 UTC", "2026-06-01 02:00:05"),  # as we write it
    ],
)
def test_times_as_people_write_them(written: str, expected: str) -> None:
    """A time without an offset is UTC; one without a date is the last one that was."""
    assert ns(expected) == moment(written, ns(NOW))


@pytest.mark.parametrize(
    "written",
    [
        "",
        "soon",
        "25:00",
        "10m",
        "ago",
        "10 ago",
        "2026-13-01",
        "0001-01-01",
        "9" * 400,
    ],
)
def test_what_is_no_time_is_told(written: str) -> None:
    """One sentence with the forms that there are."""
    with pytest.raises(UsageError, match=r"is no time: write 2026-07-01T14:02"):
        moment(written, ns(NOW))


def test_since_takes_a_duration_too() -> None:
    """`--since 24h` is a day ago, as `--since '24h ago'` is."""
    assert (
        ns("2026-06-30 15:00:30") == since("24h", ns(NOW)) == since("24h ago", ns(NOW))
    )
    assert ns("2026-07-01 14:02") == since("14:02", ns(NOW))


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ("14:00..14:30", "2026-07-01 14:00", "2026-07-01 14:30"),
        ("14:00..16:30", "2026-07-01 14:00", "2026-07-01 16:30"),  # not over yet
        ("23:00..23:30", "2026-06-30 23:00", "2026-06-30 23:30"),
        ("2026-06-30T23:00..01:00", "2026-06-30 23:00", "2026-07-01 01:00"),
        ("14:00..+90m", "2026-07-01 14:00", "2026-07-01 15:30"),
        ("10m ago..now", "2026-07-01 14:50:30", NOW),
        ("2026-08-01T10:00..2026-08-01T12:00", "2026-08-01 10:00", "2026-08-01 12:00"),
        ("2026-08-01T10:00..12:00", "2026-08-01 10:00", "2026-08-01 12:00"),
    ],
)
def test_spans_as_people_write_them(written: str, first: str, last: str) -> None:
    """The end may be a length, or a time of day behind the beginning."""
    assert (ns(first), ns(last)) == span(written, ns(NOW))


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("14:00..13:00", r"ends before .* as 2026-07-01T14:00\.\.2026-07-02T13:00"),
        ("14:00..14:00", "ends before it begins"),
        ("14:00", "is no FROM..TO"),
        ("..14:00", "is no time"),
        ("14:00..later", "is no time"),
        ("now..10m ago", "ends before it begins"),
        ("2026-08-01..2026-07-01", "ends before it begins"),
    ],
)
def test_what_is_no_span_is_told(written: str, words: str) -> None:
    """One sentence, with what was written."""
    with pytest.raises(UsageError, match=words):
        span(written, ns(NOW))


@pytest.mark.parametrize("written", ["22:00..+90m", "22:00..23:00", " 22:00 ..+90m"])
def test_what_may_lie_ahead_names_its_day(written: str) -> None:
    """At 15:00 nobody knows whether 22:00 is last night's or tonight's."""
    words = "may begin on 2026-06-30, or on 2026-07-01 .* as 2026-07-01T22:00"
    with pytest.raises(UsageError, match=words):
        span(written, ns(NOW), ahead=True)
    assert ns("2026-06-30 22:00") == span(written, ns(NOW))[0]


@pytest.mark.parametrize(
    "written",
    [
        "14:00..16:30",
        "14:00..+90m",
        "now..22:00",
        "2026-07-01T22:00..+90m",
        "9h ago..now",
    ],
)
def test_what_is_of_one_day_alone_may_lie_ahead(written: str) -> None:
    """What began today, or has its date, can be only that."""
    assert span(written, ns(NOW)) == span(written, ns(NOW), ahead=True)
