"""The last step of a router and of the RLP: from a buffer, in batches, to a stream."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from prober.clock import NS, Clock
from prober.pipeline.batching import Batcher

T = TypeVar("T")


class Source(Protocol[T]):
    """What is read from: a `Ring` or an `Outlet`."""

    def take(self, limit: int) -> list[T]:
        """Take out the next `limit` envelopes, or as many as there are."""
        ...

    async def next(self) -> T:
        """Take the next envelope out, waiting for it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """When batches leave; times in seconds."""

    size: int
    interval: float
    quiet: float
    """So long without an envelope, and what waits is looked at; 0 is at once."""
    forced: bool
    """What waits then leaves at any rate, not only if the interval is over."""


class BatchPump(Generic[T]):
    """Carries envelopes from `source` to `write`, batch by batch, until cancelled."""

    def __init__(
        self,
        source: Source[T],
        write: Callable[[list[T]], Awaitable[None]],
        rhythm: Rhythm,
        clock: Clock,
    ) -> None:
        self._source = source
        self._write = write
        self._rhythm = rhythm
        self._clock = clock
        self._batcher = Batcher[T](rhythm.size, rhythm.interval, clock)
        self._last_ns = clock.now_ns()
        self._writing = asyncio.Lock()

    async def run(self) -> None:
        """Pump; an exception of `write` ends it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pump())
            if self._rhythm.quiet:
                tasks.create_task(self._watch_for_quiet())

    async def _pump(self) -> None:
        while True:
            envelopes = self._source.take(self._rhythm.size)
            if not envelopes:
                self._last_ns = self._clock.now_ns()
                if not self._rhythm.quiet:
                    await self._send(self._batcher.forced_flush())
                envelopes = [await self._source.next()]
            for batch in self._batcher.write_all(envelopes):
                await self._send(batch)

    async def _watch_for_quiet(self) -> None:
        quiet_ns = round(self._rhythm.quiet * NS)
        wait_ns = quiet_ns
        while True:
            await self._clock.sleep(wait_ns / NS)
            wait_ns = self._last_ns + quiet_ns - self._clock.now_ns()
            if wait_ns <= 0:
                await self._send(self._late())
                wait_ns = quiet_ns

    def _late(self) -> list[T] | None:
        if self._rhythm.forced:
            return self._batcher.forced_flush()
        return self._batcher.flush()

    async def _send(self, batch: list[T] | None) -> None:
        if batch is not None:
            async with self._writing:
                await self._write(batch)
