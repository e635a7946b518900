"""Where a result goes: a document that is never lost, and a screen."""

import os
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from prober.errors import UsageError

STDOUT = "-"


def check_writable(path: str | None) -> None:
    """Make sure, before anything is measured, that a document can be written.

    Raises UsageError with the reason if not.
    """
    if path in (None, STDOUT):
        return
    existed = Path(str(path)).exists()
    try:
        with Path(str(path)).open("a"):
            pass
        if not existed:
            Path(str(path)).unlink()
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def hint(console: Console, command: str) -> None:
    """Say that environments of a configuration were passed by, if they were."""
    from prober.config import passed_by

    if words := passed_by(command):
        console.print(Text(words, style="dim"), soft_wrap=True)


def say(*sentences: str) -> None:
    """Add sentences below the screen, where standard output is not a document's."""
    console = Console(stderr=True)
    for sentence in sentences:
        console.print(Text(sentence))


def write_document(document: str | bytes, path: str) -> None:
    """Write a document to a file, or to standard output if that cannot be."""
    if path == STDOUT:
        _print(document)
        return
    try:
        _replace(Path(path), document)
    except OSError as error:
        lost = isinstance(document, bytes) and sys.stdout.isatty()
        follows = "" if lost else "; the document follows on standard output"
        sys.stderr.write(f"cannot write {path}: {error.strerror}{follows}\n")
        if not lost:  # a picture would only upset a terminal, whose screen says it all
            _print(document)


def _print(document: str | bytes) -> None:
    if isinstance(document, bytes):
        sys.stdout.buffer.write(document)
    else:
        sys.stdout.write(document)
    sys.stdout.flush()


def _replace(path: Path, document: str | bytes) -> None:
    """Write a file whole or not at all, unless it is no ordinary file."""
    raw = document if isinstance(document, bytes) else document.encode()
    if path.exists() and not path.is_file():
        path.write_bytes(raw)
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(raw)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
