"""The way in by gRPC: `BatchSender` of an agent, a forwarder agent or a router.

A client stream acknowledges nothing until it is half-closed and its status awaited. So
the writer cuts what it writes into segments of about a second, each a stream of its
own on one connection: a segment's status decides on all its messages together.
"""

import asyncio
import contextlib
import itertools
import random
from dataclasses import dataclass, field
from typing import Self

import grpc
from grpc import aio

from prober import channel
from prober.clock import NS, Clock, finished
from prober.errors import CouldNotProbe
from prober.ingress import Report
from prober.records import Handover, Outcome, Span, Tls

SEGMENT_SECONDS = 1.0
CONNECT_SECONDS = 10.0
HANG_SECONDS = 15.0
"""How long a stream may go on beyond its second before its peer is given up."""
FIRST_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 10.0

_BROKEN = (aio.AioRpcError, aio.BaseError, asyncio.InvalidStateError)
"""What writing to a stream raises when it has ended: the status tells why."""

_Call = aio.StreamUnaryCall[bytes, bytes]


@dataclass(slots=True)
class _Segment:
    """A client stream and what was written to it."""

    call: _Call
    opened_ns: int
    begun: bool = False
    """Its head is sent, or it has ended."""
    written: list[list[int]] = field(default_factory=list)
    """The first of some consecutive messages, and the first behind them."""
    hung: bool = False
    """It was we who ended it, because its peer did not go on."""

    def add(self, span: Span) -> None:
        """Note what is written; what follows on is told of together."""
        if self.written and self.written[-1][1] == span.first:
            self.written[-1][1] = span.end
        else:
            self.written.append([span.first, span.end])

    @property
    def spans(self) -> list[Span]:
        """All that was written."""
        return [Span(first=first, count=end - first) for first, end in self.written]


class AgentWriter:
    """Writes to the `BatchSender` of one peer; see `prober.ingress.Writer`.

    When the connection is gone, batches are refused at once, with the reason, while a
    task connects anew with full-jitter back-off, each time on a fresh channel. A batch
    is never sent twice.
    """

    def __init__(
        self,
        address: str,
        tls: Tls | None,
        clock: Clock,
        report: Report,
        *,
        peer: str = "agent",
        rng: random.Random | None = None,
    ) -> None:
        self.written_to = f"{peer} at {address}"
        self._address, self._tls, self._peer = address, tls, peer
        self._clock, self._report = clock, report
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._tasks = asyncio.TaskGroup()
        self._watchdog: asyncio.Task[None] | None = None
        self._acknowledging: dict[asyncio.Task[None], _Segment] = {}
        self._reconnecting: asyncio.Task[None] | None = None
        self._channel: aio.Channel | None = None
        self._segment: _Segment | None = None
        self._one_at_a_time = asyncio.Lock()
        self._away = ""
        """Why there is no connection; empty while there is one."""

    async def __aenter__(self) -> Self:
        """Connect; raises CouldNotProbe with the reason when that fails."""
        self._channel = await self._connect()
        await self._tasks.__aenter__()
        self._watchdog = self._tasks.create_task(self._watch())
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close the connection; what is not acknowledged by now is ambiguous."""
        self._end_segment()
        for task in self._acknowledging:
            task.cancel()
        for other in (self._watchdog, self._reconnecting):
            if other is not None:
                other.cancel()
        await self._tasks.__aexit__(None, None, None)
        await self._disconnect()

    async def write(self, raw: bytes, span: Span | None) -> None:
        """Send one batch; waits only for the peer's flow control."""
        async with self._one_at_a_time:
            segment = self._open_segment()
            if segment is None:
                self._tell([span] if span else [], Handover.REJECTED, self._away)
                await asyncio.sleep(0)  # whoever writes on and on lets us reconnect
                return
            if span is not None:
                segment.add(span)
            try:
                if not segment.begun:
                    await _begun(segment.call)
                    segment.begun = True
                await segment.call.write(raw)
            except _BROKEN:
                # Its status tells why, and whether the connection went with it.
                self._end_segment()

    async def flush(self, seconds: float) -> None:
        """Get the peer's word on all that was written, or give up after some time."""
        async with self._one_at_a_time:
            self._end_segment()
        pending = set(self._acknowledging)
        if pending and not await finished(self._clock, seconds, pending):
            for task in pending:
                task.cancel()
            await asyncio.wait(pending)

    async def _watch(self) -> None:
        """End what is idle, and what hangs because the peer neither reads nor answers.

        No pings are sent that would notice it: a forwarder agent ends connections that
        are pinged more often than every five minutes.
        """
        while True:
            await self._clock.sleep(SEGMENT_SECONDS)
            if not self._one_at_a_time.locked():  # nobody is writing to it just now
                self._end_segment()
            oldest_ns = self._clock.now_ns() - round(HANG_SECONDS * NS)
            segments = [self._segment, *self._acknowledging.values()]
            for segment in segments:
                if segment is not None and segment.opened_ns < oldest_ns:
                    segment.hung = True
                    segment.call.cancel()

    def _open_segment(self) -> _Segment | None:
        """Return the stream to write to, a new one if the last is old or has ended."""
        segment, now_ns = self._segment, self._clock.now_ns()
        if segment is not None:
            old = now_ns - segment.opened_ns >= SEGMENT_SECONDS * NS
            if not old and not segment.call.done():
                return segment
            self._end_segment()
        if self._away or self._channel is None:
            return None
        self._segment = _Segment(call=_stream(self._channel), opened_ns=now_ns)
        return self._segment

    def _end_segment(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            task = self._tasks.create_task(self._acknowledge(segment))
            self._acknowledging[task] = segment
            # A task that is cancelled before it ran has nothing but this callback.
            task.add_done_callback(self._acknowledged)

    async def _acknowledge(self, segment: _Segment) -> None:
        """Half-close a stream, and report what its status says of its messages."""
        code, details = await _status(segment.call)
        if _took_all_in(code, details):
            self._tell(segment.spans, Handover.ACCEPTED, "")
            return
        # Our own cancelling has no words; a peer's has, and did not take its time.
        details = "Timeout occurred" if segment.hung else details
        reason = str(self._explain(code, details))
        self._tell(segment.spans, Handover.AMBIGUOUS, reason)
        if code is grpc.StatusCode.UNAVAILABLE or not self._connected():
            self._lose(reason)

    def _connected(self) -> bool:
        ready = grpc.ChannelConnectivity.READY
        return self._channel is not None and self._channel.get_state() is ready

    def _acknowledged(self, task: asyncio.Task[None]) -> None:
        segment = self._acknowledging.pop(task)
        if task.cancelled():
            segment.call.cancel()
            self._tell(segment.spans, Handover.AMBIGUOUS, "not acknowledged in time")

    def _tell(self, spans: list[Span], handover: Handover, reason: str) -> None:
        for span in spans:
            self._report(Outcome(span=span, handover=handover, reason=reason))

    def _lose(self, reason: str) -> None:
        """Note that the connection is gone, and see to another."""
        if not self._away:
            self._away = reason
            self._reconnecting = self._tasks.create_task(self._reconnect())

    async def _reconnect(self) -> None:
        for attempt in itertools.count():
            longest = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**attempt)
            await self._clock.sleep(self._rng.uniform(0, longest))
            await self._disconnect()
            try:
                self._channel = await self._connect()
            except CouldNotProbe as error:
                self._away = str(error)
            else:
                self._away = ""
                return

    async def _connect(self) -> aio.Channel:
        """Open a channel, and prove that the peer would take a stream over it.

        A stream of nothing, half-closed at once, is answered like any other: only
        then are connection, both certificates and the service known to be right.
        """
        fresh = aio.secure_channel(
            self._address,
            channel.credentials(self._tls),
            options=channel.options(self._tls, pings=False),
        )
        code, details = grpc.StatusCode.DEADLINE_EXCEEDED, "Timeout occurred"
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                code, details = await _status(_stream(fresh))
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            await fresh.close()  # nobody else knows of it
            raise
        if not _took_all_in(code, details):
            await fresh.close()
            raise self._explain(code, details)
        return fresh

    async def _disconnect(self) -> None:
        fresh, self._channel = self._channel, None
        if fresh is not None:
            await fresh.close()

    def _explain(self, code: grpc.StatusCode, details: str) -> CouldNotProbe:
        return channel.explain(self._peer, self._address, self._tls, code, details)


def _stream(over: aio.Channel) -> _Call:
    return over.stream_unary(channel.BATCH_SENDER)()


async def _begun(call: _Call) -> None:
    """Return when a stream can be written to, or has ended.

    gRPC waits for ever to write to one that was cancelled before its head was sent: on
    a connection that is being made anew that may take until we give it up.
    """
    ended = asyncio.Event()
    call.add_done_callback(lambda _: ended.set())
    either = [
        asyncio.ensure_future(call.wait_for_connection()),
        asyncio.ensure_future(ended.wait()),
    ]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in either:
            each.cancel()
        await asyncio.gather(*either, return_exceptions=True)


async def _status(call: _Call) -> tuple[grpc.StatusCode, str]:
    """Half-close a stream and return what it ends with."""
    with contextlib.suppress(*_BROKEN):
        await call.done_writing()
    return await call.code(), await call.details() or ""


def _took_all_in(code: grpc.StatusCode, details: str) -> bool:
    """Tell whether a status proves that the peer took in all that was written.

    Loggregator's handlers return the end of the stream as their error.
    """
    ended = code is grpc.StatusCode.UNKNOWN and details == "EOF"
    return ended or code is grpc.StatusCode.OK
