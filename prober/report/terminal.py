"""One screen: a panel on a terminal, plain lines elsewhere, the same words in both."""

import re
from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from prober.report.facts import Fact, Table
from prober.report.formats import Subject
from prober.report.pages import calibrated, pages
from prober.report.screen import Part, Screen, safe

_COLOURS: Mapping[str | None, str] = {
    "met": "green",
    "violated": "red",
    "inconclusive": "yellow",
    "no_data": "yellow",
    "could_not_probe": "yellow",
    None: "cyan",
}
"""By the verdict's state; the words say the same."""
_LOUD = {"late": "yellow", "corrupt": "red", "lost": "red"}
"""Columns whose figures stand out when they are not 0."""
_SAID = ("budget",)
"""Columns whose figures say by themselves what they are, where they are lines."""
_OPENING = re.compile(r"[A-Z ]+\b(?=[ :])")
"""What a sentence comes to, in capitals at its beginning."""
_WIDEST = 100
"""Lines longer than this are hard to read, however wide the terminal."""
_FRAME = 4
_SPACE = "  "


def render(subject: Subject, console: Console) -> None:
    """Write a report to a console, as one screen; of several environments a table."""
    for told in (pages(subject)[0], *calibrated(subject)):
        show(safe(told, console.encoding), console)


def show(told: Screen, console: Console) -> None:
    """Write one screen to a console."""
    if console.is_terminal and not console.is_dumb_terminal:
        console.print(_panel(told, min(console.width, _WIDEST)))
    else:
        for each in plain(told):
            console.print(Text(each), soft_wrap=True)


def plain(told: Screen) -> list[str]:
    """Return a screen as lines without a frame, each as long as it needs to be."""
    label = _label(told)
    blocks: list[list[str]] = [
        [told.title],
        list(told.answer),
        [" | ".join(told.line)],
        *(_lines(part, label) for part in told.parts),
    ]
    shown = [block for block in blocks if any(block)]
    return [each for block in shown for each in (*block, "")][:-1]


def _lines(part: Part, width: int) -> list[str]:
    """Return a table, or facts, as lines behind labels of a width."""
    if isinstance(part, Table):
        return [row.plain.rstrip() for row in _rows(part, width)]
    return [f"{label:<{width}}{_SPACE}{text}" for label, text in part]


def _panel(told: Screen, width: int) -> Panel:
    colour, room = _COLOURS[told.state], width - _FRAME
    label = _label(told)
    tables = [part for part in told.parts if isinstance(part, Table)]
    wide = any(cell_len(_rows(each, label)[0].plain) > room for each in tables)
    parts = _folded(told.parts) if wide else told.parts
    label = 0 if wide else label
    blocks: list[Sequence[Text | Grid]] = [
        _answer(told.answer, colour),
        _wrapped(told.line, room),
        *(
            _rows(part, label) if isinstance(part, Table) else [_grid(part, label)]
            for part in parts
        ),
    ]
    shown = [part for block in blocks if block for part in (*block, Text())]
    return Panel(
        Group(*shown[:-1]),
        title=Text(told.title, style="bold"),
        title_align="left",
        border_style=colour,
        width=width,
    )


def _answer(sentences: Iterable[str], colour: str) -> list[Text]:
    """Return sentences of which the first words, in capitals, stand out."""
    told = [Text(each) for each in sentences]
    for place, each in enumerate(told):
        if opening := _OPENING.match(each.plain):
            style = "bold" if place else f"bold {colour}"
            each.stylize(style, 0, opening.end())
    return told


def _wrapped(parts: Iterable[str], room: int) -> list[Text]:
    """Return the one-line form, broken between its parts where it must be."""
    lines: list[str] = []
    for part in parts:
        if lines and cell_len(f"{lines[-1]} | {part}") <= room:
            lines[-1] += f" | {part}"
        else:
            lines.append(part)
    return [Text(each, style="bold") for each in lines]


def _folded(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return parts as one list of facts, for where a table is too wide."""
    facts: list[Fact] = []
    for part in parts:
        facts += _flow(part) if isinstance(part, Table) else part
    return (tuple(facts),)


def _label(told: Screen) -> int:
    """Return how wide the first column is, which tables and labels share."""
    found = [
        row[0]
        for part in told.parts
        for row in ((part.header, *part.rows) if isinstance(part, Table) else part)
    ]
    return max(map(cell_len, found), default=0)


def _rows(table: Table, label: int) -> list[Text]:
    """Return a table as lines, the names to the left and the figures to the right."""
    columns = [*zip(table.header, *table.rows, strict=True)][1:]
    widths = [label, *(max(map(cell_len, each)) for each in columns)]
    shown = [_row(table.header, widths, ["dim"] * len(table.header))]
    for row in table.rows:
        styles = [
            _LOUD.get(name, "") if figure != "0" else ""
            for name, figure in zip(table.header, row, strict=True)
        ]
        shown.append(_row(row, widths, styles))
    return shown


def _row(cells: Sequence[str], widths: Sequence[int], styles: Sequence[str]) -> Text:
    name, *figures = cells
    told = Text(name + " " * (widths[0] - cell_len(name)), style=styles[0])
    for figure, width, style in zip(figures, widths[1:], styles[1:], strict=True):
        told.append(_SPACE + " " * (width - cell_len(figure)))
        told.append(figure, style)
    return told


def _flow(table: Table) -> list[Fact]:
    """Return a table as facts that wrap, for where it is too wide."""
    label, *names = table.header
    told: list[Fact] = []
    for name, *figures in table.rows:
        pairs = zip(figures, ("" if n in _SAID else n for n in names), strict=True)
        text = ", ".join(f"{each} {fate}".strip() for each, fate in pairs if each)
        where = f"{name}: " if len(table.rows) > 1 else ""
        told.append(("" if told else label, where + text))
    return told


def _grid(facts: Iterable[Fact], width: int) -> Grid:
    grid = Grid.grid(padding=(0, len(_SPACE), 0, 0))
    grid.add_column(style="dim", no_wrap=True, min_width=width)
    grid.add_column(overflow="fold")
    for label, text in facts:
        grid.add_row(Text(label), Text(text))
    return grid
