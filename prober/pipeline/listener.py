"""A TLS port that can be killed and opened again, and the clock's say over it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TypeAlias

from prober import trust
from prober.clock import Clock
from prober.pipeline.addresses import cannot_listen
from prober.pipeline.component import Tasks
from prober.records import Tls

Attend: TypeAlias = Callable[
    [asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]
]
"""Serves one connection; when it returns, or the client is gone, that is closed."""

_READ_LIMIT = 1 << 16
_CIPHERS = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"
"""What Loggregator's internal profile leaves of TLS 1.2."""


def server_context(files: Tls, *, mutual: bool = False) -> ssl.SSLContext:
    """Return what a server shows; a mutual one wants a certificate of its CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(files.cert_file, files.key_file)
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(files.ca_file)
    return context


def client_context(ca_file: str) -> ssl.SSLContext:
    """Return what a client trusts."""
    return trust.context(ca_file)


class Listener:
    """One port and the connections to it; the certificate is read at each start.

    A failure of `attend`, other than that of a connection, is one of the stack.
    """

    def __init__(
        self,
        name: str,
        address: tuple[str, int],
        context: Callable[[], ssl.SSLContext],
        attend: Attend,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._name = name
        self._host, self._port = address
        self._context = context
        self._attend = attend
        self._tasks = Tasks(tasks)
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """Where clients connect to: `host:port`."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    async def start(self) -> None:
        """Listen; raises UsageError when it cannot there."""
        try:
            server = await asyncio.start_server(
                self._connected,
                self._host,
                self._port,
                ssl=self._context(),
                limit=_READ_LIMIT,
            )
        except (OSError, UnicodeError) as error:
            raise cannot_listen(self._name, self._host, self._port) from error
        self._port = server.sockets[0].getsockname()[1]
        self._server = server

    async def kill(self) -> None:
        """Take no more connections, and cut at once those that there are."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        await self._tasks.cancel()
        await server.wait_closed()

    def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._server is None:  # it shook hands while we were killed
            writer.transport.abort()
        else:
            self._tasks.start(self._guard(reader, writer))

    async def _guard(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await self._attend(reader, writer)
            writer.close()
            await writer.wait_closed()
        except OSError:
            pass  # the client is gone
        finally:
            writer.transport.abort()


@asynccontextmanager
async def within(
    clock: Clock, seconds: float, otherwise: Callable[[], None]
) -> AsyncIterator[None]:
    """Call `otherwise` if the block is still at work after so many seconds."""

    async def alarm() -> None:
        await clock.sleep(seconds)
        otherwise()

    task = asyncio.ensure_future(alarm())
    try:
        yield
    finally:
        task.cancel()
