"""The agent's connections to the routers: few, sticky, and never waited for."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from grpc import aio

from prober.clock import Clock
from prober.pipeline.profile import Profile
from prober.pipeline.wire import INGRESS, PeerGone, connect, peer_may_go


class Connection:
    """One stream to a router drawn at random: kept until it fails or is worn out."""

    def __init__(
        self,
        addresses: Sequence[str],
        dial: Callable[[str], aio.Channel],
        profile: Profile,
        lots: random.Random,
    ) -> None:
        self._addresses = addresses
        self._dial = dial
        self._recycle_after = profile.recycle_after
        self._lots = lots
        self._channel: aio.Channel | None = None
        self._call: aio.StreamUnaryCall[Any, Any] | None = None
        self._writes_left = 0

    @property
    def connected(self) -> bool:
        """Whether there is a stream, as far as is known: a write may tell otherwise."""
        return self._call is not None

    async def connect(self) -> None:
        """Try once to open a stream, if there is none."""
        if self.connected:
            return
        # A fresh channel each time: gRPC's own back-off must not add to our tick.
        channel = self._dial(self._lots.choice(self._addresses))
        try:
            await connect(channel)
        except BaseException as error:
            await channel.close()
            if isinstance(error, PeerGone):
                return
            raise
        self._channel = channel
        self._call = channel.stream_unary(f"/{INGRESS}/BatchSender")()
        self._writes_left = self._recycle_after + self._lots.randrange(1000)

    async def write(self, batch: bytes) -> bool:
        """Tell whether a batch could be written; that does not mean it arrives."""
        if self._call is None:
            return False
        try:
            with peer_may_go():
                await self._call.write(batch)
        except PeerGone:
            await self.close()
            return False
        self._writes_left -= 1
        if self._writes_left <= 0:
            # As the real one: at once, so that what is still on its way may be lost.
            await self.close()
        return True

    async def close(self) -> None:
        """Drop the stream and its connection."""
        channel, self._channel, self._call = self._channel, None, None
        if channel is not None:
            await channel.close()


class Pool:
    """Spreads batches over the connections, and mends lost ones on a tick."""

    def __init__(
        self, connections: Sequence[Connection], lots: random.Random, clock: Clock
    ) -> None:
        self._connections = connections
        self._lots = lots
        self._clock = clock

    @property
    def connected(self) -> int:
        """How many connections there are, as far as is known."""
        return sum(each.connected for each in self._connections)

    async def connect(self) -> None:
        """Try each lost connection once."""
        for each in self._connections:
            await each.connect()

    async def maintain(self, retry_seconds: float) -> None:
        """Try lost connections again on every tick, for ever."""
        while True:
            await self._clock.sleep(retry_seconds)
            await self.connect()

    async def write(self, batch: bytes) -> bool:
        """Try a connection drawn at random, then the others in order, each once."""
        first = self._lots.randrange(len(self._connections))
        for each in (*self._connections[first:], *self._connections[:first]):
            if await each.write(batch):
                return True
        return False

    async def close(self) -> None:
        """Drop all connections."""
        for each in self._connections:
            await each.close()
