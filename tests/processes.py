"""Processes that tests start: none outlives its test, however that ends."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import psutil

PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
PATIENCE_SECONDS = 20.0
PROBER = (sys.executable, "-m", "prober")


@contextmanager
def started(
    *arguments: str,
    command: Sequence[str] = PROBER,
    **options: Any,  # noqa: ANN401 - Popen's
) -> Iterator[subprocess.Popen[str]]:
    """Run prober, or another command, for the time of a block, and end it there.

    `subprocess.Popen` alone would wait for it, for ever where an assertion failed that
    came before what ends it. Who does not end when told to is killed, and its children.
    """
    with subprocess.Popen([*command, *arguments], text=True, **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                mine = psutil.Process(process.pid)
                for each in (*mine.children(recursive=True), mine):
                    each.kill()


def line_with(words: str, stream: IO[str] | None) -> str:
    """Return the next line with these words; fail where the stream ends before it."""
    assert stream is not None
    seen = []
    for line in stream:
        if words in line:
            return line
        seen.append(line)
    raise AssertionError(f"{words!r} was never said, but: {''.join(seen)}")
