"""How the cycles ended, one behind the other: a row for each consumer.

Height, filling and letter tell the states apart, not only their colour. Where several
cycles share a mark, the worst of them stands for all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from prober.records import State
from prober.report.charts.frame import (
    Chart,
    Frame,
    Key,
    Size,
    bottom_axis,
    chart,
    fitted,
    legend,
    margin,
)
from prober.report.charts.scales import Tick, linear, ticks, time_ticks
from prober.report.charts.svg import box, join, number, path, tag, text
from prober.report.facts import Table
from prober.report.words import MARKS, STATES

_ROW = 24
_GAP = 8
_HEIGHTS: Mapping[State, tuple[float, float]] = {
    # Where a mark begins and ends, as shares of a row's height from its top.
    State.LOSS: (0, 1),
    State.INCONCLUSIVE: (0.3, 1),
    State.INVALID: (0.3, 1),
    State.MISSED: (0.9, 1),
    State.EXCLUDED: (0.5, 0.65),
    State.PASS: (0.7, 1),
}
_LETTERS: Mapping[State, tuple[str, str]] = {
    State.INCONCLUSIVE: ("?", "on-hollow"),
    State.INVALID: ("x", "on-mark"),
}
"""What is written on a mark that is wide enough, and how."""
_ROOM_FOR_A_LETTER = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How one consumer's (or environment's) cycles ended, in their order."""

    name: str
    states: tuple[State | None, ...]
    """None where nothing was scheduled."""
    counts: Mapping[State, int]
    """How many cycles ended in each state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Rows that are evenly divided by their states."""

    name: str
    rows: tuple[Row, ...]
    unit: str
    """What a state stands for: `cycle`; `hour`, of which the worst cycle is told."""
    times: tuple[int, int] | None
    """Where states are of equal time, when that begins and ends. Cycles of a run are
    numbered instead: no two of them need take equally long."""


def strip(data: Strip) -> Chart:
    """Draw the cycles by state."""

    def draw(size: Size) -> tuple[float, Iterable[Markup]]:
        return _draw(data, size)

    title = (
        "Cycles in order" if data.unit == "cycle" else f"The worst of each {data.unit}"
    )
    return chart(data.name, title, _told(data), table=_table(data), draw=draw)


_LINE = Size(name="line", width=360)


def line_of_states(states: Sequence[State | None], words: str) -> Markup:
    """Draw one row of states without axis and legend, to stand within a line."""
    frame = Frame(left=0, right=_LINE.width, top=0, bottom=_ROW)
    base = path(f"M0 {_ROW}H{number(_LINE.width)}", "axis")
    return tag(
        "svg",
        base,
        _row(states, frame, 0),
        class_="chart line",
        viewBox=f"0 0 {number(_LINE.width)} {_ROW + 1}",
        preserveAspectRatio="none",
        role="img",
        aria_label=words,
    )


def key_of(state: State) -> Markup:
    """Draw the mark of a state by itself, for a legend of several strips."""
    mark = path(_mark(state, 1, 10, 0, _ROW / 2), f"s-{state.value}")
    return tag(
        "svg", mark, class_="chart mark", viewBox="0 0 12 13", aria_hidden="true"
    )


def _told(data: Strip) -> str:
    told = []
    for row in data.rows:
        found = [f"{n:,} {STATES[s]}" for s, n in row.counts.items() if n]
        told.append(f"{row.name}: {', '.join(found) or 'no cycles'}")
    return f"How the cycles ended. {'; '.join(told)}."


def _table(data: Strip) -> Table:
    seen = [s for s in State if any(row.counts.get(s) for row in data.rows)]
    return Table(
        header=("cycles", *(STATES[state] for state in seen)),
        rows=tuple(
            (row.name, *(f"{row.counts.get(state, 0):,}" for state in seen))
            for row in data.rows
        ),
    )


def _draw(data: Strip, size: Size) -> tuple[float, Iterable[Markup]]:
    seen = {state for row in data.rows for state in row.states}
    keys, head = legend([_key(s) for s in MARKS if s in seen], size.width)
    names = [row.name for row in data.rows]
    beside = len(names) > 1 and margin(names) < size.width / 4
    left = margin(names) if beside else 0
    above = 16 if len(names) > 1 and not beside else 0
    top = head + 12
    each = _ROW + _GAP + above
    frame = Frame(left=left, right=size.width, top=top, bottom=top + each * len(names))
    rows = []
    for place, row in enumerate(data.rows):
        y = frame.top + place * each + above
        if beside:
            rows.append(text((left - 10, y + _ROW - 6), row.name, "label", "end"))
        elif above:
            rows.append(text((0, y - 5), fitted(row.name, size.width), "label"))
        rows.append(_row(row.states, frame, y))
    return frame.bottom + 24, [keys, *rows, _axis(data, frame)]


def _axis(data: Strip, frame: Frame) -> Markup:
    most = int(frame.width // 62)
    if data.times is not None:
        across = linear(data.times, (frame.left, frame.right))
        return bottom_axis(frame, across, time_ticks(*data.times, most))
    count = max((len(row.states) for row in data.rows), default=0)
    across = linear((0.5, count + 0.5), (frame.left, frame.right))
    found = dict.fromkeys([1.0, *ticks(1, count, most)])
    numbered = [Tick(value=n, label=f"{n:,.0f}") for n in found if n == int(n)]
    return bottom_axis(frame, across, numbered)


def _key(state: State) -> Key:
    mark = path(_mark(state, -6, 12, -_ROW / 4, _ROW / 2), f"s-{state.value}")
    return Key(symbol=mark, label=STATES[state])


def _mark(state: State, x: float, width: float, y: float, height: float) -> str:
    start, end = _HEIGHTS[state]
    return box(x, y + start * height, width, (end - start) * height)


def _row(states: Sequence[State | None], frame: Frame, y: float) -> Markup:
    """Return a row: neighbours that ended alike share one mark."""
    if not states:
        return Markup()
    # Two units is the narrowest mark that is seen.
    step = -(-len(states) // int(frame.width / 2))
    worst = [_worst(states[at : at + step]) for at in range(0, len(states), step)]
    paths, letters, x = dict.fromkeys(MARKS, ""), [], frame.left
    unit = frame.width / (len(states) / step)
    for state, group in groupby(worst):
        wide = min(unit * len(list(group)), frame.right - x)
        if state is not None:
            # A hair's breadth between marks, where there is room for it.
            paths[state] += _mark(state, x, wide - (0.6 if wide > 3 else 0), y, _ROW)  # noqa: PLR2004
            if wide >= _ROOM_FOR_A_LETTER and state in _LETTERS:
                at = (x + wide / 2, y + _ROW - 5)
                letters.append(text(at, *_LETTERS[state], "middle"))
        x += wide
    marks = [path(d, f"s-{state.value}") for state, d in paths.items()]
    return join([*marks, *letters])


def _worst(states: Sequence[State | None]) -> State | None:
    return next((state for state in MARKS if state in states), None)
