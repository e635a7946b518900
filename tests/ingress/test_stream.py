"""Streams that threads send, against a real server: order, waiting, ends, threads."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from grpc import aio

from prober.ingress.stream import QUEUE_BYTES, Connection, Status, Stream
from prober.records import Span
from prober.testing import settle
from tests.pipeline.clients import until

LARGE = b"x" * (8 * QUEUE_BYTES)
"""More than may wait: whoever writes it behind another waits until that is sent."""
EOF = Status(grpc.StatusCode.UNKNOWN, "EOF")


def span(number: int) -> Span:
    """One message."""
    return Span(first=number, count=1)


class Peer:
    """Takes batches while it `reads`, and ends streams as it is told."""

    def __init__(self) -> None:
        self.reads, self.ends = asyncio.Event(), asyncio.Event()
        self.reads.set()
        self.taken: list[bytes] = []

    async def take(
        self,
        requests: AsyncIterator[bytes],
        context: "aio.ServicerContext[bytes, bytes]",
    ) -> None:
        """Serve one stream."""
        reading = asyncio.ensure_future(self._read(requests))
        ending = asyncio.ensure_future(self.ends.wait())
        await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
        for each in (reading, ending):
            each.cancel()
        told = "too much" if self.ends.is_set() else "EOF"
        await context.abort(grpc.StatusCode.UNKNOWN, told)

    async def _read(self, requests: AsyncIterator[bytes]) -> None:
        await self.reads.wait()
        async for raw in requests:
            self.taken.append(raw)
            await self.reads.wait()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Peer, Connection]]:
    """A peer, and a connection to it."""
    peer = Peer()
    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_unary_rpc_method_handler(
        peer.take
    )
    server = aio.server()
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "loggregator.v2.Ingress", {"BatchSender": method}
            ),
        )
    )
    local = grpc.local_server_credentials(grpc.LocalConnectionType.LOCAL_TCP)
    port = server.add_secure_port("127.0.0.1:0", local)
    await server.start()
    connection = Connection(f"127.0.0.1:{port}", None)
    try:
        yield peer, connection
    finally:
        await connection.close()
        await server.stop(None)


def sending() -> list[threading.Thread]:
    """Return the threads of streams."""
    return [each for each in threading.enumerate() if each.name == "stream"]


def numbers(stream: Stream) -> list[int]:
    """Return the messages that a stream knows of: sent, then unsent."""
    fates = (*stream.sent, *stream.unsent)
    return [number for each in fates for number in range(each.first, each.end)]


@asynccontextmanager
async def unanswered() -> AsyncIterator[Connection]:
    """A connection to a port that takes it, and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = Connection(f"127.0.0.1:{silent.getsockname()[1]}", None)
        try:
            yield connection
        finally:
            await connection.close()


async def filled(stream: Stream) -> asyncio.Task[None]:
    """Write what is never sent, and what waits behind it; return who waits."""
    await stream.write(LARGE, span(0))
    waiting = asyncio.ensure_future(stream.write(LARGE, span(1)))
    await settle()
    assert not waiting.done()
    return waiting


async def write_many(stream: Stream) -> None:
    """Write 80 MB, more than anything between holds that nobody reads."""
    for number in range(40):
        await stream.write(LARGE, span(number))


async def test_batches_arrive_as_they_were_written() -> None:
    """All of them, once each, in order; what follows on is one span."""
    batches = [b"%d" % number for number in range(2_000)]
    async with connected() as (peer, connection):
        stream = connection.stream()
        for number, raw in enumerate(batches):
            await stream.write(raw, span(number) if number != 700 else None)
        stream.half_close()

        assert EOF == await stream.status()
    assert batches == peer.taken
    assert [Span(first=0, count=700), Span(first=701, count=1_299)] == stream.sent
    assert [] == stream.unsent


async def test_who_writes_waits_for_a_peer_that_does_not_read() -> None:
    """The queue is bounded; when the peer reads on, all of it arrives."""
    async with connected() as (peer, connection):
        peer.reads.clear()
        stream = connection.stream()

        writing = asyncio.ensure_future(write_many(stream))
        await until(lambda: bool(stream.unsent))
        assert len(stream.unsent) == 1
        assert not writing.done()

        peer.reads.set()
        await writing
        stream.half_close()

        assert EOF == await stream.status()
    assert [LARGE] * 40 == peer.taken
    assert [Span(first=0, count=40)] == stream.sent


async def test_a_stream_that_is_cancelled_is_over() -> None:
    """Nothing is sent any more, nobody waits, and what waited was never sent."""
    async with unanswered() as connection:
        stream = connection.stream()
        waiting = await filled(stream)

        stream.cancel()
        assert grpc.StatusCode.CANCELLED is (await stream.status()).code
        await waiting
        await stream.write(LARGE, span(2))  # whoever did not notice yet

        assert [span(0)] == stream.sent
        assert [span(1), span(2)] == stream.unsent


async def test_a_peer_that_ends_the_stream_lets_go_who_waits() -> None:
    """Each message has one fate: given to gRPC, in order, or never sent."""
    async with connected() as (peer, connection):
        peer.reads.clear()
        stream = connection.stream()
        writing = asyncio.ensure_future(write_many(stream))
        await until(lambda: bool(stream.unsent))
        peer.ends.set()
        await writing
        assert Status(grpc.StatusCode.UNKNOWN, "too much") == await stream.status()

        assert 0 < stream.sent[0].count < 40
        assert numbers(stream) == list(range(40))


@pytest.mark.parametrize("half_closed", [True, False])
async def test_closing_ends_every_thread(*, half_closed: bool) -> None:
    """Streams end with their connection, in whatever state they are."""
    before = len(sending())
    async with connected() as (peer, connection):
        peer.reads.clear()
        streams = [connection.stream() for _ in range(5)]
        for stream in streams:
            await stream.write(b"a batch", span(0))
            if half_closed:
                stream.half_close()
        assert before + 5 == len(sending())

    assert before == len(sending())
    assert all(stream.ended is not None for stream in streams)


async def test_ends_meet_writes_at_any_moment() -> None:
    """Whoever ends a stream, and when: each message has one fate, nothing breaks."""
    async with connected() as (peer, connection):
        for number in range(150):
            stream = connection.stream()
            for each in range(number % 30):
                await stream.write(b"a batch", span(each))
            (stream.cancel, stream.half_close, peer.ends.set)[number % 3]()
            await stream.write(b"behind", span(number % 30))
            if number % 3 == 1:
                stream.half_close()
            status = await stream.status()
            peer.ends.clear()

            assert list(range(number % 30 + 1)) == numbers(stream), status


async def test_no_connection_is_told_by_the_status() -> None:
    """A port where nobody listens: the stream ends, and says why."""
    connection = Connection("127.0.0.1:1", None)
    stream = connection.stream()
    await stream.write(b"a batch", span(0))

    assert grpc.StatusCode.UNAVAILABLE is (await stream.status()).code
    assert not connection.connected
    await connection.close()
    assert [] == sending()
