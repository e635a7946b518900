"""The writer against a real agent: gRPC with mutual TLS on loopback."""

import asyncio
import dataclasses
import itertools
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from grpc import aio

from prober.clock import SystemClock
from prober.errors import ConnectError, RefusedError, UsageError
from prober.ingress.agent import HANG_SECONDS, AgentWriter
from prober.pipeline.faults import Fault, FaultKind, Scenario
from prober.pipeline.stack import ReferenceStack
from prober.pipeline.wire import Context
from prober.records import Handover, Outcome, Span, Tls
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch, Log
from prober.testing import ManualClock
from tests.pipeline.clients import until

BATCH = EnvelopeBatch(
    batch=[Envelope(source_id="prober", log=Log(payload=b"hello"))]
).SerializeToString()


def span(first: int) -> Span:
    """One message."""
    return Span(first=first, count=1)


class Told:
    """What a writer reported, span by span."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.more = asyncio.Event()

    def __call__(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.more.set()

    def handovers(self) -> dict[int, Handover]:
        return {
            number: each.handover
            for each in self.outcomes
            for number in range(each.span.first, each.span.end)
        }

    def numbers(self) -> list[int]:
        return sorted(
            number
            for each in self.outcomes
            for number in range(each.span.first, each.span.end)
        )


@asynccontextmanager
async def writing(
    stack: ReferenceStack, clock: SystemClock | ManualClock | None = None
) -> AsyncIterator[tuple[AgentWriter, Told]]:
    """A writer to the stack's agent, and what it reports."""
    told = Told()
    tls = stack.client_tls("metron")
    async with AgentWriter(
        stack.agent_address, tls, clock or SystemClock(), told
    ) as writer:
        yield writer, told


async def test_flush_brings_the_peers_word(stack: ReferenceStack) -> None:
    """Nothing counts as accepted before the stream's status said so; then all does."""
    async with writing(stack) as (writer, told):
        for first in range(3):
            await writer.write(BATCH, span(first))
        assert [] == told.outcomes

        await writer.flush(10)

        assert dict.fromkeys(range(3), Handover.ACCEPTED) == told.handovers()


async def test_segments_end_by_themselves(stack: ReferenceStack) -> None:
    """A stream is half-closed after a second, whether or not more is written."""
    clock = ManualClock()
    async with writing(stack, clock) as (writer, told):
        await writer.write(BATCH, span(0))
        await clock.advance(1.0)
        await told.more.wait()

        assert {0: Handover.ACCEPTED} == told.handovers()


async def test_primers_are_not_reported(stack: ReferenceStack) -> None:
    """A batch without a span is sent, and nothing is told of it."""
    async with writing(stack) as (writer, told):
        await writer.write(BATCH, None)
        await writer.flush(10)

        assert [] == told.outcomes
    assert 1 <= stack.statistics().buffers[0].written


async def test_what_was_in_flight_is_ambiguous(stack: ReferenceStack) -> None:
    """When the agent dies, what it had not acknowledged is ambiguous, the rest refused.

    Once it is back, messages are accepted again; each span is told once.
    """
    async with writing(stack) as (writer, told):
        await writer.write(BATCH, span(0))
        await stack.kill_agent()
        first = 1
        while Handover.REJECTED not in told.handovers().values():
            await writer.write(BATCH, span(first))
            await asyncio.sleep(0)
            first += 1
        assert Handover.AMBIGUOUS is told.handovers()[0]
        assert "no connection to the agent" in told.outcomes[0].reason

        await stack.start_agent()
        while Handover.ACCEPTED not in told.handovers().values():
            await writer.write(BATCH, span(first))
            await writer.flush(10)
            first += 1

    assert list(range(first)) == told.numbers()


async def test_nothing_is_begun_on_a_connection_that_is_given_up() -> None:
    """A peer that is back at once: what is cut is what was on its way, nothing else."""
    clock = ManualClock()
    cut = Fault(kind=FaultKind.CUT, where="writer/agent")
    async with (
        ReferenceStack(faults=Scenario(faults=(cut,))) as stack,
        writing(stack, clock) as (writer, told),
    ):
        await writer.write(BATCH, span(0))
        segment = writer._segment
        stack.begin_faults()
        await until(lambda: segment is not None and segment.stream.ended is not None)

        await writer.write(BATCH, span(1))
        while not writer._connected():
            await clock.advance(0.1)
        await writer.write(BATCH, span(2))
        await writer.flush(10)

        assert {
            0: Handover.AMBIGUOUS,
            1: Handover.REJECTED,
            2: Handover.ACCEPTED,
        } == told.handovers()


async def test_closing_leaves_nothing_untold(stack: ReferenceStack) -> None:
    """A writer that is closed in the middle tells what it does not know."""
    async with writing(stack) as (writer, told):
        await writer.write(BATCH, span(0))

    assert [0] == list(told.handovers())


async def test_batch_that_is_refused_is_ambiguous(stack: ReferenceStack) -> None:
    """A batch that ends the stream in an error is ambiguous, in the peer's words."""
    poison = Envelope(source_id="XX", log=Log()).SerializeToString()
    poison = poison.replace(b"XX", b"\xff\xfe")
    batch = b"\x0a" + bytes([len(poison)]) + poison
    async with writing(stack) as (writer, told):
        await writer.write(batch, span(0))
        await writer.flush(10)

        assert {0: Handover.AMBIGUOUS} == told.handovers()
        assert "INTERNAL" in told.outcomes[0].reason

        await writer.write(BATCH, span(1))
        await writer.flush(10)
        assert Handover.ACCEPTED is told.handovers()[1]


async def test_router_is_written_to_directly(stack: ReferenceStack) -> None:
    """A router takes the same batches, under its own name."""
    told = Told()
    tls = stack.client_tls("doppler")
    address = stack.router_addresses[0]
    async with AgentWriter(address, tls, SystemClock(), told, peer="router") as writer:
        await writer.write(BATCH, span(0))
        await writer.flush(10)

    assert {0: Handover.ACCEPTED} == told.handovers()


async def connect(address: str, tls: Tls) -> None:
    """Connect, and close again."""
    async with AgentWriter(address, tls, SystemClock(), Told()):
        pass


async def test_closed_port(stack: ReferenceStack) -> None:
    """A closed port is told as what it is."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    message = (
        f"no connection to the agent at 127.0.0.1:{port}: nothing listens there; is "
        "it running, and the port right?"
    )
    with pytest.raises(ConnectError) as caught:
        await connect(f"127.0.0.1:{port}", stack.client_tls("metron"))
    assert message == str(caught.value)


async def test_wrong_server_name(stack: ReferenceStack) -> None:
    """A certificate of another component is told by the name that it lacks."""
    with pytest.raises(ConnectError, match=r"does not carry the name doppler"):
        await connect(stack.agent_address, stack.client_tls("doppler"))


async def test_client_certificate_of_another_ca(
    stack: ReferenceStack, stranger: Tls
) -> None:
    """A client certificate that the agent does not accept is named."""
    ours = stack.client_tls("metron")
    tls = dataclasses.replace(stranger, ca_file=ours.ca_file)
    with pytest.raises(ConnectError, match=r"certificate .*cert"):
        await connect(stack.agent_address, tls)


async def test_server_certificate_of_another_ca(
    stack: ReferenceStack, stranger: Tls
) -> None:
    """A server that our CA does not vouch for is not written to."""
    with pytest.raises(
        ConnectError,
        match=r"has expired, or .*ca does not vouch for it: ask prober check",
    ):
        await connect(stack.agent_address, stranger)


async def test_missing_certificate_file(stack: ReferenceStack) -> None:
    """A file that cannot be read is named."""
    tls = dataclasses.replace(stack.client_tls("metron"), key_file="/nowhere/key")
    with pytest.raises(UsageError, match=r"cannot read the .* file /nowhere/key: No"):
        await connect(stack.agent_address, tls)


async def test_peer_that_is_no_agent(stack: ReferenceStack) -> None:
    """A component without the service refuses, in its own words."""
    with pytest.raises(RefusedError, match=r"the agent at .* refused: UNIMPLEMENTED"):
        await connect(stack.rlp_address, stack.client_tls("reverselogproxy"))


async def test_agent_that_hangs_is_given_up(stack: ReferenceStack) -> None:
    """A peer that never answers is left after a while; what it had is ambiguous."""
    clock = ManualClock()
    async with hanging_after_hello(stack) as (address, tls):
        told = Told()
        async with AgentWriter(address, tls, clock, told) as writer:
            await writer.write(BATCH, span(0))
            flush = asyncio.ensure_future(writer.flush(60))
            await clock.advance(HANG_SECONDS + 2)  # it looks once a second
            await flush

    assert {0: Handover.AMBIGUOUS} == told.handovers()
    assert "it did not answer in time" in told.outcomes[0].reason


async def test_agent_that_is_gone_without_a_word_is_given_up() -> None:
    """A connection that was cut while idle, and is swallowed anew, holds nobody up.

    What gRPC was given is ambiguous; what only waited behind it was never sent.
    """
    clock, where = ManualClock(), "writer/agent"
    faults = (
        Fault(kind=FaultKind.BLACK_HOLE, where=where),
        Fault(kind=FaultKind.CUT, where=where),
    )
    async with (
        ReferenceStack(faults=Scenario(faults=faults)) as stack,
        writing(stack, clock) as (writer, told),
    ):
        stack.begin_faults()
        await until(lambda: not writer._connected())
        for number in range(2):
            await writer.write(BATCH, span(number))
        while not told.outcomes:
            await clock.advance(1)

    assert {0: Handover.AMBIGUOUS, 1: Handover.REJECTED} == told.handovers()
    assert all("it did not answer in time" in each.reason for each in told.outcomes)


async def test_peer_that_hangs_is_connected_to_anew(stack: ReferenceStack) -> None:
    """A dead connection looks like one that lives: the next is tried when it hangs."""
    clock = ManualClock()
    async with hanging_after_hello(stack) as (address, tls):
        told = Told()
        async with AgentWriter(address, tls, clock, told) as writer:
            first = writer._connection
            for number in range(2):
                await writer.write(BATCH, span(number))
                await clock.advance(2)  # each a stream of its own
            while not told.outcomes:
                await clock.advance(1)
            await writer.write(BATCH, span(2))
            while writer._connection is first:
                await clock.advance(0.1)
            await until(lambda: 1 in told.handovers())

    assert {
        0: Handover.AMBIGUOUS,
        1: Handover.AMBIGUOUS,  # the connection that it was on was given up
        2: Handover.REJECTED,
    } == told.handovers()
    assert all("it did not answer in time" in each.reason for each in told.outcomes)


async def test_file_that_is_being_replaced_is_waited_for(
    stack: ReferenceStack, tmp_path: Path
) -> None:
    """A connection that cannot be made for want of a certificate is tried again."""
    tls = stack.client_tls("metron")
    certificate = tmp_path / "metron.crt"
    shutil.copy(tls.cert_file, certificate)
    tls = dataclasses.replace(tls, cert_file=str(certificate))
    told, clock = Told(), ManualClock()
    async with AgentWriter(stack.agent_address, tls, clock, told) as writer:
        kept = certificate.read_bytes()
        certificate.unlink()
        writer._lose("gone")
        await clock.advance(1)
        await writer.write(BATCH, span(0))
        assert "cannot read the certificate file" in told.outcomes[0].reason

        certificate.write_bytes(kept)
        while writer._away:
            await clock.advance(1)
        await writer.write(BATCH, span(1))
        await writer.flush(10)

    assert {0: Handover.REJECTED, 1: Handover.ACCEPTED} == told.handovers()


async def test_peer_that_answers_early_has_accepted_nothing(
    stack: ReferenceStack,
) -> None:
    """A stream that ends well before its end: nobody knows what was read of it."""
    async with answering(stack, after=3) as (address, tls):
        told = Told()
        async with AgentWriter(address, tls, ManualClock(), told) as writer:
            await writer.write(BATCH, span(0))
            segment, count = writer._segment, 1
            while segment is not None and segment.stream.ended is None:
                await writer.write(b"\x0a" + b"x" * 200_000, span(count))
                await asyncio.sleep(0)
                count += 1
            await writer.flush(10)

    assert count > 3
    assert list(range(count)) == told.numbers()
    assert Handover.ACCEPTED not in told.handovers().values()
    assert "it answered before the end" in told.outcomes[0].reason


@asynccontextmanager
async def hanging_after_hello(
    stack: ReferenceStack,
) -> AsyncIterator[tuple[str, Tls]]:
    """An agent that answers its first stream as it should, and no other one."""
    streams = itertools.count()

    async def hang(requests: AsyncIterator[bytes], context: Context) -> None:
        if next(streams) == 0:
            async for _ in requests:
                pass
            await context.abort(grpc.StatusCode.UNKNOWN, "EOF")
        await asyncio.Event().wait()

    async with serving(stack, hang) as served:
        yield served


@asynccontextmanager
async def answering(
    stack: ReferenceStack, after: int
) -> AsyncIterator[tuple[str, Tls]]:
    """An agent that ends each stream in good order after so many batches."""

    async def answer(requests: AsyncIterator[bytes], context: Context) -> None:
        count = 0
        async for _ in requests:
            count += 1
            if count == after:
                break
        await context.abort(grpc.StatusCode.UNKNOWN, "EOF")

    async with serving(stack, answer) as served:
        yield served


@asynccontextmanager
async def serving(
    stack: ReferenceStack,
    handler: Callable[[AsyncIterator[bytes], Context], Awaitable[None]],
) -> AsyncIterator[tuple[str, Tls]]:
    """Something that looks like the stack's agent, at another address."""
    tls = stack.client_tls("metron")
    folder = Path(tls.ca_file).parent
    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_unary_rpc_method_handler(
        handler
    )
    service = grpc.method_handlers_generic_handler(
        "loggregator.v2.Ingress", {"BatchSender": method}
    )
    pair = ((folder / "metron.key").read_bytes(), (folder / "metron.crt").read_bytes())
    server = aio.server()
    server.add_generic_rpc_handlers((service,))
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    await server.start()
    try:
        yield f"127.0.0.1:{port}", tls
    finally:
        await server.stop(None)
