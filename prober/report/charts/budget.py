"""The error budget as one bar: spent, spent if all that went unseen was lost, left."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from markupsafe import Markup

from prober import slo
from prober.report.answer import left
from prober.report.charts.frame import Chart, Key, Size, chart, legend, swatch
from prober.report.charts.svg import box, line, path, text
from prober.report.facts import Table
from prober.report.words import many

_BAR = 22
_ROOM = 50
"""For a label beside another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What an objective allows to lose, and what was lost."""

    name: str
    allowed: Fraction
    """Messages."""
    consumed: Fraction
    """The share of `allowed` that was lost; above 1 when overspent."""
    if_unseen: Fraction
    """The same if all that went unseen was lost; at least `consumed`."""


def budget(data: Spent) -> Chart:
    """Draw a budget as a bar."""

    def draw(size: Size) -> tuple[float, Iterable[Markup]]:
        return _draw(data, size)

    return chart(data.name, "Error budget", _told(data), table=_table(data), draw=draw)


def _told(data: Spent) -> str:
    allowed = int(data.allowed)
    told = f"{many(allowed, 'lost message')} {'is' if allowed == 1 else 'are'} allowed"
    told += "; the budget is "
    told += left(1 - data.consumed)
    if data.if_unseen > data.consumed:
        told += f", {left(1 - data.if_unseen)} if all unseen was lost"
    return f"{told}."


def _cut(messages: Fraction) -> str:
    return f"{math.floor(messages * 10) / 10:,.1f}"


def _table(data: Spent) -> Table:
    spent = data.consumed * data.allowed
    rows = [
        ("allowed", _cut(data.allowed), "100 %"),
        ("spent", f"{round(spent):,}", slo.format_loss(data.consumed)),
        (
            "left",
            _cut(data.allowed - spent),
            slo.format_share(1 - data.consumed, 1),
        ),
        ("left if all unseen was lost", "", slo.format_share(1 - data.if_unseen, 1)),
    ]
    return Table(header=("budget", "messages", "share"), rows=tuple(rows))


def _draw(data: Spent, size: Size) -> tuple[float, Iterable[Markup]]:
    over, unseen = data.consumed > 1, data.if_unseen > data.consumed
    keys = [Key(symbol=swatch("spent", 12), label="spent")] * bool(data.consumed)
    keys += [Key(symbol=swatch("unseen", 7), label="if all unseen was lost")] * unseen
    keys += [Key(symbol=swatch("left", 3), label="left")] * (not over)
    keys += [Key(symbol=path("M0-7V7", "allowed"), label="allowed")] * over
    head, top = legend(keys, size.width)
    # When it is overspent, the bar is what was spent and a mark what was allowed.
    whole = max(Fraction(1), data.consumed)
    unit = size.width / float(whole)
    spent = float(data.consumed) * unit
    worst = float(min(data.if_unseen, whole)) * unit
    y = top + 6
    parts = [
        head,
        path(box(0, y + _BAR - 3, size.width, 3), "left") if not over else Markup(),
        path(box(spent, y + 5, worst - spent, _BAR - 11), "unseen")
        if unseen
        else Markup(),
        path(box(0, y, max(spent, 1.5), _BAR), "spent") if spent else Markup(),
    ]
    height = y + _BAR + 22
    ends = [(0.0, "0 %", "start"), (size.width, f"{float(whole * 100):,.0f} %", "end")]
    if over:
        parts.append(path(line([(unit, y - 4), (unit, y + _BAR + 4)]), "allowed"))
        if _ROOM < unit < size.width - 1.5 * _ROOM:
            ends.append((unit, "100 %", "middle"))
    parts += [text((x, y + _BAR + 16), words, "tick", a) for x, words, a in ends]
    return height, parts
