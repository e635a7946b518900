"""All mistakes of a file, collected to be told at once, each with its place."""

import re
from dataclasses import dataclass
from pathlib import PurePath

from prober.config.tree import Mark, Path
from prober.errors import UsageError

_SIMPLE = re.compile(r"[\w-]{1,64}")
_LONGEST = 64
MOST = 50
"""Mistakes told; whoever has more has another problem."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong, where it stands, and the setting's full path."""

    mark: Mark | None
    path: Path
    words: str

    def told(self, file: PurePath) -> str:
        """Return the mistake as one line, `FILE:LINE: PATH: WORDS`."""
        place = f"{file}:{self.mark.line}" if self.mark else str(file)
        path = dotted(self.path)
        return f"{place}: {path}: {self.words}" if path else f"{place}: {self.words}"


class Mistakes:
    """The mistakes found so far: each once, though several environments inherit it."""

    def __init__(self) -> None:
        self._found: dict[tuple[Mark | None, str], Mistake] = {}

    def add(self, mark: Mark | None, path: Path, words: str) -> None:
        """Take in a mistake; the first path that leads to it is told."""
        self._found.setdefault((mark, words), Mistake(mark, path, words))

    def at(self, mark: Mark) -> bool:
        """Tell whether that place is known to be wrong."""
        return any(known == mark for known, _ in self._found)

    def words(self) -> list[str]:
        """Return what is wrong, where no file has lines to point at."""
        return [
            f"{dotted(each.path)}: {each.words}".removeprefix(": ")
            for each in self._found.values()
        ]

    def check(self, file: PurePath, what: str = "the configuration") -> None:
        """Raise UsageError with every mistake, in the order of lines, if any."""
        if not self._found:
            return
        in_order = sorted(
            self._found.values(), key=lambda each: each.mark or Mark(0, 0)
        )
        lines = [each.told(file) for each in in_order[:MOST]]
        if len(in_order) > MOST:
            lines.append(f"… and {len(in_order) - MOST:,} more")
        count = "1 mistake" if len(in_order) == 1 else f"{len(in_order):,} mistakes"
        raise UsageError(f"{count} in {what}\n" + "\n".join(lines))


def dotted(path: Path) -> str:
    """Return a path as people write it: `environments.prod.ingress.agents[1]`."""
    written = ""
    for key in path:
        if isinstance(key, int):
            written += f"[{key}]"
        else:
            simple = _SIMPLE.fullmatch(key) is not None
            written += "." + (key if simple else shortened(repr(key)))
    return written.removeprefix(".")


def shortened(text: str) -> str:
    """Return a text cut to what a line has room for."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
