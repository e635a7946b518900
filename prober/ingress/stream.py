"""Client streams, each sent by a thread of its own from a queue.

gRPC sends one message of a stream at a time, and tells when it may have the next. Who
waits for that in an event loop pays more for being told (a thread that watches, a byte
through a socket, a turn of the loop) than for the message. Here a thread does nothing
else than to be told, and sends what is next in the queue at once:

    event loop                  thread                  gRPC
    write ── nothing is sent: at once ────────────────> message
    write ── queue ──┐          is told <────────────── sent
    write ── queue ──┴────────> sends the next ───────> message

The loop waits only while the queue is full. What gRPC offers for this, one thread that
asks a call for its events, is behind its reader of one thread and its blocking calls,
and has no public name: all that we use of that is in this module, and a test holds it.
"""

import asyncio
import enum
import threading
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol, cast

import grpc
from grpc._cython import cygrpc

from prober import channel
from prober.records import Span, Tls

QUEUE_BYTES = 256 << 10
"""What may wait of a stream before who writes waits: a dozen batches, as much as the
transport itself holds back."""
TURN = 16
"""After so many batches others have their turn on the event loop."""
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_NO_FLAGS = 0


class Status(NamedTuple):
    """What a stream ended with."""

    code: grpc.StatusCode
    details: str


class _Told(Protocol):
    """What a call tells: what it has done, and whether that went well."""

    tag: "_Done"
    success: bool
    batch_operations: Sequence["_Ended"]


class _Ended(Protocol):
    """How a call ended."""

    def code(self) -> int: ...

    def details(self) -> str | None: ...


class _Call(Protocol):
    """A call that its own thread asks for what it has to tell."""

    def operate(self, operations: tuple[object, ...], tag: "_Done") -> bool: ...

    def next_event(self) -> _Told: ...

    def cancel(self, code: int, details: str) -> None: ...


class _Core(Protocol):
    """What is behind a channel."""

    def check_connectivity_state(self, *arguments: object) -> int: ...

    def segregated_call(self, *arguments: object) -> _Call: ...


class _Done(enum.Enum):
    """What a call tells that it has done."""

    ALL = enum.auto()  # the stream has ended, with a status
    HEAD = enum.auto()
    SENT = enum.auto()
    CLOSED = enum.auto()


class Stream:
    """A client stream of batches, and which messages were written to it.

    It is told what to do from one event loop, and never blocks it.
    """

    def __init__(self, call: _Call, loop: asyncio.AbstractEventLoop) -> None:
        self._call, self._loop = call, loop
        self._status: asyncio.Future[Status] = loop.create_future()
        self._room = asyncio.Event()
        self._written = 0
        # All below is shared with the thread, and touched with the lock held.
        self._lock = threading.Lock()
        self._waiting: deque[tuple[bytes, Span | None]] = deque()
        self._bytes = 0
        self._sent: list[list[int]] = []
        """The first of some consecutive messages, and the first behind them."""
        self._due = 2
        """How many things the call has yet to tell: its head and its end, to begin
        with."""
        self._sending = self._closing = self._closed = False
        self._over = self._full = False
        self._thread = threading.Thread(target=self._serve, name="stream")
        self._thread.start()

    @property
    def ended(self) -> Status | None:
        """What it ended with, once that is known."""
        return self._status.result() if self._status.done() else None

    async def status(self) -> Status:
        """Wait for its end, whoever ends it, and return its status."""
        status = await asyncio.shield(self._status)
        self._thread.join()  # it has nothing left to do
        return status

    async def write(self, raw: bytes, span: Span | None) -> None:
        """Send one batch, or see to it; waits only while the queue is full."""
        with self._lock:
            self._waiting.append((raw, span))
            self._bytes += len(raw)
            if not self._sending:
                self._send_next()
        self._written += 1
        if self._written % TURN == 0:
            await asyncio.sleep(0)
        await self._has_room()

    def half_close(self) -> None:
        """Tell the peer, behind all that was written, that there is no more."""
        with self._lock:
            self._closing = True
            if not self._sending:
                self._send_next()

    def cancel(self) -> None:
        """End it at once; nothing is sent from now on."""
        with self._lock:
            self._over = True
        self._call.cancel(cygrpc.StatusCode.cancelled, "")

    @property
    def told_whole(self) -> bool:
        """Whether the peer was told, behind all that was written, that it was all."""
        with self._lock:
            return self._closed and not self._waiting

    @property
    def sent(self) -> list[Span]:
        """The messages that were given to gRPC."""
        with self._lock:
            return [Span(first=first, count=end - first) for first, end in self._sent]

    @property
    def unsent(self) -> list[Span]:
        """The messages that wait; once it is over, they were never sent."""
        with self._lock:
            return [span for _, span in self._waiting if span is not None]

    async def _has_room(self) -> None:
        while True:
            with self._lock:
                if self._bytes < QUEUE_BYTES or self._over:
                    return
                self._full = True
                self._room.clear()
            await self._room.wait()

    def _send_next(self) -> None:
        """Give gRPC what is next; the lock is held, and nothing is being sent."""
        if self._over:
            return
        if self._waiting:
            raw, span = self._waiting.popleft()
            self._bytes -= len(raw)
            self._note(span)
            self._operate(cygrpc.SendMessageOperation(raw, _NO_FLAGS), _Done.SENT)
        elif self._closing:
            self._operate(cygrpc.SendCloseFromClientOperation(_NO_FLAGS), _Done.CLOSED)
        if self._full and self._bytes <= QUEUE_BYTES // 2:
            self._make_room()

    def _operate(self, operation: object, done: _Done) -> None:
        self._sending = True  # so it stays, once the stream is closed
        self._due += bool(self._call.operate((operation,), done))

    def _note(self, span: Span | None) -> None:
        """Note what is sent; what follows on is told of together."""
        if span is None:
            return
        if self._sent and self._sent[-1][1] == span.first:
            self._sent[-1][1] = span.end
        else:
            self._sent.append([span.first, span.end])

    def _make_room(self) -> None:
        self._full = False
        self._loop.call_soon_threadsafe(self._room.set)

    def _serve(self) -> None:
        """Be told what is done, and send what is next, to the end; runs in a thread."""
        status = Status(grpc.StatusCode.UNKNOWN, "the stream was lost")
        try:
            while self._due:  # what is left untold is never freed
                event = self._call.next_event()
                with self._lock:
                    self._due -= 1
                    if event.tag is _Done.ALL:
                        status, self._over = _status(event), True
                        self._make_room()
                    elif event.tag is _Done.CLOSED:
                        self._closed = event.success
                    elif event.tag is _Done.SENT and event.success:
                        self._sending = False
                        self._send_next()
        finally:
            self._loop.call_soon_threadsafe(self._end, status)

    def _end(self, status: Status) -> None:
        self._room.set()
        if not self._status.done():
            self._status.set_result(status)


def _status(event: _Told) -> Status:
    """Return the status with which a call ended."""
    told = event.batch_operations[-1]
    code = _CODES.get(told.code(), grpc.StatusCode.UNKNOWN)
    return Status(code, told.details() or "")


def _begin() -> tuple[tuple[tuple[object, ...], _Done], ...]:
    """Return what a call begins with: its parts hold what that one call tells."""
    return (
        (
            (
                cygrpc.SendInitialMetadataOperation(None, _NO_FLAGS),
                cygrpc.ReceiveMessageOperation(_NO_FLAGS),
                cygrpc.ReceiveStatusOnClientOperation(_NO_FLAGS),
            ),
            _Done.ALL,
        ),
        ((cygrpc.ReceiveInitialMetadataOperation(_NO_FLAGS),), _Done.HEAD),
    )


class Connection:
    """A channel to one peer, and the streams over it."""

    def __init__(self, address: str, tls: Tls | None) -> None:
        """Open it, connected or not; raises UsageError as `channel.credentials` do."""
        self._channel = grpc.secure_channel(
            address,
            channel.credentials(tls),
            options=channel.options(tls, pings=False),
        )
        self._core = cast("_Core", vars(self._channel)["_channel"])
        self._streams: set[Stream] = set()

    @property
    def connected(self) -> bool:
        """Whether it has a connection just now."""
        state = self._core.check_connectivity_state(False)
        return bool(state == grpc.ChannelConnectivity.READY.value[0])

    def stream(self) -> Stream:
        """Begin a stream to the peer's `BatchSender`."""
        call = self._core.segregated_call(
            _NO_FLAGS,
            channel.BATCH_SENDER.encode(),
            None,  # a host other than the address
            None,  # a deadline
            None,  # metadata
            None,  # credentials of its own
            _begin(),
            None,  # a context
            None,  # a handle that spares the look-up of the method
        )
        self._streams = {each for each in self._streams if each.ended is None}
        stream = Stream(call, asyncio.get_running_loop())
        self._streams.add(stream)
        return stream

    async def close(self) -> None:
        """End every stream, and wait until they are gone."""
        self._channel.close()
        for each in self._streams:
            await each.status()
