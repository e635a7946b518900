"""HTTP/1.1 as the stack's doors speak it: requests, answers, bodies without an end."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

import h11

from prober.clock import NS, Clock
from prober.pipeline import certificates
from prober.pipeline.component import Setting
from prober.pipeline.listener import Listener, server_context, within

PLAIN = "text/plain; charset=utf-8"
_CHUNK = 1 << 16
_MOST_BODY = 1 << 20
_BACKLOG = 1 << 14
"""Bytes that may wait here for a slow client, before the operating system's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asked; names of headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    peer: str
    """Where it came from: `host:port`."""

    @property
    def path(self) -> str:
        """The target's path, decoded."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> str:
        """The target's query, as it was sent."""
        return urlsplit(self.target).query


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer: a body, or chunks that are sent as they come."""

    status: int
    content_type: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: AsyncGenerator[bytes, None] | None = None


def refusal(status: int, text: str) -> Response:
    """Return a plain answer, a line of text."""
    return Response(
        status=status,
        content_type=PLAIN,
        body=f"{text}\n".encode(),
        headers={"X-Content-Type-Options": "nosniff"},
    )


Handle: TypeAlias = Callable[[Request], Awaitable[Response]]


class Web:
    """Serves one connection after another; its `attend` is a listener's.

    The first request's head has to come within `head_seconds`, or it is hung up.
    """

    def __init__(self, handle: Handle, clock: Clock, head_seconds: float) -> None:
        self._handle = handle
        self._clock = clock
        self._head_seconds = head_seconds

    async def attend(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer requests until one side wants no more."""
        writer.transport.set_write_buffer_limits(_BACKLOG)
        connection = _Connection(reader, writer, self._clock)
        async with within(self._clock, self._head_seconds, writer.transport.abort):
            head = await connection.head()
        while head is not None:
            request = await connection.request(head)
            if request is None:
                return
            await connection.answer(await self._handle(request))
            if not connection.goes_on():
                return
            head = await connection.head()


def door(
    setting: Setting,
    name: str,
    port: int,
    handle: Handle,
    *,
    leaf: str = certificates.WEB,
    mutual: bool = False,
) -> Listener:
    """Return a server of HTTPS, which shows the certificate of `leaf`."""
    files = certificates.tls(setting.directory, leaf, leaf)
    server = Web(handle, setting.clock, setting.profile.head_timeout)
    return Listener(
        name,
        (setting.host, port),
        lambda: server_context(files, mutual=mutual),
        server.attend,
        setting.tasks,
    )


class _Connection:
    """A client's connection, one request at a time."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._http = h11.Connection(h11.SERVER)
        self._is_head = False

    async def head(self) -> h11.Request | None:
        """Return the next request's head; nothing when there is none, or no HTTP."""
        event = await self._next()
        return event if isinstance(event, h11.Request) else None

    async def request(self, head: h11.Request) -> Request | None:
        """Read the body; nothing when there is no end to it."""
        self._is_head = head.method == b"HEAD"
        body = b""
        while isinstance(event := await self._next(), h11.Data):
            body += event.data
            if len(body) > _MOST_BODY:
                return None
        if not isinstance(event, h11.EndOfMessage):
            return None
        headers: dict[str, str] = {}
        for name, value in head.headers:
            # A header that comes again goes on where it ended.
            key, text = name.decode("latin-1"), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        host, port = self._writer.get_extra_info("peername")[:2]
        return Request(
            method=head.method.decode("latin-1"),
            target=head.target.decode("latin-1"),
            headers=headers,
            body=body,
            peer=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        )

    async def _next(self) -> h11.Event | None:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_CHUNK))
            return event if isinstance(event, h11.Event) else None
        except h11.RemoteProtocolError:
            if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                await self.answer(refusal(400, "400 Bad Request"))
            return None

    async def answer(self, response: Response) -> None:
        """Send an answer, to its end."""
        now = formatdate(self._clock.now_ns() / NS, usegmt=True)
        headers = [*response.headers.items(), ("Date", now)]
        if response.content_type:
            headers.append(("Content-Type", response.content_type))
        if response.chunks is None:
            headers.append(("Content-Length", str(len(response.body))))
        head = h11.Response(status_code=response.status, headers=headers)
        self._writer.write(self._http.send(head) or b"")
        if response.chunks is not None:
            await self._stream(response.chunks)
        elif not self._is_head:
            await self._send(response.body)
        if self._http.our_state is h11.SEND_BODY:
            self._writer.write(self._http.send(h11.EndOfMessage()) or b"")
        await self._writer.drain()

    async def _send(self, data: bytes) -> None:
        self._writer.write(self._http.send(h11.Data(data=data)) or b"")
        await self._writer.drain()

    async def _stream(self, chunks: AsyncGenerator[bytes, None]) -> None:
        """Send chunks as they come; raises OSError when the client is gone."""
        gone = True
        try:
            async with aclosing(chunks), asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._until_gone())
                # Nothing is awaited before: chunks that never began would never end.
                async for chunk in chunks:
                    await self._send(chunk)
                watching.cancel()
            gone = False
        except* OSError:
            pass
        if gone:
            raise ConnectionResetError

    async def _until_gone(self) -> None:
        while await self._reader.read(_CHUNK):
            pass  # nothing is expected
        raise ConnectionResetError

    def goes_on(self) -> bool:
        """Make ready for another request; tell whether there may be one."""
        if (
            self._http.our_state is not h11.DONE
            or self._http.their_state is not h11.DONE
        ):
            return False
        self._http.start_next_cycle()
        return True


async def post(
    address: str,
    context: ssl.SSLContext,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
) -> tuple[int, bytes]:
    """Send a request and return the answer's status and body; raises OSError."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(
        host.strip("[]"), int(port), ssl=context
    )
    try:
        http = h11.Connection(h11.CLIENT)
        fields = {**headers, "Host": address, "Content-Length": str(len(body))}
        head = h11.Request(method="POST", target=path, headers=list(fields.items()))
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(http.send(event) or b"")
        return await _answer(http, reader)
    except h11.RemoteProtocolError as error:
        raise ConnectionResetError from error
    finally:
        writer.transport.abort()


async def _answer(
    http: h11.Connection, reader: asyncio.StreamReader
) -> tuple[int, bytes]:
    status, body = 0, b""
    while not isinstance(event := http.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
        else:
            raise ConnectionResetError
    return status, body
