"""Consumers side by side: what each missed of the same messages, and with whom."""

from collections.abc import Iterable
from dataclasses import dataclass

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
    swatch,
)
from prober.report.charts.scales import Tick, linear, ticks
from prober.report.charts.svg import box, path, text
from prober.report.facts import Table
from prober.report.words import many

_BAR, _EACH = 16, 44
_PARTS = (
    ("lost by all", "c-all", 1.0),
    ("by some", "c-some", 0.7),
    ("by it alone", "c-alone", 0.4),
)
"""Words, class, and how high a part of a bar is: the less high, the fewer missed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Messages that one consumer missed, by who else did."""

    consumer: str
    by_all: int
    """Before the consumers fork, or in a stall that hit every subscription."""
    by_some: int
    """By it and others, not all."""
    alone: int
    """On its own egress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumers:
    """All consumers of one set of messages."""

    name: str
    messages: int
    """Those that can be compared: of cycles that count on every consumer."""
    consumers: tuple[Missed, ...]


def consumers(data: Consumers) -> Chart:
    """Draw what each consumer missed."""

    def draw(size: Size) -> tuple[float, Iterable[Markup]]:
        return _draw(data, size)

    title = "Consumers side by side"
    return chart(data.name, title, _told(data), table=_table(data), draw=draw)


def _missed(each: Missed) -> tuple[int, int, int]:
    return each.by_all, each.by_some, each.alone


def _told(data: Consumers) -> str:
    if not any(sum(_missed(each)) for each in data.consumers):
        return f"All consumers got all {many(data.messages, 'message')}."
    by_all = max(each.by_all for each in data.consumers)
    alone = ", ".join(
        f"{each.consumer} alone {each.alone:,}" for each in data.consumers if each.alone
    )
    told = f"Of {many(data.messages, 'message')}, "
    told += f"{by_all:,} {slo.were(by_all)} lost by all"
    return f"{told}; {alone}." if alone else f"{told}."


def _table(data: Consumers) -> Table:
    return Table(
        header=("missed", *(words for words, _, _ in _PARTS), "in all"),
        rows=tuple(
            (
                each.consumer,
                *(f"{count:,}" for count in _missed(each)),
                f"{sum(_missed(each)):,}",
            )
            for each in data.consumers
        ),
    )


def _draw(data: Consumers, size: Size) -> tuple[float, Iterable[Markup]]:
    keys, head = legend(_keys(data), size.width)
    most = max((sum(_missed(each)) for each in data.consumers), default=0)
    frame = Frame(
        left=0,
        right=size.width - letters(f"{most:,}") - 10,
        top=head + 4,
        bottom=head + 4 + _EACH * len(data.consumers),
    )
    across = linear((0, max(most, 1)), (frame.left, frame.right))
    found = [
        Tick(value=each, label=f"{each:,.0f}")
        for each in ticks(0, max(most, 1), int(frame.width // 80))
        if each == int(each)
    ]
    bars = []
    for place, each in enumerate(data.consumers):
        y = frame.top + place * _EACH + 18
        bars.append(text((0, y - 5), fitted(each.consumer, size.width), "label"))
        x = 0.0
        for count, (_, class_, high) in zip(_missed(each), _PARTS, strict=True):
            wide = across(count) - across(0)
            if count:
                tall = _BAR * high
                bars.append(
                    path(box(x, y + (_BAR - tall) / 2, max(wide, 1), tall), class_)
                )
            x += wide
        bars.append(text((x + 6, y + _BAR - 3), f"{sum(_missed(each)):,}", "figure"))
    return frame.bottom + 24, [keys, *bars, bottom_axis(frame, across, found)]


def _keys(data: Consumers) -> list[Key]:
    """Return those parts that there are."""
    counts = zip(*map(_missed, data.consumers), strict=True)
    return [
        Key(symbol=swatch(class_, 12 * high), label=words)
        for count, (words, class_, high) in zip(counts, _PARTS, strict=False)
        if any(count)
    ]
