"""Small TLS servers that behave oddly, and a proxy on the way to them."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme

Handle = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
"""Is given a request's head, and answers."""

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = EVENTS + b"Transfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def chunk(raw: bytes) -> bytes:
    """One chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(raw), raw)


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass(slots=True)
class Door:
    """A server, as a test sees it."""

    url: str
    ca_file: str
    heads: list[bytes] = field(default_factory=list)
    """Of every request that came."""


class Authority:
    """A CA, and what it signs."""

    def __init__(self, directory: Path) -> None:
        self._ca = trustme.CA()
        self.ca_file = str(directory / "authority.pem")
        self._ca.cert_pem.write_to_path(self.ca_file)

    def context(
        self, name: str = "127.0.0.1", *, expired: bool = False
    ) -> ssl.SSLContext:
        """What a server of that name shows."""
        days = dt.timedelta(days=-1 if expired else 1)
        until = dt.datetime.now(dt.UTC) + days
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(name, not_after=until).configure_cert(context)
        return context

    def client(self, folder: Path) -> tuple[str, str]:
        """The files of a client's certificate and its key."""
        issued = self._ca.issue_cert("client")
        cert_file, key_file = folder / "client.crt", folder / "client.key"
        issued.cert_chain_pems[0].write_to_path(str(cert_file))
        issued.private_key_pem.write_to_path(str(key_file))
        return str(cert_file), str(key_file)


@asynccontextmanager
async def serving(
    authority: Authority, handle: Handle, context: ssl.SSLContext | None = None
) -> AsyncIterator[Door]:
    """Serve one request a connection, and hang up; nothing is left afterwards."""
    door = Door("", authority.ca_file)

    async def attend(head: bytes, writer: asyncio.StreamWriter) -> None:
        door.heads.append(head)
        await handle(head, writer)

    async with listening(attend, context or authority.context()) as port:
        door.url = f"https://127.0.0.1:{port}"
        yield door


@asynccontextmanager
async def listening(
    handle: Handle, context: ssl.SSLContext | None
) -> AsyncIterator[int]:
    """Serve on some port."""
    tasks: set[asyncio.Task[None]] = set()

    async def attend(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await handle(await reader.readuntil(b"\r\n\r\n"), writer)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(attend(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def saying(*parts: bytes, wait: asyncio.Event | None = None) -> Handle:
    """Answer every request with the same bytes, and hang up, after an event if any."""

    async def handle(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.writelines(parts)
        await writer.drain()
        if wait is not None:
            await wait.wait()

    return handle


@asynccontextmanager
async def tunnelling(asked: list[bytes]) -> AsyncIterator[str]:
    """A proxy that connects to wherever it is asked to; yields its URL."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while raw := await reader.read(1 << 16):
            writer.write(raw)
            await writer.drain()
        writer.close()

    async def attend(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head)
        host, port = head.split()[1].decode().split(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        except OSError:
            pass
        finally:
            writer.transport.abort()
            far_writer.transport.abort()

    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(attend(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
