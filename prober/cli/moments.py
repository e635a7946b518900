"""Times as people write them: `2026-07-01T14:02`, `14:02`, `10m ago`, `now`.

What names no offset is UTC, as everything that prober shows.
"""

import re
from datetime import UTC, datetime, timedelta

import rich_click as click

from prober.clock import NS, SystemClock
from prober.errors import UsageError
from prober.units import parse_duration

_CLOCK = re.compile(r"(\d\d):(\d\d)(?::(\d\d))?", re.ASCII)
_YEARS = range(1971, 2200)
_LATEST_NS = round(datetime(_YEARS.stop, 1, 1, tzinfo=UTC).timestamp()) * NS
_EXPECTED = "write 2026-07-01T14:02 (UTC, or with an offset), 14:02, 10m ago or now"


def moment(text: str, now_ns: int) -> int:
    """Return a time in Unix nanoseconds; `14:02` is the last one that was.

    Raises UsageError for what is none.
    """
    written = text.strip()
    if written == "now":
        return now_ns
    back = parse_duration(written.removesuffix("ago").strip().replace(" ", ""))
    if back is not None and written.endswith("ago"):
        return max(now_ns - back, 0)
    now = datetime.fromtimestamp(now_ns // NS, UTC)
    found = _of_day(written, now) or _of_calendar(written)
    if found is None:
        raise UsageError(f"{text!r:.60} is no time: {_EXPECTED}")
    return round(found.timestamp()) * NS


def since(text: str, now_ns: int) -> int:
    """Return a time as `moment` does; a duration alone, `24h`, is so long ago."""
    back = parse_duration(text.strip())
    return moment(text, now_ns) if back is None else max(now_ns - back, 0)


def span(text: str, now_ns: int, *, ahead: bool = False) -> tuple[int, int]:
    """Return the two times of `FROM..TO`; TO may be `+90m`, or the next one of a clock.

    Raises UsageError for what is none, or ends before it begins; of a time that may lie
    `ahead` also for a clock's that is still to come today: last night or tonight?
    """
    first, dots, last = text.partition("..")
    if not dots:
        raise UsageError(
            f"{text!r:.80} is no FROM..TO, as 14:00..15:30 and 14:00..+90m"
        )
    first, last = first.strip(), last.strip()
    from_ns = moment(first, now_ns)
    to_ns = _end(last, from_ns, now_ns)
    if _CLOCK.fullmatch(first):
        _check_days(first, last, (from_ns, to_ns), now_ns if ahead else None)
    if to_ns >= _LATEST_NS:
        raise UsageError(f"{text!r:.80} ends later than anything that is measured")
    if to_ns <= from_ns:
        raise UsageError(f"{text!r:.80} ends before it begins")
    return from_ns, to_ns


def _check_days(
    first: str, last: str, found: tuple[int, int], now_ns: int | None
) -> None:
    """Refuse a pair of a clock's times that goes over midnight, and one of two days.

    Nothing is ahead where `now_ns` is None.
    """
    begins, ends = (_date(each) for each in found)
    if _CLOCK.fullmatch(last) and begins != ends:
        raise UsageError(
            f"'{first}..{last}' ends before it begins: where it goes over midnight, "
            f"write its dates, as {begins}T{first}..{ends}T{last}"
        )
    if now_ns is not None and begins != (today := _date(now_ns)):
        raise UsageError(
            f"'{first}..{last}' may begin on {begins}, or on {today} where {first} is "
            f"still to come: write its date, as {today}T{first}..{last}"
        )


def _date(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // NS, UTC).date().isoformat()


def _end(text: str, from_ns: int, now_ns: int) -> int:
    length = parse_duration(text[1:]) if text.startswith("+") else None
    if length is not None:
        return from_ns + length
    if _CLOCK.fullmatch(text) is None:
        return moment(text, now_ns)
    same_day = moment(text, from_ns + 86_400 * NS - 1)  # the first one after FROM
    return same_day if same_day > from_ns else same_day + 86_400 * NS


def _of_day(text: str, now: datetime) -> datetime | None:
    form = _CLOCK.fullmatch(text)
    if form is None:
        return None
    hour, minute, second = (int(each or 0) for each in form.groups())
    try:
        found = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
    except ValueError:
        return None
    return found if found <= now else found - timedelta(days=1)


def _of_calendar(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.removesuffix("UTC").strip())
    except ValueError:
        return None
    if found.year not in _YEARS:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Moment(click.ParamType[int]):
    """A time; converts to Unix nanoseconds."""

    name = "TIME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read a time, or a duration for so long ago."""
        if isinstance(value, int):
            return value
        try:
            return since(str(value), SystemClock().now_ns())
        except UsageError as error:
            self.fail(str(error), param, ctx)


class TimeSpan(click.ParamType[tuple[int, int]]):
    """A time from one moment to another; converts to Unix nanoseconds.

    What may lie `ahead` names its day where its clock's time is still to come.
    """

    name = "FROM..TO"

    def __init__(self, *, ahead: bool = False) -> None:
        self._ahead = ahead

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read `14:00..15:30`, `14:00..+90m` or two times with their dates."""
        if isinstance(value, tuple):
            return value
        try:
            return span(str(value), SystemClock().now_ns(), ahead=self._ahead)
        except UsageError as error:
            self.fail(str(error), param, ctx)
