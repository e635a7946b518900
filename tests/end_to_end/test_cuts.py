"""Ways out that are cut in the middle of a run, and come back: nobody's loss."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

import pytest

from prober.clock import NS
from prober.egress import platform
from prober.egress.rlp import RlpReader
from prober.pipeline.faults import Fault, FaultKind, Scenario
from prober.pipeline.stack import ReferenceStack
from prober.probe import OpenReader, PlatformSource
from prober.probe.platform import CUT_OFF
from prober.records import ConsumerResult, State
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch, Log
from tests.egress import test_firehose as firehose
from tests.egress import test_rlp_gateway as gateway
from tests.egress.reading import CLOCK, writing
from tests.end_to_end.disturbing import ROOMY, HeldClock, disturbed
from tests.end_to_end.test_refusals import rlp

WAYS: dict[str, Callable[[ReferenceStack], OpenReader]] = {
    "rlp": lambda stack: rlp(stack.rlp_address, stack.client_tls("reverselogproxy")),
    "gateway": lambda stack: lambda: gateway.reader(stack),
    "firehose": lambda stack: lambda: firehose.reader(stack),
}


async def gateway_dies(stack: ReferenceStack) -> None:
    """Kill the gateway; it is back at once."""
    await stack.kill_door("gateway")
    await stack.start_door("gateway")


async def proxy_dies(stack: ReferenceStack) -> None:
    """Kill the reverse log proxy; it is back at once."""
    await stack.kill_rlp()
    await stack.start_rlp()


async def proxy_stops(stack: ReferenceStack) -> None:
    """Stop the reverse log proxy, as an upgrade does; it is back at once."""
    await stack.stop_rlp()
    await stack.start_rlp()


async def controller_dies(stack: ReferenceStack) -> None:
    """Kill the traffic controller; it is back at once."""
    await stack.kill_door("firehose")
    await stack.start_door("firehose")


def check(struck: ConsumerResult, words: str, *well: ConsumerResult) -> None:
    """Hold what was struck to be unsure and no more, and the others to be well."""
    ours = State.INVALID  # beside everything else on this machine, we may be slow
    assert {State.PASS, State.INCONCLUSIVE} == {c.state for c in struck.cycles} - {ours}
    assert (0, 0) == (struck.valid.bad, struck.counts.duplicates)
    unsure = [c.reason for c in struck.cycles if c.state is State.INCONCLUSIVE]
    assert any(words in reason for reason in unsure), unsure
    for each in well:
        assert {State.PASS} == {c.state for c in each.cycles} - {ours}


@pytest.mark.parametrize(
    ("way", "disturb", "other", "words"),
    [
        (
            "rlp",
            proxy_stops,
            "firehose",
            (
                "ended the stream: so it does when it is stopped, as in an upgrade; "
                "if it stays away, look whether it runs"
            ),
        ),
        # Within one process, the server's own words may be faster than the socket.
        ("rlp", proxy_dies, "firehose", "no connection to the reverse log proxy"),
        (
            "gateway",
            gateway_dies,
            "rlp",
            (
                "went away in the middle of the stream (incomplete chunk): it died, or "
                "something between cut the connection"
            ),
        ),
        (
            "gateway",
            proxy_dies,
            "firehose",
            (
                "ended the stream without announcing it: so it does when the reverse "
                "log proxy behind it dies or is stopped"
            ),
        ),
        ("firehose", controller_dies, "rlp", "went away without a word (1006)"),
    ],
)
async def test_who_is_cut_is_unsure_until_it_is_back(
    way: str,
    disturb: Callable[[ReferenceStack], Awaitable[None]],
    other: str,
    words: str,
) -> None:
    """What was cut is told in its cycles, and none of them counts as lost."""
    async with ReferenceStack(profile=ROOMY, doors=["gateway", "firehose"]) as stack:
        readers = {name: WAYS[name](stack) for name in (way, other)}
        result = await disturbed(stack, readers, lambda: disturb(stack))

    struck, well = result.consumers
    check(struck, words, well)


STALLED = 3_600.0
STALL = Fault(
    kind=FaultKind.STALL,
    where="firehose/consumer",
    lasts_ns=round(STALLED * NS),
)
"""The line to the consumer carries nothing, until we say so."""


def watching(stack: ReferenceStack, told: asyncio.Event) -> PlatformSource:
    """Return where the traffic controller's word comes out; note when it has come."""

    def whose(shard_id: str) -> tuple[str, int]:
        told.set()
        return "firehose", int(shard_id.removeprefix("test-"))

    return PlatformSource(
        open=lambda: RlpReader(
            stack.rlp_address,
            stack.client_tls("reverselogproxy"),
            CLOCK,
            source_id=None,
            kinds=(),
            shard_id=lambda epoch: f"platform-{epoch}",
            ask=platform.request,
        ),
        readings=platform.readings,
        whose=whose,
    )


async def test_slow_consumer_is_unsure_and_told_by_name() -> None:
    """Who is cut off as too slow is told by both, and loses nothing that counts."""
    large = Envelope(source_id="flood", log=Log(payload=b"x" * 50_000))
    flood = EnvelopeBatch(batch=[large] * 20).SerializeToString()
    profile = dataclasses.replace(ROOMY, slow_consumer=0.2, write_timeout=7_200)
    clock, told = HeldClock(STALLED), asyncio.Event()

    async def disturb() -> None:
        stack.begin_faults()
        async with writing(stack) as writer:
            while not told.is_set():  # fills what lies between, and waits no more
                await writer.write(flood, None)
                await CLOCK.sleep(0.01)
        clock.over.set()

    async with ReferenceStack(
        profile=profile,
        doors=["firehose"],
        clock=clock,
        faults=Scenario(faults=(STALL,)),
    ) as stack:
        readers = {name: WAYS[name](stack) for name in ("firehose", "rlp")}
        listening = watching(stack, told)
        result = await disturbed(stack, readers, disturb, platform=listening)

    struck, well = result.consumers
    check(struck, CUT_OFF, well)
    assert CUT_OFF.endswith("for one reader: share it among several (readers)")
    assert {"firehose"} == {each.consumer for each in result.cut_offs}


async def test_a_line_that_stands_still_for_longer_than_a_message_may_take() -> None:
    """What waited on our own line until it was too late is not called lost."""
    stall = dataclasses.replace(STALL, where="rlp/consumer", lasts_ns=round(4.5 * NS))

    async def disturb() -> None:
        stack.begin_faults()

    async with ReferenceStack(
        profile=ROOMY, doors=["firehose"], faults=Scenario(faults=(stall,))
    ) as stack:
        readers = {name: WAYS[name](stack) for name in ("rlp", "firehose")}
        result = await disturbed(stack, readers, disturb)

    struck, well = result.consumers
    check(struck, "nothing at all came over the connection for 4.", well)
