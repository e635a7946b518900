"""Markdown for a pull request or a ticket: what the screen says, and nothing else.

Names and reasons come from outside, so that nothing in them may become markup, a link,
or the name of somebody who is told.
"""

import re
from collections.abc import Iterable, Mapping

from prober.report.facts import Fact, Table
from prober.report.formats import Subject
from prober.report.pages import pages
from prober.report.screen import Screen

_OPENING = re.compile(r"[A-Z ]+\b(?=[ :])")
"""What a sentence comes to, in capitals at its beginning."""

_APART = "&#8203;"
"""Nothing to see: it keeps two characters from becoming a name or a link together."""
_ESCAPED: Mapping[str, str] = {
    # Markup of any dialect that a ticket may be in.
    **{each: f"\\{each}" for each in "\\`*[]{}~$^_"},
    # Tags and entities, as entities: a backslash does not keep them out everywhere.
    "<": "&lt;",
    ">": "&gt;",
    "&": "&amp;",
    "!": "&#33;",
    # Somebody would be told, an issue or an address linked to.
    "@": f"@{_APART}",
    "#": f"#{_APART}",
    "://": f":{_APART}//",
    ".": f"{_APART}.",
}
_HOSTILE = re.compile(
    r"""
    [\\`*\[\]{}~$^<>&!@]
    | \#(?=\w)                         # an issue's number
    | (?<=[a-z])://                    # an address,
    | (?<=www)\.                       # or the beginning of one
    | (?<![^\W_])_ | _(?![^\W_])       # at an edge of a word: prod_eu stays as it is
    """,
    re.IGNORECASE | re.VERBOSE,
)


def render(subject: Subject) -> str:
    """Return the report as Markdown."""
    return "\n\n".join("\n\n".join(_blocks(page)) for page in pages(subject)) + "\n"


def escaped(text: str) -> str:
    """Return a text that reads the same and is nothing but text."""
    return _HOSTILE.sub(lambda found: _ESCAPED[found[0]], text)


def _blocks(page: Screen) -> Iterable[str]:
    yield f"### {escaped(page.title) or 'no name'}"
    yield from map(_sentence, page.answer)
    if page.line:
        yield f"> {escaped(' | '.join(page.line))}"
    for part in page.parts:
        yield _table(part) if isinstance(part, Table) else _facts(part)


def _sentence(text: str) -> str:
    opening = _OPENING.match(text)
    if opening is None:
        return escaped(text)
    return f"**{opening[0]}**{escaped(text[opening.end() :])}"


def _table(table: Table) -> str:
    ruled = ["---", *("---:" for _ in table.header[1:])]
    rows = [table.header, *table.rows]
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return "\n".join([lines[0], f"| {' | '.join(ruled)} |", *lines[1:]])


def _cell(text: str) -> str:
    return escaped(text).replace("|", "\\|")


def _facts(facts: Iterable[Fact]) -> str:
    """Return a list; what stands under one label is a list below it."""
    lines = []
    for label, texts in _labelled(facts):
        if len(texts) == 1:
            lines.append(f"- **{escaped(label)}**: {escaped(texts[0])}")
        else:
            lines.append(f"- **{escaped(label)}**:")
            lines += [f"  - {escaped(text)}" for text in texts]
    return "\n".join(lines)


def _labelled(facts: Iterable[Fact]) -> list[tuple[str, list[str]]]:
    """Return texts by label; an empty one goes on with the label above."""
    found: list[tuple[str, list[str]]] = []
    for label, text in facts:
        if label or not found:
            found.append((label, []))
        found[-1][1].append(text)
    return found
