"""A check as people see it: a calm list, and as scripts do: one document."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from prober.checks import Step
from prober.report.words import duration, harmless, many

SCHEMA = "prober.check/v1"

_NAMES = {"round_trip": "round trip", "tcp": "TCP", "tls": "TLS"}
_MARKS = {
    # Whether it went well, and whether there is a remedy -> mark, colour, in words.
    (True, False): ("✓", "green", "ok"),
    (True, True): ("!", "yellow", "warn"),
    (False, True): ("✗", "red", "FAIL"),
    (False, False): ("✗", "red", "FAIL"),
    (None, False): ("-", "dim", "-"),
    (None, True): ("-", "dim", "-"),
}
_WIDEST = 100
_SLOW_SECONDS = 0.5
"""Steps that took longer say how long."""


def document(name: str, steps: Sequence[Step], seconds: float) -> str:
    """Return a check as JSON, one object a step."""
    told = {
        "schema": SCHEMA,
        "environment": name,
        "ok": not failed(steps),
        "seconds": round(seconds, 3),
        "steps": [
            {
                "name": step.name,
                "target": step.target,
                "ok": step.ok,
                "seconds": round(step.seconds, 3),
                "words": step.words,
                "remedy": step.remedy or None,
            }
            for step in steps
        ],
    }
    return json.dumps(told, indent=2) + "\n"


def failed(steps: Iterable[Step]) -> int:
    """Return how many steps failed."""
    return sum(step.ok is False for step in steps)


def show(name: str, steps: Sequence[Step], seconds: float, console: Console) -> None:
    """Write the list: a frame of blanks on a terminal, plain lines elsewhere."""
    if console.is_terminal and not console.is_dumb_terminal:
        _show_wrapped(name, steps, seconds, console)
        return
    for line in plain(name, steps, seconds, console.encoding):
        console.print(Text(line), soft_wrap=True)


def plain(
    name: str, steps: Sequence[Step], seconds: float, encoding: str = "utf-8"
) -> Iterator[str]:
    """Yield the list line by line, each as long as it needs to be."""
    for target, group in groupby(steps, key=lambda step: step.target):
        yield harmless(target, encoding)
        for step in group:
            *_, mark = _mark(step)
            yield harmless(f"  {mark:<5}{_name(step):<14}{_words(step)}", encoding)
            if step.remedy:
                yield harmless(f"  {'':<19}-> {step.remedy}", encoding)
    yield harmless(_verdict(name, steps, seconds), encoding)


def _show_wrapped(
    name: str, steps: Sequence[Step], seconds: float, console: Console
) -> None:
    width = min(console.width, _WIDEST)
    for target, group in groupby(steps, key=lambda step: step.target):
        console.print(Text(_safe(target, console), style="bold"), width=width)
        table = Table.grid(padding=(0, 1))
        table.add_column(width=3, justify="right")
        table.add_column(no_wrap=True, min_width=12)
        table.add_column(overflow="fold")
        for step in group:
            mark, colour, _ = _mark(step)
            words = Text(_safe(_words(step), console))
            if step.ok is None:
                words.stylize("dim")
            table.add_row(
                Text(_safe(mark, console), style=colour), Text(_name(step)), words
            )
            if step.remedy:
                remedy = Text(_safe(f"→ {step.remedy}", console), style=colour)
                table.add_row("", "", remedy)
        console.print(table, width=width)
    style = "bold red" if failed(steps) else "bold green"
    verdict = _safe(_verdict(name, steps, seconds), console)
    console.print(Text(f"\n{verdict}", style=style), width=width)


def _safe(text: str, console: Console) -> str:
    return harmless(text, console.encoding)


def _mark(step: Step) -> tuple[str, str, str]:
    return _MARKS[step.ok, bool(step.remedy)]


def _name(step: Step) -> str:
    return _NAMES.get(step.name, step.name)


def _words(step: Step) -> str:
    slow = step.seconds >= _SLOW_SECONDS and step.name != "round_trip"
    return step.words + (f" ({duration(step.seconds)})" if slow else "")


def _verdict(name: str, steps: Sequence[Step], seconds: float) -> str:
    bad = failed(steps)
    warned = sum(step.ok is True and bool(step.remedy) for step in steps)
    warning = f", {many(warned, 'warning')}" if warned else ""
    took = duration(seconds)
    if bad:
        return (
            f"{name}: NOT READY: {bad:,} of {many(len(steps), 'step')} failed{warning} "
            f"({took})"
        )
    well = sum(step.ok is True for step in steps)
    return f"{name}: READY: {many(well, 'step')} well{warning} ({took})"
