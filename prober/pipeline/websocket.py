"""One consumer of the Firehose: its websocket, and what is not put up with from it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from prober.clock import NS, Clock
from prober.pipeline.buffers import Inlet
from prober.pipeline.profile import Profile

_CHUNK = 1 << 14
_BACKLOG = 1 << 14
"""Bytes that may wait here for a consumer, before the operating system's own."""
_AT_ONCE = 1 << 12
"""Bytes of frames that are written together; each is a frame of its own."""
_MOST_FROM_CLIENT = 1 << 16
_KEEPALIVE = "Client did not respond to ping before keep-alive timeout expired."


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The answer to a request that becomes no websocket."""

    status: int
    text: str = ""
    basic: bool = False
    """Whether it says `WWW-Authenticate: Basic`."""


class _End(Exception):  # noqa: N818 - an end, not an error
    """The connection is over: with a close frame, or without one."""

    def __init__(self, code: CloseCode | None, reason: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Socket:
    """A consumer's connection: first a request, then frames, at last a close frame.

    `peer` is where it comes from: `host:port`.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        clock: Clock,
        profile: Profile,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._profile = profile
        self._protocol = ServerProtocol(max_size=_MOST_FROM_CLIENT)
        self._pong = asyncio.Event()
        self._began_ns: int | None = None
        self._more = self._slow = False
        writer.transport.set_write_buffer_limits(_BACKLOG)
        host, port = writer.get_extra_info("peername")[:2]
        self.peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    # The handshake.

    async def request(self) -> Request | None:
        """Return what is asked for; nothing if that is no request."""
        while self._protocol.state is State.CONNECTING:
            data = await self._reader.read(_CHUNK)
            if not data:
                return None
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                return event if isinstance(event, Request) else None
            if self._protocol.handshake_exc is not None:
                await self._flush()
                return None
        return None

    async def accept(self, request: Request) -> bool:
        """Open the websocket, if it is one that is asked for; tell whether it was."""
        response = self._protocol.accept(request)
        if response.status_code != _SWITCHING:
            await self.refuse(Refusal(status=400, text="Bad Request\n"))
            return False
        self._protocol.send_response(response)
        await self._flush()
        return True

    async def refuse(self, refusal: Refusal) -> None:
        """Answer that there is no websocket."""
        response = self._protocol.reject(refusal.status, refusal.text)
        if refusal.basic:
            response.headers["WWW-Authenticate"] = "Basic"
        self._protocol.send_response(response)
        await self._flush()

    # What follows.

    async def carry(
        self,
        inlet: Inlet[bytes],
        sent: Callable[[int], None],
        told_slow: Callable[[], None],
    ) -> None:
        """Send what comes, a frame each, until the consumer goes or has to go.

        `sent` counts; `told_slow` is called when it takes nothing for too long.
        """
        end = _End(None)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen())
                tasks.create_task(self._keep_alive())
                tasks.create_task(self._watch(inlet, told_slow))
                tasks.create_task(self._send_all(inlet, sent))
        except* _End as group:
            [end, *_] = _flat(group)
        except* OSError:
            pass  # the connection is gone
        if end.code is None:
            self._writer.transport.abort()
            return
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(end.code, end.reason)
        self._write()

    async def _send_all(self, inlet: Inlet[bytes], sent: Callable[[int], None]) -> None:
        while True:
            items = await inlet.take()
            while items:
                count = _fitting(items)
                self._more = len(items) > count
                self._check_open()
                for item in items[:count]:
                    self._protocol.send_binary(item)
                self._began_ns = self._clock.now_ns()
                await self._flush()
                self._began_ns = None
                sent(count)
                if self._slow:
                    raise _End(CloseCode.NORMAL_CLOSURE)
                del items[:count]

    async def _watch(self, inlet: Inlet[bytes], told_slow: Callable[[], None]) -> None:
        """Give the consumer up for being slow, and then cut it off.

        Slow is who lets the next message wait; without one there is nobody to tell,
        and the write at hand just fails when its time is over.
        """
        slow_ns, dead_ns = (
            round(seconds * NS)
            for seconds in (self._profile.slow_consumer, self._profile.write_timeout)
        )
        wait_ns = slow_ns
        while True:
            await self._clock.sleep(wait_ns / NS)
            wait_ns = slow_ns
            if self._began_ns is None:
                continue
            waited_ns = self._clock.now_ns() - self._began_ns
            if waited_ns >= dead_ns:
                raise _End(None)
            if waited_ns < slow_ns:
                wait_ns = slow_ns - waited_ns
                continue
            wait_ns = dead_ns - waited_ns
            if not self._slow and (self._more or inlet.waiting):
                self._slow = True
                told_slow()

    async def _keep_alive(self) -> None:
        while True:
            self._pong.clear()
            self._check_open()
            self._protocol.send_ping(b"")
            self._write()
            async with asyncio.TaskGroup() as tasks:
                alarm = tasks.create_task(self._expire())
                await self._pong.wait()
                alarm.cancel()
            await self._clock.sleep(self._profile.ping_interval)

    async def _expire(self) -> None:
        await self._clock.sleep(self._profile.pong_timeout)
        raise _End(CloseCode.POLICY_VIOLATION, _KEEPALIVE)

    async def _listen(self) -> None:
        """Heed pongs and a close frame; all else that a consumer says is ignored."""
        while data := await self._reader.read(_CHUNK):
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.PONG:
                    self._pong.set()
            if self._protocol.state is not State.OPEN:
                break
            self._write()  # pongs of ours
        raise _End(CloseCode.NORMAL_CLOSURE)

    def _check_open(self) -> None:
        """End who wants to send after a close frame, if faster than who read it."""
        if self._protocol.state is not State.OPEN:
            raise _End(CloseCode.NORMAL_CLOSURE)

    def _write(self) -> None:
        # An empty piece asks for the end of the connection: that is the listener's.
        if data := b"".join(self._protocol.data_to_send()):
            self._writer.write(data)

    async def _flush(self) -> None:
        self._write()
        await self._writer.drain()


_SWITCHING = 101


def _fitting(items: Sequence[bytes]) -> int:
    """Return how many of these are written together, at least one."""
    room = _AT_ONCE
    for count, item in enumerate(items):
        room -= len(item)
        if room < 0:
            return max(1, count)
    return len(items)


def _flat(group: BaseExceptionGroup[_End]) -> list[_End]:
    """Return a group's exceptions, and those of the groups in it."""
    found: list[_End] = []
    for error in group.exceptions:
        found += _flat(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
