"""A relay of TCP between two components: it can stall, slow, cut or swallow bytes."""

import asyncio
import random
import struct
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET

from prober.clock import NS, Clock
from prober.pipeline.addresses import cannot_listen
from prober.pipeline.component import Tasks
from prober.pipeline.faults.scenario import Fault, FaultKind

_CHUNK = 1 << 14
_RESET = struct.pack("ii", 1, 0)
"""Lingers for no time at all: what is closed then is reset."""
_AHEAD = 1 << 22
"""Bytes under way in one direction of a slow line; who sends more has to wait."""


@dataclass(eq=False)
class _Link:
    """One connection through the relay: ours from the client, and on to the server."""

    transports: list[asyncio.WriteTransport] = field(default_factory=list)

    def cut(self) -> None:
        """Reset both connections, as a network does that lost them."""
        for each in self.transports:
            socket = each.get_extra_info("socket")
            if socket is not None and socket.fileno() >= 0:
                socket.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
            each.abort()


class Relay:
    """Listens in a server's place, and passes on what comes in both directions.

    Any number of faults may be upon it at a time.
    """

    def __init__(
        self, name: str, clock: Clock, tasks: Tasks, lots: random.Random
    ) -> None:
        self._name, self._clock, self._tasks, self._lots = name, clock, tasks, lots
        self._faults: set[Fault] = set()
        self._links: set[_Link] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int, target: str) -> str:
        """Listen in front of `target`, and return where."""
        self._target = target
        self._host, self._port = host, port
        await self._listen()
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    async def apply(self, fault: Fault) -> None:
        """Let a fault begin."""
        if fault.kind in (FaultKind.CUT, FaultKind.REFUSE):
            self._cut()
        if fault.kind is FaultKind.REFUSE:
            self._close()
        if fault.kind is not FaultKind.CUT:
            self._faults.add(fault)
        self._settle()

    async def lift(self, fault: Fault) -> None:
        """Let a fault end."""
        self._faults.discard(fault)
        if fault.kind is FaultKind.BLACK_HOLE:
            self._cut()  # bytes of these connections are gone
        if fault.kind is FaultKind.REFUSE and not self._has(FaultKind.REFUSE):
            await self._listen()
        self._settle()

    async def close(self) -> None:
        """End at once."""
        self._close()
        self._cut()
        await self._tasks.cancel()

    async def _listen(self) -> None:
        if self._server is not None:
            return
        try:
            self._server = await asyncio.start_server(
                self._connected, self._host, self._port, limit=_CHUNK
            )
        except OSError as error:
            raise cannot_listen(self._name, self._host, self._port) from error
        self._port = self._server.sockets[0].getsockname()[1]

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _cut(self) -> None:
        for link in self._links:
            link.cut()

    def _has(self, *kinds: FaultKind) -> bool:
        return any(fault.kind in kinds for fault in self._faults)

    def _settle(self) -> None:
        """Let bytes flow, or not."""
        if self._has(FaultKind.STALL, FaultKind.HANG):
            self._flows.clear()
        else:
            self._flows.set()

    def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        link = _Link([writer.transport])
        self._links.add(link)
        self._tasks.start(self._serve(link, reader, writer))

    async def _serve(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await self._flows.wait()
            host, _, port = self._target.rpartition(":")
            there = await asyncio.open_connection(host.strip("[]"), port, limit=_CHUNK)
            link.transports.append(there[1].transport)
            async with asyncio.TaskGroup() as both:
                for source, sink in ((reader, there[1]), (there[0], writer)):
                    both.create_task(_Direction(self, source, sink).carry())
        except* OSError:
            pass  # one of the two is gone, and so is the other
        finally:
            link.cut()
            self._links.discard(link)

    # What the two directions of each connection ask.

    async def flowing(self) -> None:
        """Return when bytes may be read."""
        await self._flows.wait()

    @property
    def swallows(self) -> bool:
        """Whether what is read is thrown away."""
        return self._has(FaultKind.BLACK_HOLE)

    @property
    def rate(self) -> float | None:
        """The least of the rates that there are, in bytes a second."""
        rates = [f.rate for f in self._faults if f.kind is FaultKind.THROTTLE]
        return min((rate for rate in rates if rate), default=None)

    def lag(self) -> float:
        """Return for how many seconds the next bytes are to be held."""
        lag_ns = 0
        for fault in self._faults:
            if fault.kind is FaultKind.LATENCY:
                lag_ns += (fault.by_ns or 0) + self._lots.randrange(fault.jitter_ns + 1)
        return lag_ns / NS

    @property
    def clock(self) -> Clock:
        """Whose time it is."""
        return self._clock


class _Direction:
    """One direction of a connection: reads, holds back, writes."""

    def __init__(
        self, relay: Relay, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        self._relay, self._source, self._sink = relay, source, sink
        self._held: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue(_AHEAD // _CHUNK)

    async def carry(self) -> None:
        """Carry bytes until the source ends; what is held is still written."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._read())
            both.create_task(self._write())

    async def _read(self) -> None:
        clock, due_ns = self._relay.clock, 0
        while True:
            await self._relay.flowing()
            data = await self._source.read(_CHUNK)
            await self._relay.flowing()  # what came meanwhile is not passed on
            if data and self._relay.swallows:
                continue
            # Bytes never overtake each other, however the line jitters.
            due_ns = max(due_ns, clock.now_ns() + round(self._relay.lag() * NS))
            await self._held.put((due_ns, data))
            if not data:
                return

    async def _write(self) -> None:
        clock = self._relay.clock
        while True:
            due_ns, data = await self._held.get()
            if (early := (due_ns - clock.now_ns()) / NS) > 0:
                await clock.sleep(early)
            if not data:
                self._sink.close()
                await self._sink.wait_closed()
                raise ConnectionResetError  # neither gRPC nor TLS lives on by halves
            self._sink.write(data)
            await self._sink.drain()
            if rate := self._relay.rate:
                await clock.sleep(len(data) / rate)
