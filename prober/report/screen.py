"""What one screen says, in its order, in strings that are harmless to show."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from prober.report.answer import line, sentences
from prober.report.facts import Fact, Table, after, before, tables
from prober.report.model import Report
from prober.report.words import harmless

Part: TypeAlias = Table | tuple[Fact, ...]
"""A table, or labelled lines that wrap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """A report in words; how they are laid out is the format's affair."""

    title: str
    state: str | None
    """The verdict's, for those who colour by it."""
    answer: tuple[str, ...]
    """Sentences; each opens with what it comes to, in capitals."""
    line: tuple[str, ...]
    """The parts of the result in one line; none when nothing counts."""
    parts: tuple[Part, ...]
    """What stands behind it, in its order."""


def screen(report: Report, encoding: str = "utf-8") -> Screen:
    """Put a run's report into words that `encoding` can carry."""
    return safe(
        Screen(
            title=report.result.environment,
            state=report.verdict.state,
            answer=tuple(sentences(report)),
            line=tuple(line(report)),
            parts=_parts(report),
        ),
        encoding,
    )


def _parts(report: Report) -> tuple[Part, ...]:
    """Return counts, what happened and how far to trust it, latencies, the rest."""
    counts, latencies = tables(report)[:1], tables(report)[1:]
    return (*counts, tuple(before(report)), *latencies, tuple(after(report)))


def safe(told: Screen, encoding: str = "utf-8") -> Screen:
    """Return the same with every text harmless to show, in that encoding."""
    clean = partial(harmless, encoding=encoding)
    return replace(
        told,
        title=clean(told.title),
        answer=tuple(map(clean, told.answer)),
        line=tuple(map(clean, told.line)),
        parts=tuple(_safe_part(part, clean) for part in told.parts),
    )


def _safe_part(part: Part, clean: Callable[[str], str]) -> Part:
    if isinstance(part, Table):
        rows = tuple(tuple(map(clean, row)) for row in part.rows)
        return replace(part, rows=rows)
    return tuple((label, clean(text)) for label, text in part)
