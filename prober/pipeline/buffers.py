"""The pipeline's buffers, counted: what went in, what came out, what was dropped.

A `Tally` is one line of the table of buffers; each ring or channel of that line counts
in it, and a buffer that is closed leaves its counts behind.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from prober.pipeline.diode import ManyToOne, OneToOne
from prober.pipeline.statistics import BufferStatistics
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope

Track = tuple[str, str]
"""The source_id and instance_id of the envelopes that are counted apart."""


class Tally:
    """The counts of one line of the table, over all the buffers that belong to it."""

    def __init__(self, name: str, ring: int, track: Track | None) -> None:
        self.name, self.ring = name, ring
        # No envelope has None for a name: without a track, nothing is tracked.
        names: tuple[str | None, str | None] = track or (None, None)
        self.source_id, self.instance_id = names
        self.written = self.read = self.missed = 0
        self.tracked_written = self.tracked_read = self.tracked_left = 0

    def is_tracked(self, envelope: Envelope) -> bool:
        """Tell whether an envelope is to be counted apart."""
        return (
            envelope.instance_id == self.instance_id
            and envelope.source_id == self.source_id
        )

    def lose(self, batch: Sequence[Envelope]) -> None:
        """Count a batch that was given up without ever being buffered."""
        self.written += len(batch)
        self.missed += len(batch)
        self.tracked_written += sum(map(self.is_tracked, batch))

    def statistics(self) -> BufferStatistics:
        """Return the counts as they are now."""
        return BufferStatistics(
            buffer=self.name,
            ring=self.ring,
            written=self.written,
            read=self.read,
            missed=self.missed,
            tracked_written=self.tracked_written,
            tracked_read=self.tracked_read,
            tracked_left=self.tracked_left,
        )


class Ring:
    """A diode that counts in a tally; itself a diode, for a `Poller` or a `Waiter`."""

    __slots__ = ("_diode", "_tally")

    def __init__(
        self,
        kind: type[OneToOne[Envelope]] | type[ManyToOne[Envelope]],
        tally: Tally,
        alerter: Callable[[int], None],
    ) -> None:
        def missed(count: int) -> None:
            tally.missed += count
            alerter(count)

        self._tally = tally
        self._diode = kind(tally.ring, missed)

    def set(self, item: Envelope) -> None:
        """Put an envelope in, over an unread one if need be."""
        tally = self._tally
        tally.written += 1
        if tally.is_tracked(item):
            tally.tracked_written += 1
        self._diode.set(item)

    def try_next(self) -> Envelope | None:
        """Take the next envelope out, or None when there is nothing to read."""
        item = self._diode.try_next()
        if item is not None:
            tally = self._tally
            tally.read += 1
            if tally.is_tracked(item):
                tally.tracked_read += 1
        return item

    def close(self) -> None:
        """Count what is still inside as left there; nobody reads any more."""
        while (item := self._diode.try_next()) is not None:
            if self._tally.is_tracked(item):
                self._tally.tracked_left += 1


class Inlet:
    """A bounded queue whose writers wait for room: back-pressure, and no loss."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: list[Envelope] = []
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()

    async def put(self, items: Sequence[Envelope]) -> None:
        """Put envelopes in, in order, as fast as there is room."""
        done = 0
        while done < len(items):
            while (room := self._size - len(self._items)) <= 0:
                self._emptied.clear()
                await self._emptied.wait()
            self._items += items[done : done + room]
            done += room
            self._filled.set()

    async def take(self) -> list[Envelope]:
        """Return everything that is there, waiting for the first if need be."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        items, self._items = self._items, []
        self._emptied.set()
        return items


class Outlet:
    """A bounded queue that drops the newest when full; reads like a `Waiter`."""

    def __init__(self, tally: Tally, alerter: Callable[[int], None]) -> None:
        self._tally = tally
        self._alerter = alerter
        self._items: deque[Envelope] = deque()
        self._filled = asyncio.Event()

    def set(self, item: Envelope) -> None:
        """Put an envelope in, or drop it if there is no room."""
        tally = self._tally
        tally.written += 1
        tally.tracked_written += tally.is_tracked(item)
        if len(self._items) < tally.ring:
            self._items.append(item)
            self._filled.set()
        else:
            tally.missed += 1
            self._alerter(1)

    def try_next(self) -> Envelope | None:
        """Take the oldest envelope out, or None when there is nothing to read."""
        if not self._items:
            return None
        item = self._items.popleft()
        tally = self._tally
        tally.read += 1
        tally.tracked_read += tally.is_tracked(item)
        return item

    async def next(self) -> Envelope:
        """Return the oldest envelope, waiting for it if need be."""
        while (item := self.try_next()) is None:
            self._filled.clear()
            await self._filled.wait()
        return item

    def close(self) -> None:
        """Count what is still inside as left there; nobody reads any more."""
        self._tally.tracked_left += sum(map(self._tally.is_tracked, self._items))
        self._items.clear()
