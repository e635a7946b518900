"""A probe whose two legs are processes of their own, against one that is one process.

Both have all CPUs, over the same null pipeline, as fast as they go.
"""

import statistics

from prober.bench.ends import RUN, Case, Ends, Setting, null
from prober.bench.timed import DEADLINES, NAME
from prober.clock import NS, Clock, SystemClock
from prober.legs.remote import RemoteReading, RemoteWriting
from prober.legs.spec import AgentEnd, LegSpec, PlanSpec, RlpEnd
from prober.pipeline.certificates import AGENT, CLIENT, tls
from prober.probe import Controls, Job, probe
from prober.probe.legs import Legs
from prober.records import Kind

RLP = Case(name="both", reader="rlp", tls=True)


async def ratio(shared: Setting, rounds: int) -> float:
    """Return how many times as fast legs are: the median of pairs, in turn."""
    pairs = [
        (await _rate(shared, legged=True), await _rate(shared, legged=False))
        for _ in range(rounds)
    ]
    return statistics.median(legged / one for legged, one in pairs)


async def _rate(shared: Setting, *, legged: bool) -> float:
    """Return the messages a second of one probe, which must have lost none."""
    async with null(RLP, "echo", shared) as ends:
        job = Job(
            run_id=RUN,
            environment="null",
            plan=ends.plan,
            deadlines=DEADLINES,
            whole_firehose=False,
            max_send_ns=round(shared.seconds * NS),
        )
        result = await probe(
            job,
            [ends.writer],
            {NAME: ends.reader},
            shared.clock,
            Controls(stop=shared.stop),
            legs=_legs(ends, shared.clock) if legged else None,
        )
    counts = result.consumers[0].counts
    assert counts.accepted == counts.on_time > 0
    assert result.rate_achieved is not None
    return result.rate_achieved


def _legs(ends: Ends, clock: Clock) -> Legs:
    """Return one leg that writes, and one that reads."""
    address, peers = ends.at.grpc, tls(ends.setting.directory, CLIENT, AGENT)
    agent = AgentEnd(address=address, tls=peers, peer="agent")
    rlp = RlpEnd(
        address=address,
        tls=peers,
        source_id=ends.plan.source_id,
        kinds=(Kind.LOG,),
        shard="bench",
        shared=False,
    )

    def spec(end: AgentEnd | RlpEnd) -> LegSpec:
        assert isinstance(clock, SystemClock)
        plan = PlanSpec.of(ends.plan)
        return LegSpec(run_id=RUN, plan=plan, end=end, offset_ns=clock.offset_ns)

    return Legs(
        writing=[
            lambda book, blame: RemoteWriting(spec(agent), "agent", clock, book, blame)
        ],
        reading={NAME: lambda: RemoteReading(spec(rlp), rlp, clock)},
    )
