"""Loggregator's own counters beside a run: kept, waited for, and never in its way."""

import dataclasses
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Self

from prober.clock import NS, SystemClock
from prober.egress.platform import readings, request
from prober.egress.rlp import RlpReader
from prober.ingress.agent import AgentWriter
from prober.ledger import Deadlines
from prober.ledger.platform import Reading, SlowConsumer
from prober.pipeline.profile import PROFILES
from prober.pipeline.stack import ReferenceStack
from prober.plan import Plan, Sizes
from prober.probe import Controls, Job, PlatformSource, probe
from prober.probe.platform import CUT_OFF, CUT_OFFS_KEPT
from prober.records import Arrival, Evidence, Kind, RunResult, State
from prober.report import build
from prober.testing import ManualClock, MemoryReader
from tests.test_probe import Bench

CLOCK = SystemClock()


async def run(bench: Bench, source: PlatformSource | None) -> RunResult:
    """Probe the pipe of a bench, with something to tell of its platform."""
    controls = Controls(platform=source)
    ways_out = {"memory": lambda: bench.reader}
    return await bench.clock.run(
        probe(bench.job, [bench.open_writer], ways_out, bench.clock, controls)
    )


def seconds(result: RunResult) -> float:
    """How long a run took."""
    return (result.ended_at_ns - result.started_at_ns) / NS


class Router(MemoryReader):
    """What a router tells of its drops, every five seconds."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self._manual = clock

    async def receive(self) -> Sequence[Arrival | Evidence]:
        """Wait for the next reading."""
        await self._manual.sleep(5)
        self.take_in(b"any")
        return await super().receive()


def dropped(arrival: Arrival) -> Iterator[Reading]:
    """Three more at each reading."""
    yield Reading(
        source_id="doppler",
        name="dropped",
        tags=frozenset({("direction", "egress")}),
        delta=3,
        total=0,
        stamped_ns=arrival.at_ns,
        at_ns=arrival.at_ns,
    )


def router(bench: Bench) -> PlatformSource:
    """Where a bench's router tells of its drops."""
    return PlatformSource(open=lambda: Router(bench.clock), readings=dropped)


async def test_nobody_looks_unless_asked() -> None:
    """Without a source there is nothing to tell, and nothing is claimed."""
    assert (await run(Bench(), None)).platform is None


async def test_clean_run_is_not_slowed() -> None:
    """When nothing was lost, nothing is waited for."""
    bench = Bench()

    result = await run(bench, router(bench))

    assert () == result.platform
    assert seconds(result) < 3
    assert bench.clock.now_ns() == result.ended_at_ns


async def test_loss_is_waited_for_until_routers_have_told() -> None:
    """With something lost, the routers' next reading belongs to the result."""
    bench = Bench(drop=[7])

    result = await run(bench, router(bench))

    (found,) = result.platform or ()
    assert ("router", "egress", 0) == (
        found.component,
        found.direction,
        found.silent_ns,
    )
    assert found.increase >= 6
    assert found.to_ns > (result.consumers[0].cycles[-1].last_sent_ns or 0)


async def test_router_that_never_tells_is_not_waited_for_long() -> None:
    """A few seconds after the last message the result is there, told of or not."""
    bench = Bench(drop=[7])
    deadlines = Deadlines(late_after_ns=NS, lost_after_ns=NS)
    bench.job = dataclasses.replace(bench.job, deadlines=deadlines)
    silent = PlatformSource(
        open=lambda: MemoryReader(bench.clock), readings=lambda _: iter(())
    )

    result = await run(bench, silent)

    assert () == result.platform
    last_ns = result.consumers[0].cycles[-1].last_sent_ns or 0
    assert 7 < (bench.clock.now_ns() - last_ns) / NS < 8
    assert seconds(result) < 4


class Controller(MemoryReader):
    """A traffic controller that tells of a slow consumer after some seconds."""

    def __init__(self, clock: ManualClock, after: float) -> None:
        super().__init__(clock)
        self._manual, self._after = clock, after

    async def receive(self) -> Sequence[Arrival | Evidence]:
        """Wait for what is told, once."""
        await self._manual.sleep(self._after)
        self._after = 1e6
        self.take_in(b"any")
        return await super().receive()


def slow(
    bench: Bench, after: float, whose: tuple[str, int | None] | None
) -> PlatformSource:
    """Where a bench's traffic controller tells of a consumer, stamped as it comes."""

    def told(arrival: Arrival) -> Iterator[SlowConsumer]:
        yield SlowConsumer(
            shard_id="of somebody", stamped_ns=arrival.at_ns, at_ns=arrival.at_ns
        )

    return PlatformSource(
        open=lambda: Controller(bench.clock, after),
        readings=told,
        whose=lambda _: whose,
    )


async def test_consumer_that_was_cut_off_misses_what_it_does_not_know_of() -> None:
    """Told of before the consumer notices, what is missing since is nobody's loss."""
    bench = Bench(messages=3000, cycles=30, drop=range(1200, 3000))
    bench.at_message[2000] = lambda: bench.reader.cut("gone (1006)")
    deadlines = Deadlines(late_after_ns=NS, lost_after_ns=NS)
    bench.job = dataclasses.replace(bench.job, deadlines=deadlines)

    result = await run(bench, slow(bench, 15, ("memory", 1)))

    states = [cycle.state for cycle in result.consumers[0].cycles]
    assert [State.PASS] * 7 == states[:7]
    assert [State.INCONCLUSIVE] * 18 == states[12:]
    reasons = {each.reason for each in result.consumers[0].cycles[12:]}
    assert {CUT_OFF, f"{CUT_OFF}: gone (1006)"} == reasons  # once it has noticed
    (cut_off,) = result.cut_offs
    assert "memory" == cut_off.consumer


async def test_word_that_comes_after_the_consumer_is_back() -> None:
    """Told of late, only the time before the word is unsure: it goes on from there."""
    bench = Bench(messages=3000, cycles=30)

    result = await run(bench, slow(bench, 15, ("memory", None)))

    states = [cycle.state for cycle in result.consumers[0].cycles]
    assert {State.INCONCLUSIVE, State.PASS} == set(states)
    assert [State.PASS] * 10 == states[20:]


async def test_cut_offs_without_end_are_counted_and_the_latest_kept() -> None:
    """What is kept of a consumer that is cut off for ever has a bound, and is told."""
    bench = Bench(messages=300, cycles=3)
    once = slow(bench, 1, ("memory", None))
    source = dataclasses.replace(
        once,
        readings=lambda arrival: [
            e for e in once.readings(arrival) for _ in range(1001)
        ],
    )

    result = await run(bench, source)

    assert CUT_OFFS_KEPT == len(result.cut_offs)
    words = "cut off as a slow consumer 1,001 times, of which the last 1,000 were kept"
    assert [words] == [each for each in result.warnings if "slow consumer" in each]


async def test_other_peoples_slow_consumers_are_no_business_of_ours() -> None:
    """An event that names no shard of ours changes nothing, and is not kept."""
    bench = Bench(messages=3000, cycles=30)

    result = await run(bench, slow(bench, 15, None))

    assert {State.PASS} == {cycle.state for cycle in result.consumers[0].cycles}
    assert () == result.cut_offs
    assert "of somebody" not in repr(result)


class Broken(MemoryReader):
    """A reader with a fault of its own."""

    async def __aenter__(self) -> Self:
        raise RuntimeError("our own")


async def test_fault_is_a_warning() -> None:
    """What goes wrong beside the run does not touch what it measured."""
    bench = Bench()
    source = PlatformSource(open=lambda: Broken(bench.clock), readings=readings)

    result = await run(bench, source)

    assert 100 == result.consumers[0].counts.on_time
    words = "were not read to the end: a fault of ours: RuntimeError: our own"
    assert [f"Loggregator's counters {words}"] == list(result.warnings)


async def test_cut_is_a_warning_in_the_peers_words() -> None:
    """A subscription to counters that is refused is told, and nothing else."""
    bench = Bench()
    reader = MemoryReader(bench.clock)
    reader.cut("no connection to it")
    source = PlatformSource(open=lambda: reader, readings=readings)

    result = await run(bench, source)

    assert 100 == result.consumers[0].counts.on_time
    words = "were not read to the end: no connection to it"
    assert [f"Loggregator's counters {words}"] == list(result.warnings)


async def lossy_run(stack: ReferenceStack) -> RunResult:
    """Send more at once than the ring of a subscription holds."""
    plan = Plan(
        messages=4000,
        cycles=10,
        rate=Fraction(8000),
        sizes=Sizes(low=100, high=100),
        kinds=(Kind.LOG,),
        source_id="prober",
        seed=1,
    )
    job = Job(
        run_id="k3v9x2m4q7a",
        environment="reference",
        plan=plan,
        deadlines=Deadlines(late_after_ns=NS, lost_after_ns=2 * NS),
        whole_firehose=False,
    )
    tls = stack.client_tls("reverselogproxy")

    def open_rlp(shard: str, *, counters: bool) -> RlpReader:
        return RlpReader(
            stack.rlp_address,
            tls,
            CLOCK,
            source_id=plan.source_id,
            kinds=(Kind.LOG,),
            shard_id=lambda epoch: f"{shard}-{epoch}",
            ask=request if counters else None,
        )

    return await probe(
        job,
        [
            lambda report: AgentWriter(
                stack.agent_address, stack.client_tls("metron"), CLOCK, report
            )
        ],
        {"rlp": lambda: open_rlp("test", counters=False)},
        CLOCK,
        Controls(
            platform=PlatformSource(
                open=lambda: open_rlp("platform", counters=True), readings=readings
            )
        ),
    )


async def test_loss_in_a_router_shows_as_what_its_counter_grew_by() -> None:
    """What a subscription's ring lost of our messages, the router itself counted.

    Whole laps: on a slow machine one may hold a trailer, which is no message.
    """
    profile = dataclasses.replace(
        PROFILES["loggregator"], subscription_buffer=100, router_metrics=0.5
    )
    async with ReferenceStack(profile=profile, track=("prober", "0")) as stack:
        result = await lossy_run(stack)
        drops = stack.drops()

        dropped = stack.statistics().components[1].dropped_egress

    lost = result.consumers[0].counts.lost
    assert 0 < lost == sum(each.dropped for each in drops)
    assert lost <= dropped <= lost + 5
    told = build(dataclasses.replace(result, stack_drops=drops), None)
    assert told.platform is not None
    grown = {
        (each.component, each.direction): each.increase
        for each in told.platform.counters
        if each.component == "router"
    }
    assert {("router", "egress"): dropped, ("router", "ingress"): 0} == grown
    assert told.platform.evidence == (
        f"evidence, no proof: enough for the {lost:,} lost, though no counter tells "
        "whose they were; gaps are whole laps of router rings, which fits"
    )
