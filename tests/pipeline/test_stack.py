"""The whole stack over real connections: what goes in, what comes out, what is lost."""

import asyncio
import dataclasses

import pytest

from prober.pipeline import wire
from prober.pipeline.profile import PROFILES
from prober.pipeline.pubsub import PubSub
from prober.pipeline.stack import ReferenceStack
from prober.records import BufferDrops
from prober.rpc.loggregator_v2.egress_pb2 import LogSelector, Selector
from prober.testing import ManualClock
from tests.pipeline.clients import (
    EOF,
    FIREHOSE,
    LOGS,
    agent_of,
    consuming,
    logs,
    router_of,
    send_all,
    until,
)

TRACK = ("prober", "0")
SMALL = dataclasses.replace(PROFILES["loggregator"], agent_buffer=1000)
ROOMY = dataclasses.replace(
    PROFILES["ideal"],
    agent_buffer=20_000,
    router_buffer=20_000,
    subscription_buffer=20_000,
    v1_buffer=20_000,
)


async def test_ten_thousand_go_in_and_ten_thousand_come_out() -> None:
    """Where there is room, every envelope passes three hops, once."""
    async with (
        ReferenceStack(routers=2, profile=ROOMY, track=TRACK) as stack,
        consuming(stack) as consumer,
        agent_of(stack) as agent,
    ):
        assert await send_all(agent, logs(range(10_000))) == EOF
        await until(lambda: len(consumer.envelopes) >= 10_000)

        assert sorted(consumer.numbers) == list(range(10_000))
        assert {each.dropped for each in stack.drops()} == {0}


async def test_one_envelope_too_many_costs_a_lap() -> None:
    """While the agent's pump sleeps, its ring overflows by one and loses all it had."""
    clock = ManualClock()
    async with (
        ReferenceStack(profile=SMALL, clock=clock, track=TRACK) as stack,
        consuming(stack) as consumer,
        agent_of(stack) as agent,
    ):
        assert await send_all(agent, logs(range(1001))) == EOF
        await until(lambda: bool(consumer.envelopes), clock)

        assert consumer.numbers == [1000]
        lost = BufferDrops(
            buffer="agent ingress", dropped=1000, ring=1000, written=1001
        )
        assert [each for each in stack.drops() if each.dropped] == [lost]
        assert stack.statistics().components[0].dropped_ingress == 1000


async def test_writers_wait_where_an_agent_pushes_back() -> None:
    """With a high water mark the same agent loses nothing, however fast one writes."""
    clock = ManualClock()
    # The clock runs ahead of the sockets, so whoever is behind the agent needs room.
    patient = dataclasses.replace(
        SMALL, agent_high_water=500, subscription_buffer=20_000
    )
    async with (
        ReferenceStack(profile=patient, clock=clock, track=TRACK) as stack,
        consuming(stack) as consumer,
        agent_of(stack) as agent,
        asyncio.TaskGroup() as tasks,
    ):
        writing = tasks.create_task(send_all(agent, logs(range(5000))))
        await until(lambda: len(consumer.envelopes) >= 5000, clock)

        assert await writing == EOF
        assert sorted(consumer.numbers) == list(range(5000))
        assert {each.dropped for each in stack.drops()} == {0}


async def test_what_is_lost_is_what_the_buffers_dropped() -> None:
    """Written at once, more than fits: received and dropped add up to written."""
    async with (
        ReferenceStack(profile=SMALL, track=TRACK) as stack,
        consuming(stack) as consumer,
        agent_of(stack) as agent,
    ):

        def missed() -> int:
            """What the readers of the rings know to be gone."""
            return sum(each.missed for each in stack.statistics().buffers)

        assert await send_all(agent, logs(range(20_000))) == EOF
        await until(lambda: len(consumer.envelopes) + missed() == 20_000)

        assert missed() >= 1000
        assert sum(each.dropped for each in stack.drops()) == missed()
        assert len(set(consumer.numbers)) == len(consumer.envelopes)


async def test_other_envelopes_are_not_tracked() -> None:
    """Foreign envelopes in the same buffers change nothing of the tracked counts."""
    async with (
        ReferenceStack(profile=ROOMY, track=("prober", "another")) as stack,
        consuming(stack) as consumer,
        agent_of(stack) as agent,
    ):
        await send_all(agent, logs(range(10)))
        await until(lambda: len(consumer.envelopes) == 10)

        buffers = stack.statistics().buffers
        assert {each.tracked_written for each in buffers} == {0}
        assert [each.written for each in buffers if each.buffer == "rlp egress"] == [10]


async def test_overlapping_selectors_deliver_twice() -> None:
    """All logs, and the logs of one source: each of its logs comes twice."""
    both = [Selector(log=LogSelector()), *LOGS]
    async with (
        ReferenceStack(profile=ROOMY) as stack,
        consuming(stack, both) as consumer,
        agent_of(stack) as agent,
    ):
        await send_all(agent, logs(range(3)))
        await until(lambda: len(consumer.envelopes) >= 6)

        assert sorted(consumer.numbers) == [0, 0, 1, 1, 2, 2]


async def test_members_of_a_shard_share() -> None:
    """Two consumers with one shard id get each envelope once between them."""
    async with (
        ReferenceStack(profile=ROOMY) as stack,
        consuming(stack, shard_id="nozzle") as one,
        consuming(stack, shard_id="nozzle") as other,
        consuming(stack) as all_of_them,
        agent_of(stack) as agent,
    ):
        await send_all(agent, logs(range(1000)))
        await until(lambda: len(one.envelopes) + len(other.envelopes) >= 1000)
        await until(lambda: len(all_of_them.envelopes) >= 1000)

        assert sorted(one.numbers + other.numbers) == list(range(1000))
        assert min(len(one.envelopes), len(other.envelopes)) > 400
        assert sorted(all_of_them.numbers) == list(range(1000))


async def test_the_same_seed_draws_the_same_lots() -> None:
    """Which shard member gets which envelope is settled by the seed alone."""
    shares = []
    for seed in (7, 7, 8):
        async with (
            ReferenceStack(profile=ROOMY, seed=seed) as stack,
            consuming(stack, shard_id="nozzle") as one,
            consuming(stack, shard_id="nozzle") as other,
            router_of(stack) as (ingress, _),
        ):
            await send_all(ingress, logs(range(100)))
            await until(lambda: len(one.envelopes) + len(other.envelopes) >= 100)
            shares.append({tuple(one.numbers), tuple(other.numbers)})

    assert shares[0] == shares[1] != shares[2]


async def test_two_routers_both_carry() -> None:
    """The agent's connections spread over the routers, and the RLP joins them again."""
    async with (
        ReferenceStack(routers=2, profile=ROOMY, seed=3) as stack,
        consuming(stack) as consumer,
        agent_of(stack) as agent,
    ):
        await send_all(agent, logs(range(5000)))
        await until(lambda: len(consumer.envelopes) >= 5000)

        one, other = stack.statistics().components[1:3]
        assert one.ingress + other.ingress == 5000
        assert min(one.ingress, other.ingress) > 500


async def test_agents_are_apart_from_each_other() -> None:
    """Two machines' agents: both carry, each counts for itself, one dies alone."""
    async with (
        ReferenceStack(agents=2, routers=2, profile=ROOMY, track=TRACK) as stack,
        consuming(stack) as consumer,
        agent_of(stack) as one,
        agent_of(stack, 1) as other,
    ):
        await send_all(one, logs(range(300)))
        await send_all(other, logs(range(300, 1000)))
        await until(lambda: len(consumer.envelopes) >= 1000)
        counted = [
            (each.component, each.ingress) for each in stack.statistics().components[:2]
        ]
        tags = {
            (each.timestamp < 300, each.tags["index"]) for each in consumer.envelopes
        }

        await stack.kill_agent(0)
        await send_all(other, logs(range(1000, 1100)))
        await until(lambda: len(consumer.envelopes) >= 1100)

        assert [("agent 1", 300), ("agent 2", 700)] == counted
        assert {(True, "0"), (False, "1")} == tags
        assert "agent 2 ingress" in {each.buffer for each in stack.drops()}


async def test_a_steady_stream_arrives_as_one_then_many() -> None:
    """After a pause the first envelope leaves alone, and the rest wait to be many."""
    clock = ManualClock()
    async with (
        ReferenceStack(clock=clock) as stack,
        router_of(stack) as (ingress, egress),
        consuming(stack, FIREHOSE) as consumer,
    ):
        del egress
        await clock.advance(1)
        await send_all(ingress, logs(range(51)))
        await until(lambda: len(consumer.envelopes) >= 51, clock)

        # Each hop sends the first of what comes in one go alone.
        assert consumer.sizes[0] == 1
        assert consumer.sizes[-1] >= 40


@pytest.mark.parametrize("where", ["handler", "task"])
async def test_a_component_that_fails_ends_the_stack(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """An error that nobody foresaw comes out of the block, from handlers and tasks."""

    def fail(_: object, *__: object) -> None:
        raise ZeroDivisionError(where)

    if where == "handler":
        monkeypatch.setattr(wire, "decode", fail)
    else:
        monkeypatch.setattr(PubSub, "publish_all", fail)
    with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - it ends the block
        async with ReferenceStack(profile=ROOMY) as stack, agent_of(stack) as agent:
            await send_all(agent, logs(range(1)))
            await asyncio.Event().wait()

    assert caught.group_contains(ZeroDivisionError, match=where)
