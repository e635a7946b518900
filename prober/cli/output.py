"""Where a result goes: a document that is never lost, and a screen."""

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from rich.console import Console
from rich.text import Text

from prober.cli import outlet
from prober.errors import UsageError

STDOUT = "-"
Document: TypeAlias = str | bytes | Iterable[str]
"""Whole, or in pieces that can be gone through again."""


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


def write_document(document: Document, path: str) -> None:
    """Write a document to a file, or if that cannot be, to one beside all others.

    Nothing that was measured is lost for want of a place. What leaves with 0 otherwise
    leaves with another exit code then: what was asked for is not there.
    """
    if path == STDOUT:
        _print(document)
        return
    try:
        _replace(Path(path), document)
    except OSError as error:
        outlet.unwritten.append(path)
        sys.stderr.write(
            f"cannot write {path}: {error.strerror}{_aside(document, path)}\n"
        )


def _aside(document: Document, path: str) -> str:
    """Write a document to the temporary directory, and say where it is."""
    suffix = Path(path).suffix
    try:
        descriptor, name = tempfile.mkstemp(prefix="prober-", suffix=suffix)
        os.close(descriptor)
        _fill(Path(name), document)
    except OSError as error:
        told = f", nor to the temporary directory: {error.strerror}"
        if isinstance(document, bytes):
            return told
        _print(document)
        return f"{told}; it is on standard output"
    return f"; it is in {name} instead"


def _print(document: Document) -> None:
    for each in _pieces(document):
        if isinstance(each, bytes):
            sys.stdout.buffer.write(each)
        else:
            sys.stdout.write(each)
    sys.stdout.flush()


def _pieces(document: Document) -> Iterable[str | bytes]:
    return (document,) if isinstance(document, str | bytes) else document


def _fill(path: Path, document: Document) -> None:
    with path.open("wb") as file:
        for each in _pieces(document):
            file.write(each if isinstance(each, bytes) else each.encode())


def _replace(path: Path, document: Document) -> None:
    """Write a file whole or not at all, unless it is no ordinary file."""
    if path.exists() and not path.is_file():
        _fill(path, document)
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _fill(beside, document)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
