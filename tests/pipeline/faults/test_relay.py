"""A relay over real sockets: what it does to the bytes of a connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random as Lots

import pytest

from prober.clock import NS
from prober.pipeline.component import Tasks
from prober.pipeline.faults import Fault, FaultKind
from prober.pipeline.faults.relay import Relay
from prober.testing import ManualClock, settle
from tests.pipeline.clients import until

WHERE = "rlp/consumer"


@dataclass
class Line:
    """A server that echoes, a relay before it, and how many came to the server."""

    relay: Relay
    clock: ManualClock
    address: tuple[str, int]
    connections: list[asyncio.StreamWriter] = field(default_factory=list)

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection through the relay."""
        return await asyncio.open_connection(*self.address)


@asynccontextmanager
async def line() -> AsyncIterator[Line]:
    """An echo behind a relay."""
    connections: list[asyncio.StreamWriter] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    clock = ManualClock()
    async with asyncio.TaskGroup() as group:
        relay = Relay("the relay", clock, Tasks(group), Lots(1))  # noqa: S311 - of a test
        host, _, own = (
            await relay.start("127.0.0.1", 0, f"127.0.0.1:{port}")
        ).rpartition(":")
        yield Line(relay, clock, (host, int(own)), connections)
        await relay.close()
    server.close()


def fault(kind: FaultKind, **settings: object) -> Fault:
    """A fault of the relay's hop."""
    return Fault(kind=kind, where=WHERE, **settings)  # type: ignore[arg-type]


async def echoed(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes = b"ping"
) -> bytes:
    """What comes back of some bytes."""
    writer.write(data)
    return await reader.readexactly(len(data))


async def nothing_comes(reader: asyncio.StreamReader) -> asyncio.Task[bytes]:
    """A read that has not ended after a while."""
    reading = asyncio.ensure_future(reader.read(100))
    for _ in range(20):
        await settle()
    assert not reading.done()
    return reading


async def test_a_line_without_faults_carries_everything() -> None:
    """A megabyte comes back as it was sent."""
    data = bytes(range(256)) * 4096
    async with line() as here:
        reader, writer = await here.dial()
        writer.write(data)
        assert data == await reader.readexactly(len(data))
        writer.close()


async def test_a_stalled_line_goes_on_where_it_stopped() -> None:
    """Nothing is read for a time, and nothing is lost."""
    stall = fault(FaultKind.STALL)
    async with line() as here:
        reader, writer = await here.dial()
        assert b"ping" == await echoed(reader, writer)

        await here.relay.apply(stall)
        writer.write(b"pong")
        reading = await nothing_comes(reader)
        await here.relay.lift(stall)

        assert b"pong" == await reading
        writer.close()


async def test_a_component_that_hangs_accepts_and_is_silent() -> None:
    """A new connection is made, and served once it goes on."""
    hang = fault(FaultKind.HANG)
    async with line() as here:
        await here.relay.apply(hang)
        reader, writer = await here.dial()
        writer.write(b"ping")
        reading = await nothing_comes(reader)
        assert [] == here.connections

        await here.relay.lift(hang)
        assert b"ping" == await reading
        writer.close()


async def test_a_cut_ends_what_is_open_and_nothing_else() -> None:
    """The open connection is reset; the next one is served."""
    async with line() as here:
        reader, writer = await here.dial()
        assert b"ping" == await echoed(reader, writer)

        await here.relay.apply(fault(FaultKind.CUT))
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)

        reader, writer = await here.dial()
        assert b"ping" == await echoed(reader, writer)
        writer.close()


async def test_a_refusal_is_that_of_a_closed_port() -> None:
    """Connections are refused until it is over, on the same port as before."""
    refuse = fault(FaultKind.REFUSE)
    async with line() as here:
        await here.relay.apply(refuse)
        with pytest.raises(ConnectionRefusedError):
            await here.dial()

        await here.relay.lift(refuse)
        reader, writer = await here.dial()
        assert b"ping" == await echoed(reader, writer)
        writer.close()


async def test_a_black_hole_takes_everything_and_answers_nothing() -> None:
    """Connections are accepted and silent; at its end they are cut: bytes are gone."""
    hole = fault(FaultKind.BLACK_HOLE)
    async with line() as here:
        await here.relay.apply(hole)
        reader, writer = await here.dial()
        writer.write(b"ping")
        reading = await nothing_comes(reader)

        await here.relay.lift(hole)
        with pytest.raises(ConnectionResetError):
            await reading
        reader, writer = await here.dial()
        assert b"ping" == await echoed(reader, writer)
        writer.close()


async def test_a_slow_line_holds_bytes_back_in_their_order() -> None:
    """A second each way, and what was written first comes first, jitter or not."""
    slow = fault(FaultKind.LATENCY, by_ns=NS, jitter_ns=NS // 2)
    async with line() as here:
        reader, writer = await here.dial()
        await here.relay.apply(slow)
        writer.write(b"one")
        await nothing_gets_on(here)
        writer.write(b"two")
        await nothing_gets_on(here)
        got = asyncio.ensure_future(reader.readexactly(6))
        while not got.done():
            await here.clock.advance(0.1)
            await asyncio.sleep(0)

        assert b"onetwo" == got.result()
        assert 2 * NS <= here.clock.now_ns() - START
        writer.close()


START = ManualClock().now_ns()


async def nothing_gets_on(here: Line) -> None:
    """Let what is under way arrive at the relay."""
    await until(lambda: here.clock.sleepers > 0)
    for _ in range(20):
        await settle()


async def test_a_narrow_line_passes_so_many_bytes_a_second() -> None:
    """64 KiB at 16 KiB a second take about four seconds each way."""
    narrow = fault(FaultKind.THROTTLE, rate=float(1 << 14))
    data = bytes(1 << 16)
    async with line() as here:
        reader, writer = await here.dial()
        await here.relay.apply(narrow)
        writer.write(data)
        got = asyncio.ensure_future(reader.readexactly(len(data)))
        while not got.done():
            await here.clock.advance(0.1)
            await asyncio.sleep(0)

        assert data == got.result()
        assert 3 * NS <= here.clock.now_ns() - START
        writer.close()
