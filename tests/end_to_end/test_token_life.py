"""Tokens whose life is over in the middle of a run: renewed, or refused."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, Self

import pytest

from prober.clock import NS, SystemClock
from prober.egress import Reader
from prober.egress.connection import MAX_OPEN
from prober.egress.https import Server
from prober.egress.tokens import UaaTokens
from prober.pipeline.faults import Fault, FaultKind, Scenario
from prober.pipeline.stack import ReferenceStack
from prober.records import Arrival, Evidence, Sign, State
from tests.egress import test_firehose as firehose
from tests.end_to_end import disturbing
from tests.end_to_end.disturbing import disturbed
from tests.end_to_end.test_cuts import WAYS, check
from tests.end_to_end.test_renewals import RENEW_AFTER, ROOMY, LifeClock, run, stream

CLIENT = "nozzle"
STEP_NS = 86_400 * NS
"""A day: twice the life of a token."""
A_DAY_LATER = Scenario(faults=(Fault(kind=FaultKind.STEP_CLOCK, step_ns=STEP_NS),))


class OwnClock(SystemClock):
    """The clock of who keeps tokens, set forward when we say so."""

    by_ns = 0

    def now_ns(self) -> int:
        """Return the time, and as much more as it was set forward."""
        return super().now_ns() + self.by_ns


class Kept:
    """Tokens from the stack's UAA, for a client whose secret may change."""

    def __init__(self, stack: ReferenceStack, clock: OwnClock) -> None:
        ca_file = stack.client_tls("").ca_file
        self._tokens = UaaTokens(
            Server(peer="UAA", url=stack.uaa_url, ca_file=ca_file),
            clock,
            client_id=CLIENT,
            client_secret=lambda: self.secret,
        )
        self.secret = "right"  # noqa: S105 - a test's
        self.given: set[str] = set()

    async def token(self, refused: str = "") -> str:
        """Return a token, and remember it."""
        token = await self._tokens.token(refused)
        self.given.add(token)
        return token

    def lacking(self, scopes: Collection[str]) -> str:
        """Return what to do without a scope."""
        return self._tokens.lacking(scopes)


class TokensEnd(LifeClock):
    """The stack's clock: when the first stream has ended, so has its token."""

    expire: Callable[[], None]

    def end(self, streams: int | None = None) -> None:
        """End streams, and after the first of them every token."""
        if not self.ended:
            self.expire()
        super().end(streams)


@pytest.mark.parametrize("ahead", [True, False])
async def test_gateway_streams_outlive_their_token(*, ahead: bool) -> None:
    """Renewed ahead of time, or once it is refused: none is lost, none is doubled."""
    clock, own = TokensEnd(), OwnClock()
    async with ReferenceStack(
        profile=ROOMY, doors=["gateway"], clock=clock, faults=A_DAY_LATER
    ) as stack:
        await stack.add_client(CLIENT, "right", scopes=["doppler.firehose"])
        tokens = Kept(stack, own)

        def expire() -> None:
            stack.begin_faults()
            own.by_ns = STEP_NS if ahead else 0

        clock.expire = expire
        result = await run(stack, 1, clock, tokens)

    (gateway,) = result.consumers
    counts = gateway.counts
    assert (10_000, 0, 0) == (counts.accepted, gateway.valid.bad, counts.duplicates)
    # Beside everything else on this machine, we ourselves may be slow: that is void.
    assert {State.PASS} == {each.state for each in gateway.cycles} - {State.INVALID}
    assert (2, True) == (len(tokens.given), clock.ended >= 3)


class Heard:
    """A reader that lets us hear what it tells of its connections."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._told: list[Evidence] = []
        self._brought: Counter[int] = Counter()
        self._more = asyncio.Event()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a reader has
        return getattr(self._reader, name)

    async def __aenter__(self) -> Self:
        await self._reader.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._reader.__aexit__(*exc)

    async def receive(self) -> Sequence[Arrival | Evidence]:
        """Note evidence in passing."""
        items = await self._reader.receive()
        for item in items:
            if isinstance(item, Evidence):
                self._told.append(item)
            else:
                self._brought[item.epoch] += sum(
                    raw.count(b'"log"') for raw in item.batches
                )
        self._more.set()
        return items

    async def brings(self, epoch: int, messages: int) -> None:
        """Wait until so many came over a connection."""
        while self._brought[epoch] < messages:
            self._more.clear()
            await self._more.wait()

    async def tells(self, sign: Sign, words: str) -> None:
        """Wait until it tells something that it has not been waited for before."""
        while True:
            for number, told in enumerate(self._told):
                if told.sign is sign and words in told.detail:
                    del self._told[: number + 1]
                    return
            self._more.clear()
            await self._more.wait()


async def renew_firehose(stack: ReferenceStack) -> None:
    """End the traffic controller, and start it anew: who reads has to come again."""
    await stack.kill_door("firehose")
    await stack.start_door("firehose")


async def test_firehose_is_come_back_to_with_a_fresh_token() -> None:
    """A stream outlives its token; the next one is opened with another, once."""
    own = OwnClock()
    async with ReferenceStack(
        profile=disturbing.ROOMY, doors=["firehose"], faults=A_DAY_LATER
    ) as stack:
        await stack.add_client(CLIENT, "right", scopes=["doppler.firehose"])
        tokens = Kept(stack, own)

        async def disturb() -> None:
            stack.begin_faults()
            own.by_ns = STEP_NS
            await renew_firehose(stack)

        readers = {
            "firehose": lambda: firehose.reader(stack, tokens=tokens),
            "rlp": WAYS["rlp"](stack),
        }
        result = await disturbed(stack, readers, disturb)

    struck, well = result.consumers
    check(struck, "went away without a word (1006)", well)
    assert 2 == len(tokens.given)


REFUSED = "gave no token: 401 unauthorized, Bad credentials"
WHAT_TO_DO = f"{REFUSED}: it does not know the client nozzle with that secret"


@pytest.mark.parametrize(
    ("way", "ended"),
    [
        ("gateway", "closed the stream as announced, "),
        ("firehose", "went away without a word (1006): it died, "),
    ],
)
async def test_renewal_that_is_refused(way: str, ended: str) -> None:
    """What is sent after the last stream is unsure, and the UAA's word is told."""
    clock, own = LifeClock(), OwnClock()
    async with ReferenceStack(
        profile=ROOMY, doors=["gateway", "firehose"], clock=clock, faults=A_DAY_LATER
    ) as stack:
        await stack.add_client(CLIENT, "right", scopes=["doppler.firehose"])
        tokens = Kept(stack, own)
        ways = {
            "gateway": Heard(stream(stack, "gateway", RENEW_AFTER, tokens)),
            "firehose": Heard(firehose.reader(stack, tokens=tokens)),
        }

        async def disturb() -> None:
            await stack.add_client(CLIENT, "another", scopes=["doppler.firehose"])
            stack.begin_faults()
            own.by_ns = STEP_NS
            if way == "gateway":  # whose successors are opened beside the last stream
                await ways[way].brings(MAX_OPEN, messages=1_000)
                clock.end(1)
                await ways[way].tells(Sign.CUT, REFUSED)
                clock.end()
            else:
                await renew_firehose(stack)
            await ways[way].tells(Sign.CUT, ended)
            await ways[way].tells(Sign.CUT, REFUSED)
            tokens.secret = "another"  # noqa: S105 - a test's

        readers = {way: lambda: ways[way], "rlp": WAYS["rlp"](stack)}
        result = await disturbed(stack, readers, disturb)

    struck, well = result.consumers
    check(struck, ended, well)
    check(struck, f"; then: the UAA at {stack.uaa_url[8:]} {WHAT_TO_DO}", well)
