"""The null pipeline's process: `python -m prober.bench.nullserver`, see `null`."""

import asyncio
import base64
import itertools
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import msgspec
from grpc import aio
from websockets.http11 import Request as Upgrade
from websockets.server import ServerProtocol

from prober import channel, cpus
from prober.bench.null import HOST, Address, Wanted
from prober.clock import SystemClock
from prober.ingress.envelopes import Encoder
from prober.pipeline import replay
from prober.pipeline.certificates import AGENT, WEB, read, tls
from prober.pipeline.listener import Attend, server_context
from prober.pipeline.web import Request, Response, Web
from prober.stamp import MARKER

_WAITING = 64
"""Batches that an echo holds: then it pushes back, and drops nothing."""
_FOREIGN = 64
"""Batches of foreign traffic that are sent in turn."""
_HEAD_SECONDS = 10.0
_SHAPES = {
    "rlp": replay.tagged,
    "rlp_gateway": replay.events,
    "firehose": replay.frames,
}


class _Null:
    """The child: one gRPC port, and one of HTTPS."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._clock = SystemClock()
        self._plan = wanted.plan()
        self._encoder = Encoder(wanted.run, self._plan)
        self._shape = _SHAPES[wanted.door]()
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(_WAITING)

    # The flows.

    async def take(self, requests: AsyncIterator[bytes], context: Any) -> None:  # noqa: ANN401
        """Read a stream to its end, and acknowledge it as Loggregator does."""
        if self._wanted.flow == "echo":
            async for raw in requests:
                await self._waiting.put(raw)
        else:
            async for _ in requests:
                pass
        await context.abort(grpc.StatusCode.UNKNOWN, "EOF")

    async def give(self) -> AsyncGenerator[bytes, None]:
        """Yield what comes out, in the shape of the door.

        Whoever writes it may never have to wait: between any two, others get a turn.
        """
        match self._wanted.flow:
            case "echo":
                while True:
                    yield self._shape(await self._waiting.get())
            case "pour":
                for send in self._plan.sends():
                    now_ns = self._clock.now_ns()
                    raw = self._encoder.messages(send.span, send.cycle, now_ns)
                    yield self._shape(raw)
                    await asyncio.sleep(0)
            case "foreign":
                for raw in itertools.cycle(self._foreign()):
                    yield raw
                    await asyncio.sleep(0)
        await asyncio.Event().wait()  # streams do not end by themselves

    def _foreign(self) -> list[bytes]:
        """Return batches in which nothing is ours, nor anybody's."""
        sends = itertools.islice(self._plan.sends(), _FOREIGN)
        now_ns = self._clock.now_ns()
        return [
            _anybodys(
                self._shape(self._encoder.messages(send.span, send.cycle, now_ns)),
                self._wanted.run.encode(),
            )
            for send in sends
        ]

    # The doors.

    async def receive(self, _raw: bytes, context: Any) -> None:  # noqa: ANN401
        """Serve `BatchedReceiver`."""
        async for raw in self.give():
            await context.write(raw)

    def grpc_server(self) -> tuple[aio.Server, int]:
        """Return a server of both services, and its port."""
        server = aio.server(options=[("grpc.max_receive_message_length", -1)])
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            channel.BATCH_SENDER: grpc.stream_unary_rpc_method_handler(self.take),
            channel.BATCHED_RECEIVER: grpc.unary_stream_rpc_method_handler(
                self.receive
            ),
        }
        for path, handler in handlers.items():
            _, service, method = path.split("/")
            generic = grpc.method_handlers_generic_handler(service, {method: handler})
            server.add_generic_rpc_handlers((generic,))
        return server, server.add_secure_port(f"{HOST}:0", self._credentials())

    def _credentials(self) -> grpc.ServerCredentials:
        if self._wanted.directory is None:
            return grpc.local_server_credentials(grpc.LocalConnectionType.LOCAL_TCP)
        pem = read(tls(Path(self._wanted.directory), AGENT, AGENT))
        return grpc.ssl_server_credentials(
            [(pem.key, pem.certificate)], pem.ca, require_client_auth=True
        )

    async def https_server(self) -> tuple[asyncio.Server | None, int]:
        """Return the server of a door of HTTPS, if it is one of those."""
        wanted = self._wanted
        if wanted.directory is None or wanted.door == "rlp":
            return None, 0
        web = Web(self._events, self._clock, _HEAD_SECONDS)
        attend = web.attend if wanted.door == "rlp_gateway" else self._frames
        context = server_context(tls(Path(wanted.directory), WEB, WEB))
        server = await asyncio.start_server(_until_gone(attend), HOST, 0, ssl=context)
        return server, server.sockets[0].getsockname()[1]

    async def _events(self, _request: Request) -> Response:
        return Response(
            status=200, content_type="text/event-stream", chunks=self.give()
        )

    async def _frames(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Shake hands, and write frames; what the other side says is not read."""
        protocol = ServerProtocol()
        protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
        for event in protocol.events_received():
            if isinstance(event, Upgrade):
                protocol.send_response(protocol.accept(event))
        writer.writelines(protocol.data_to_send())
        async for raw in self.give():
            writer.write(raw)
            await writer.drain()


def _until_gone(attend: Attend) -> Attend:
    """Return the same, with nothing to be said of it when the other side leaves."""

    async def attended(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            await attend(reader, writer)
        writer.transport.abort()

    return attended


def _anybodys(raw: bytes, run: bytes) -> bytes:
    """Return a batch with no mark and no run in it, as text or in base64."""
    begin, other = MARKER + run, b"request: %011d " % 0
    for encode in (bytes, base64.b64encode):
        # 21 bytes with the space behind the run: base64 has no remainder.
        raw = raw.replace(encode(begin + b" "), encode(other))
    return raw


async def _serve() -> int:
    """Be the child, until there is no parent any more."""
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    wanted = msgspec.json.decode(await orders.readline(), type=Wanted)
    if wanted.cpus:
        cpus.hold(wanted.cpus)
    null = _Null(wanted)
    server, port = null.grpc_server()
    await server.start()
    _https, door = await null.https_server()
    at = Address(grpc=f"{HOST}:{port}", door=f"{HOST}:{door}")
    sys.stdout.buffer.write(msgspec.json.encode(at) + b"\n")
    sys.stdout.flush()
    await orders.read()
    os._exit(0)  # streams are open that nobody ends


if __name__ == "__main__":
    sys.exit(asyncio.run(_serve()))
