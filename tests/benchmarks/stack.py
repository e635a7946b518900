"""How many envelopes a second the bundled stack carries: agent, router and RLP.

It runs in a process of its own, with the profile that drops nothing, over mutual TLS
from hop to hop; the prober writes as fast as the agent takes it, and accounts for all.
"""

import psutil

from prober.bench.meter import Meter
from prober.clock import NS, Clock
from prober.egress.rlp import RlpReader
from prober.errors import InternalError
from prober.ingress.agent import AgentWriter
from prober.pipeline.certificates import AGENT, RLP
from prober.pipeline.child import ChildStack
from prober.probe import Controls, Job, Phase, Progress, probe
from prober.records import Kind, RunResult
from tests.benchmarks.races import LATE, RUN, plan_of

NAME = "rlp"
_PLANNED = 100_000_000
_CYCLES = _PLANNED // 10_000


async def carried(clock: Clock, seconds: float) -> Meter:
    """Return how fast messages came out of it, and the CPU time of its process.

    Raises InternalError if not all came: a stack that loses carries anything.
    """
    async with ChildStack(profile="ideal") as stack:
        process = psutil.Process(stack.pid)
        meter = Meter(cpu_seconds=lambda: sum(process.cpu_times()[:2]))

        def observe(progress: Progress) -> None:
            if progress.phase is Phase.SENDING:
                meter.sample(progress.received[NAME])

        job = Job(
            run_id=RUN,
            environment="ideal",
            plan=plan_of(messages=_PLANNED, cycles=_CYCLES),
            deadlines=LATE,
            whole_firehose=False,
            max_send_ns=round(seconds * NS),
        )
        result = await _probe(job, stack, clock, Controls(observer=observe))
    counts = result.consumers[0].counts
    if counts.lost or counts.corrupt or counts.duplicates:
        raise InternalError(f"the ideal stack lost {counts.lost:,}")
    return meter


async def _probe(
    job: Job, stack: ChildStack, clock: Clock, controls: Controls
) -> RunResult:
    return await probe(
        job,
        [
            lambda report: AgentWriter(
                stack.agent_address, stack.client_tls(AGENT), clock, report
            )
        ],
        {
            NAME: lambda: RlpReader(
                stack.rlp_address,
                stack.client_tls(RLP),
                clock,
                source_id=job.plan.source_id,
                kinds=(Kind.LOG,),
                shard_id=lambda epoch: f"stack-{epoch}",
            )
        },
        clock,
        controls,
    )
