"""Writers: one file a way into the pipeline, all behind one seam."""

from collections.abc import Callable
from typing import Protocol, Self

from prober.records import Outcome, Span

Report = Callable[[Outcome], None]
"""Where a writer tells what became of the spans that it was given."""


class Writer(Protocol):
    """Takes batches of ready bytes; an async context manager.

    Entering raises CouldNotProbe when there is no way in. Each message of the spans
    given to `write` is reported exactly once, at the latest when `flush` returns.
    """

    @property
    def written_to(self) -> str:
        """Which component, where: `agent at 127.0.0.1:3458`."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def write(self, raw: bytes, span: Span | None) -> None:
        """Send one batch; a span of None is not reported on (primers, trailers)."""
        ...

    async def flush(self, seconds: float) -> None:
        """Get the peer's word on all that was written, or give up after some time."""
        ...


__all__ = ["Report", "Writer"]
