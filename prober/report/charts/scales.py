"""From figures to places, and the ticks between: pure, and of numbers alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from prober.clock import NS

Scale = Callable[[float], float]
"""From a figure to a coordinate."""
Point = tuple[float, float]

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_TIME_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(each * _MINUTE for each in (1, 2, 5, 10, 15, 30)),
    *(each * _HOUR for each in (1, 2, 3, 6, 12)),
    *(each * _DAY for each in (1, 2, 7, 14, 28, 91, 182, 364)),
)
"""Seconds between ticks that people find round."""
_SHORT = 5 * _MINUTE
_MONDAY = 4 * _DAY
"""The Unix epoch was a Thursday: weeks are counted from the Monday behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A place on an axis, and what stands beside it."""

    value: float
    label: str


def linear(domain: tuple[float, float], places: tuple[float, float]) -> Scale:
    """Return the scale on which equal differences are equally long."""
    (low, high), (start, end) = domain, places
    width = (high - low) or 1

    def at(value: float) -> float:
        return start + (value - low) / width * (end - start)

    return at


def logarithmic(domain: tuple[float, float], places: tuple[float, float]) -> Scale:
    """Return the scale on which equal ratios are equally long; figures above 0.

    What lies below the domain is put at its low end.
    """
    low, high = domain
    inner = linear((math.log10(low), math.log10(high)), places)

    def at(value: float) -> float:
        return inner(math.log10(max(value, low)))

    return at


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return round figures within a range: steps of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return [low]
    rough = (high - low) / max(1, most)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(step * each, 12) for each in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return powers of ten within a range; 2 and 5 times them where they are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if math.log10(high / low) < 2 else (1,)  # noqa: PLR2004 - decades
    found = (s * 10.0**power for power in range(first, last + 1) for s in steps)
    return [each for each in found if low * (1 - 1e-9) <= each <= high * (1 + 1e-9)]


def around(values: Sequence[float], *, least: float) -> tuple[float, float]:
    """Return the range of powers of ten that holds figures; a decade at the least.

    Figures below `least` are taken for `least`.
    """
    shown = [max(each, least) for each in values] or [least]
    low = 10.0 ** math.floor(math.log10(min(shown)) + 1e-9)
    high = 10.0 ** math.ceil(math.log10(max(shown)) - 1e-9)
    return low, max(high, 10 * low)


def time_ticks(from_ns: int, to_ns: int, most: int) -> list[Tick]:
    """Return about `most` ticks at round times in UTC, with labels.

    A day is named where a tick begins one; times in between read `06:00`. A short time
    is told from its beginning on: `+2 s`.
    """
    start, end = from_ns / NS, to_ns / NS
    if end - start < _SHORT:
        passed = ticks(0, (to_ns - from_ns) / NS, most)
        return [Tick(value=from_ns + round(s * NS), label=f"+{s:g} s") for s in passed]
    fit = (s for s in _TIME_STEPS if math.floor((end - start) / s) + 1 <= most)
    step = next(fit, _TIME_STEPS[-1])
    base = _MONDAY if step >= 7 * _DAY else 0
    first = math.ceil((start - base) / step)
    last = math.floor((end - base) / step)
    found = [base + each * step for each in range(first, last + 1)]
    return [Tick(value=each * NS, label=_time_label(each, step)) for each in found]


def _time_label(at: int, step: int) -> str:
    when = datetime.fromtimestamp(at, UTC)
    if at % _DAY == 0 and step >= _HOUR:
        return f"{when.day} {when:%b}"
    return f"{when:%H:%M}" if step >= _MINUTE else f"{when:%H:%M:%S}"


def spread(places: Sequence[float], apart: float) -> list[float]:
    """Return places in their order, moved until each is `apart` from the last one.

    They are moved as little as keeps their middle where it was.
    """
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    for before, here in pairwise(order):
        moved[here] = max(moved[here], moved[before] + apart)
    shift = (sum(moved) - sum(places)) / len(places) if places else 0
    return [each - shift for each in moved]


def simplified(points: Sequence[Point], room: float = 0.25) -> list[Point]:
    """Leave out points that are less than `room` above or below the line without them.

    After Douglas and Peucker 1973: of each stretch the farthest point is kept.
    """
    kept = {0, len(points) - 1}
    stretches = [(0, len(points) - 1)]
    while stretches:
        first, last = stretches.pop()
        between = range(first + 1, last)
        if not between:
            continue
        chord = linear(
            (points[first][0], points[last][0]), (points[first][1], points[last][1])
        )
        away = [abs(points[n][1] - chord(points[n][0])) for n in between]
        if max(away) >= room:
            middle = between[away.index(max(away))]
            kept.add(middle)
            stretches += [(first, middle), (middle, last)]
    return [point for place, point in enumerate(points) if place in kept]
