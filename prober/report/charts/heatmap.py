"""Losses by hour and day: a dot for each hour, the larger the more was lost.

Its size tells how much, its colour only repeats it. Days run across a wide picture and
down a narrow one. Beyond two months, the days of the week stand for all of their days.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from prober import slo
from prober.clock import NS
from prober.report.charts.frame import WIDE, Chart, Key, Size, chart, legend
from prober.report.charts.svg import number, path, tag, text
from prober.report.facts import Table
from prober.report.words import many

_LEVELS: tuple[tuple[float, str, float], ...] = (
    # Loss from, in words, and the width of its dot as a share of an hour's place.
    (0.1, "from 10 %", 0.92),
    (0.01, "from 1 %", 0.74),
    (0.001, "from 0.1 %", 0.57),
    (0.0, "less", 0.42),
)
_DAYS = 62
"""The most days that are shown one by one."""
_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SIDE = 12
"""Of an hour's place."""
_LABELS = 46


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """What counts of an hour: bad of total messages."""

    start_ns: int
    bad: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """The hours of a window; those without any cycle may be left out."""

    name: str
    whose: str
    """The consumer, where there are several; or empty."""
    hours: tuple[Hour, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """Bad and total by day and hour of the day, in UTC."""

    days: tuple[str, ...]
    named: tuple[bool, ...]
    """Whether a day's name is shown."""
    cells: Mapping[tuple[int, int], tuple[int, int]]


def heatmap(data: HeatMap) -> Chart:
    """Draw losses by hour and day."""
    grid = _grid(data.hours)

    def draw(size: Size) -> tuple[float, Iterable[Markup]]:
        return _draw(grid, size)

    title = "Losses by hour and day" + (f", {data.whose}" if data.whose else "")
    return chart(data.name, title, _told(data.hours), table=_table(grid), draw=draw)


def _told(hours: Sequence[Hour]) -> str:
    lossy = [each for each in hours if each.bad]
    counted = sum(each.total > 0 for each in hours)
    if not lossy:
        return f"Nothing was lost in any of {many(counted, 'hour')}."
    worst = max(lossy, key=lambda each: each.bad / each.total)
    when = f"{_when(worst.start_ns):%Y-%m-%d %H:00}"
    share = slo.format_loss(worst.bad / worst.total)
    told = f"{len(lossy):,} of {many(counted, 'hour')} lost something"
    return f"{told}; {when} lost {share}."


def _table(grid: _Grid) -> Table:
    """Return the days, and the worst hour of each."""
    rows = []
    for place, name in enumerate(grid.days):
        hours = {h: n for (day, h), n in grid.cells.items() if day == place}
        bad = sum(lost for lost, _ in hours.values())
        total = sum(n for _, n in hours.values())
        worst = max(hours, key=lambda hour: hours[hour][0], default=0)
        told = f"{worst:02}:00, {hours[worst][0]:,}" if bad else "none"
        rows.append(
            (name, f"{bad:,}", f"{total:,}", slo.format_ratio(bad, total), told)
        )
    header = ("day, UTC", "lost or damaged", "of", "arrived", "worst hour")
    return Table(header=header, rows=tuple(rows))


def _when(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns // NS, UTC)


def _grid(hours: Sequence[Hour]) -> _Grid:
    if not hours:
        return _Grid(days=(), named=(), cells={})
    first = _when(min(each.start_ns for each in hours)).date()
    last = _when(max(each.start_ns for each in hours)).date()
    count = (last - first).days + 1
    by_week = count > _DAYS
    cells: dict[tuple[int, int], tuple[int, int]] = {}
    for each in hours:
        when = _when(each.start_ns)
        day = when.weekday() if by_week else (when.date() - first).days
        bad, total = cells.get((day, when.hour), (0, 0))
        cells[day, when.hour] = (bad + each.bad, total + each.total)
    if by_week:
        return _Grid(days=_WEEK, named=(True,) * 7, cells=cells)
    dates = [first + timedelta(days=place) for place in range(count)]
    return _Grid(
        days=tuple(f"{each.day} {each:%b}" for each in dates),
        named=tuple(not each.weekday() or count < 10 for each in dates),  # noqa: PLR2004 - few enough to name each
        cells=cells,
    )


def _draw(grid: _Grid, size: Size) -> tuple[float, Iterable[Markup]]:
    keys, head = legend(_keys(grid), size.width)
    across = size is WIDE and len(grid.days) > 7  # noqa: PLR2004 - a week lies better
    columns = len(grid.days) if across else 24
    rows = 24 if across else len(grid.days)
    # Whole units make short paths: there are hundreds of places.
    step = min((size.width - _LABELS) // max(1, columns), 26)
    top = head + 24
    marks = dict.fromkeys(range(len(_LEVELS)), "")
    clean = nothing = ""
    for (day, hour), (bad, total) in sorted(grid.cells.items()):
        column, row = (day, hour) if across else (hour, day)
        x = _LABELS + (column + 0.5) * step
        y = top + (row + 0.5) * _SIDE
        if bad:
            level = _level(bad / total)
            marks[level] += _dot(x, y)
        elif total:
            clean += _dot(x, y)
        else:
            nothing += f"M{x - 3:.0f} {y:.0f}h6"
    named = _days(grid, step, top, across=across)
    return top + rows * _SIDE + 6, [
        keys,
        *named,
        *_hours(step, top, across=across),
        path(clean, "heat-none"),
        path(nothing, "heat-unmeasured"),
        *(_dots(d, level, min(step, _SIDE)) for level, d in marks.items()),
    ]


def _dot(x: float, y: float) -> str:
    """Return a line of no length with round ends: a dot, as wide as it is thick."""
    return f"M{number(x)} {number(y)}h0"


def _dots(d: str, level: int, room: float) -> Markup:
    across = _LEVELS[level][2] * room
    return tag("path", d=d, class_=f"heat heat-{level}", stroke_width=across)


def _level(loss: float) -> int:
    return next(n for n, (least, _, _) in enumerate(_LEVELS) if loss >= least)


def _keys(grid: _Grid) -> list[Key]:
    keys = [
        Key(symbol=_dots(_dot(0, 0), n, _SIDE), label=words)
        for n, (_, words, _) in enumerate(_LEVELS)
    ]
    keys.append(Key(symbol=path(_dot(0, 0), "heat-none"), label="none lost"))
    if not all(total for _, total in grid.cells.values()):
        mark = path("M-3 0h6", "heat-unmeasured")
        keys.append(Key(symbol=mark, label="nothing counted"))
    return keys


def _days(grid: _Grid, step: float, top: float, *, across: bool) -> Iterable[Markup]:
    for place, (name, named) in enumerate(zip(grid.days, grid.named, strict=True)):
        if not named:
            continue
        if across:
            x = _LABELS + (place + 0.5) * step
            yield text((x, top - 8), name, "tick", "middle")
        else:
            y = top + (place + 0.5) * _SIDE + 4
            yield text((_LABELS - 8, y), name, "tick", "end")


def _hours(step: float, top: float, *, across: bool) -> Iterable[Markup]:
    for hour in range(0, 24, 6):
        name = f"{hour:02}:00"
        if across:
            at = (_LABELS - 8, top + (hour + 0.5) * _SIDE + 4)
            yield text(at, name, "tick", "end")
        else:
            yield text((_LABELS + hour * step, top - 8), name, "tick")
