"""The reader against a real reverse log proxy: gRPC with mutual TLS on loopback."""

import dataclasses
import gc
import threading
from collections.abc import Sequence

import psutil

from prober.egress.rlp import RlpReader
from prober.ingress.envelopes import Encoder
from prober.pipeline.child import ChildStack
from prober.pipeline.stack import ReferenceStack
from prober.records import Arrival, Evidence, Kind, Sign, Span, Tls
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch, Log
from tests.egress.reading import CLOCK, RUN, evidence, found, plan, primed, writing


def reader(
    stack: ReferenceStack,
    kinds: Sequence[Kind] = (Kind.LOG,),
    tls: Tls | None = None,
    address: str | None = None,
) -> RlpReader:
    """A reader of our own source at the stack's reverse log proxy."""
    return RlpReader(
        address or stack.rlp_address,
        tls or stack.client_tls("reverselogproxy"),
        CLOCK,
        source_id="prober",
        kinds=kinds,
        shard_id=lambda epoch: f"test-{epoch}",
    )


async def test_arrivals_carry_time_and_epoch(stack: ReferenceStack) -> None:
    """What arrives is raw, timed next to the socket, on the first connection."""
    async with reader(stack) as source, writing(stack) as writer:
        before_ns = CLOCK.now_ns()
        arrival = await primed(source, writer)

    assert 1 == arrival.epoch
    assert before_ns < arrival.at_ns <= CLOCK.now_ns()
    assert b"prober/1" in arrival.batches[0]


async def test_connection_is_told_before_what_comes_over_it(
    stack: ReferenceStack,
) -> None:
    """The first thing a reader hands over is that it has subscribed."""
    async with reader(stack) as source:
        first = (await source.receive())[0]

    assert isinstance(first, Evidence)
    assert (Sign.CONNECTED, 1) == (first.sign, first.epoch)


async def test_every_kind_comes_back_intact(stack: ReferenceStack) -> None:
    """Stamps of all kinds are found with their content as it was sent."""
    mixed = plan(200, tuple(Kind))
    async with reader(stack, tuple(Kind)) as source, writing(stack) as writer:
        await primed(source, writer)
        span = Span(first=0, count=100)
        encoder = Encoder(RUN, mixed)
        await writer.write(encoder.messages(span, 0, CLOCK.now_ns()), span)
        total = await found(source, mixed, 100)

    assert [] == total.damaged
    assert list(range(100)) == sorted(total.sequences)


async def test_refusal_is_told_in_the_peers_words(stack: ReferenceStack) -> None:
    """A subscription that is refused is a cut, with the reason."""
    async with reader(stack, kinds=()) as source:
        cut = await evidence(source, Sign.CUT)

    assert cut.detail.endswith("refused: INVALID_ARGUMENT Selectors cannot be empty"), (
        cut.detail
    )


async def test_reader_comes_back_by_itself(stack: ReferenceStack) -> None:
    """After the proxy died and came back, a new connection delivers again."""
    async with reader(stack) as source, writing(stack) as writer:
        await primed(source, writer)
        await stack.kill_rlp()
        cut = await evidence(source, Sign.CUT)
        await stack.start_rlp()
        arrival = await primed(source, writer)

    assert 1 == cut.epoch
    assert "no connection to the reverse log proxy" in cut.detail
    assert arrival.epoch > 1


async def test_orderly_end_is_told_apart(stack: ReferenceStack) -> None:
    """A proxy that is stopped ends its streams well: that is a cut all the same."""
    async with reader(stack) as source, writing(stack) as writer:
        await primed(source, writer)
        await stack.stop_rlp()
        cut = await evidence(source, Sign.CUT)

    assert (
        f"the reverse log proxy at {stack.rlp_address} ended the stream: so it does "
        "when it is stopped, as in an upgrade; if it stays away, look whether it runs"
        == cut.detail
    )


async def test_client_certificate_of_another_ca(
    stack: ReferenceStack, stranger: Tls
) -> None:
    """A proxy that does not accept our certificate is told as such."""
    ours = stack.client_tls("reverselogproxy")
    tls = dataclasses.replace(
        stranger, ca_file=ours.ca_file, server_name=ours.server_name
    )
    async with reader(stack, tls=tls) as source:
        cut = await evidence(source, Sign.CUT)

    assert stranger.cert_file in cut.detail


async def test_missing_certificate_is_a_cut(stack: ReferenceStack) -> None:
    """Files that are gone when they are needed do not end the reader."""
    ours = stack.client_tls("reverselogproxy")
    tls = dataclasses.replace(ours, key_file="/nowhere/key")
    async with reader(stack, tls=tls) as source:
        cut = await evidence(source, Sign.CUT)

    assert "cannot read the certificate file /nowhere/key" in cut.detail


async def test_large_batches_pass(stack: ReferenceStack) -> None:
    """A hundred envelopes of 60 kB are one message, above gRPC's usual limit."""
    envelope = Envelope(source_id="prober", log=Log(payload=b"x" * 60_000))
    batch = EnvelopeBatch(batch=[envelope] * 50).SerializeToString()
    async with reader(stack) as source, writing(stack) as writer:
        await primed(source, writer)
        await writer.write(batch, None)
        await writer.write(batch, None)
        received = 0
        while received < 6_000_000:
            for item in await source.receive():
                if isinstance(item, Arrival):
                    received += sum(map(len, item.batches))


async def test_nothing_is_left_behind(stack: ReferenceStack) -> None:
    """A reader that is closed has neither thread nor task left."""
    async with reader(stack) as source:
        await source.receive()

    names = [thread.name for thread in threading.enumerate()]
    assert [] == [name for name in names if name.startswith("rlp-")]


async def test_connections_leave_no_memory_behind() -> None:
    """Thirty that were given up take less than ten that were kept would.

    The proxy has a process of its own: what grows is the reader's.
    """

    async def connect(times: int) -> int:
        for _ in range(times):
            async with reader(stack) as source:  # type: ignore[arg-type]
                await source.receive()
        gc.collect()
        return psutil.Process().memory_info().rss

    async with ChildStack() as stack:
        before = await connect(20)
        after = await connect(30)

    assert after - before < 10 * 100_000
