"""Ways out that refuse us, beside one that is well: their state, and what to do."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import trustme

from prober.clock import SystemClock
from prober.egress.rlp import RlpReader
from prober.pipeline.profile import PROFILES
from prober.pipeline.stack import ReferenceStack
from prober.probe import OpenReader
from prober.records import Kind, State, Tls
from tests.check import servers
from tests.egress import test_firehose as firehose
from tests.egress import test_rlp_gateway as gateway
from tests.egress.doors import CHUNKED, Authority, saying, serving
from tests.end_to_end.test_stack_runs import run

NOBODY = ("nobody", "pssst")
OURS = (State.INVALID, State.MISSED)
FULL = dataclasses.replace(PROFILES["loggregator"], max_egress_streams=0)

WORDS = {
    "rlp of too many": "refused: RESOURCE_EXHAUSTED unable to create stream, max "
    "egress streams reached: 0: too many are open there (MAX_EGRESS_STREAMS): end "
    "others, or wait",
    "gateway of too many": "since too many are open there (MAX_EGRESS_STREAMS): end "
    "others, or wait",
    "rlp expired": "its certificate has expired, or",
    "gateway expired": "its certificate has expired; whoever runs it has to renew it",
    "rlp by another name": "its certificate does not carry the name doppler; give the "
    "server name it has",
    "rlp of another CA": "it closed the connection: has it gone, or refused the "
    "certificate",
    "gateway without a scope": "needs doppler.firehose or logs.admin: uaac client "
    'update nobody --authorities "doppler.firehose"',
    "firehose without a scope": "needs doppler.firehose: uaac client update nobody "
    '--authorities "doppler.firehose"',
    "rlp away": "nothing listens there; is it running, and the port right?",
}


def rlp(address: str, tls: Tls) -> OpenReader:
    """Return what opens a reader of our own source at a reverse log proxy."""
    return lambda: RlpReader(
        address,
        tls,
        SystemClock(),
        source_id="prober",
        kinds=(Kind.LOG,),
        shard_id=lambda epoch: f"rlp-{epoch}",  # a shard that nobody shares
    )


@asynccontextmanager
async def shut(
    stack: ReferenceStack, stranger: Tls, folder: Path
) -> AsyncIterator[dict[str, OpenReader]]:
    """Yield the ways out that are shut, each for its own reason."""
    ours = stack.client_tls("reverselogproxy")
    foreign = dataclasses.replace(
        stranger, ca_file=ours.ca_file, server_name=ours.server_name
    )
    authority, ca = Authority(folder), trustme.CA()
    trusting = servers.client_files(folder, ca, ca.issue_cert("c"), "reverselogproxy")
    old = ca.issue_cert("reverselogproxy", not_after=servers.days(-0.5))
    tokens = gateway.uaa_tokens(stack, NOBODY)
    async with AsyncExitStack() as opened:
        full = await opened.enter_async_context(
            ReferenceStack(profile=FULL, doors=["gateway"])
        )
        expired = await opened.enter_async_context(
            servers.listening(servers.shaking_hands(ca, old))
        )
        door = await opened.enter_async_context(
            serving(authority, saying(CHUNKED), gateway.expired(authority))
        )
        yield {
            "rlp of too many": rlp(full.rlp_address, full.client_tls(ours.server_name)),
            "gateway of too many": lambda: gateway.reader(full),
            "rlp expired": rlp(expired, trusting),
            "gateway expired": lambda: gateway.odd_reader(door),
            "rlp by another name": rlp(stack.rlp_address, stack.client_tls("doppler")),
            "rlp of another CA": rlp(stack.rlp_address, foreign),
            "gateway without a scope": lambda: gateway.reader(stack, tokens),
            "firehose without a scope": lambda: firehose.reader(stack, NOBODY),
            "rlp away": rlp("127.0.0.1:1", ours),
        }


async def test_who_is_refused_is_unsure_and_is_told_what_to_do(
    stranger: Tls, tmp_path: Path
) -> None:
    """Each has its own words, in its cycles too; who is well beside them gets all."""
    async with ReferenceStack(doors=["gateway", "firehose"]) as stack:
        await stack.add_client(*NOBODY, scopes=["uaa.none"])
        tls = stack.client_tls("reverselogproxy")
        async with shut(stack, stranger, tmp_path) as refusing:
            readers = {"well": rlp(stack.rlp_address, tls), **refusing}
            result = await run(stack, readers=readers)

    well, *others = result.consumers
    warnings = dict(words.split(": ", 1) for words in result.warnings)
    # Beside everything else on this machine, we ourselves may be slow: that is void.
    assert well.counts.good == well.counts.attempted > 0
    assert {State.PASS} == {c.state for c in well.cycles if c.state not in OURS}
    assert list(WORDS) == [each.name for each in others]
    for consumer in others:
        told, words = WORDS[consumer.name], warnings[consumer.name]
        assert told in words
        assert {State.INCONCLUSIVE} == {each.state for each in consumer.cycles}
        assert all(
            each.reason.startswith("not yet subscribed: ") and told in each.reason
            for each in consumer.cycles
        )
        assert 0 == consumer.valid.bad
