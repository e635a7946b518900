"""Latency as distribution: what share of the messages took no longer than that.

The scale across is one of nines, so that the slowest messages are seen at all.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from prober.report.charts.frame import (
    Chart,
    Frame,
    Key,
    Size,
    bottom_axis,
    chart,
    left_axis,
    legend,
    margin,
    stroke,
)
from prober.report.charts.percentiles import (
    late_key,
    late_line,
    seconds_axis,
    seconds_ticks,
)
from prober.report.charts.scales import Point, Scale, Tick, linear, logarithmic
from prober.report.charts.svg import path, steps
from prober.report.facts import Table
from prober.report.words import duration

_PLOT = 168
_LINES = 4
"""How many lines can be told apart; further consumers stand in the table."""
_TICKS = (
    *((0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")),
    *((0.9999, "p99.99"), (0.99999, "p99.999"), (0.999999, "p99.9999")),
)
_TOLD = 5
"""How many of them stand in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """How many messages of one consumer took how long."""

    consumer: str
    buckets: tuple[tuple[float, int], ...]
    """Seconds that they took at most, and how many, in ascending order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Latencies of all consumers, and the deadline of timely delivery."""

    name: str
    consumers: tuple[Latencies, ...]
    late_after: float | None
    """Seconds; None where nobody knows."""


def distribution(data: Distribution) -> Chart:
    """Draw how latencies are distributed."""

    def draw(size: Size) -> tuple[float, Iterable[Markup]]:
        return _draw(data, size)

    return chart(
        data.name, "Latency by percentile", _told(data), table=_table(data), draw=draw
    )


def _told(data: Distribution) -> str:
    told = []
    for each in data.consumers:
        middle, slow = (duration(_at(each, q)) for q in (0.5, 0.99))
        told.append(f"{each.consumer}: half within {middle}, 99 % within {slow}")
    return f"Send to receive. {'; '.join(told) or 'Nothing arrived'}."


def _table(data: Distribution) -> Table:
    rows = []
    for each in data.consumers:
        times = [duration(_at(each, q)) for q, _ in _TICKS[:_TOLD]]
        slowest = each.buckets[-1][0] if each.buckets else None
        rows.append((each.consumer, *times, duration(slowest)))
    header = ("latency", *(name for _, name in _TICKS[:_TOLD]), "max")
    return Table(header=header, rows=tuple(rows))


def _at(one: Latencies, q: float) -> float | None:
    """Return the seconds that a share `q` does not exceed, by nearest rank."""
    rank = math.ceil(q * sum(n for _, n in one.buckets) - 1e-9)
    below = 0
    for seconds, count in one.buckets:
        below += count
        if below >= rank:
            return seconds
    return None


def _draw(data: Distribution, size: Size) -> tuple[float, Iterable[Markup]]:
    shown = [each for each in data.consumers if each.buckets][:_LINES]
    keys, head = legend(_keys(data, shown), size.width)
    seen = [seconds for each in shown for seconds, _ in each.buckets]
    domain = seconds_axis(seen, data.late_after)
    levels = seconds_ticks(domain)
    top = head + 12
    frame = Frame(
        left=margin(each.label for each in levels),
        right=size.width - 8,
        top=top,
        bottom=top + _PLOT,
    )
    up = logarithmic(domain, (frame.bottom, frame.top))
    most = max((sum(n for _, n in each.buckets) for each in shown), default=10)
    across = linear((0, max(2, math.log10(most))), (frame.left, frame.right))
    ticks = [Tick(value=_nines(q), label=name) for q, name in _TICKS]
    kept = [each for each in ticks if across(each.value) <= frame.right + 1]
    return frame.bottom + 24, [
        keys,
        left_axis(frame, up, levels),
        bottom_axis(frame, across, kept),
        late_line(data.late_after, frame, up),
        *(
            path(steps(_curve(each.buckets, across, up)), f"line-{n}")
            for n, each in enumerate(shown)
        ),
    ]


def _keys(data: Distribution, shown: Sequence[Latencies]) -> list[Key]:
    keys = [
        Key(symbol=stroke(f"line-{n}"), label=each.consumer)
        for n, each in enumerate(shown)
        if len(shown) > 1
    ]
    return keys + late_key(data.late_after)


def _nines(share: float) -> float:
    return -math.log10(max(1 - share, 1e-12))


def _curve(
    buckets: Sequence[tuple[float, int]], across: Scale, up: Scale
) -> list[Point]:
    """Return where each latency begins, from the fastest message to the slowest."""
    total, below = sum(n for _, n in buckets), 0
    points: dict[int, Point] = {}
    for seconds, count in buckets:
        x = across(-math.log10(1 - below / total))
        # Of those that share a unit the slowest stands for all.
        points[int(x)] = (x, up(seconds))
        below += count
    return [*points.values(), (across(math.log10(total)), up(buckets[-1][0]))]
