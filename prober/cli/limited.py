"""A search for a limit as people see it, and as a document."""

from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from prober import __version__
from prober.cli.find_limit import Limit, Step
from prober.report import words
from prober.search import End, Found, Search

SCHEMA = "prober.limit/v1"

_MARKS = {
    Found.CLEAN: ("clean", "green"),
    Found.BROKE: ("broke", "red"),
    Found.OWN: ("our own limit", "yellow"),
    Found.UNSURE: ("cannot tell", "yellow"),
}


def opening(name: str, search: Search, bound: str, seconds: float) -> Text:
    """Say what is going to be done."""
    how = "a quarter more each time" if search.gentle else "twice as fast each time"
    most = "" if search.most is None else f", up to {search.most:,}/s ({bound})"
    return Text(
        f"looking for the limit of {name}: {seconds:g} s at each rate, from "
        f"{search.start:,}/s, {how}{most}"
    )


def line(step: Step) -> Text:
    """Tell of one step."""
    mark, colour = _MARKS[step.found]
    text = Text(f"{step.rate:>10,}/s  ")
    text.append(mark, style=colour)
    return text.append(f": {step.words}" if step.words else "")


def show(limit: Limit, console: Console) -> None:
    """Write the answer first, then what broke, and how it was found."""
    style = "bold green" if limit.end in (End.FOUND, End.BOUND) else "bold yellow"
    console.print(_safe(_answer(limit), console, style))
    facts = _facts(limit)
    if facts:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for label, text in facts:
            table.add_row(_safe(label, console, "dim"), _safe(text, console))
        console.print()
        console.print(table)


def _safe(text: str, console: Console, style: str = "") -> Text:
    return Text(words.harmless(text, console.encoding), style=style)


def _answer(limit: Limit) -> str:
    """Say what came of it, in a sentence or two."""
    search, name = limit.search, words.harmless(limit.environment)
    clean = f"{search.clean:,}/s" if search.clean else ""
    carries = f"{name} carries {clean} clean" if clean else f"{name}: no rate was clean"
    match limit.end:
        case End.FOUND:
            return f"{carries}; at {search.broke:,}/s it broke."
        case End.BOUND:
            return f"{carries}, and more was not to be tried: {limit.bound}."
        case End.OWN:
            rate = limit.steps[-1].rate
            return f"{carries}; at {rate:,}/s the prober itself cannot go on."
        case End.UNSURE if limit.failure:
            return f"{carries}, and then there was no going on: {limit.failure}."
        case End.UNSURE:
            rate = limit.steps[-1].rate
            return f"{carries}; of {rate:,}/s nobody can tell."
        case End.INTERRUPTED:
            return f"interrupted: {carries} so far."


def _facts(limit: Limit) -> list[tuple[str, str]]:
    facts = []
    if broke := limit.last(Found.BROKE):
        facts += [(f"at {broke.rate:,}/s", broke.words), *broke.where]
    if limit.end in (End.OWN, End.UNSURE) and not limit.failure:
        facts.append(("why", limit.steps[-1].words))
    if limit.end is End.FOUND:
        within = float(limit.search.resolution)
        facts.append(("resolution", f"{within:.0%}, {limit.seconds:g} s at each rate"))
    facts += [("warning", each) for each in _warnings(limit)]
    return facts


def _warnings(limit: Limit) -> list[str]:
    from prober.cli import trusted

    if not limit.steps:
        return []
    fastest = max(limit.steps, key=lambda step: step.rate)
    return list(trusted.warnings(None, fastest.result))


def document(limit: Limit) -> str:
    """Return the search as JSON."""
    search = limit.search
    told = {
        "schema": SCHEMA,
        "prober": __version__,
        "environment": limit.environment,
        "ended": limit.end.value,
        "highest_clean_rate": search.clean,
        "broke_at_rate": search.broke,
        "resolution": float(search.resolution),
        "seconds_per_step": limit.seconds,
        "bound": limit.bound or None,
        "failure": limit.failure or None,
        "exit_code": limit.exit_code,
        "steps": [_step(each) for each in limit.steps],
        "warnings": _warnings(limit),
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode() + "\n"


def _step(step: Step) -> dict[str, Any]:
    result = step.result
    return {
        "run_id": result.run_id,
        "started_at": words.moment(result.started_at_ns, "%Y-%m-%dT%H:%M:%SZ"),
        "rate": {"asked": step.rate, "achieved": result.rate_achieved},
        "found": step.found.value,
        "words": step.words,
        "consumers": [
            {
                "name": each.name,
                "accepted": each.valid.accepted,
                "lost": each.valid.lost,
                "corrupt": each.valid.corrupt,
                "gaps": [{"first": gap.first, "count": gap.count} for gap in each.gaps],
            }
            for each in result.consumers
        ],
        "buffers": [
            {"buffer": each.buffer, "dropped": each.dropped, "ring": each.ring}
            for each in result.stack_drops
        ],
        "platform": [
            {
                "component": each.component,
                "instance": each.instance,
                "counter": each.counter,
                "direction": each.direction,
                "increase": each.increase,
            }
            for each in result.platform or ()
        ],
    }
