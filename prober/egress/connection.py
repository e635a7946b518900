"""What readers have in common: a queue upward, and connections in turn.

A reader says how one connection is opened and read to its end; here it is opened anew
when it ended, and, where the peer ends each after some time, a successor beside it.
"""

import abc
import asyncio
import enum
import itertools
import random
import threading
from collections import deque
from collections.abc import Sequence
from typing import Self

from prober.backoff import Backoff
from prober.bounds import BOUNDS
from prober.clock import NS, Clock, finished
from prober.records import Arrival, Evidence, Kind, Sign

QUEUE_BYTES = 64 << 20
_STALL = BOUNDS["queue_full_max_seconds"]
FIRST_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 10.0
MAX_OPEN = 3
"""Connections of one reader at a time, however early successors are opened."""


class Queue:
    """What connections put in and the event loop takes, in one order.

    Bounded in bytes: who puts in waits for room first, a thread with `wait_for_room`, a
    task with `room`. Evidence needs none.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limit: int = QUEUE_BYTES
    ) -> None:
        self._loop, self._limit = loop, limit
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._items: deque[Arrival | Evidence] = deque()
        self._changed = threading.Condition()
        self._bytes = 0
        self._closed = False

    def put(self, item: Arrival | Evidence, size: int = 0) -> None:
        """Append, from any thread."""
        with self._changed:
            if self._closed:
                return
            self._bytes += size
            wake = not self._items
            self._items.append(item)
            if wake:
                self._loop.call_soon_threadsafe(self._filled.set)

    def _full(self) -> bool:
        return self._bytes >= self._limit and not self._closed

    def wait_for_room(self) -> None:
        """Hold this thread while the queue is full."""
        with self._changed:
            while self._full():
                self._changed.wait()

    async def room(self) -> None:
        """Return when the queue is not full."""
        while self._full():
            self._emptied.clear()
            await self._emptied.wait()

    async def take(self) -> list[Arrival | Evidence]:
        """Wait until there is something, and take all of it."""
        await self._filled.wait()
        with self._changed:
            items = list(self._items)
            self._items.clear()
            self._bytes = 0
            self._filled.clear()
            self._changed.notify_all()
        self._emptied.set()
        return items

    def close(self) -> None:
        """Let everybody who waits for room go; nothing is taken in any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._emptied.set()


class Ending(enum.Enum):
    """What a connection was like when it had ended."""

    NOTHING = enum.auto()  # nothing ever came over it
    RECEIVED = enum.auto()
    ANNOUNCED = enum.auto()  # it ended when the peer had said so: no reason to wait


class Reconnecting(abc.ABC):
    """A reader that keeps itself connected; see `prober.egress.Reader`.

    A connection that ends is followed by another, a fresh one, after a full-jitter
    back-off. With `renew_after`, in seconds, a successor is opened beside it in time;
    without, somebody else sees to what follows one that ended as announced.
    """

    transport: str
    in_base64 = False

    def __init__(
        self,
        read_from: str,
        clock: Clock,
        rng: random.Random | None,
        renew_after: float | None = None,
    ) -> None:
        self.read_from = read_from
        self._clock = clock
        self._backoff = Backoff(
            rng or random.SystemRandom(),
            first=FIRST_BACKOFF_SECONDS,
            most=MAX_BACKOFF_SECONDS,
        )
        self._renew_after = renew_after

    @abc.abstractmethod
    async def _connection(self, epoch: int) -> Ending:
        """Connect, read to the end, and tell of both; errors of the peer end it."""

    def expects(self, kind: Kind) -> bool:
        """Tell whether this way out can carry a kind of envelope: all of them."""
        del kind
        return True

    async def __aenter__(self) -> Self:
        """Begin to connect: whether that succeeds is told as evidence."""
        self._queue = Queue(asyncio.get_running_loop(), QUEUE_BYTES)
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._supervisor = self._tasks.create_task(self._supervise())
        return self

    async def __aexit__(self, *exc: object) -> None:
        """End every connection at once, and wait until they are gone."""
        self._queue.close()
        self._supervisor.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def receive(self) -> Sequence[Arrival | Evidence]:
        """Wait until there is something, and return all there is, oldest first."""
        return await self._queue.take()

    async def _supervise(self) -> None:
        open_: set[asyncio.Task[Ending]] = set()
        async with asyncio.TaskGroup() as connections:
            for epoch in itertools.count(1):
                newest = connections.create_task(self._connection(epoch))
                open_.add(newest)
                newest.add_done_callback(open_.discard)
                if await self._outlives(newest):
                    while len(open_) >= MAX_OPEN:
                        await asyncio.wait(open_, return_when=asyncio.FIRST_COMPLETED)
                    self._backoff.succeed()
                    continue
                ending = newest.result()
                if ending is not Ending.NOTHING:
                    self._backoff.succeed()
                if ending is not Ending.ANNOUNCED:
                    await self._clock.sleep(self._backoff.fail())
                elif self._renew_after is None:
                    return

    async def _outlives(self, connection: asyncio.Task[Ending]) -> bool:
        """Wait until a connection ended, or its successor is due: tell the latter."""
        if self._renew_after is None:
            await asyncio.wait({connection})
            return False
        return not await finished(self._clock, self._renew_after, {connection})

    # For those who read: on a thread of their own, or on the event loop.

    def _hand_up(self, epoch: int, batches: tuple[bytes, ...]) -> None:
        """Put in what a thread just read; it waits while there is no room."""
        arrival = self._arrival(epoch, batches)
        self._queue.wait_for_room()
        self._put(arrival)
        self._tell_stall(epoch, arrival.at_ns)

    async def _hand_up_soon(self, epoch: int, batches: tuple[bytes, ...]) -> None:
        """Put in what a task just read; it waits while there is no room."""
        arrival = self._arrival(epoch, batches)
        await self._queue.room()
        self._put(arrival)
        self._tell_stall(epoch, arrival.at_ns)

    async def _room(self, epoch: int) -> None:
        """Wait before anything is read while there is no room."""
        since_ns = self._clock.now_ns()
        await self._queue.room()
        self._tell_stall(epoch, since_ns)

    def _arrival(self, epoch: int, batches: tuple[bytes, ...]) -> Arrival:
        return Arrival(batches=batches, at_ns=self._clock.now_ns(), epoch=epoch)

    def _put(self, arrival: Arrival) -> None:
        self._queue.put(arrival, sum(map(len, arrival.batches)))

    def _tell_stall(self, epoch: int, since_ns: int) -> None:
        waited = (self._clock.now_ns() - since_ns) / NS
        if waited > _STALL.most:
            self._tell(Sign.STALL, epoch, _STALL.why(waited), since_ns)

    def _tell(
        self, sign: Sign, epoch: int, detail: str = "", at_ns: int | None = None
    ) -> None:
        at_ns = self._clock.now_ns() if at_ns is None else at_ns
        self._queue.put(Evidence(sign=sign, at_ns=at_ns, epoch=epoch, detail=detail))
