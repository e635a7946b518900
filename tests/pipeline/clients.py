"""A generic Loggregator v2 client, and what moves a stack's clock while it is at work.

It is made of generated code and gRPC alone, so that the stack is met as any other
client meets it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import grpc
from grpc import aio

from prober.pipeline.stack import ReferenceStack
from prober.records import Tls
from prober.rpc.loggregator_v2.egress_pb2 import (
    CounterSelector,
    EgressBatchRequest,
    EventSelector,
    GaugeSelector,
    LogSelector,
    Selector,
    TimerSelector,
)
from prober.rpc.loggregator_v2.egress_pb2_grpc import EgressStub
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch, Log
from prober.rpc.loggregator_v2.ingress_pb2_grpc import IngressStub
from prober.testing import ManualClock, settle

Status: TypeAlias = tuple[grpc.StatusCode, str | None]

EOF = (grpc.StatusCode.UNKNOWN, "EOF")
LOGS = [Selector(source_id="prober", log=LogSelector())]
FIREHOSE = [
    Selector(log=LogSelector()),
    Selector(counter=CounterSelector()),
    Selector(gauge=GaugeSelector()),
    Selector(timer=TimerSelector()),
    Selector(event=EventSelector()),
]


def credentials(tls: Tls, *, with_certificate: bool = True) -> grpc.ChannelCredentials:
    """What a channel shows, and whom it trusts."""
    own = (tls.key_file, tls.cert_file) if with_certificate else ()
    return grpc.ssl_channel_credentials(
        Path(tls.ca_file).read_bytes(), *(Path(file).read_bytes() for file in own)
    )


@asynccontextmanager
async def channel(
    address: str, tls: Tls, *, with_certificate: bool = True
) -> AsyncIterator[aio.Channel]:
    """A connection of its own."""
    async with aio.secure_channel(
        address,
        credentials(tls, with_certificate=with_certificate),
        options=[
            ("grpc.ssl_target_name_override", tls.server_name),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", 10 << 20),
            ("grpc.max_send_message_length", -1),
        ],
    ) as opened:
        yield opened


def logs(
    numbers: Iterable[int], *, payload: bytes = b"", source_id: str = "prober"
) -> list[Envelope]:
    """Logs whose timestamps are numbers to know them by."""
    return [
        Envelope(
            timestamp=n, source_id=source_id, instance_id="0", log=Log(payload=payload)
        )
        for n in numbers
    ]


async def status_of(call: aio.Call) -> Status:
    """How a call ended."""
    return await call.code(), await call.details()


async def send_all(ingress: IngressStub, envelopes: Sequence[Envelope]) -> Status:
    """Write envelopes in batches of 100, half-close, and wait for the status."""

    async def batches() -> AsyncIterator[EnvelopeBatch]:
        for start in range(0, len(envelopes), 100):
            yield EnvelopeBatch(batch=envelopes[start : start + 100])

    return await status_of(ingress.BatchSender(batches()))  # type: ignore[arg-type]


@asynccontextmanager
async def agent_of(stack: ReferenceStack, index: int = 0) -> AsyncIterator[IngressStub]:
    """One of the stack's agents."""
    address = stack.agent_addresses[index]
    async with channel(address, stack.client_tls("metron")) as opened:
        yield IngressStub(opened)


@asynccontextmanager
async def router_of(
    stack: ReferenceStack, index: int = 0
) -> AsyncIterator[tuple[IngressStub, EgressStub]]:
    """One of the stack's routers, past agent and RLP."""
    address = stack.router_addresses[index]
    async with channel(address, stack.client_tls("doppler")) as opened:
        yield IngressStub(opened), EgressStub(opened)


@asynccontextmanager
async def rlp_of(stack: ReferenceStack) -> AsyncIterator[EgressStub]:
    """The stack's RLP."""
    tls = stack.client_tls("reverselogproxy")
    async with channel(stack.rlp_address, tls) as opened:
        yield EgressStub(opened)


class Consumer:
    """One subscription: keeps what it received, in order, and how it ended."""

    def __init__(self, egress: EgressStub, request: EgressBatchRequest) -> None:
        self.call = egress.BatchedReceiver(request)
        self.envelopes: list[Envelope] = []
        self.sizes: list[int] = []

    async def read(self) -> None:
        """Read until the stream ends, however it does."""
        try:
            async for batch in self.call:  # type: ignore[attr-defined]
                self.sizes.append(len(batch.batch))
                self.envelopes += batch.batch
        except aio.AioRpcError:
            pass

    @property
    def numbers(self) -> list[int]:
        """The logs' timestamps, as they came."""
        return [each.timestamp for each in self.envelopes]


@asynccontextmanager
async def consuming(
    stack: ReferenceStack,
    selectors: Sequence[Selector] = LOGS,
    *,
    shard_id: str = "",
    preferred: bool = True,
) -> AsyncIterator[Consumer]:
    """A consumer that reads in a task of its own, subscribed at every router."""
    request = EgressBatchRequest(
        selectors=selectors, shard_id=shard_id, use_preferred_tags=preferred
    )
    before = subscriptions(stack)
    async with rlp_of(stack) as egress, asyncio.TaskGroup() as tasks:
        consumer = Consumer(egress, request)
        reading = tasks.create_task(consumer.read())
        await until(lambda: all_more(before, subscriptions(stack)))
        during = subscriptions(stack)
        yield consumer
        reading.cancel()
    # So that whoever subscribes next sees the figures grow.
    await until(lambda: all_more(subscriptions(stack), during))


def subscriptions(stack: ReferenceStack) -> list[int]:
    """How many there are at each router."""
    parts = stack.statistics().components
    return [c.subscriptions for c in parts if c.component.startswith("router")]


def all_more(before: Sequence[int], now: Sequence[int]) -> bool:
    """Whether each of these figures has grown."""
    return all(a < b for a, b in zip(before, now, strict=True))


async def until(
    condition: Callable[[], bool], clock: ManualClock | None = None
) -> None:
    """Let the connections work, and the clock if there is one, until it is so.

    What is waited for is real traffic; a test that waits in vain hits its limit.
    """
    while not condition():
        if clock is not None:
            await clock.advance(0.01)
        else:
            await settle()
