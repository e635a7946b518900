"""The way in by gRPC: `BatchSender` of an agent, a forwarder agent or a router.

A client stream acknowledges nothing until it is half-closed and its status awaited. So
the writer cuts what it writes into segments of about a second, each a stream of its
own on one connection: a segment's status decides on all its messages together.
"""

import asyncio
import random
from dataclasses import dataclass
from typing import Self

import grpc

from prober import channel
from prober.backoff import Backoff
from prober.clock import NS, Clock, finished
from prober.errors import CouldNotProbe, ProberError
from prober.ingress import Report
from prober.ingress.stream import Connection, Status, Stream
from prober.records import Handover, Outcome, Span, Tls

SEGMENT_SECONDS = 1.0
CONNECT_SECONDS = 10.0
HANG_SECONDS = 15.0
"""How long a stream may go on beyond its second before its peer is given up."""
FIRST_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 10.0


@dataclass(slots=True)
class _Segment:
    """A stream that is written to for about a second."""

    stream: Stream
    opened_ns: int
    hung: bool = False
    """It was we who ended it, because its peer did not go on."""


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
        self._backoff = Backoff(
            rng or random.SystemRandom(),
            first=FIRST_BACKOFF_SECONDS,
            most=MAX_BACKOFF_SECONDS,
        )
        self._tasks = asyncio.TaskGroup()
        self._watchdog: asyncio.Task[None] | None = None
        self._acknowledging: dict[asyncio.Task[None], _Segment] = {}
        self._reconnecting: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._segment: _Segment | None = None
        self._one_at_a_time = asyncio.Lock()
        self._away = ""
        """Why there is no connection; empty while there is one."""

    async def __aenter__(self) -> Self:
        """Connect; raises CouldNotProbe with the reason when that fails."""
        self._connection = await self._connect()
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
            await segment.stream.write(raw, span)

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
                    segment.stream.cancel()

    def _open_segment(self) -> _Segment | None:
        """Return the stream to write to, a new one if the last is old or has ended."""
        segment, now_ns = self._segment, self._clock.now_ns()
        if segment is not None:
            old = now_ns - segment.opened_ns >= SEGMENT_SECONDS * NS
            status = segment.stream.ended
            if status is None and not old:
                return segment
            self._end_segment()
            if status is not None:
                self._heed(status)
        if self._away or self._connection is None:
            return None
        self._segment = _Segment(self._connection.stream(), opened_ns=now_ns)
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
        status = await _ended(segment.stream)
        if _took_all_in(status):
            if segment.stream.told_whole:
                self._tell(segment.stream.sent, Handover.ACCEPTED, "")
                return
            status = Status(grpc.StatusCode.ABORTED, "it answered before the end")
        if segment.hung:  # our own cancelling has no words
            status = Status(grpc.StatusCode.UNAVAILABLE, "Timeout occurred")
        ours = status.code is grpc.StatusCode.CANCELLED and self._away  # we closed it
        self._tell_of(segment.stream, ours or str(self._explain(status)))
        self._heed(status)

    def _heed(self, status: Status) -> None:
        """Draw from what a stream ended with whether there still is a connection.

        gRPC would make another for the next stream. We make it ourselves, and close
        this one: a stream that it had begun by then would be cut off in its middle.
        """
        gone = status.code is grpc.StatusCode.UNAVAILABLE or not self._connected()
        if gone and not _took_all_in(status):
            self._lose(str(self._explain(status)))

    def _connected(self) -> bool:
        return self._connection is not None and self._connection.connected

    def _acknowledged(self, task: asyncio.Task[None]) -> None:
        segment = self._acknowledging.pop(task)
        if task.cancelled():
            segment.stream.cancel()
            self._tell_of(segment.stream, "not acknowledged in time")

    def _tell_of(self, stream: Stream, reason: str) -> None:
        """Tell of a stream that is over, and that nobody acknowledged."""
        self._tell(stream.sent, Handover.AMBIGUOUS, reason)
        self._tell(stream.unsent, Handover.REJECTED, reason)

    def _tell(self, spans: list[Span], handover: Handover, reason: str) -> None:
        for span in spans:
            self._report(Outcome(span=span, handover=handover, reason=reason))

    def _lose(self, reason: str) -> None:
        """Note that the connection is gone, and see to another."""
        if not self._away:
            self._away = reason
            self._end_segment()
            self._reconnecting = self._tasks.create_task(self._reconnect())

    async def _reconnect(self) -> None:
        self._backoff.succeed()  # the connection that is gone was one
        while self._away:
            await self._clock.sleep(self._backoff.fail())
            await self._disconnect()
            try:
                self._connection = await self._connect()
            except ProberError as error:  # files as well: they may be being replaced
                self._away = str(error)
            else:
                self._away = ""

    async def _connect(self) -> Connection:
        """Open a connection, and prove that the peer would take a stream over it.

        A stream of nothing, half-closed at once, is answered like any other: only
        then are connection, both certificates and the service known to be right.
        """
        fresh = Connection(self._address, self._tls)
        status = Status(grpc.StatusCode.DEADLINE_EXCEEDED, "Timeout occurred")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                status = await _ended(fresh.stream())
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            await fresh.close()  # nobody else knows of it
            raise
        if not _took_all_in(status):
            await fresh.close()
            raise self._explain(status)
        return fresh

    async def _disconnect(self) -> None:
        last, self._connection = self._connection, None
        if last is not None:
            await last.close()

    def _explain(self, status: Status) -> CouldNotProbe:
        return channel.explain(self._peer, self._address, self._tls, *status)


async def _ended(stream: Stream) -> Status:
    """Half-close a stream and return what it ends with."""
    stream.half_close()
    return await stream.status()


def _took_all_in(status: Status) -> bool:
    """Tell whether a status proves that the peer took in all that was written.

    Loggregator's handlers return the end of the stream as their error.
    """
    ended = status == (grpc.StatusCode.UNKNOWN, "EOF")
    return ended or status.code is grpc.StatusCode.OK
