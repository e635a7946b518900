"""Whole runs through a gateway that ends its streams: renewed in time, and unseen."""

import asyncio
import dataclasses
import itertools
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Self

import pytest

from prober.clock import NS, SystemClock
from prober.egress import Reader
from prober.egress.group import RenewedGroup
from prober.egress.https import Server
from prober.egress.rlp_gateway import RlpGatewayReader
from prober.egress.tokens import Tokens
from prober.ingress.agent import AgentWriter
from prober.ledger import Deadlines
from prober.pipeline.profile import PROFILES
from prober.pipeline.stack import ReferenceStack
from prober.probe import probe
from prober.records import Arrival, Evidence, RunResult, State
from tests.egress.test_rlp_gateway import uaa_tokens
from tests.end_to_end.test_stack_runs import PLAN
from tests.test_probe import job

CLOCK = SystemClock()
LIFE, RENEW_AFTER = 2.0, 0.67
OURS = (State.INVALID, State.MISSED)
ENOUGH = 2_000
"""Messages over a stream's successor after which the stream ends."""
ROOMY = dataclasses.replace(
    # A router's ring that overflows while this machine is busy is none of the matter.
    PROFILES["loggregator"],
    gateway_life=LIFE,
    subscription_buffer=20_000,
)


class LifeClock(SystemClock):
    """The stack's clock: a stream's life has passed when we say so."""

    def __init__(self) -> None:
        super().__init__()
        self._lives: list[asyncio.Event] = []
        self.ended = 0

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed; a life, when it was ended."""
        if seconds != LIFE:
            await super().sleep(seconds)
            return
        over = asyncio.Event()
        self._lives.append(over)
        try:
            await over.wait()
        finally:
            self._lives.remove(over)

    def end(self, streams: int | None = None) -> None:
        """End the oldest streams, or all."""
        ended = self._lives[:streams]
        self.ended += len(ended)
        for over in ended:
            over.set()


class Watched:
    """A reader whose streams end in turn, each when its successor brought enough."""

    def __init__(self, reader: Reader, clock: LifeClock, streams: int) -> None:
        self._reader, self._clock, self._streams = reader, clock, streams
        self._brought: Counter[int] = Counter()
        self._oldest = 1

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a reader has
        return getattr(self._reader, name)

    async def __aenter__(self) -> Self:
        await self._reader.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._reader.__aexit__(*exc)

    async def receive(self) -> Sequence[Arrival | Evidence]:
        """Count what came, and end a stream that is not needed any more."""
        items = await self._reader.receive()
        for item in items:
            if isinstance(item, Arrival):
                found = sum(raw.count(b'"log"') for raw in item.batches)
                self._brought[item.epoch] += found
        if self._brought[self._oldest + 1] >= ENOUGH:
            self._oldest += 1
            self._clock.end(self._streams)
        return items


def stream(
    stack: ReferenceStack,
    shard: str,
    renew_after: float | None,
    tokens: Tokens | None = None,
) -> RlpGatewayReader:
    """A reader of the stack's gateway."""
    ca_file = stack.client_tls("").ca_file
    return RlpGatewayReader(
        Server(peer="RLP gateway", url=stack.gateway_url, ca_file=ca_file),
        tokens or uaa_tokens(stack),
        CLOCK,
        source_id=PLAN.source_id,
        kinds=PLAN.kinds,
        # A group's members share theirs.
        shard_id=lambda epoch: f"{shard}.{epoch}" if renew_after else shard,
        renew_after=renew_after,
    )


async def run(
    stack: ReferenceStack,
    readers: int,
    clock: LifeClock | None = None,
    tokens: Tokens | None = None,
) -> RunResult:
    """Probe for some lives of a stream, by one reader or by several of one shard."""
    turns = itertools.count()

    def single(turn: int) -> list[Reader]:
        name = f"test-{next(turns)}-{turn}"
        return [stream(stack, name, None, tokens) for _ in range(readers)]

    def reader() -> Reader:
        if readers == 1:
            one: Reader = stream(stack, f"test-{next(turns)}", RENEW_AFTER, tokens)
        else:
            one = RenewedGroup(single, CLOCK, renew_after=RENEW_AFTER)
        return Watched(one, clock, readers) if clock else one

    plan = dataclasses.replace(PLAN, messages=10_000, cycles=100, rate=Fraction(2000))
    deadlines = Deadlines(late_after_ns=5 * NS, lost_after_ns=10 * NS)
    tls = stack.client_tls("metron")
    return await probe(
        dataclasses.replace(job(), plan=plan, deadlines=deadlines),
        [lambda told: AgentWriter(stack.agent_address, tls, CLOCK, told)],
        {"gateway": reader},
        CLOCK,
    )


@pytest.mark.parametrize("readers", [1, 3])
async def test_streams_that_end_every_second_or_two_are_unseen(readers: int) -> None:
    """While streams end, one after another, nothing is lost, doubled, or unsure."""
    clock = LifeClock()
    async with ReferenceStack(profile=ROOMY, doors=["gateway"], clock=clock) as stack:
        result = await run(stack, readers, clock)

    (gateway,) = result.consumers
    counts, left_out = gateway.counts, 10_000 - gateway.counts.attempted
    # Beside everything else on this machine, we ourselves may be slow: that is void.
    assert (10_000, 0, 0) == (counts.good + left_out, counts.lost, counts.duplicates)
    ours = [each for each in gateway.cycles if each.state not in OURS]
    assert {State.PASS} == {each.state for each in ours}
    assert clock.ended >= 2 * readers


@pytest.mark.parametrize("readers", [1, 3])
async def test_streams_that_end_by_the_clock(readers: int) -> None:
    """Ended after 2 s, in time or not, nothing is called lost, and nothing doubled."""
    async with ReferenceStack(profile=ROOMY, doors=["gateway"]) as stack:
        result = await run(stack, readers)

    (gateway,) = result.consumers
    assert (0, 0) == (gateway.counts.duplicates, gateway.valid.lost)
    assert State.LOSS not in {each.state for each in gateway.cycles}
