"""Standard output and error whose reader may leave and whose disk may be full.

What was measured has a verdict, and an exit code that says it: neither may depend on
whether somebody reads on. So whatever cannot be written is given up without a word to
those who write, and told once, at the end.
"""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

EXIT_UNWRITTEN = 2
"""As for a file that is refused beforehand."""
unwritten: list[str] = []
"""Files that were asked for and could not be written."""


class Outlet(io.RawIOBase):
    """Writes to a descriptor until that fails; what comes then is dropped."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.trouble: OSError | None = None
        """Why nothing is written any more."""

    def writable(self) -> bool:
        """Tell that it may be written to, as `io` asks for."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write what can be; tell that all was, once nothing can be."""
        if self.trouble is None:
            try:
                return os.write(self._descriptor, data)
            except OSError as error:
                self.trouble = error
        return memoryview(data).nbytes


@contextlib.contextmanager
def begin() -> Iterator[None]:
    """Have both go through outlets, where they are files, while this lasts."""
    unwritten.clear()
    before = sys.stdout, sys.stderr
    with contextlib.suppress(AttributeError, OSError):
        sys.stdout = _through(sys.stdout)
    with contextlib.suppress(AttributeError, OSError):
        sys.stderr = _through(sys.stderr, at_once=True)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def end() -> str:
    """Write what is left, and return what is to be told of it; empty for nothing."""
    outlet = _outlet()
    if outlet is None:
        return ""
    sys.stdout.flush()
    if outlet.trouble is None or isinstance(outlet.trouble, BrokenPipeError):
        return ""  # whoever read it has seen enough
    unwritten.append("standard output")
    return f"cannot write standard output: {outlet.trouble.strerror}"


def is_unread() -> bool:
    """Tell whether nothing that is written to standard output arrives anywhere."""
    outlet = _outlet()
    return outlet is not None and outlet.trouble is not None


def _through(stream: TextIO, *, at_once: bool = False) -> TextIO:
    outlet = Outlet(stream.fileno())
    return io.TextIOWrapper(
        io.BufferedWriter(outlet),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=outlet.isatty() or at_once,
    )


def _outlet() -> Outlet | None:
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw if isinstance(raw, Outlet) else None
