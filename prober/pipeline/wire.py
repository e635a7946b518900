"""The hops' transport: gRPC with mutual TLS, messages handed over as raw bytes.

Messages are decoded by the handlers themselves, so that what cannot be decoded ends a
stream with the status and words of a real component.
"""

import asyncio
import contextlib
from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError
from grpc import aio

from prober.pipeline.addresses import cannot_listen
from prober.pipeline.certificates import read
from prober.pipeline.letters import Letter, Post
from prober.records import Tls

MAX_MESSAGE_BYTES = 10 << 20
INGRESS, EGRESS = "loggregator.v2.Ingress", "loggregator.v2.Egress"

T = TypeVar("T")

Context: TypeAlias = "aio.ServicerContext[Any, bytes]"
Handler: TypeAlias = Callable[[Any, Context], Awaitable[bytes | None]]
"""Takes the raw request, or an iterator over them, and the stream's context."""


async def connect(channel: aio.Channel) -> None:
    """Return when the channel is connected; raises PeerGone if its first try fails.

    Or if somebody who shares it closes it meanwhile. A silent stream says nothing of
    it: gRPC waits for headers, which come with the first batch.
    """
    with peer_may_go():
        state = channel.get_state(try_to_connect=True)
        while state is not grpc.ChannelConnectivity.READY:
            if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                raise PeerGone
            await channel.wait_for_state_change(state)
            state = channel.get_state(try_to_connect=True)


class PeerGone(Exception):  # noqa: N818 - a fact of a network's life, not an error
    """Nobody answers a call of ours, or no longer."""


@contextlib.contextmanager
def peer_may_go() -> Iterator[None]:
    """Turn all that gRPC raises when a call's peer is gone into `PeerGone`."""
    try:
        yield
    except (aio.AioRpcError, aio.BaseError, asyncio.InvalidStateError) as error:
        raise PeerGone from error
    except asyncio.CancelledError as error:
        # A call that its peer cancelled looks as if our own task had been.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise PeerGone from error


_SERVER_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.so_reuseport", 0),  # a port that is taken must be an error
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", -1),
    # Pings closer than 10 s end a connection; a client's timer may be a little early.
    ("grpc.http2.min_ping_interval_without_data_ms", 9_900),
    ("grpc.keepalive_permit_without_calls", 1),
)
_CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own, truly
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", -1),
)


def keepalive(timeout: float | None) -> list[tuple[str, int]]:
    """Return the options for pings every 15 s; None is for none at all.

    A peer that does not answer one for `timeout` seconds is given up.
    """
    if timeout is None:
        return []
    return [
        ("grpc.keepalive_time_ms", 15_000),
        ("grpc.keepalive_timeout_ms", round(timeout * 1000)),
        ("grpc.http2.max_pings_without_data", 0),
    ]


def open_channel(
    address: str, files: Tls, keepalive_timeout: float | None
) -> aio.Channel:
    """Return a channel with a connection of its own; the files are read now."""
    pem = read(files)
    return aio.secure_channel(
        address,
        grpc.ssl_channel_credentials(pem.ca, pem.key, pem.certificate),
        options=[
            *_CHANNEL_OPTIONS,
            ("grpc.ssl_target_name_override", files.server_name),
            *keepalive(keepalive_timeout),
        ],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method of a service: what it does, and in which direction it streams."""

    make: Callable[[Handler], "grpc.RpcMethodHandler[Any, Any]"]
    handler: Handler


def stream_in(handler: Handler) -> Method:
    """Return a method that reads a stream of raw messages and ends with one answer."""
    return Method(make=grpc.stream_unary_rpc_method_handler, handler=handler)


def stream_out(handler: Handler) -> Method:
    """Return a method that takes one raw message and writes a stream of them."""
    return Method(make=grpc.unary_stream_rpc_method_handler, handler=handler)


def unary(handler: Handler) -> Method:
    """Return a method that takes one raw message and answers with one."""
    return Method(make=grpc.unary_unary_rpc_method_handler, handler=handler)


Services: TypeAlias = Mapping[str, Mapping[str, Method]]
"""The methods of each service, by name."""


class Server:
    """A gRPC server that can be killed, stopped and started again on the same port.

    `fail` is told of unforeseen errors of handlers, which gRPC itself would log before
    it carries on as if nothing had happened.
    """

    def __init__(
        self,
        name: str,
        address: tuple[str, int],
        files: Tls,
        services: Services,
        fail: Callable[[Exception], None],
    ) -> None:
        self._name = name
        self._host, self._port = address
        self._files = files
        self._services = services
        self._fail = fail
        self._server: aio.Server | None = None
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def address(self) -> str:
        """Where clients connect to: `host:port`."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    async def start(self) -> None:
        """Listen; raises UsageError when it cannot there."""
        pem = read(self._files)
        server = aio.server(options=_SERVER_OPTIONS)
        for service, methods in self._services.items():
            handlers = {n: m.make(self._watched(m.handler)) for n, m in methods.items()}
            generic = grpc.method_handlers_generic_handler(service, handlers)
            server.add_generic_rpc_handlers((generic,))
        credentials = grpc.ssl_server_credentials(
            [(pem.key, pem.certificate)], pem.ca, require_client_auth=True
        )
        try:
            self._port = server.add_secure_port(self.address, credentials)
        except RuntimeError as error:
            raise cannot_listen(self._name, self._host, self._port) from error
        self._server = server
        await server.start()

    async def stop(self, grace_seconds: float = 0) -> None:
        """Take no more streams, and cut at once those that outlast the grace."""
        server, self._server = self._server, None
        if server is None:
            return
        await server.stop(grace_seconds or None)
        for handler in self._running:
            handler.cancel()
        if self._running:
            await asyncio.wait(self._running)

    def _watched(self, handler: Handler) -> Handler:
        """Return a handler of which we know while it runs, and how it fails."""

        async def handle(request: Any, context: Context) -> bytes | None:  # noqa: ANN401
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - handlers are coroutines in tasks
            self._running.add(task)
            try:
                return await handler(request, context)
            except (aio.AbortError, aio.InternalError):
                raise  # we ended the stream, or the peer is gone
            except aio.BaseError as error:
                if self._server is not None:  # or else it was stopped
                    self._fail(error)
                raise
            except Exception as error:
                if self._server is not None:  # what fails because we end is no fault
                    self._fail(error)
                raise
            finally:
                self._running.discard(task)

        return handle


async def decode(read: Callable[[bytes], T], raw: bytes, context: Context) -> T:
    """Return what `read` makes of a message, or end the stream as real ones do."""
    try:
        return read(raw)
    except DecodeError as error:
        flaw = "string field contains invalid UTF-8"
        if "UTF-8" not in str(error):
            flaw = "proto: cannot parse invalid wire-format data"
        await context.abort(
            grpc.StatusCode.INTERNAL, f"grpc: error unmarshalling request: {flaw}"
        )


async def at_once() -> None:
    """Wait for nothing: what is read next has room, or takes it from another."""


def ingress_methods(
    post: Post,
    take: Callable[[Sequence[Letter]], None],
    room: Callable[[], Awaitable[None]] = at_once,
) -> dict[str, Method]:
    """Return the streams of `Ingress`, which hand what they read to `take`.

    Before they read on they wait for `room`: the peer's flow control does the rest.
    """

    async def batch_sender(requests: AsyncIterable[bytes], context: Context) -> None:
        async for raw in requests:
            take(await decode(post.open, raw, context))
            await room()
        await _end_of_file(context)

    async def sender(requests: AsyncIterable[bytes], context: Context) -> None:
        async for raw in requests:
            take([await decode(post.letter, raw, context)])
            await room()
        await _end_of_file(context)

    return {"BatchSender": stream_in(batch_sender), "Sender": stream_in(sender)}


async def _end_of_file(context: Context) -> None:
    """End a stream as the real handlers do, which return Go's io.EOF.

    It is the proof that all that was written has been taken in.
    """
    await context.abort(grpc.StatusCode.UNKNOWN, "EOF")
