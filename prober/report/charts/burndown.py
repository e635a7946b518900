"""The error budget over time, and when it will be gone at this pace."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from markupsafe import Markup

from prober import slo
from prober.clock import NS
from prober.report.answer import left
from prober.report.charts.frame import (
    Chart,
    Frame,
    Key,
    Note,
    Size,
    bottom_axis,
    chart,
    left_axis,
    legend,
    margin,
    notes,
    stroke,
)
from prober.report.charts.scales import Point, Scale, Tick, linear, ticks, time_ticks
from prober.report.charts.svg import join, line, number, path, steps
from prober.report.facts import Table
from prober.report.words import moment

_PLOT = 150
_MOST_ROWS = 40
_AHEAD = 0.4
"""How far a forecast may reach, beside what was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left of the budget from a moment on, as a share; negative: overspent."""

    at_ns: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnDown:
    """The course of a budget, from all of it down to what is left."""

    name: str
    whose: str
    """The consumer, where there are several; or empty."""
    from_ns: int
    to_ns: int
    course: tuple[Left, ...]
    """Each holds until the next; the first stands at `from_ns`."""
    left: Fraction
    """What is left in the end, exactly."""
    ends_ns: int
    """The end of the window, `to_ns` unless that goes on."""
    gone_ns: int | None
    """When it will be gone at this pace; None for never, or if it is gone."""
    notes: tuple[Note, ...] = ()


def burndown(data: BurnDown) -> Chart:
    """Draw what is left of a budget over time."""

    def draw(size: Size) -> tuple[float, Iterable[Markup]]:
        return _draw(data, size)

    title = "Error budget over time" + (f", {data.whose}" if data.whose else "")
    told, table = _told(data), _table(data)
    return chart(data.name, title, told, table=table, draw=draw, flags=data.notes)


def _told(data: BurnDown) -> str:
    told = f"The budget is {left(Fraction(data.left))}"
    if data.gone_ns is None:
        return f"{told}."
    lasts = slo.format_duration((data.gone_ns - data.to_ns) / NS)
    return f"{told}; at this pace it will be gone in {lasts}."


def _table(data: BurnDown) -> Table:
    """Return the largest expenses, largest first."""
    pairs = zip(data.course, data.course[1:], strict=False)
    spent = [
        (after.at_ns, before.share - after.share, after.share)
        for before, after in pairs
        if before.share > after.share
    ]
    spent.sort(key=lambda each: -each[1])
    rows = [
        (
            moment(at_ns, "%Y-%m-%d %H:%M:%S"),
            slo.format_loss(cost),
            slo.format_share(then, 1),
        )
        for at_ns, cost, then in spent[:_MOST_ROWS]
    ]
    header = ("largest expenses, UTC", "spent of the budget", "left then")
    rows = rows or [("none", "0 %", "100.0 %")]
    return Table(header=header, rows=tuple(rows))


def _draw(data: BurnDown, size: Size) -> tuple[float, Iterable[Markup]]:
    keys, head = legend(_keys(data), size.width)
    lowest = min(0.0, *(each.share for each in data.course))
    levels = [
        Tick(value=each, label=f"{each * 100:,.0f} %") for each in ticks(lowest, 1, 5)
    ]
    top = head + (26 if data.notes else 12)
    frame = Frame(
        left=margin(each.label for each in levels),
        right=size.width - 8,
        top=top,
        bottom=top + _PLOT,
    )
    up = linear((lowest, 1), (frame.bottom, frame.top))
    times = (data.from_ns, _end(data))
    across = linear(times, (frame.left, frame.right))
    return frame.bottom + 24, [
        keys,
        left_axis(frame, up, levels),
        bottom_axis(frame, across, time_ticks(*times, int(frame.width // 62))),
        frame.rule(up(0), "objective"),
        _ahead(data, frame, across, up),
        path(_course(data, across, up), "budget-left"),
        notes(frame, across, data.notes),
    ]


def _keys(data: BurnDown) -> list[Key]:
    keys = [
        Key(symbol=stroke("budget-left"), label="left"),
        Key(symbol=stroke("objective"), label="all spent"),
    ]
    if data.gone_ns is not None:
        keys.append(Key(symbol=stroke("forecast"), label="at this pace"))
    return keys


def _end(data: BurnDown) -> int:
    """Return where the time ends: the forecast's end, unless that is far off."""
    end = max(data.to_ns, data.ends_ns)
    if data.gone_ns is None:
        return end
    far = data.to_ns + round(_AHEAD * (data.to_ns - data.from_ns))
    return max(end, min(data.gone_ns, far))


def _ahead(data: BurnDown, frame: Frame, across: Scale, up: Scale) -> Markup:
    """Return the forecast, cut at the end of the picture, and where now is."""
    if data.gone_ns is None:
        return Markup()
    share = data.course[-1].share
    last = min(_end(data), data.gone_ns)
    part = (last - data.to_ns) / (data.gone_ns - data.to_ns)
    now = across(data.to_ns)
    ends = [(now, up(share)), (across(last), up(share * (1 - part)))]
    drawn = [
        path(line([(now, frame.top), (now, frame.bottom)]), "note-line"),
        path(line(ends), "forecast"),
    ]
    return join(drawn)


def _course(data: BurnDown, across: Scale, up: Scale) -> str:
    points = [(across(each.at_ns), up(each.share)) for each in data.course]
    seen = _last_of_each_unit(points)
    return f"{steps(seen)}H{number(across(data.to_ns))}"


def _last_of_each_unit(points: Sequence[Point]) -> list[Point]:
    """Keep what stands at the end of each unit: the line falls all the same."""
    return list({int(x): (x, y) for x, y in points}.values())
