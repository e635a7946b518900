"""Reliability over time: what was lost when, all in all so far, and the objective.

The scale is one of nines, on which 99 % and 99.9 % are as far apart as 99.9 % and
99.99 %: on an even one a month looks like 100 % but for a single line.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from markupsafe import Markup

from prober import slo
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
from prober.report.charts.scales import (
    Point,
    Scale,
    Tick,
    linear,
    simplified,
    time_ticks,
)
from prober.report.charts.svg import diamond, join, line, number, path
from prober.report.facts import Table
from prober.report.words import many, moment

_PLOT = 168
_NONE_LOST = 20
"""The height of the band above the scale, where nothing was lost."""
_MOST_NINES = 7
_MOST_ROWS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What counts of a stretch of time: bad of total messages; 0 of 0 for nothing."""

    from_ns: int
    to_ns: int
    bad: int
    total: int
    name: str = ""
    """As people find it again, `cycle 4`; by default its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The highest objective that everything until a moment supports as a promise."""

    at_ns: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Slices in the order of time, and what they are held against."""

    name: str
    whose: str
    """The consumer, where there are several; or empty."""
    slices: tuple[Slice, ...]
    unit: str
    """What a slice is: `cycle`, `hour`."""
    target: Decimal | None
    supports: tuple[Bound, ...]
    """What it supports as a promise, one after the other; a single one is of all."""
    notes: tuple[Note, ...] = ()


def reliability(data: Reliability) -> Chart:
    """Draw reliability over time."""

    def draw(size: Size) -> tuple[float, Iterable[Markup]]:
        return _draw(data, size)

    title = "Reliability over time" + (f", {data.whose}" if data.whose else "")
    return chart(
        data.name, title, _told(data), table=_table(data), draw=draw, flags=data.notes
    )


def _told(data: Reliability) -> str:
    bad, total = _sum(data.slices)
    lossy = sum(each.bad > 0 for each in data.slices)
    counted = sum(each.total > 0 for each in data.slices)
    if not total:
        return "Nothing was counted in this time."
    told = f"Nothing was lost in {many(counted, data.unit)}"
    if bad:
        ratio = slo.format_ratio(bad, total)
        told = f"{many(lossy, 'lossy ' + data.unit)} of {counted:,}; all in all "
        told += f"{ratio} of the messages arrived"
    if data.target is not None:
        told += f", the objective is {slo.format_target(data.target)}"
    return f"{told}."


def _table(data: Reliability) -> Table:
    """Return the slices with losses, worst first."""
    lossy = sorted((s for s in data.slices if s.bad), key=_share, reverse=True)
    form = "%Y-%m-%d %H:%M:%S"
    rows = [
        (
            f"{each.name} {moment(each.from_ns, form)}".lstrip(),
            f"{each.bad:,}",
            f"{each.total:,}",
            slo.format_ratio(each.bad, each.total),
        )
        for each in lossy[:_MOST_ROWS]
    ]
    if len(lossy) > _MOST_ROWS:
        rest = _sum(lossy[_MOST_ROWS:])
        name = f"{len(lossy) - _MOST_ROWS:,} more"
        rows.append((name, f"{rest[0]:,}", f"{rest[1]:,}", slo.format_ratio(*rest)))
    whole = _sum(data.slices)
    rows.append(
        ("all together", f"{whole[0]:,}", f"{whole[1]:,}", slo.format_ratio(*whole))
    )
    header = (f"lossy {data.unit}, UTC", "lost or damaged", "of", "arrived")
    return Table(header=header, rows=tuple(rows))


def _sum(slices: Iterable[Slice]) -> tuple[int, int]:
    found = [(each.bad, each.total) for each in slices]
    return sum(bad for bad, _ in found), sum(total for _, total in found)


def _share(each: Slice) -> Fraction:
    return Fraction(each.bad, each.total)


def _draw(data: Reliability, size: Size) -> tuple[float, Iterable[Markup]]:
    keys, head = legend(_keys(data), size.width)
    low, high = _range(data)
    levels = [Tick(value=n, label=_level(n)) for n in range(low, high + 1)]
    top = head + (26 if data.notes else 12) + _NONE_LOST
    frame = Frame(
        left=margin([*(each.label for each in levels), "none lost"]),
        right=size.width - 8,
        top=top - _NONE_LOST,
        bottom=top + _PLOT,
    )
    up = linear((low, high), (frame.bottom, top))

    def within(nines: float) -> float:
        # What is better than the scale reaches is not drawn beyond it.
        return up(min(nines, high))

    times = (data.slices[0].from_ns, data.slices[-1].to_ns) if data.slices else (0, 1)
    across = linear(times, (frame.left, frame.right))
    found = time_ticks(*times, int(frame.width // 62)) if data.slices else []
    return frame.bottom + 24, [
        keys,
        left_axis(frame, up, levels),
        left_axis(frame, lambda _: frame.top, [Tick(value=0, label="none lost")]),
        bottom_axis(frame, across, found),
        _levels(data, frame, across, up),
        path(_clean(data.slices, across, frame.top), "none-lost"),
        path(_so_far(data.slices, across, within, frame.top), "so-far"),
        path(_losses(data.slices, across, within), "loss"),
        notes(frame, across, data.notes),
    ]


def _keys(data: Reliability) -> list[Key]:
    keys = []
    if any(each.bad for each in data.slices):
        keys.append(Key(symbol=path(diamond(0, 0), "loss"), label=f"lossy {data.unit}"))
    keys.append(Key(symbol=stroke("so-far"), label="all in all so far"))
    if data.target is not None:
        objective = f"objective {slo.format_target(data.target)}"
        keys.append(Key(symbol=stroke("objective"), label=objective))
    if data.supports and data.supports[-1].share > 0:
        share = slo.format_share(Fraction(data.supports[-1].share))
        keys.append(Key(symbol=stroke("supports"), label=f"supports {share}"))
    return keys


def _range(data: Reliability) -> tuple[int, int]:
    """Return the nines at the bottom and at the top of the scale."""
    shown = [_nines(each.bad, each.total) for each in data.slices if each.bad]
    shown += [_nines(*_sum(data.slices))] if shown else []
    shown += [-math.log10(1 - data.target)] if data.target is not None else []
    shown += [_of(each.share) for each in data.supports[-1:] if each.share > 0]
    if not shown:
        return 0, 3
    high = max(2, min(math.ceil(max(shown) + 0.01), _MOST_NINES))
    return max(0, min(math.floor(min(shown)), high - 2)), high


def _nines(bad: int, total: int) -> float:
    return slo.nines(bad, total) or 0.0


def _of(share: float) -> float:
    return -math.log10(max(1 - share, 10.0**-_MOST_NINES))


def _level(nines: int) -> str:
    """Return the share with so many nines, `99.9 %`."""
    return slo.format_target(1 - Decimal(1).scaleb(-nines))


def _levels(data: Reliability, frame: Frame, across: Scale, up: Scale) -> Markup:
    """Return the lines of the objective and of what is supported."""
    drawn = []
    if data.target is not None:
        drawn.append(frame.rule(up(_of(float(data.target))), "objective"))
    points = [(across(b.at_ns), up(_of(max(b.share, 0)))) for b in data.supports]
    if len(points) == 1 and data.supports[0].share > 0:
        drawn.append(frame.rule(points[0][1], "supports"))
    elif len(points) > 1:
        seen = [(x, min(y, frame.bottom)) for x, y in points]
        drawn.append(path(line(simplified(seen)), "supports"))
    return join(drawn)


def _clean(slices: Sequence[Slice], across: Scale, y: float) -> str:
    """Return where nothing was lost, neighbours joined."""
    pieces: list[Point] = []
    for each in slices:
        if not each.total or each.bad:
            continue
        begin, after = across(each.from_ns), across(each.to_ns)
        if pieces and begin <= pieces[-1][1] + 0.5:
            begin, _ = pieces.pop()
        pieces.append((begin, after))
    return "".join(f"M{number(a)} {number(y)}H{number(b)}" for a, b in pieces)


def _so_far(slices: Sequence[Slice], across: Scale, up: Scale, none_lost: float) -> str:
    """Return the course of all that was counted until then, one point a unit."""
    points: dict[int, Point] = {}
    bad = total = 0
    for each in slices:
        bad, total = bad + each.bad, total + each.total
        if total:
            x = across(each.to_ns)
            y = up(_nines(bad, total)) if bad else none_lost
            # Where several share a place, the worst stands for them.
            worst = max(y, points[int(x)][1]) if int(x) in points else y
            points[int(x)] = (x, worst)
    return line(simplified(list(points.values())))


def _losses(slices: Iterable[Slice], across: Scale, up: Scale) -> str:
    """Return a mark for each lossy slice; where two would cover one, the worse."""
    worst: dict[int, Point] = {}
    for each in slices:
        if each.bad:
            x = across((each.from_ns + each.to_ns) // 2)
            y = up(_nines(each.bad, each.total))
            place = int(x / 3)
            if place not in worst or y > worst[place][1]:
                worst[place] = (x, y)
    return "".join(diamond(*point) for point in worst.values())
