"""The way out by gRPC: `BatchedReceiver` of a reverse log proxy.

A thread of its own reads each connection, so that the time of arrival is taken next to
the socket, however busy the event loop is. When the queue is full the thread stops
reading, and says so.
"""

import asyncio
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import grpc
from grpc.experimental import ChannelOptions

from prober import channel
from prober.clock import Clock
from prober.egress.connection import Ending, Reconnecting
from prober.egress.contents import contents
from prober.errors import UsageError
from prober.records import Arrival, Kind, Sign, Tls
from prober.rpc.loggregator_v2.egress_pb2 import (
    CounterSelector,
    EgressBatchRequest,
    EventSelector,
    GaugeSelector,
    LogSelector,
    Selector,
    TimerSelector,
)

_SINGLE_THREADED = ChannelOptions.SingleThreadedUnaryStream

_SELECTORS: dict[Kind, Callable[[str], Selector]] = {
    Kind.LOG: lambda source: Selector(source_id=source, log=LogSelector()),
    Kind.COUNTER: lambda source: Selector(source_id=source, counter=CounterSelector()),
    Kind.GAUGE: lambda source: Selector(source_id=source, gauge=GaugeSelector()),
    Kind.TIMER: lambda source: Selector(source_id=source, timer=TimerSelector()),
    Kind.EVENT: lambda source: Selector(source_id=source, event=EventSelector()),
}

_ENDED = (
    "ended the stream: so it does when it is stopped, as in an upgrade; if it stays "
    "away, look whether it runs"
)


class _Call(Protocol):
    """A stream that is read, and that tells the head that came before it."""

    def __iter__(self) -> Iterator[bytes]: ...

    def initial_metadata(self) -> object: ...


def subscription(shard_id: str, source_id: str | None, kinds: Iterable[Kind]) -> bytes:
    """Return the request for some kinds of one source, or of every source (None).

    Each selector is a subscription of its own, and overlapping ones deliver twice:
    so there is one a kind.
    """
    selectors = [_SELECTORS[kind](source_id or "") for kind in kinds]
    return EgressBatchRequest(
        shard_id=shard_id, use_preferred_tags=True, selectors=selectors
    ).SerializeToString()


class RlpReader(Reconnecting):
    """Reads from one reverse log proxy; see `prober.egress.Reader`.

    `shard_id` makes a name for each connection, so that none shares with the ghost of
    the one before; `ask` makes a shard's request, if it is for something else than
    kinds of a source.
    """

    transport = "rlp"

    def __init__(
        self,
        address: str,
        tls: Tls | None,
        clock: Clock,
        *,
        source_id: str | None,
        kinds: Sequence[Kind],
        shard_id: Callable[[int], str],
        ask: Callable[[str], bytes] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(f"reverse log proxy at {address}", clock, rng)
        self._address, self._tls = address, tls
        self._shard_id = shard_id
        self._ask = ask or (lambda shard: subscription(shard, source_id, kinds))

    def contents(self, arrival: Arrival) -> Mapping[bytes, bytes]:
        """Return, by stamp, what survives of each tagged envelope of an arrival."""
        return contents(arrival.batches)

    async def _connection(self, epoch: int) -> Ending:
        """Subscribe once and read until that ends, on a thread."""
        try:
            credentials = channel.credentials(self._tls)
        except UsageError as error:  # read anew each time: they may be being replaced
            self._tell(Sign.CUT, epoch, str(error))
            return Ending.NOTHING
        request = self._ask(self._shard_id(epoch))
        ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
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
                # Not `call.cancel()`: what it leaves unread is never freed.
                fresh.close()
                await asyncio.shield(asyncio.to_thread(thread.join))

    def _options(self) -> channel.Options:
        # Halves the cost of a message: no second thread hands it over.
        return [*channel.options(self._tls, pings=True), (_SINGLE_THREADED, 1)]

    def _pump(
        self,
        call: "_Call",
        epoch: int,
        ended: asyncio.Future[Ending],
    ) -> None:
        """Read a connection to its end; runs in a thread of its own."""
        ending = Ending.NOTHING
        try:
            for raw in call:
                ending = Ending.RECEIVED
                self._hand_up(epoch, (raw,))
            self._tell(Sign.CUT, epoch, f"the {self.read_from} {_ENDED}")
        except grpc.RpcError as error:
            self._tell(Sign.CUT, epoch, self._words(error))
        finally:
            # With one thread nobody else takes the last events of a call: one that is
            # not asked for its head keeps 0.1 MB, with its channel, for ever.
            call.initial_metadata()
            ended.get_loop().call_soon_threadsafe(_resolve, ended, ending)

    def _words(self, error: grpc.RpcError) -> str:
        peer = "reverse log proxy"
        code, details = error.code(), error.details()
        return str(channel.explain(peer, self._address, self._tls, code, details))


def _resolve(future: asyncio.Future[Ending], ending: Ending) -> None:
    if not future.done():
        future.set_result(ending)
