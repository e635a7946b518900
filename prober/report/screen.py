"""What one screen says, in its order, in strings that are harmless to show."""

from dataclasses import dataclass, replace
from functools import partial

from prober.report.answer import line, sentences
from prober.report.facts import Fact, Table, facts, tables
from prober.report.model import Report
from prober.report.words import harmless


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
    tables: tuple[Table, ...]
    facts: tuple[Fact, ...]


def screen(report: Report, encoding: str = "utf-8") -> Screen:
    """Put a report into words that `encoding` can carry."""
    safe = partial(harmless, encoding=encoding)
    return Screen(
        title=safe(report.result.environment),
        state=report.verdict.state,
        answer=tuple(map(safe, sentences(report))),
        line=tuple(map(safe, line(report))),
        tables=tuple(
            replace(each, rows=tuple(tuple(map(safe, row)) for row in each.rows))
            for each in tables(report)
        ),
        facts=tuple((label, safe(text)) for label, text in facts(report)),
    )
