"""How it stands, as lines for a terminal: worst first, the rest in one line."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from prober.clock import NS
from prober.report.now.conditions import Condition
from prober.report.now.model import Now, worst_first
from prober.report.now.sentences import elapsed
from prober.report.words import many

Tone = Literal["bad", "unsure", "good", "plain"]

TONES: dict[Condition, Tone] = {
    Condition.LOSING: "bad",
    Condition.NOT_MEASURED: "unsure",
    Condition.OVER_BUDGET: "bad",
    Condition.UNSURE: "unsure",
    Condition.EXCLUDED: "unsure",
    Condition.STARTING: "plain",
    Condition.LEFT: "plain",
    Condition.OK: "good",
}
_IN_FULL = (Condition.LOSING,)
"""What is shown with all its lines though nobody named it."""
_TOGETHER = (Condition.OK,)
"""What shares one line."""
_LABEL = 9
_NARROW = 48
_WIDEST = 100


@dataclass(frozen=True, slots=True)
class Row:
    """A line and how it is to be taken."""

    text: str
    tone: Tone = "plain"


def rows(found: Iterable[Now], *, width: int, in_full: bool = False) -> Iterator[Row]:
    """Yield the screen; `in_full` shows every environment with all its lines."""
    ordered = worst_first(found)
    width = max(20, min(width, _WIDEST))
    if not ordered:
        yield Row("nothing was watched yet: prober watch begins")
        return
    together = [each for each in ordered if each.condition in _TOGETHER and not in_full]
    for each in ordered:
        if each not in together:
            full = in_full or each.condition in _IN_FULL
            yield from _block(each, width, full=full)
    if together:
        others = len(together) < len(ordered)
        yield from _wrapped(_together(together, others=others), width, "", "  ", "good")


def _block(each: Now, width: int, *, full: bool) -> Iterator[Row]:
    head = f"{each.environment}  {each.headline}"
    if each.alerts:
        head += f"   {each.alerts}"
    yield from _wrapped(head, width, "", "    ", TONES[each.condition])
    if not full:
        return
    for line in each.lines:
        if width < _NARROW:
            yield Row(f"  {line.label}")
            yield from _wrapped(line.words, width, "    ", "    ", "plain")
        else:
            first = f"  {line.label:<{_LABEL}}"
            yield from _wrapped(line.words, width, first, " " * len(first), "plain")


def _wrapped(
    words: str, width: int, first: str, rest: str, tone: Tone
) -> Iterator[Row]:
    lines = textwrap.wrap(
        words,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    )
    return (Row(line, tone) for line in lines)


def _together(those: Sequence[Now], *, others: bool) -> str:
    count = many(len(those), "other") if others else many(len(those), "environment")
    asked = all(each.target is not None for each in those)
    words = f"{count} within budget" if asked else f"{count} without loss now"
    ages = [each.at_ns - each.last_cycle_ns for each in those if each.last_cycle_ns]
    if not ages:
        return words
    which = "oldest cycle" if len(those) > 1 else "last cycle"
    return f"{words}; {which} {elapsed(max(ages) / NS)}"
