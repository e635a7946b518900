"""Components that end and come back: who notices, who waits, what is gone."""

import dataclasses

import grpc

from prober.pipeline.stack import ReferenceStack
from prober.records import BufferDrops
from prober.rpc.loggregator_v2.egress_pb2 import EgressBatchRequest
from prober.testing import ManualClock
from tests.pipeline.clients import (
    EOF,
    LOGS,
    agent_of,
    consuming,
    logs,
    rlp_of,
    router_of,
    send_all,
    status_of,
    until,
)
from tests.pipeline.test_stack import ROOMY, TRACK

# Nothing but the ladder waits for less than an hour.
PATIENT = dataclasses.replace(
    ROOMY,
    agent_retry=3600.0,
    agent_metrics=36_000.0,
    router_metrics=36_000.0,
    rlp_metrics=36_000.0,
)


class LadderClock(ManualClock):
    """A clock that remembers waits of less than an hour."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has been moved `seconds` on."""
        if seconds < 3600:
            self.waits.append(seconds)
        await super().sleep(seconds)

    async def climb(self, steps: int) -> list[float]:
        """Let the next `steps` waits come, and pass all of them but the last."""
        del self.waits[:-1]
        while len(self.waits) < steps:
            so_far = len(self.waits)
            if self.waits:
                await self.advance(self.waits[-1])
            await until(lambda: len(self.waits) > so_far)  # noqa: B023 - awaited
        return self.waits


async def test_a_router_that_comes_back_is_found_on_the_ladder() -> None:
    """Waits grow tenfold to 100 s; the consumer's stream stays open and silent."""
    clock = LadderClock()
    async with (
        ReferenceStack(profile=PATIENT, clock=clock) as stack,
        consuming(stack) as consumer,
    ):
        await stack.kill_router(0)
        before = clock.now_ns()
        waits = await clock.climb(7)
        assert waits == [0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 100.0]
        assert clock.now_ns() - before == 111_111_000_000

        await stack.start_router(0)
        await clock.advance(100)
        await until(lambda: stack.statistics().components[1].subscriptions == 1)
        async with router_of(stack) as (ingress, _):
            await send_all(ingress, logs([1]))
            await until(lambda: consumer.numbers == [1])

        clock.waits.clear()
        await stack.kill_router(0)
        assert await clock.climb(2) == [0.001, 0.01]
        assert not consumer.call.done()  # type: ignore[attr-defined]
        await stack.start_router(0)
        await clock.advance(1)


async def test_a_new_subscription_does_not_wait_for_an_old_ones_ladder() -> None:
    """While one consumer is blind for 100 s, a new one is served at once."""
    clock = LadderClock()
    async with (
        ReferenceStack(profile=PATIENT, clock=clock) as stack,
        rlp_of(stack) as egress,
    ):
        old = egress.BatchedReceiver(EgressBatchRequest(selectors=LOGS))
        await until(lambda: stack.statistics().components[1].subscriptions == 1)
        await stack.kill_router(0)
        await clock.climb(6)
        await stack.start_router(0)

        async with consuming(stack) as new, router_of(stack) as (ingress, _):
            await send_all(ingress, logs([1]))
            await until(lambda: new.numbers == [1])

        assert not old.done()  # type: ignore[attr-defined]


async def test_the_agent_tries_a_lost_router_on_its_tick() -> None:
    """Batches for a router that is away are lost and counted; a tick later they go."""
    clock = ManualClock()
    profile = dataclasses.replace(PATIENT, agent_retry=1.0)
    async with (
        ReferenceStack(profile=profile, clock=clock, track=TRACK) as stack,
        agent_of(stack) as agent,
    ):
        await stack.kill_router(0)
        # What is written before a cut is noticed is lost uncounted, as on the real one.

        def carried_on() -> bool:
            taken = stack.statistics()
            return taken.components[0].ingress == taken.buffers[0].read

        while not any(e.dropped for e in stack.drops() if e.buffer == "agent egress"):
            assert await send_all(agent, logs([0])) == EOF
            await until(carried_on)

        await stack.start_router(0)
        await clock.advance(1)
        await until(lambda: stack.statistics().components[0].subscriptions == 5)
        before = stack.statistics().components[1].ingress
        await send_all(agent, logs(range(3, 5)))
        await until(lambda: stack.statistics().components[1].ingress == before + 2)


async def test_batches_go_to_the_router_that_is_left() -> None:
    """With one of two routers gone, later batches find a connection to the other."""
    async with (
        ReferenceStack(routers=2, profile=PATIENT, seed=3, track=TRACK) as stack,
        agent_of(stack) as agent,
    ):
        await stack.kill_router(0)
        # What dies is noticed by who writes to it, a batch or so later.
        for start in range(0, 1000, 100):
            await send_all(agent, logs(range(start, start + 100)))
        await until(lambda: stack.statistics().components[2].ingress >= 500)

        assert stack.statistics().components[0].dropped_egress == 0


async def test_connections_are_worn_out() -> None:
    """Each connection is dropped after its share of batches; a tick replaces it."""
    clock = ManualClock()
    worn_at_once = dataclasses.replace(PATIENT, recycle_after=-1000, agent_retry=1.0)
    async with (
        ReferenceStack(profile=worn_at_once, clock=clock) as stack,
        agent_of(stack) as agent,
    ):
        for number in range(5):
            await send_all(agent, logs([number]))
            await until(
                lambda: stack.statistics().components[0].egress == number + 1  # noqa: B023
            )
        assert stack.statistics().components[0].subscriptions == 0

        await clock.advance(1)
        await until(lambda: stack.statistics().components[0].subscriptions == 5)


async def test_a_killed_router_loses_what_it_held() -> None:
    """Its buffers are gone with it: not dropped, but left inside."""
    clock = ManualClock()
    profile = dataclasses.replace(ROOMY, router_idle=0.01)
    async with (
        ReferenceStack(profile=profile, clock=clock, track=TRACK) as stack,
        router_of(stack) as (ingress, _),
    ):
        await until(lambda: clock.sleepers > 0)
        await send_all(ingress, logs(range(10)))
        await stack.kill_router(0)

        [buffer] = [
            b for b in stack.statistics().buffers if b.buffer == "router 1 ingress"
        ]
        assert (buffer.tracked_left, buffer.tracked_dropped) == (10, 0)
        await stack.start_router(0)


async def test_a_killed_agent_cuts_its_writers_and_comes_back() -> None:
    """A writer is cut off; on the same port the next one is served."""
    async with (
        ReferenceStack(profile=ROOMY) as stack,
        consuming(stack) as consumer,
        agent_of(stack) as agent,
    ):
        call = agent.BatchSender()  # type: ignore[call-arg]
        await call.wait_for_connection()  # type: ignore[attr-defined]
        await stack.kill_agent()
        code, _ = await status_of(call)  # type: ignore[arg-type]
        await stack.start_agent()
        async with agent_of(stack) as again:
            assert await send_all(again, logs([1])) == EOF
        await until(lambda: consumer.numbers == [1])

    # Within one process, the server's own cancelling may be faster than the socket.
    assert code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


async def test_an_rlp_that_stops_ends_streams_well() -> None:
    """On stop a consumer's stream ends with OK, on kill with UNAVAILABLE."""
    codes = []
    async with ReferenceStack(profile=ROOMY) as stack:
        for end in (stack.stop_rlp, stack.kill_rlp):
            async with rlp_of(stack) as egress:
                call = egress.BatchedReceiver(EgressBatchRequest(selectors=LOGS))
                await until(lambda: stack.statistics().components[2].subscriptions == 1)
                await end()
                codes.append((await status_of(call))[0])  # type: ignore[arg-type]
            await stack.start_rlp()

    assert codes == [grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE]


async def test_a_consumer_that_does_not_read_loses_the_newest() -> None:
    """First comes the old backlog whole, then one gap; each one dropped is counted."""
    profile = dataclasses.replace(ROOMY, rlp_buffer=300)
    payload, count = bytes(30_000), 800
    async with (
        ReferenceStack(profile=profile, track=TRACK) as stack,
        rlp_of(stack) as egress,
        router_of(stack) as (ingress, _),
    ):
        call = egress.BatchedReceiver(EgressBatchRequest(selectors=LOGS))
        await until(lambda: stack.statistics().components[1].subscriptions == 1)

        def rlp() -> tuple[int, int]:
            [buffer] = [b for b in stack.statistics().buffers if "rlp" in b.buffer]
            return buffer.written, buffer.missed

        await send_all(ingress, logs(range(count), payload=payload))
        await until(lambda: rlp()[0] == count)
        dropped = rlp()[1]
        numbers: list[int] = []
        while len(numbers) < count - dropped:
            numbers += [e.timestamp for e in (await call.read()).batch]  # type: ignore[attr-defined]

        assert dropped > 0
        assert numbers[:300] == list(range(300))
        assert numbers == sorted(numbers)
        assert stack.drops()[-1] == BufferDrops(
            buffer="rlp egress", dropped=dropped, ring=300, written=count
        )
