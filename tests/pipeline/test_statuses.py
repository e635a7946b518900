"""What the components answer: endings, refusals and who is let in at all."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc import aio

from prober.pipeline import wire
from prober.pipeline.stack import ReferenceStack
from prober.records import Tls
from prober.rpc.loggregator_v2.egress_pb2 import (
    EgressBatchRequest,
    EgressRequest,
    LogSelector,
    Selector,
)
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch
from prober.rpc.loggregator_v2.ingress_pb2 import SendResponse
from prober.rpc.loggregator_v2.ingress_pb2_grpc import IngressStub
from tests.pipeline.clients import (
    EOF,
    LOGS,
    Status,
    agent_of,
    channel,
    consuming,
    logs,
    rlp_of,
    router_of,
    send_all,
    status_of,
    until,
)
from tests.pipeline.test_stack import ROOMY

BAD_UTF8 = b"\x0a\x08\x12\x06prob\xffr"
"""A batch of one envelope whose source_id is no text."""


@pytest.fixture
async def roomy() -> AsyncIterator[ReferenceStack]:
    """A stack that loses nothing."""
    async with ReferenceStack(profile=ROOMY, track=("prober", "0")) as stack:
        yield stack


async def send_raw(opened: aio.Channel, *messages: bytes) -> Status:
    """Write bytes as they are to `BatchSender`, half-close, and wait for the status."""

    async def each() -> AsyncIterator[bytes]:
        for message in messages:
            yield message

    method: aio.StreamUnaryMultiCallable[bytes, bytes] = opened.stream_unary(
        "/loggregator.v2.Ingress/BatchSender"
    )
    return await status_of(method(each()))


async def test_unary_send_answers_with_an_empty_message(roomy: ReferenceStack) -> None:
    """`Send` says that the agent took the batch in, which then arrives."""
    async with consuming(roomy) as consumer, agent_of(roomy) as agent:
        batch = EnvelopeBatch(batch=logs([7]))

        assert await agent.Send(batch) == SendResponse()  # type: ignore[misc]

        await until(lambda: consumer.numbers == [7])


async def test_sender_takes_single_envelopes(roomy: ReferenceStack) -> None:
    """`Sender` carries one envelope a message and ends with UNKNOWN: EOF, too."""

    async def each() -> AsyncIterator[Envelope]:
        for envelope in logs(range(3)):
            yield envelope

    async with consuming(roomy) as consumer, agent_of(roomy) as agent:
        assert await status_of(agent.Sender(each())) == EOF  # type: ignore[arg-type]
        await until(lambda: sorted(consumer.numbers) == [0, 1, 2])


async def test_text_that_is_no_utf8_costs_its_batch_and_the_stream(
    roomy: ReferenceStack,
) -> None:
    """The status is INTERNAL; batches before it arrive, and the agent lives on."""
    bad = EnvelopeBatch(batch=logs([1])).SerializeToString() + BAD_UTF8
    async with (
        consuming(roomy) as consumer,
        channel(roomy.agent_address, roomy.client_tls("metron")) as opened,
    ):
        good = EnvelopeBatch(batch=logs([0])).SerializeToString()
        code, words = await send_raw(opened, good, bad)
        await send_raw(opened, EnvelopeBatch(batch=logs([2])).SerializeToString())
        await until(lambda: 2 in consumer.numbers)

        assert code is grpc.StatusCode.INTERNAL
        assert "string field contains invalid UTF-8" in str(words)
        assert sorted(consumer.numbers) == [0, 2]


async def test_more_than_10_mib_is_refused(roomy: ReferenceStack) -> None:
    """One message beyond the limit ends the stream with RESOURCE_EXHAUSTED."""
    async with agent_of(roomy) as agent:
        envelopes = logs([0], payload=bytes(11_000_000))

        code, words = await send_all(agent, envelopes)

        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "vs. 10485760" in str(words)


async def test_a_router_takes_batches_but_not_unary_ones(roomy: ReferenceStack) -> None:
    """Past the agent: no tags of its own, and `Send` is UNIMPLEMENTED."""
    async with consuming(roomy) as consumer, router_of(roomy) as (ingress, _):
        assert await send_all(ingress, logs([5])) == EOF
        await until(lambda: consumer.numbers == [5])
        code, _ = await status_of(ingress.Send(EnvelopeBatch()))  # type: ignore[arg-type]

        assert not consumer.envelopes[0].tags
        assert code is grpc.StatusCode.UNIMPLEMENTED


async def test_a_router_has_no_single_receiver(roomy: ReferenceStack) -> None:
    """`Receiver` at a router points to `BatchedReceiver`."""
    async with router_of(roomy) as (_, egress):
        call = egress.Receiver(EgressRequest(selectors=LOGS))

        expected = (grpc.StatusCode.UNIMPLEMENTED, "use BatchedReceiver instead")
        assert await status_of(call) == expected  # type: ignore[arg-type]


async def test_a_router_takes_an_empty_request_and_stays_silent(
    roomy: ReferenceStack,
) -> None:
    """No selectors at a router: neither refused nor ever served."""
    async with router_of(roomy) as (ingress, egress), consuming(roomy) as consumer:
        call = egress.BatchedReceiver(EgressBatchRequest())
        reading = asyncio.ensure_future(call.read())  # type: ignore[attr-defined]
        await send_all(ingress, logs([1]))
        await until(lambda: consumer.numbers == [1])

        assert not reading.done()
        reading.cancel()


@pytest.mark.parametrize(
    ("selectors", "words"),
    [
        ([], "Selectors cannot be empty"),
        ([Selector(source_id="prober")], "Selectors must have a Message"),
        ([*LOGS, Selector()], "Selectors must have a Message"),
    ],
)
async def test_the_rlp_refuses_what_selects_nothing(
    roomy: ReferenceStack, selectors: list[Selector], words: str
) -> None:
    """Both of its methods answer INVALID_ARGUMENT, in its own words."""
    async with rlp_of(roomy) as egress:
        batched = egress.BatchedReceiver(EgressBatchRequest(selectors=selectors))
        single = egress.Receiver(EgressRequest(selectors=selectors))

        expected = (grpc.StatusCode.INVALID_ARGUMENT, words)
        assert await status_of(batched) == expected  # type: ignore[arg-type]
        assert await status_of(single) == expected  # type: ignore[arg-type]


async def test_the_rlp_refuses_one_stream_too_many() -> None:
    """Beyond its limit it answers RESOURCE_EXHAUSTED; a place left is a place free."""
    profile = dataclasses.replace(ROOMY, max_egress_streams=1)
    async with ReferenceStack(profile=profile) as stack:
        async with consuming(stack), rlp_of(stack) as egress:
            call = egress.BatchedReceiver(EgressBatchRequest(selectors=LOGS))

            words = "unable to create stream, max egress streams reached: 1"
            expected = (grpc.StatusCode.RESOURCE_EXHAUSTED, words)
            assert await status_of(call) == expected  # type: ignore[arg-type]
        await until(lambda: stack.statistics().components[-1].subscriptions == 0)
        async with consuming(stack) as consumer, agent_of(stack) as agent:
            await send_all(agent, logs([3]))
            await until(lambda: consumer.numbers == [3])


async def test_a_legacy_selector_counts_only_without_others(
    roomy: ReferenceStack,
) -> None:
    """It selects when it is alone, and is ignored beside `selectors`."""
    other = Selector(source_id="other", log=LogSelector())
    alone = EgressRequest(legacy_selector=other)
    beside = EgressRequest(legacy_selector=other, selectors=LOGS)
    async with rlp_of(roomy) as egress, agent_of(roomy) as agent:
        calls = [egress.Receiver(alone), egress.Receiver(beside)]
        await until(lambda: roomy.statistics().components[1].subscriptions == 2)
        await send_all(agent, logs([1], source_id="other") + logs([2]))

        first = [await call.read() for call in calls]  # type: ignore[attr-defined]
        assert [each.timestamp for each in first] == [1, 2]


async def test_tags_come_where_they_are_preferred(roomy: ReferenceStack) -> None:
    """`use_preferred_tags` decides between `tags` and `deprecated_tags`."""
    async with (
        consuming(roomy) as modern,
        consuming(roomy, preferred=False) as old,
        agent_of(roomy) as agent,
    ):
        await send_all(agent, logs([1]))
        await until(lambda: bool(modern.envelopes and old.envelopes))
        [new_form], [old_form] = modern.envelopes, old.envelopes

        assert new_form.tags["deployment"] == "reference"
        assert not new_form.deprecated_tags
        assert old_form.deprecated_tags["deployment"].text == "reference"
        assert not old_form.tags


@pytest.mark.parametrize("part", ["agent", "router", "rlp"])
@pytest.mark.parametrize("who", ["nobody", "stranger"])
async def test_only_certificates_of_the_stacks_ca_are_let_in(
    roomy: ReferenceStack, stranger: Tls, part: str, who: str
) -> None:
    """Without a certificate, or with one of another CA, every door stays shut."""
    address, name = {
        "agent": (roomy.agent_address, "metron"),
        "router": (roomy.router_addresses[0], "doppler"),
        "rlp": (roomy.rlp_address, "reverselogproxy"),
    }[part]
    tls = roomy.client_tls(name)
    if who == "stranger":
        tls = dataclasses.replace(
            tls, cert_file=stranger.cert_file, key_file=stranger.key_file
        )
    async with channel(address, tls, with_certificate=who == "stranger") as opened:
        code, _ = await send_all(IngressStub(opened), logs([1]))

    assert code is grpc.StatusCode.UNAVAILABLE


async def test_a_wrong_server_name_is_noticed(roomy: ReferenceStack) -> None:
    """Each server has a name of its own in its certificate, and no other."""
    async with channel(roomy.agent_address, roomy.client_tls("doppler")) as opened:
        code, _ = await send_all(IngressStub(opened), logs([1]))

    assert code is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("timeout", "options"),
    [
        (None, {}),  # a gateway's to its RLP
        (15, {"grpc.keepalive_time_ms": 15_000, "grpc.keepalive_timeout_ms": 15_000}),
        (20, {"grpc.keepalive_time_ms": 15_000, "grpc.keepalive_timeout_ms": 20_000}),
    ],
)
def test_who_pings_does_so_every_15_seconds(
    timeout: float | None, options: dict[str, int]
) -> None:
    """An agent gives a router up after 15 s more, an RLP after 20; a gateway never."""
    pings = dict(wire.keepalive(timeout))
    limit = pings.pop("grpc.http2.max_pings_without_data", None)

    assert options == pings
    assert (0 if options else None) == limit
