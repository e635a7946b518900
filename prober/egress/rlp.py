"""The way out by gRPC: `BatchedReceiver` of a reverse log proxy.

A thread of its own reads each connection, so that the time of arrival is taken next to
the socket, however busy the event loop is. Between the thread and the loop lies a queue
bounded in bytes: when it is full the thread stops reading, and says so.
"""

import asyncio
import itertools
import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Self

import grpc
from grpc.experimental import ChannelOptions

from prober import channel
from prober.clock import NS, Clock
from prober.egress.contents import contents
from prober.errors import UsageError
from prober.records import Arrival, Evidence, Kind, Sign, Tls
from prober.rpc.loggregator_v2.egress_pb2 import (
    CounterSelector,
    EgressBatchRequest,
    EventSelector,
    GaugeSelector,
    LogSelector,
    Selector,
    TimerSelector,
)

QUEUE_BYTES = 64 << 20
STALL_SECONDS = 0.1
FIRST_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 10.0

_SINGLE_THREADED = ChannelOptions.SingleThreadedUnaryStream

_SELECTORS: dict[Kind, Callable[[str], Selector]] = {
    Kind.LOG: lambda source: Selector(source_id=source, log=LogSelector()),
    Kind.COUNTER: lambda source: Selector(source_id=source, counter=CounterSelector()),
    Kind.GAUGE: lambda source: Selector(source_id=source, gauge=GaugeSelector()),
    Kind.TIMER: lambda source: Selector(source_id=source, timer=TimerSelector()),
    Kind.EVENT: lambda source: Selector(source_id=source, event=EventSelector()),
}


def subscription(shard_id: str, source_id: str | None, kinds: Iterable[Kind]) -> bytes:
    """Return the request for some kinds of one source, or of every source (None).

    Each selector is a subscription of its own, and overlapping ones deliver twice:
    so there is one a kind.
    """
    selectors = [_SELECTORS[kind](source_id or "") for kind in kinds]
    return EgressBatchRequest(
        shard_id=shard_id, use_preferred_tags=True, selectors=selectors
    ).SerializeToString()


class _Queue:
    """What the reading threads put and the event loop takes, in one order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._filled = asyncio.Event()
        self._items: deque[Arrival | Evidence] = deque()
        self._changed = threading.Condition()
        self._bytes = 0
        self._closed = False

    def put(self, item: Arrival | Evidence, size: int = 0) -> None:
        """Append from any thread; waits while the queue holds too many bytes."""
        with self._changed:
            while size and self._bytes >= QUEUE_BYTES and not self._closed:
                self._changed.wait()
            if self._closed:
                return
            self._bytes += size
            wake = not self._items
            self._items.append(item)
            if wake:
                self._loop.call_soon_threadsafe(self._filled.set)

    async def take(self) -> list[Arrival | Evidence]:
        """Wait until there is something, and take all of it."""
        await self._filled.wait()
        with self._changed:
            items = list(self._items)
            self._items.clear()
            self._bytes = 0
            self._filled.clear()
            self._changed.notify_all()
        return items

    def close(self) -> None:
        """Let every waiting thread go; nothing is taken in any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class RlpReader:
    """Reads from one reverse log proxy; see `prober.egress.Reader`.

    `shard_id` makes a name for each connection, so that none shares with the ghost of
    the one before. A connection that ends is followed by another, on a fresh channel,
    after a full-jitter back-off.
    """

    transport = "rlp"

    def __init__(
        self,
        address: str,
        tls: Tls,
        clock: Clock,
        *,
        source_id: str | None,
        kinds: Sequence[Kind],
        shard_id: Callable[[int], str],
        rng: random.Random | None = None,
    ) -> None:
        self.read_from = f"reverse log proxy at {address}"
        self._address, self._tls, self._clock = address, tls, clock
        self._source_id, self._kinds, self._shard_id = source_id, kinds, shard_id
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret

    async def __aenter__(self) -> Self:
        """Begin to connect: whether that succeeds is told as evidence."""
        self._loop = asyncio.get_running_loop()
        self._queue = _Queue(self._loop)
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._supervisor = self._tasks.create_task(self._supervise())
        return self

    async def __aexit__(self, *exc: object) -> None:
        """End the subscription, and wait for its thread."""
        self._queue.close()
        self._supervisor.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def receive(self) -> Sequence[Arrival | Evidence]:
        """Wait until there is something, and return all there is, oldest first."""
        return await self._queue.take()

    def contents(self, arrival: Arrival) -> Mapping[bytes, bytes]:
        """Return, by stamp, what survives of each tagged envelope of an arrival."""
        return contents(arrival.batches)

    async def _supervise(self) -> None:
        failures = 0
        for epoch in itertools.count(1):
            received = await self._connection(epoch)
            failures = 0 if received else failures + 1
            longest = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**failures)
            await self._clock.sleep(self._rng.uniform(0, longest))

    async def _connection(self, epoch: int) -> bool:
        """Subscribe once and read until that ends; tell whether anything came."""
        try:
            credentials = channel.credentials(self._tls)
        except UsageError as error:  # read anew each time: they may be being replaced
            self._tell(Sign.CUT, epoch, str(error))
            return False
        request = subscription(self._shard_id(epoch), self._source_id, self._kinds)
        ended: asyncio.Future[bool] = self._loop.create_future()
        with grpc.secure_channel(self._address, credentials, self._options()) as fresh:
            method: grpc.UnaryStreamMultiCallable[bytes, bytes] = fresh.unary_stream(
                channel.BATCHED_RECEIVER
            )
            call = method(request)
            self._tell(Sign.CONNECTED, epoch)
            thread = threading.Thread(
                target=self._pump, args=(call, epoch, ended), name=f"rlp-{epoch}"
            )
            thread.start()
            try:
                return await ended
            finally:
                call.cancel()
                await asyncio.shield(asyncio.to_thread(thread.join))

    def _options(self) -> channel.Options:
        # Halves the cost of a message: no second thread hands it over.
        return [*channel.options(self._tls, pings=True), (_SINGLE_THREADED, 1)]

    def _pump(
        self, call: Iterable[bytes], epoch: int, ended: asyncio.Future[bool]
    ) -> None:
        """Read a connection to its end; runs in a thread of its own."""
        received = False
        try:
            for raw in call:
                received = True
                at_ns = self._clock.now_ns()
                arrival = Arrival(batches=(raw,), at_ns=at_ns, epoch=epoch)
                self._queue.put(arrival, len(raw))
                waited = (self._clock.now_ns() - at_ns) / NS
                if waited > STALL_SECONDS:
                    self._tell(Sign.STALL, epoch, f"own queue full for {waited:.1f} s")
            self._tell(Sign.CUT, epoch, f"{self.read_from} ended the stream")
        except grpc.RpcError as error:
            self._tell(Sign.CUT, epoch, self._words(error))
        finally:
            self._loop.call_soon_threadsafe(_resolve, ended, received)

    def _words(self, error: grpc.RpcError) -> str:
        peer = "reverse log proxy"
        code, details = error.code(), error.details()
        return str(channel.explain(peer, self._address, self._tls, code, details))

    def _tell(self, sign: Sign, epoch: int, detail: str = "") -> None:
        at_ns = self._clock.now_ns()
        self._queue.put(Evidence(sign=sign, at_ns=at_ns, epoch=epoch, detail=detail))


def _resolve(future: asyncio.Future[bool], value: bool) -> None:  # noqa: FBT001
    if not future.done():
        future.set_result(value)
