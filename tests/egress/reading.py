"""What tests of readers share: a writer, and reading until something comes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction

from prober.clock import SystemClock
from prober.egress import Reader
from prober.ingress.agent import AgentWriter
from prober.ingress.envelopes import Encoder
from prober.pipeline.stack import ReferenceStack
from prober.plan import Plan, Sizes
from prober.records import Arrival, Evidence, Kind, Sign
from prober.stamp import Mark, Scanner, Sightings

RUN = "k3v9x2m4q7a"
CLOCK = SystemClock()


def plan(messages: int, kinds: tuple[Kind, ...] = (Kind.LOG,)) -> Plan:
    """As many messages in one cycle."""
    return Plan(
        messages=messages,
        cycles=1,
        rate=Fraction(2000),
        sizes=Sizes(low=100, high=100),
        kinds=kinds,
        source_id="prober",
        seed=3,
    )


@asynccontextmanager
async def writing(stack: ReferenceStack) -> AsyncIterator[AgentWriter]:
    """A writer to the stack's agent whose reports nobody reads."""
    tls = stack.client_tls("metron")
    async with AgentWriter(stack.agent_address, tls, CLOCK, lambda _: None) as writer:
        yield writer


async def evidence(source: Reader, sign: Sign) -> Evidence:
    """Read until a sign comes."""
    while True:
        for item in await source.receive():
            if isinstance(item, Evidence) and item.sign is sign:
                return item


async def arrived(source: Reader) -> Arrival:
    """Read until anything arrives."""
    while True:
        for item in await source.receive():
            if isinstance(item, Arrival):
                return item


async def primed(
    source: Reader,
    writer: AgentWriter,
    enough: Callable[[Arrival], bool] = lambda _: True,
) -> Arrival:
    """Write until something is read that is enough."""
    encoder = Encoder(RUN, plan(1))

    async def write() -> None:
        while True:
            raw = encoder.aid(Mark.PRIMER, 0, CLOCK.now_ns())
            await writer.write(raw, None)
            await CLOCK.sleep(0.05)

    writes = asyncio.ensure_future(write())
    try:
        while not enough(arrival := await arrived(source)):
            pass
        return arrival
    finally:
        writes.cancel()


async def found(source: Reader, known: Plan, count: int) -> Sightings:
    """Read until so many messages have been found, intact or damaged."""
    scanner = Scanner(RUN, known.cycle_of)
    total = Sightings()
    while len(total.sequences) + len(total.damaged) < count:
        for item in await source.receive():
            if isinstance(item, Arrival):
                raw = b"\n".join(item.batches)
                sight = scanner.scan(raw, lambda item=item: source.contents(item))  # type: ignore[misc]
                total.sequences += sight.sequences
                total.damaged += sight.damaged
    return total
