"""Whole probes over the whole stack: what was dropped is what is told."""

import asyncio
import dataclasses
import itertools
from collections.abc import Awaitable, Callable, Mapping
from fractions import Fraction
from typing import Any

import pytest

from prober.clock import SystemClock
from prober.egress.rlp import RlpReader
from prober.ingress.agent import AgentWriter
from prober.ledger import Deadlines
from prober.pipeline.profile import PROFILES
from prober.pipeline.stack import ReferenceStack
from prober.plan import NS, Plan, Sizes
from prober.probe import (
    Controls,
    Job,
    OpenReader,
    Progress,
    blindness,
    probe,
)
from prober.records import Kind, RunResult, State
from tests.pipeline.test_faults import PATIENT, LadderClock

CLOCK = SystemClock()
PLAN = Plan(
    messages=1000,
    cycles=10,
    rate=Fraction(2000),
    sizes=Sizes(low=100, high=100),
    kinds=(Kind.LOG,),
    source_id="prober",
    seed=1,
)


async def run(
    stack: ReferenceStack,
    plan: Plan = PLAN,
    *,
    lost_after: int = 3,
    whole: bool = False,
    straight: bool = False,
    controls: Controls | None = None,
    readers: Mapping[str, OpenReader] | None = None,
) -> RunResult:
    """Probe a stack, by its agent or straight into its router; read its proxy."""
    name, peer = ("doppler", "router") if straight else ("metron", "agent")
    address = stack.router_addresses[0] if straight else stack.agent_address
    tls = stack.client_tls(name)
    job = Job(
        run_id="k3v9x2m4q7a",
        environment="reference",
        plan=plan,
        deadlines=Deadlines(late_after_ns=2 * NS, lost_after_ns=lost_after * NS),
        whole_firehose=whole,
    )
    opened = itertools.count()

    def reader() -> RlpReader:
        number = next(opened)
        return RlpReader(
            stack.rlp_address,
            stack.client_tls("reverselogproxy"),
            CLOCK,
            source_id=None if whole else plan.source_id,
            kinds=tuple(Kind),
            shard_id=lambda epoch: f"test-{number}-{epoch}",
        )

    return await probe(
        job,
        [lambda report: AgentWriter(address, tls, CLOCK, report, peer=peer)],
        readers or {"rlp": reader},
        CLOCK,
        controls,
    )


async def run_disturbed(
    stack: ReferenceStack,
    plan: Plan,
    disturb: Callable[[], Awaitable[None]],
    *,
    straight: bool = False,
    arrived: int = 0,
) -> RunResult:
    """Probe a stack, and do something to it when a third was sent, and enough came."""
    begun = asyncio.Event()

    def observe(progress: Progress) -> None:
        came = min(progress.received.values())
        if progress.sent * 3 >= plan.messages and came >= arrived:
            begun.set()

    async def wait_and_disturb() -> None:
        await begun.wait()
        await disturb()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(wait_and_disturb())
        controls = Controls(observer=observe)
        return await run(stack, plan, straight=straight, controls=controls)


async def test_every_message_arrives(stack: ReferenceStack) -> None:
    """At a rate that the stack carries, all that was accepted arrives on time."""
    result = await run(stack)

    counts = result.consumers[0].counts
    assert (1000, 1000) == (counts.accepted, counts.on_time)
    assert {State.PASS} == {cycle.state for cycle in result.consumers[0].cycles}


async def test_every_kind_arrives_beside_other_traffic(stack: ReferenceStack) -> None:
    """A mix of kinds is accounted for amid the whole Firehose."""
    plan = dataclasses.replace(PLAN, kinds=tuple(Kind), sizes=Sizes(low=81, high=300))

    result = await run(stack, plan, whole=True)

    counts = result.consumers[0].counts
    assert (1000, 1000, 0) == (counts.accepted, counts.on_time, counts.unexplained)


@pytest.mark.parametrize(
    ("buffer", "size"),
    [("subscription_buffer", 100), ("agent_buffer", 200), ("router_buffer", 100)],
)
async def test_what_the_diodes_dropped_is_what_is_lost(buffer: str, size: int) -> None:
    """Loss is told to the message: as much as the stack's own buffers dropped of it."""
    change: dict[str, Any] = {buffer: size}
    profile = dataclasses.replace(PROFILES["loggregator"], **change)
    plan = dataclasses.replace(PLAN, messages=4000, rate=Fraction(8000))
    async with ReferenceStack(profile=profile, track=("prober", "0")) as stack:
        result = await run(stack, plan)
        dropped = sum(each.dropped for each in stack.drops())

    counts = result.consumers[0].counts
    assert dropped > 0
    assert (4000, dropped) == (counts.accepted, counts.lost)
    assert dropped == sum(gap.count for gap in result.consumers[0].gaps)


async def test_router_that_dies_in_the_middle() -> None:
    """With one of two routers killed and restarted, nothing hangs and all adds up."""
    async with ReferenceStack(routers=2, seed=7) as stack:

        async def disturb() -> None:
            await stack.kill_router(0)
            await stack.start_router(0)

        plan = dataclasses.replace(PLAN, messages=4000, cycles=40)
        # Batches overtake each other by some hundreds of messages.
        result = await run_disturbed(stack, plan, disturb, arrived=2000)

    consumer = result.consumers[0]
    assert consumer.counts.balanced()
    assert 4000 == consumer.counts.attempted
    for cycle in consumer.cycles:
        assert cycle.counts.balanced()
        lossy = cycle.counts.bad > 0
        assert (State.LOSS if lossy else State.PASS) is cycle.state
    # What was under way when it died may be gone, but nothing of long before.
    assert [] == [c.index for c in consumer.cycles[:10] if c.state is not State.PASS]


async def test_proxy_that_dies_leaves_cycles_unsure(stack: ReferenceStack) -> None:
    """When our own connection was cut, what went unseen is nobody's loss."""

    async def disturb() -> None:
        await stack.kill_rlp()
        await stack.start_rlp()

    plan = dataclasses.replace(PLAN, messages=4000, cycles=40, rate=Fraction(800))
    result = await run_disturbed(stack, plan, disturb)

    consumer = result.consumers[0]
    states = [cycle.state for cycle in consumer.cycles]
    assert State.LOSS not in states
    assert State.INCONCLUSIVE in states
    assert State.PASS in states[states.index(State.INCONCLUSIVE) :]
    assert 0 == consumer.valid.lost


async def test_agent_that_dies_leaves_cycles_unsure(stack: ReferenceStack) -> None:
    """What was refused, or in flight, when the agent died is nobody's loss."""

    async def disturb() -> None:
        await stack.kill_agent()
        await stack.start_agent()

    plan = dataclasses.replace(PLAN, messages=3000, cycles=30, rate=Fraction(800))
    result = await run_disturbed(stack, plan, disturb)

    consumer = result.consumers[0]
    counts = consumer.counts
    assert counts.balanced()
    assert counts.rejected + counts.ambiguous > 0
    assert 0 == consumer.valid.lost
    assert State.PASS in {cycle.state for cycle in consumer.cycles[-5:]}


async def test_readers_that_were_left_behind_are_told_blind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the proxy waits to come back to a router, a new subscription gets all."""
    monkeypatch.setattr(blindness, "OVERDUE_SECONDS", 0.5)
    monkeypatch.setattr(blindness, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(blindness, "SETTLE_SECONDS", 0.5)
    ladder = LadderClock()  # the stack's: its waits pass when we say so
    plan = dataclasses.replace(PLAN, messages=4000, cycles=40, rate=Fraction(1000))
    async with ReferenceStack(profile=PATIENT, clock=ladder) as stack:

        async def disturb() -> None:
            await stack.kill_router(0)
            await ladder.climb(5)  # now it waits for 10 s
            await stack.start_router(0)

        result = await run_disturbed(stack, plan, disturb, straight=True)

    consumer = result.consumers[0]
    blind = [cycle for cycle in consumer.cycles if cycle.reason.startswith("blind")]
    assert {State.LOSS} == {cycle.state for cycle in blind}
    assert len(blind) > 5
    assert any("blind readers: for" in words for words in result.warnings)
    assert {State.PASS} == {cycle.state for cycle in consumer.cycles[:5]}
