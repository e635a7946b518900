"""The pipeline's buffers, counted: what went in, what came out, what was dropped.

A `Tally` is one line of the table of buffers; each ring or channel of that line counts
in it, and a buffer that is closed leaves its counts behind.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from prober.pipeline.diode import OneLoop, Waiter
from prober.pipeline.statistics import BufferStatistics

T = TypeVar("T")
S = TypeVar("S")

Count: TypeAlias = Callable[[Sequence[Any]], int]
"""Tells how many of what is buffered are to be counted apart."""


class Holding(Protocol):
    """A buffer, as far as its tally asks it."""

    def unread(self) -> Sequence[Any]:
        """Return what is inside, and would still be taken out."""
        ...


class Tally:
    """The counts of one line of the table, over all the buffers that belong to it."""

    def __init__(self, name: str, ring: int, tracked: Count | None) -> None:
        self.name, self.ring = name, ring
        self._tracked = tracked
        self.written = self.read = self.missed = 0
        self.tracked_written = self.tracked_read = self.tracked_left = 0
        self.open: set[Holding] = set()
        """The buffers that are read just now."""

    def tracked(self, items: Sequence[Any]) -> int:
        """Return how many are to be counted apart."""
        return self._tracked(items) if self._tracked else 0

    def count_written(self, items: Sequence[Any]) -> None:
        """Count what goes into a buffer."""
        self.written += len(items)
        self.tracked_written += self.tracked(items)

    def count_read(self, items: Sequence[Any]) -> None:
        """Count what comes out of a buffer."""
        self.read += len(items)
        self.tracked_read += self.tracked(items)

    def lose(self, batch: Sequence[Any]) -> None:
        """Count a batch that was given up without ever being buffered."""
        self.count_written(batch)
        self.missed += len(batch)

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
            tracked_inside=sum(
                self.tracked(each.unread())
                for each in (self.open if self._tracked else ())
            ),
        )


class Ring(Generic[S]):
    """A diode that counts in a tally, moved in slices: an item alone costs far more."""

    __slots__ = ("_diode", "_tally", "_waiter")

    def __init__(self, tally: Tally, alerter: Callable[[int], None]) -> None:
        def missed(count: int) -> None:
            tally.missed += count
            alerter(count)

        self._tally = tally
        self._diode = OneLoop[S](tally.ring, missed)
        self._waiter = Waiter(self._diode)
        tally.open.add(self)

    def __len__(self) -> int:
        """How many are inside, those included that were written over."""
        return len(self._diode)

    def set(self, item: S) -> None:
        """Put an envelope in, over an unread one if need be."""
        self._tally.count_written([item])
        self._waiter.set(item)

    def set_all(self, items: Sequence[S]) -> None:
        """Put envelopes in, over unread ones if need be."""
        if not items:
            return
        self._tally.count_written(items)
        self._diode.set_all(items)
        self._waiter.wake()

    def take(self, limit: int) -> list[S]:
        """Take out the next `limit` envelopes, or as many as there are."""
        items = self._diode.take(limit)
        self._tally.count_read(items)
        return items

    async def next(self) -> S:
        """Take the next envelope out, waiting for it if need be."""
        item = await self._waiter.next()
        self._tally.count_read([item])
        return item

    def unread(self) -> list[S]:
        """Return what is inside, and would still be taken out."""
        return self._diode.unread()

    def close(self) -> None:
        """Count what is still inside as left there; nobody reads any more."""
        self._tally.open.discard(self)
        self._tally.tracked_left += self._tally.tracked(
            self._diode.take(self._tally.ring)
        )


class Inlet(Generic[T]):
    """A bounded queue whose writers wait for room: back-pressure, and no loss."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: list[T] = []
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()

    @property
    def waiting(self) -> bool:
        """Whether there is something that nobody has taken yet."""
        return bool(self._items)

    async def put(self, items: Sequence[T]) -> None:
        """Put envelopes in, in order, as fast as there is room."""
        done = 0
        while done < len(items):
            while (room := self._size - len(self._items)) <= 0:
                self._emptied.clear()
                await self._emptied.wait()
            self._items += items[done : done + room]
            done += room
            self._filled.set()

    async def take(self) -> list[T]:
        """Return everything that is there, waiting for the first if need be."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        items, self._items = self._items, []
        self._emptied.set()
        return items


class Outlet(Generic[S]):
    """A bounded queue that drops the newest when full; read as a `Ring` is."""

    def __init__(self, tally: Tally, alerter: Callable[[int], None]) -> None:
        self._tally = tally
        self._alerter = alerter
        self._items: deque[S] = deque()
        self._filled = asyncio.Event()
        tally.open.add(self)

    def set_all(self, items: Sequence[S]) -> None:
        """Put envelopes in as far as there is room; the others are dropped."""
        tally = self._tally
        tally.count_written(items)
        room = max(0, tally.ring - len(self._items))
        self._items += items[:room]
        self._filled.set()
        if (dropped := len(items) - room) > 0:
            tally.missed += dropped
            self._alerter(dropped)

    def take(self, limit: int) -> list[S]:
        """Take out the oldest `limit` envelopes, or as many as there are."""
        items = [self._items.popleft() for _ in range(min(limit, len(self._items)))]
        self._tally.count_read(items)
        return items

    async def next(self) -> S:
        """Take the oldest envelope out, waiting for it if need be."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        return self.take(1)[0]

    def unread(self) -> Sequence[S]:
        """Return what is inside, and would still be taken out."""
        return self._items

    def close(self) -> None:
        """Count what is still inside as left there; nobody reads any more."""
        self._tally.open.discard(self)
        self._tally.tracked_left += self._tally.tracked(self._items)
        self._items.clear()
