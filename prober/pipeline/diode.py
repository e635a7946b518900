"""Ring buffers whose writer never waits: a slow reader loses whole laps, and knows.

Anybody who writes a nozzle can use them. The storage is a ring for one writer thread
(`OneToOne`) or for many (`ManyToOne`), read by one reader; `Poller` and `Waiter` let
that reader wait for the next item, and within one event loop `OneLoop` is faster:

    buffer = Waiter(OneToOne[bytes](1000, alerter=lambda n: print(n, "dropped")))

    buffer.set(payload)            # where data comes in: never waits, never fails
    payload = await buffer.next()  # where data is worked off

Items may be anything but None.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from prober.clock import Clock

T = TypeVar("T")


class Diode(Protocol[T]):
    """What an access layer asks of its storage."""

    def set(self, item: T) -> None:
        """Put an item in, over an unread one if need be."""
        ...

    def try_next(self) -> T | None:
        """Take the next item out, or None when there is nothing to read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DiodeStatistics:
    """How full a ring is and what became of its items.

    `written = read + missed + unnoticed + pending` holds whenever nobody is in the
    middle of a call; a ring that was read until it gave None has `unnoticed` and
    `pending` 0. Taken while others are at work, it may be off by what they are doing.
    """

    size: int  # slots of the ring
    written: int  # items put in
    read: int  # items taken out
    missed: int  # items that the reader found overwritten: what the alerter was told
    unnoticed: int  # items lost, of which the reader learns on its next read
    pending: int  # items that the reader would still get


class _Ring(Generic[T]):
    """The ring and its reader; how a slot is claimed is the writers' affair.

    A slot is a pair of sequence number and item. A writer replaces the whole pair in
    one step; the reader empties the pair that it holds, never the slot, so that it
    cannot take away what a writer puts there meanwhile.
    """

    __slots__ = ("_alerter", "_missed", "_read_index", "_size", "_slots", "_written")

    def __init__(self, size: int, alerter: Callable[[int], None] | None = None) -> None:
        if size < 1:
            raise ValueError(f"a diode needs at least one slot, not {size}")
        self._size = size
        self._alerter = alerter
        # One for all slots that nobody wrote to yet: a large ring is made at once.
        self._slots: list[list[Any]] = [[-1, None]] * size
        self._written = 0
        self._read_index = 0
        self._missed = 0

    def try_next(self) -> T | None:
        """Take the next item out, or None when there is nothing to read; never waits.

        For one reader thread. The alerter is called from here, before the item behind
        a gap is given out.
        """
        # Six items went into four slots and nobody read. The reader wants 0:
        #
        #     slots   | 4 | 5 | 2 | 3 |     read index 0, written 6
        #
        # Slot 0 holds a later one, 4: the writer is a lap ahead. All of that lap is
        # given up, 2 and 3 too, though they still lie there: missed 4 - 0 = 4.
        #
        #     slots   | - | 5 | 2 | 3 |     read index 5, 4 is given out
        #     slots   | - | - | 2 | 3 |     read index 6, 5 is given out
        #
        # Now slot 2 holds 2, earlier than 6: stale, there is nothing to read until 6
        # is written over it. Equal slots are equal modulo the size, hence whole laps.
        slot = self._slots[self._read_index % self._size]
        sequence: int
        item: T
        sequence, item = slot
        if sequence != self._read_index:
            if sequence < self._read_index:
                return None
            self._skip_to(sequence)
        slot[1] = None
        self._read_index = sequence + 1
        return item

    def _skip_to(self, sequence: int) -> None:
        missed = sequence - self._read_index
        self._read_index = sequence
        self._missed += missed
        if self._alerter is not None:
            self._alerter(missed)

    def statistics(self) -> DiodeStatistics:
        """Return what became of the items so far; may be called from any thread."""
        read_index, missed = self._read_index, self._missed
        backlog = self._written - read_index
        # What the next read finds: the slot's latest item, whole laps before it gone.
        pending = (backlog - 1) % self._size + 1 if backlog else 0
        return DiodeStatistics(
            size=self._size,
            written=read_index + backlog,
            read=read_index - missed,
            missed=missed,
            unnoticed=backlog - pending,
            pending=pending,
        )


class OneToOne(_Ring[T]):
    """A ring of `size` slots for one writer thread and one reader thread.

    Tasks of one event loop count as one thread. `alerter` is told, on the reader's
    side, how many items were missed: a whole multiple of the size.
    """

    __slots__ = ()

    def set(self, item: T) -> None:
        """Put an item in, over an unread one if need be; never waits, never fails."""
        sequence = self._written
        # Counted first, so that nobody can read more than was written.
        self._written = sequence + 1
        self._slots[sequence % self._size] = [sequence, item]


class ManyToOne(_Ring[T]):
    """A ring of `size` slots for any number of writer threads and one reader thread.

    Writers take turns under a lock for the three steps of `OneToOne.set`; nobody holds
    it while anything waits, and the reader never takes it. A writer thus never waits
    for the reader. Without the lock, a thread suspended between claiming its index and
    filling its slot (Python gives the others 5 ms, room for many laps) would wake up
    and bury newer items under its old one. Loggregator's own ring meets that with
    compare-and-swap and a new index after a collision; Python has no such step.

    Its holder may take the lock again, since an item that is overwritten may be
    finalised in the middle of a `set`, and its finaliser may write here.
    """

    __slots__ = ("_turn",)

    def __init__(self, size: int, alerter: Callable[[int], None] | None = None) -> None:
        super().__init__(size, alerter)
        self._turn = threading.RLock()

    def set(self, item: T) -> None:
        """Put an item in, over an unread one if need be; never waits for the reader."""
        with self._turn:
            sequence = self._written
            self._written = sequence + 1
            self._slots[sequence % self._size] = [sequence, item]


class OneLoop(Generic[T]):
    """A ring of `size` slots whose writers and reader are tasks of one event loop.

    It loses what the others lose, and moves slices: 10 ns an item instead of 150. What
    is in a slot follows from the two indexes, since nobody comes in between.
    """

    __slots__ = ("_alerter", "_read_index", "_size", "_slots", "_written")

    def __init__(self, size: int, alerter: Callable[[int], None]) -> None:
        self._size = size
        self._alerter = alerter
        self._slots: list[Any] = [None] * size
        self._written = 0
        self._read_index = 0

    def __len__(self) -> int:
        """How far the writers are ahead of the reader: more than a lap, it may be."""
        return self._written - self._read_index

    def set(self, item: T) -> None:
        """Put an item in, over an unread one if need be."""
        self._slots[self._written % self._size] = item
        self._written += 1

    def set_all(self, items: Sequence[T]) -> None:
        """Put items in, in their order: the same as one by one."""
        while items:
            at = self._written % self._size
            part = items[: self._size - at]
            self._slots[at : at + len(part)] = part
            self._written += len(part)
            items = items[len(part) :]

    def try_next(self) -> T | None:
        """Take the next item out, or None when there is nothing to read."""
        items = self.take(1)
        return items[0] if items else None

    def take(self, limit: int) -> list[T]:
        """Take out the next `limit` items, or as many as there are, in their order."""
        if missed := self._laps():
            self._read_index += missed
            self._alerter(missed)
        items: list[T] = []
        while (count := min(limit - len(items), self._written - self._read_index)) > 0:
            at = self._read_index % self._size
            part = self._slots[at : at + count]
            self._slots[at : at + len(part)] = [None] * len(part)
            self._read_index += len(part)
            items += part
        return items

    def unread(self) -> list[T]:
        """Return what the reader would still get."""
        first = self._read_index + self._laps()
        return [self._slots[n % self._size] for n in range(first, self._written)]

    def _laps(self) -> int:
        """Return how many items the writers are whole laps ahead of the reader."""
        return max(0, self._written - self._read_index - 1) // self._size * self._size


class Poller(Generic[T]):
    """A diode's reader that looks every `interval` seconds while there is nothing.

    Writers use the diode itself.
    """

    def __init__(self, diode: Diode[T], clock: Clock, interval: float = 0.01) -> None:
        self._diode = diode
        self._clock = clock
        self._interval = interval

    async def next(self) -> T:
        """Return the next item, waiting for it if need be.

        A call that finds an item returns without giving up its turn on the event loop.
        """
        while (item := self._diode.try_next()) is None:
            await self._clock.sleep(self._interval)
        return item


class Waiter(Generic[T]):
    """A diode whose reader is woken by the writer; writers must use this `set`.

    The reader is one task of an event loop; writers may be on any thread.
    """

    def __init__(self, diode: Diode[T]) -> None:
        self._diode = diode
        self._sleeper: _Sleeper | None = None

    def set(self, item: T) -> None:
        """Put an item in and wake the reader if it waits; waits for nothing itself."""
        self._diode.set(item)
        self.wake()

    def wake(self) -> None:
        """Wake the reader if it waits, after something was put into the diode."""
        sleeper = self._sleeper
        if sleeper is not None:
            sleeper.call()

    def try_next(self) -> T | None:
        """Take the next item out, or None when there is nothing to read."""
        return self._diode.try_next()

    async def next(self) -> T:
        """Return the next item, waiting for it if need be; cancelling loses no item.

        A call that finds an item returns without giving up its turn on the event loop.
        """
        while (item := self._diode.try_next()) is None:
            self._sleeper = sleeper = _Sleeper()
            try:
                # A writer that came just before could not see the sleeper: look again.
                if (item := self._diode.try_next()) is not None:
                    return item
                await sleeper.woken
            finally:
                self._sleeper = None
        return item


class _Sleeper:
    """A reader that waits, and the way to wake it from any thread."""

    __slots__ = ("_called", "_loop", "_thread", "woken")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._called = False
        self.woken: asyncio.Future[None] = self._loop.create_future()

    def call(self) -> None:
        """Wake the reader; further calls cost nothing."""
        if self._called:
            return
        self._called = True
        with contextlib.suppress(RuntimeError):  # a closed loop: nobody waits any more
            if threading.get_ident() == self._thread:
                self._wake()
            else:
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if not self.woken.done():
            self.woken.set_result(None)
