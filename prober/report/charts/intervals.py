"""Several runs, windows or environments: what was counted, and what that supports."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from prober import slo
from prober.report.charts.frame import (
    Chart,
    Frame,
    Key,
    Size,
    bottom_axis,
    chart,
    fitted,
    legend,
    letters,
    stroke,
)
from prober.report.charts.scales import Scale, Tick, linear
from prober.report.charts.svg import diamond, join, line, path, text
from prober.report.facts import Table

_EACH = 40
_MOST_NINES = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One of them: bad of total messages, and the interval of the loss ratio."""

    label: str
    bad: int
    total: int
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """What is laid side by side; the objective where all have the same."""

    name: str
    title: str
    counted: tuple[Counted, ...]
    target: Decimal | None


def intervals(data: Intervals) -> Chart:
    """Draw what was counted with its interval, one above the other."""

    def draw(size: Size) -> tuple[float, Iterable[Markup]]:
        return _draw(data, size)

    return chart(data.name, data.title, _told(data), table=_table(data), draw=draw)


def _told(data: Intervals) -> str:
    told = [f"{e.label}: {slo.format_ratio(e.bad, e.total)}" for e in data.counted]
    return f"{'; '.join(told)}." if told else "Nothing to compare."


def _table(data: Intervals) -> Table:
    rows = tuple(
        (
            each.label,
            f"{each.bad:,}",
            f"{each.total:,}",
            slo.format_ratio(each.bad, each.total),
            slo.format_loss(each.lower, up=False) if each.total else "no data",
            slo.format_loss(each.upper) if each.total else "no data",
        )
        for each in data.counted
    )
    header = ("", "lost or damaged", "of", "arrived", "loss from", "to (95 %)")
    return Table(header=header, rows=rows)


def _draw(data: Intervals, size: Size) -> tuple[float, Iterable[Markup]]:
    keys, head = legend(_keys(data), size.width)
    frame = Frame(
        left=4,
        right=size.width - letters("none lost") - 8,
        top=head + 6,
        bottom=head + 6 + _EACH * len(data.counted),
    )
    least, most = _range(data)
    across = linear((least, most), (frame.left, frame.right))
    found = [
        Tick(value=n, label=slo.format_target(1 - Decimal(1).scaleb(-n)))
        for n in range(least, most + 1)
    ]
    rows = [_row(each, place, frame, across) for place, each in enumerate(data.counted)]
    objective = ""
    if data.target is not None:
        x = across(-math.log10(1 - data.target))
        objective = line([(x, frame.top), (x, frame.bottom)])
    return frame.bottom + 24, [
        keys,
        path(objective, "objective"),
        *rows,
        bottom_axis(frame, across, found),
    ]


def _keys(data: Intervals) -> list[Key]:
    keys = [
        Key(symbol=path(diamond(0, 0), "loss"), label="counted"),
        Key(symbol=stroke("whisker"), label="95 % interval"),
    ]
    if data.target is not None:
        label = f"objective {slo.format_target(data.target)}"
        keys.append(Key(symbol=stroke("objective"), label=label))
    return keys


def _range(data: Intervals) -> tuple[int, int]:
    """Return the nines at the left and at the right of the scale."""
    shown = [_nines(each.upper) for each in data.counted if each.total]
    shown += [_nines(e.bad / e.total) for e in data.counted if e.bad]
    shown += [-math.log10(1 - data.target)] if data.target is not None else []
    most = min(math.ceil(max([2.0, *shown]) + 0.2), _MOST_NINES)
    return min(math.floor(min([*shown, most - 2])), most - 2), most


def _nines(loss: float) -> float:
    return -math.log10(loss) if loss > 0 else math.inf


def _row(each: Counted, place: int, frame: Frame, across: Scale) -> Markup:
    """Return one of them: what lies beyond the scale is put at its end."""

    def at(nines: float) -> float:
        x = across(nines) if math.isfinite(nines) else math.inf
        return min(max(x, frame.left), frame.right)

    y = frame.top + place * _EACH + 26
    name = text((0, y - 12), fitted(each.label, frame.right), "label")
    if not each.total:
        return join([name, text((0, y + 4), "no data", "tick")])
    end = at(_nines(each.lower))
    whisker = path(line([(at(_nines(each.upper)), y), (end, y)]), "whisker")
    if not each.bad:
        return join([name, whisker, text((end + 6, y + 4), "none lost", "tick")])
    mark = path(diamond(at(_nines(each.bad / each.total)), y, 5), "loss")
    return join([name, whisker, mark])
