"""The measuring process's side of the page: its socket, its process, its restarts."""

import asyncio
import contextlib
import os
import random
import socket
import sys
from collections.abc import AsyncIterator

from prober.backoff import Backoff
from prober.clock import NS, Clock
from prober.errors import UsageError
from prober.watch.notices import Notice, Said, Tell
from prober.watch.page.doors import Doors
from prober.watch.snapshot import Snapshot, frame

BACKLOG = 128
END_SECONDS = 3.0
SETTLED_SECONDS = 60.0
"""A page that lived so long is started at once when it ends."""


def listen(address: str) -> socket.socket:
    """Return a socket that listens on HOST:PORT; port 0 for any that is free.

    Raises UsageError when that cannot be.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, int(port)))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise UsageError(
            f"cannot listen on {address}: {error.strerror or error}; name another "
            "with --listen HOST:PORT"
        ) from None
    return listening


def address_of(listening: socket.socket) -> str:
    """Return where a socket listens, as HOST:PORT."""
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class PageProcess:
    """Keeps a page's process running on a socket, and pushes snapshots to it.

    Nothing here can hold the measuring up: what a page that hangs does not read is not
    sent, and one that ends is started anew, after a back-off.
    """

    def __init__(
        self,
        listening: socket.socket,
        *,
        doors: Doors,
        clock: Clock,
        rng: random.Random,
        tell: Tell,
    ) -> None:
        self._listening, self._doors = listening, doors
        self._clock, self._tell = clock, tell
        self._backoff = Backoff(rng)
        self._process: asyncio.subprocess.Process | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep it running while the block runs."""
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(self._keep())
            try:
                yield
            finally:
                keeping.cancel()

    def push(self, snapshot: Snapshot) -> None:
        """Send a snapshot unless the last one is still on its way."""
        pipe = self._process.stdin if self._process else None
        if pipe is None or pipe.is_closing() or pipe.transport.get_write_buffer_size():
            return
        pipe.write(frame(snapshot))

    async def _keep(self) -> None:
        while True:
            began_ns = self._clock.now_ns()
            code = await self._live_once()
            if self._clock.now_ns() - began_ns > SETTLED_SECONDS * NS:
                self._backoff.succeed()
            wait = self._backoff.fail()
            words = f"the page's process ended ({code}); started again in {wait:.1f} s"
            self._say("page_away", words)
            await self._clock.sleep(wait)
            self._say("page_back", "the page's process was started again")

    async def _live_once(self) -> int | None:
        descriptor = self._listening.fileno()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "prober.watch.server", str(descriptor)),
            stdin=asyncio.subprocess.PIPE,
            pass_fds=(descriptor,),
            start_new_session=True,  # Ctrl-C is ours to handle
            env=dict(os.environ),
        )
        assert process.stdin is not None  # noqa: S101 - asked for a pipe
        process.stdin.write(self._doors.line())
        self._process = process
        try:
            return await process.wait()
        finally:
            self._process = None
            await _end(process)

    def _say(self, said: Said, words: str) -> None:
        self._tell(Notice(at_ns=self._clock.now_ns(), said=said, words=words))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close its input, which ends it; insist if it does not end."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
