"""Generic clients of the doors beside gRPC: httpx and websockets, a token, a CA."""

import asyncio
import atexit
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from prober.clock import Clock, SystemClock
from prober.pipeline import certificates
from prober.pipeline.child import ChildStack
from prober.pipeline.profile import Profile
from prober.pipeline.stack import ReferenceStack
from prober.rpc.dropsonde.events_pb2 import Envelope
from tests.pipeline.test_stack import ROOMY, TRACK

GUID = "7d0f3e0c-3f7b-4a2f-9d3e-2f1b6c5a4d3e"
APP = "app-reader"
"""A client without scopes that may read the logs of the app GUID."""


@cache
def tls_dir() -> str:
    """Certificates for all stacks of a process: to make them is the slowest part."""
    kept = tempfile.mkdtemp(prefix="prober-tests-")
    atexit.register(shutil.rmtree, kept, ignore_errors=True)
    certificates.provide(Path(kept), SystemClock().now_ns(), "127.0.0.1")
    return kept


@asynccontextmanager
async def open_stack(
    *doors: str, profile: Profile = ROOMY, clock: Clock | None = None, routers: int = 1
) -> AsyncIterator[ReferenceStack]:
    """A stack with these doors."""
    async with ReferenceStack(
        doors=doors,
        profile=profile,
        clock=clock,
        routers=routers,
        tls_dir=tls_dir(),
        track=TRACK,
    ) as stack:
        if {"gateway", "firehose"} & set(doors):
            await stack.add_client(APP, "app", apps=[GUID])
            await stack.add_client("admin", "admin", scopes=["logs.admin"])
        yield stack


def trusting(stack: ReferenceStack | ChildStack) -> ssl.SSLContext:
    """What trusts the stack's CA."""
    return ssl.create_default_context(cafile=stack.client_tls("").ca_file)


@asynccontextmanager
async def http(stack: ReferenceStack | ChildStack) -> AsyncIterator[httpx.AsyncClient]:
    """A client of HTTPS."""
    limits = httpx.Limits(max_keepalive_connections=5)
    async with httpx.AsyncClient(verify=trusting(stack), limits=limits) as client:
        yield client


async def ask_token(
    stack: ReferenceStack | ChildStack,
    client: tuple[str, str] | None = None,
    **form: str,
) -> httpx.Response:
    """The UAA's answer to who asks for a token."""
    async with http(stack) as opened:
        return await opened.post(
            f"{stack.uaa_url}/oauth/token",
            auth=stack.uaa_client if client is None else client,
            data=form or {"grant_type": "client_credentials"},
        )


async def token(
    stack: ReferenceStack, client: tuple[str, str] | None = None, **form: str
) -> str:
    """A token."""
    answer = await ask_token(stack, client, **form)
    text: str = answer.json()["access_token"]
    return text


def bearer(text: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"bearer {text}"}


class Events:
    """A consumer of the gateway: keeps events, and how its answer ended."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.events: list[str] = []
        self.error: httpx.HTTPError | None = None
        self.ended = False

    async def read(self) -> None:
        """Read until the body ends, however it does."""
        text = ""
        try:
            async for part in self.response.aiter_text():
                *events, text = (text + part).split("\n\n")
                self.events += events
        except httpx.HTTPError as error:
            self.error = error
        self.ended = True

    @property
    def data(self) -> list[str]:
        """The batches."""
        return [e.removeprefix("data: ") for e in self.events if e.startswith("data")]


@asynccontextmanager
async def gateway_of(
    stack: ReferenceStack, query: str = "log", text: str | None = None
) -> AsyncIterator[Events]:
    """A consumer of the gateway, which reads in a task of its own."""
    headers = bearer(text or await token(stack))
    url = f"{stack.gateway_url}/v2/read?{query}"
    async with (
        http(stack) as client,
        client.stream("GET", url, headers=headers, timeout=None) as response,
        asyncio.TaskGroup() as tasks,
    ):
        events = Events(response)
        reading = tasks.create_task(events.read())
        yield events
        reading.cancel()


class Firehose:
    """A consumer of the traffic controller: keeps envelopes, and how it ended."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.envelopes: list[Envelope] = []
        self.closed: ConnectionClosed | None = None

    async def read(self) -> None:
        """Read until the connection ends, however it does."""
        try:
            while True:
                raw = await self.socket.recv()
                assert isinstance(raw, bytes)
                self.envelopes.append(Envelope.FromString(raw))
        except ConnectionClosed as closed:
            self.closed = closed

    @property
    def numbers(self) -> list[int]:
        """The timestamps, as they came."""
        return [each.timestamp for each in self.envelopes]


def socket_to(stack: ReferenceStack, path: str, headers: dict[str, str]) -> connect:
    """A websocket to the traffic controller."""
    return connect(
        f"{stack.firehose_url}{path}",
        ssl=trusting(stack),
        compression=None,
        additional_headers=headers,
        ping_interval=None,
        max_size=None,
        close_timeout=1,  # with frames unread it is waited for in full
    )


@asynccontextmanager
async def firehose_of(
    stack: ReferenceStack,
    path: str = "/firehose/nozzle",
    text: str | None = None,
    *,
    reads: bool = True,
) -> AsyncIterator[Firehose]:
    """A consumer of the traffic controller, which reads in a task of its own."""
    headers = bearer(text or await token(stack))
    async with (
        socket_to(stack, path, headers) as socket,
        asyncio.TaskGroup() as tasks,
    ):
        consumer = Firehose(socket)
        reading = tasks.create_task(consumer.read()) if reads else None
        yield consumer
        if reading is not None:
            reading.cancel()
