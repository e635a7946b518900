"""Sizes of gaps against sizes of rings: a buffer that overflows loses whole rings."""

import math
from collections.abc import Iterable, Mapping, Sequence
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
    letters,
    margin,
    stroke,
)
from prober.report.charts.scales import (
    Scale,
    Tick,
    around,
    linear,
    log_ticks,
    logarithmic,
    ticks,
)
from prober.report.charts.svg import diamond, join, line, path, tag, text
from prober.report.facts import Table
from prober.report.words import many

_PLOT = 120
_MOST_ROWS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """How often a gap of one size was seen, and which ring it is a multiple of."""

    size: int
    times: int
    ring: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Gaps by size, and the rings that they are held against."""

    name: str
    gaps: tuple[Gap, ...]
    rings: Mapping[int, tuple[str, ...]]
    """Whose ring each size is: `{1000: ("router",)}`."""


def gaps(data: Gaps) -> Chart:
    """Draw how often gaps of each size were seen."""

    def draw(size: Size) -> tuple[float, Iterable[Markup]]:
        return _draw(data, size)

    return chart(
        data.name,
        "Gap sizes against ring sizes",
        _told(data),
        table=_table(data),
        draw=draw,
    )


def _told(data: Gaps) -> str:
    times = sum(each.times for each in data.gaps)
    laps = sum(each.times for each in data.gaps if each.ring is not None)
    if not times:
        return "No gap was seen."
    largest = max(each.size for each in data.gaps)
    sizes = f"{many(times, 'gap')}, the largest of {largest:,}"
    if times == 1:
        fit = "a whole multiple of a ring" if laps else "no multiple of a ring"
        return f"One gap of {largest:,}, {fit}."
    if laps in (0, times):
        return f"{sizes}; {'all' if laps else 'none'} are whole multiples of a ring."
    fit = "a whole multiple" if laps == 1 else "whole multiples"
    return f"{sizes}; {laps:,} of them {fit} of a ring."


def _table(data: Gaps) -> Table:
    found = sorted(data.gaps, key=lambda each: each.size, reverse=True)
    rows = [
        (f"{each.size:,}", f"{each.times:,}", _multiple(each))
        for each in found[:_MOST_ROWS]
    ]
    rest = sum(each.times for each in found[_MOST_ROWS:])
    rows += [("smaller", f"{rest:,}", "")] if rest else []
    return Table(header=("size", "times", "multiple of a ring"), rows=tuple(rows))


def _multiple(gap: Gap) -> str:
    if gap.ring is None:
        return "no"
    return f"{gap.size // gap.ring:,} x {gap.ring:,}"


def _draw(data: Gaps, size: Size) -> tuple[float, Iterable[Markup]]:
    keys, head = legend(_keys(data), size.width)
    most = max((each.times for each in data.gaps), default=1)
    levels = [
        Tick(value=each, label=f"{each:,.0f}")
        for each in ticks(0, most, 4)
        if each == int(each)
    ]
    domain = around([1, *(each.size for each in data.gaps), *data.rings], least=1)
    # Gaps of one, and of the largest size, are not to touch the frame.
    domain = (domain[0] / 1.5, domain[1] * 1.5)
    frame = Frame(
        left=margin([*(each.label for each in levels), "times"]),
        right=size.width - 8,
        top=head + 40,
        bottom=head + 40 + _PLOT,
    )
    up = linear((0, most * 1.08), (frame.bottom, frame.top))
    across = logarithmic(domain, (frame.left, frame.right))
    sizes = [Tick(value=s, label=f"{s:,.0f}") for s in log_ticks(*domain) if s >= 1]
    return frame.bottom + 24, [
        keys,
        left_axis(frame, up, levels),
        text((frame.left - 8, frame.top - 10), "times", "tick", "end"),
        bottom_axis(frame, across, sizes),
        _rings(data.rings, frame, across),
        *_stems(data.gaps, across, up),
    ]


def _keys(data: Gaps) -> list[Key]:
    keys = []
    if any(each.ring is not None for each in data.gaps):
        mark = path(diamond(0, 0), "loss")
        keys.append(Key(symbol=mark, label="multiple of a ring"))
    if any(each.ring is None for each in data.gaps):
        keys.append(Key(symbol=_dot(0, 0), label="other gap"))
    return [*keys, Key(symbol=stroke("ring"), label="size of a ring")]


def _dot(x: float, y: float) -> Markup:
    return tag("circle", cx=x, cy=y, r=3.5, class_="gap")


def _rings(rings: Mapping[int, tuple[str, ...]], frame: Frame, across: Scale) -> Markup:
    """Return a line for each ring, its owners above it; no name over another."""
    drawn = []
    end = -math.inf
    for size, owners in sorted(rings.items()):
        x = across(size)
        drawn.append(path(line([(x, frame.top), (x, frame.bottom)]), "ring"))
        name = "/".join(owners)
        middle = min(x, frame.right + 8 - letters(name) / 2)
        room = middle - letters(name) / 2 > end + 10
        drawn.append(
            text((middle, frame.top - (8 if room else 22)), name, "tick", "middle")
        )
        end = middle + letters(name) / 2
    return join(drawn)


def _stems(found: Sequence[Gap], across: Scale, up: Scale) -> Iterable[Markup]:
    """Return a stem for each size; where several share a unit, the most frequent."""
    highest: dict[int, Gap] = {}
    for each in found:
        place = math.floor(across(each.size))
        if place not in highest or each.times > highest[place].times:
            highest[place] = each
    stems = laps = ""
    dots = []
    for each in highest.values():
        x, y = across(each.size), up(each.times)
        stems += line([(x, up(0)), (x, y)])
        if each.ring is None:
            dots.append(_dot(x, y))
        else:
            laps += diamond(x, y)
    return [path(stems, "stem"), *dots, path(laps, "loss")]
