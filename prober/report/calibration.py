"""A calibration as people read it, and as one document, `prober.calibration/v1`."""

import json
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from rich.cells import cell_len
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from prober import __version__
from prober.clock import NS
from prober.records import Calibration, Comparison, Trial
from prober.report.facts import Table
from prober.report.screen import Screen, safe
from prober.report.words import harmless, many

SCHEMA = "prober.calibration/v1"

ALL = "all"
"""The name of figures of all consumers together."""
_WIDEST = 100
_NARROW = 64
"""Columns below which what was injected and measured stand below each other."""
_COLUMN = 36
"""What most need; the others push what is behind them aside."""
_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}
_PLAIN_MARKS = {True: "exact", False: "WRONG", None: "untold"}
_NOUNS: Mapping[str, str] = {
    # How a figure is called behind its number; what is not here is told if it is wrong.
    "lost": "lost",
    "corrupt": "corrupt",
    "late": "late",
    "duplicates": "doubled",
    "reordered": "reordered",
    "after deadline": "too late",
    "lost by all": "lost by all",
    "lost by it alone": "by it alone",
    "cycles aside": "cycles uncounted",
}


def answer(calibration: Calibration) -> list[str]:
    """Return what it comes to; each sentence opens with that, in capitals."""
    trials, wrong, untold = (
        len(calibration.trials),
        calibration.disagreeing,
        calibration.untold,
    )
    names = ", ".join(t.name for t in calibration.trials if t.agrees is False)
    sentences = []
    if wrong:
        sentences.append(
            f"NOT EXACT: {wrong} of {many(trials, 'trial')} disagree: {names}. Believe "
            "no reading of this prober on this machine, and report it."
        )
    elif trials > untold:
        sentences.append(
            f"EXACT: {trials - untold} of {many(trials, 'trial')} agree, message by "
            "message."
        )
    if untold:
        sentences.append(
            f"CANNOT TELL of {many(untold, 'trial')}: this machine was too busy; try "
            "again when it is idle."
        )
    if calibration.partial:
        sentences.append("INTERRUPTED: not every trial was made.")
    if calibration.left_out:
        others = many(calibration.left_out, "further trial")
        sentences.append(f"ONLY SOME: {others} would tell whether all is exact.")
    sentences += [f"COST of {t.name}: {t.cost}." for t in calibration.trials if t.cost]
    if not wrong and not calibration.left_out:
        sentences.append(_limit(calibration.exact_up_to))
    return sentences


def _limit(up_to: float | None) -> str:
    if up_to is None:
        return "Up to which rate that holds on this machine: prober bench tells."
    return (
        f"This instrument is exact on this machine up to {up_to:,.0f} messages/s, by "
        "its last bench."
    )


def injected(trial: Trial) -> str:
    """Return what was done to a trial's messages, in words."""
    return _told(trial, measured=False)


def measured(trial: Trial) -> str:
    """Return what the prober made of it."""
    return trial.trouble or _told(trial, measured=True)


def _told(trial: Trial, *, measured: bool) -> str:
    by_consumer: dict[str, list[str]] = {}
    for each in trial.comparisons:
        noun = _NOUNS.get(each.what)
        number = each.measured if measured else each.injected
        if noun is None:
            continue
        if each.expected.startswith("some") and not measured:
            by_consumer.setdefault(each.consumer, []).append(f"{each.expected} {noun}")
        elif number:
            by_consumer.setdefault(each.consumer, []).append(f"{number:,} {noun}")
    parts = {name: ", ".join(words) for name, words in by_consumer.items()}
    if len(trial.states) <= 1:
        return "; ".join(parts.values()) or "nothing lost"
    return "; ".join(f"{name or ALL}: {words}" for name, words in parts.items())


def disagreements(trial: Trial) -> Iterator[str]:
    """Yield a sentence for each figure that disagrees."""
    for each in trial.comparisons:
        if not each.agrees:
            yield (
                f"{each.what} {f'at {each.consumer}' if each.consumer else ''}: "
                f"injected {each.expected or f'{each.injected:,}'}, measured "
                f"{each.measured:,}"
            ).replace(" :", ":") + _same_sum(each)


def _same_sum(each: Comparison) -> str:
    same = not each.expected and each.injected == each.measured
    return ", but not of the same messages" if same else ""


def section(calibration: Calibration) -> Screen:
    """Return the calibration as a part of a report, for any of its formats."""
    wrong, untold = calibration.disagreeing, calibration.untold
    rows = tuple(
        (each.name, _PLAIN_MARKS[each.agrees], injected(each), measured(each))
        for each in calibration.trials
    )
    # Whether it agrees comes first: what is long is scrolled to on a narrow screen.
    header = ("trial", "agrees", "injected", "measured")
    return safe(
        Screen(
            title="calibration",
            state="violated" if wrong else "inconclusive" if untold else "met",
            answer=tuple(answer(calibration)),
            line=(),
            parts=(Table(header=header, rows=rows),),
        )
    )


def render(calibration: Calibration, console: Console, *, explain: bool) -> None:
    """Write a calibration to a console: a panel on a terminal, else plain lines."""
    if console.is_terminal and not console.is_dumb_terminal:
        console.print(_panel(calibration, min(console.width, _WIDEST), explain=explain))
        return
    for line in plain(calibration, console.encoding, explain=explain):
        console.print(Text(line), soft_wrap=True)


def plain(
    calibration: Calibration, encoding: str = "utf-8", *, explain: bool = False
) -> Iterator[str]:
    """Yield it line by line, each as long as it needs to be."""
    names = max((cell_len(each.name) for each in calibration.trials), default=0)
    widths = (cell_len(injected(each)) for each in calibration.trials)
    told = min(_COLUMN, max(widths, default=0))
    for trial in calibration.trials:
        line = (
            f"{_PLAIN_MARKS[trial.agrees]:<6}  {trial.name:<{names}}  "
            f"injected {injected(trial):<{told}}  measured {measured(trial)}"
        )
        yield harmless(line, encoding)
        for more in _more(trial, explain=explain):
            yield harmless(f"        {more}", encoding)
    yield ""
    yield from (harmless(each, encoding) for each in answer(calibration))


def _more(trial: Trial, *, explain: bool) -> Iterator[str]:
    if explain:
        yield f"done: {trial.words}"
        yield from (f"told: {each}" for each in trial.said)
    if trial.agrees is False:
        yield from disagreements(trial)


def _panel(calibration: Calibration, width: int, *, explain: bool) -> Panel:
    wrong = calibration.disagreeing
    colour = "red" if wrong else "yellow" if calibration.untold else "green"
    sentences = [
        Text(each, style="bold" if not n else "")
        for n, each in enumerate(answer(calibration))
    ]
    rows = _narrow if explain or width < _NARROW else _wide
    return Panel(
        Group(rows(calibration.trials, explain=explain), Text(), *sentences),
        title=Text("calibration", style="bold"),
        title_align="left",
        border_style=colour,
        width=width,
    )


def _wide(trials: Sequence[Trial], *, explain: bool) -> Grid:
    grid = Grid(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    grid.add_column("", no_wrap=True)
    grid.add_column("trial", overflow="fold", min_width=19)
    grid.add_column("injected", overflow="fold", ratio=1)
    grid.add_column("measured", overflow="fold", ratio=1)
    for trial in trials:
        mark, colour = _MARKS[trial.agrees]
        grid.add_row(
            Text(mark, style=colour),
            Text(trial.name),
            Text(harmless(injected(trial))),
            Text(harmless(measured(trial)), style=colour if not trial.agrees else ""),
        )
        for more in _more(trial, explain=explain):
            grid.add_row("", "", Text(harmless(more), style="dim"), "")
    return grid


def _narrow(trials: Sequence[Trial], *, explain: bool) -> Grid:
    grid = Grid.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for trial in trials:
        mark, colour = _MARKS[trial.agrees]
        told = Text(trial.name, style="bold")
        told.append(f"\ninjected  {harmless(injected(trial))}", "not bold")
        told.append(f"\nmeasured  {harmless(measured(trial))}", "not bold")
        for more in _more(trial, explain=explain):
            told.append(f"\n{harmless(more)}", "not bold dim")
        grid.add_row(Text(mark, style=colour), told)
    return grid


def document(calibration: Calibration) -> str:
    """Return the calibration as JSON."""
    began = datetime.fromtimestamp(calibration.started_at_ns // NS, UTC)
    took_ns = calibration.ended_at_ns - calibration.started_at_ns
    told = {
        "schema": SCHEMA,
        "prober": {"version": __version__, "python": platform.python_version()},
        "started_at": began.isoformat().replace("+00:00", "Z"),
        "seconds": round(took_ns / NS, 3),
        "seed": calibration.seed,
        "partial": calibration.partial,
        "left_out": calibration.left_out,
        "exact": calibration.exact,
        "exact_up_to": calibration.exact_up_to,
        "scenarios": [_scenario(each) for each in calibration.trials],
    }
    return json.dumps(told, indent=2, allow_nan=False) + "\n"


def _scenario(trial: Trial) -> dict[str, object]:
    return {
        "name": trial.name,
        "words": trial.words,
        "faults": list(trial.faults),
        "agrees": trial.agrees,
        "injected": _figures(trial.comparisons, measured=False),
        "measured": _figures(trial.comparisons, measured=True),
        "disagreements": list(disagreements(trial)),
        "states": {
            consumer: {state.value: count for state, count in states.items()}
            for consumer, states in trial.states.items()
        },
        "said": list(trial.said),
        "cost": trial.cost or None,
        "trouble": trial.trouble or None,
        "attempts": trial.attempts,
        "seconds": round(trial.seconds, 3),
    }


def _figures(
    comparisons: Iterable[Comparison], *, measured: bool
) -> dict[str, dict[str, int | None]]:
    """Return the figures by consumer; None where any number would do."""
    told: dict[str, dict[str, int | None]] = {}
    for each in comparisons:
        number: int | None = each.measured if measured else each.injected
        if not measured and each.expected.startswith("some"):
            number = None
        figures = told.setdefault(each.consumer or ALL, {})
        figures[each.what.replace(" ", "_")] = number
    return told
