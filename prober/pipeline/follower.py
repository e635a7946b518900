"""How a proxy hangs on to one router: shared connections, and a ladder of waits."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from grpc import aio

from prober.clock import Clock
from prober.pipeline.buffers import Inlet
from prober.pipeline.letters import Letter, Post
from prober.pipeline.wire import EGRESS, PeerGone, connect, peer_may_go
from prober.rpc.loggregator_v2.egress_pb2 import EgressBatchRequest

T = TypeVar("T")

Subscribe: TypeAlias = "aio.UnaryStreamMultiCallable[bytes, bytes]"

_FIRST_WAIT, _GROWTH, _GROWS_BELOW = 0.001, 10, 60
"""Seconds: 1 ms, 10 ms, 100 ms, 1 s, 10 s, and then 100 s for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription(Generic[T]):
    """What a router is asked for, and what its answers hold."""

    method: str
    request: bytes
    read: Callable[[bytes], Sequence[T]]


def envelopes(request: EgressBatchRequest, post: Post) -> Subscription[Letter]:
    """Return a subscription to envelopes of version 2."""
    return Subscription(
        method=f"/{EGRESS}/BatchedReceiver",
        request=request.SerializeToString(),
        read=post.open,
    )


@dataclass(slots=True, kw_only=True, eq=False)
class _Connection:
    """A channel, and how many streams use it."""

    channel: aio.Channel
    streams: int = 0
    retired: bool = False


class RouterPool:
    """A fixed number of connections to one router, opened when first drawn."""

    def __init__(
        self, size: int, dial: Callable[[], aio.Channel], lots: random.Random
    ) -> None:
        self._dial = dial
        self._lots = lots
        self._connections: list[_Connection | None] = [None] * size

    @asynccontextmanager
    async def stream(
        self, method: str, request: bytes
    ) -> AsyncIterator["aio.UnaryStreamCall[bytes, bytes]"]:
        """Open a stream on a connection drawn at random; raises PeerGone.

        A connection that failed is retired, so that the next attempt makes a fresh one
        and gRPC's own back-off adds nothing to our waits.
        """
        slot = self._lots.randrange(len(self._connections))
        used = self._connections[slot]
        if used is None:
            used = self._connections[slot] = _Connection(channel=self._dial())
        used.streams += 1
        try:
            await connect(used.channel)
            subscribe: Subscribe = used.channel.unary_stream(method)
            call = subscribe(request)
            try:
                with peer_may_go():
                    yield call
            finally:
                call.cancel()
        except PeerGone:
            used.retired = True
            if self._connections[slot] is used:
                self._connections[slot] = None
            raise
        finally:
            used.streams -= 1
            if used.retired and not used.streams:
                await used.channel.close()

    async def close(self) -> None:
        """Close all connections."""
        for each in self._connections:
            if each is not None:
                await each.channel.close()


async def follow(
    pool: RouterPool, subscription: Subscription[T], inlet: Inlet[T], clock: Clock
) -> None:
    """Put into `inlet` what a router sends, for ever, whatever becomes of the router.

    The consumer learns nothing of it. The waits grow tenfold while the router cannot be
    reached, and start anew once it was. A stream that then fails is retried at once.
    """
    wait = _FIRST_WAIT
    while True:
        connected = False
        try:
            async with pool.stream(subscription.method, subscription.request) as call:
                connected = True
                async for raw in call:
                    await inlet.put(subscription.read(raw))
        except PeerGone:
            pass
        if connected:
            wait = _FIRST_WAIT
            continue
        await clock.sleep(wait)
        if wait < _GROWS_BELOW:
            wait *= _GROWTH
