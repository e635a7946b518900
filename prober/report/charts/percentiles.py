"""Latency percentiles over time, on a scale where equal ratios are equally long."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

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
    letters,
    margin,
    notes,
    stroke,
)
from prober.report.charts.scales import (
    Point,
    Scale,
    Tick,
    around,
    linear,
    log_ticks,
    logarithmic,
    simplified,
    spread,
    time_ticks,
)
from prober.report.charts.svg import line, path, text
from prober.report.facts import Table
from prober.report.words import duration, moment, span

QUANTILES: tuple[tuple[float, str], ...] = (
    (0.5, "p50"),
    (0.9, "p90"),
    (0.99, "p99"),
    (0.999, "p99.9"),
)
_PLOT = 168
_LEAST_SECONDS = 1e-6
_MOST_ROWS = 40
_APART = 4
"""Units between points at the least: closer ones only fill the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """The percentiles of a stretch of time, in seconds; None where nothing arrived."""

    from_ns: int
    to_ns: int
    seconds: tuple[float | None, ...]
    """As many as `QUANTILES`, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Percentiles in the order of time, and the deadline of timely delivery."""

    name: str
    whose: str
    """The consumer that they are of, where there are several; or empty."""
    slices: tuple[Quantiles, ...]
    late_after: float | None
    """Seconds; None where nobody knows."""
    notes: tuple[Note, ...] = ()


def percentiles(data: Percentiles) -> Chart:
    """Draw latency percentiles over time."""

    def draw(size: Size) -> tuple[float, Iterable[Markup]]:
        return _draw(data, size)

    title = "Latency over time" + (f", {data.whose}" if data.whose else "")
    return chart(
        data.name, title, _told(data), table=_table(data), draw=draw, flags=data.notes
    )


def _told(data: Percentiles) -> str:
    told = []
    for place, (_, name) in enumerate(QUANTILES):
        seen = [s for each in data.slices if (s := each.seconds[place]) is not None]
        if seen:
            told.append(f"{name} {duration(min(seen))} to {duration(max(seen))}")
    return f"Send to receive: {', '.join(told) or 'no data'}."


def _table(data: Percentiles) -> Table:
    """Return the slowest stretches, by their last percentile."""
    slowest = sorted(data.slices, key=lambda each: -(each.seconds[-1] or 0))
    return Table(
        header=("slowest, UTC", *(name for _, name in QUANTILES)),
        rows=tuple(
            (moment(each.from_ns, "%Y-%m-%d %H:%M"), *map(duration, each.seconds))
            for each in slowest[:_MOST_ROWS]
        ),
    )


def seconds_axis(
    found: Sequence[float], late_after: float | None
) -> tuple[float, float]:
    """Return the range of a scale that holds latencies and their deadline."""
    deadline = [] if late_after is None else [late_after]
    return around([*found, *deadline], least=_LEAST_SECONDS)


def late_line(late_after: float | None, frame: Frame, up: Scale) -> Markup:
    """Return the deadline of timely delivery."""
    return Markup() if late_after is None else frame.rule(up(late_after), "objective")


def late_key(late_after: float | None) -> list[Key]:
    """Return its entry in a legend."""
    if late_after is None:
        return []
    label = f"late after {span(late_after)}"
    return [Key(symbol=stroke("objective"), label=label)]


def seconds_ticks(domain: tuple[float, float]) -> list[Tick]:
    """Return ticks in short units: `1 ms`."""
    return [Tick(value=s, label=_short(s)) for s in log_ticks(*domain)]


def _short(seconds: float) -> str:
    for size, unit in ((1, "s"), (1e-3, "ms")):
        if seconds >= size * (1 - 1e-9):
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds * 1e6:,.0f} us"


def _draw(data: Percentiles, size: Size) -> tuple[float, Iterable[Markup]]:
    keys, head = legend(_keys(data), size.width)
    seen = [s for each in data.slices for s in each.seconds if s is not None]
    domain = seconds_axis(seen, data.late_after)
    levels = seconds_ticks(domain)
    top = head + (26 if data.notes else 12)
    frame = Frame(
        left=margin(each.label for each in levels),
        right=size.width - letters("p99.9") - 8,
        top=top,
        bottom=top + _PLOT,
    )
    up = logarithmic(domain, (frame.bottom, frame.top))
    times = (data.slices[0].from_ns, data.slices[-1].to_ns) if data.slices else (0, 1)
    across = linear(times, (frame.left, frame.right))
    found = time_ticks(*times, int(frame.width // 62)) if data.slices else []
    courses = [_course(data.slices, n, across, up) for n in range(len(QUANTILES))]
    return frame.bottom + 24, [
        keys,
        left_axis(frame, up, levels),
        bottom_axis(frame, across, found),
        late_line(data.late_after, frame, up),
        *(path(_drawn(course), f"line-{n}") for n, course in enumerate(courses)),
        *_ends(courses, frame),
        notes(frame, across, data.notes),
    ]


def _keys(data: Percentiles) -> list[Key]:
    keys = [
        Key(symbol=stroke(f"line-{n}"), label=name)
        for n, (_, name) in enumerate(QUANTILES)
    ]
    return keys + late_key(data.late_after)


def _course(
    slices: Iterable[Quantiles], place: int, across: Scale, up: Scale
) -> list[list[Point]]:
    """Return the pieces of one line, broken where nothing arrived.

    Of those that share a few units the slowest stands for all.
    """
    pieces: list[list[Point]] = [[]]
    for each in slices:
        seconds = each.seconds[place]
        if seconds is None:
            pieces.append([])
            continue
        x = across((each.from_ns + each.to_ns) / 2)
        y = up(seconds)
        piece = pieces[-1]
        if piece and math.floor(x / _APART) == math.floor(piece[-1][0] / _APART):
            piece[-1] = (piece[-1][0], min(y, piece[-1][1]))
        else:
            piece.append((x, y))
    return [piece for piece in pieces if piece]


def _drawn(pieces: Iterable[Sequence[Point]]) -> str:
    # A single point is drawn, too: a line of no length with round ends.
    return "".join(line([*simplified(piece), piece[-1]]) for piece in pieces)


def _ends(courses: Sequence[list[list[Point]]], frame: Frame) -> Iterable[Markup]:
    """Return the names of the lines behind their ends, none over another."""
    found = [(n, pieces[-1][-1]) for n, pieces in enumerate(courses) if pieces]
    places = spread([y for _, (_, y) in found], 12)
    for (n, _), y in zip(found, places, strict=True):
        yield text((frame.right + 5, y + 4), QUANTILES[n][1], "tick")
