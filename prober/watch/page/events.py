"""A stream of events that says when to look again: the time, and two marks.

    data: {"now": 1798761600123, "at": "…", "cycles": "…"}

`at` changes with every word of the measuring process, `cycles` when one became final.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Protocol

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from prober.clock import NS, Clock
from prober.watch.snapshot import Snapshot

MOST_STREAMS = 64
_BEAT_SECONDS = 2.0
"""Between two events: no page needs to be renewed more often."""


class Following(Protocol):
    """What tells of snapshots."""

    clock: Clock
    ended: asyncio.Event
    """Nothing more will come."""

    @property
    def snapshot(self) -> Snapshot | None:
        """The last snapshot; None before the first."""
        ...


class Streams:
    """All streams that are open, up to a bound."""

    def __init__(self, board: Following) -> None:
        self._board = board
        self._open = 0

    async def answer(self, request: Request) -> Response:
        """Open a stream, or say that there are too many."""
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        if self._open >= MOST_STREAMS:
            words = f"{MOST_STREAMS} pages are live already: close some\n"
            return PlainTextResponse(words, 503, headers={"Retry-After": "30"})
        return StreamingResponse(
            self._events(),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    async def _events(self) -> AsyncIterator[str]:
        self._open += 1
        try:
            yield "retry: 3000\n\n"
            while not self._board.ended.is_set():
                yield f"data: {json.dumps(event(self._board))}\n\n"
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_BEAT_SECONDS):
                        await self._board.ended.wait()
        finally:
            self._open -= 1


def event(board: Following) -> dict[str, object]:
    """Return what a page is told."""
    last, now_ns = board.snapshot, board.clock.now_ns()
    lives = () if last is None else (*last.lives, *last.neighbours)
    newest = max((each.last_cycle_ns or 0 for each in lives), default=0)
    return {
        "now": now_ns // 1_000_000,
        # A silent measuring process changes the words about it every two seconds.
        "at": str(now_ns // NS if last is None else max(last.at_ns, now_ns - NS)),
        "cycles": f"{newest}/{now_ns // (60 * NS)}",
    }
