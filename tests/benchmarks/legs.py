"""A probe whose two legs are processes of their own, against one that is one process.

Both have all CPUs, over the same null pipeline, as fast as they go.
"""

import statistics

from prober.bench import measure
from prober.bench.ends import RUN, Case, Ends, Setting
from prober.bench.timed import NAME
from prober.clock import SystemClock
from prober.legs.remote import RemoteReading, RemoteWriting
from prober.legs.spec import AgentEnd, LegSpec, PlanSpec, RlpEnd
from prober.pipeline.certificates import AGENT, CLIENT, tls
from prober.probe.legs import Legs
from prober.records import Kind

RLP = Case(name="both", reader="rlp", tls=True)


async def ratio(shared: Setting, rounds: int) -> float:
    """Return how many times as fast legs are: the median of pairs, in turn."""
    pairs = [
        (await measure.both(RLP, shared, _legs), await measure.both(RLP, shared))
        for _ in range(rounds)
    ]
    return statistics.median(
        legged.envelopes_per_second / one.envelopes_per_second for legged, one in pairs
    )


def _legs(ends: Ends) -> Legs:
    """Return one leg that writes, and one that reads."""
    clock = ends.setting.clock
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
