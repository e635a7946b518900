"""What is probed: the bundled stack, or a Loggregator somewhere else."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from prober.clock import Clock
from prober.egress.rlp import RlpReader
from prober.errors import UsageError
from prober.ingress import Report
from prober.ingress.agent import AgentWriter
from prober.ingress.envelopes import INSTANCE
from prober.pipeline.child import ChildStack
from prober.pipeline.stack import ReferenceStack
from prober.plan import Plan
from prober.probe import Job, OpenReader
from prober.records import BufferDrops, Kind, Tls

TLS_FILES = {"ca_file": "ca.crt", "cert_file": "client.crt", "key_file": "client.key"}


Drops = Callable[[], Awaitable[tuple[BufferDrops, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The two ends of a pipeline, and whose certificates open them."""

    agent: str
    agent_tls: Tls
    rlp: str
    rlp_tls: Tls
    drops: Drops
    """What the bundled stack's buffers dropped of the probe's messages so far."""

    def writer(self, clock: Clock, report: Report) -> AgentWriter:
        """Return a writer to the agent."""
        return AgentWriter(self.agent, self.agent_tls, clock, report)

    def ways_out(self, clock: Clock, job: Job) -> dict[str, OpenReader]:
        """Return what opens each consumer, by name; each connection has its shard."""
        opened = itertools.count(1)

        def rlp() -> RlpReader:
            number = next(opened)
            return RlpReader(
                self.rlp,
                self.rlp_tls,
                clock,
                source_id=None if job.whole_firehose else job.plan.source_id,
                kinds=tuple(Kind) if job.whole_firehose else _own_kinds(job.plan),
                shard_id=lambda epoch: f"prober-{job.run_id}-rlp-{number}-{epoch}",
            )

        return {"rlp": rlp}


def _own_kinds(plan: Plan) -> tuple[Kind, ...]:
    """The plan's kinds, and logs: primers and trailers are logs in any case."""
    return tuple(dict.fromkeys((Kind.LOG, *plan.kinds)))


@asynccontextmanager
async def bundled(
    clock: Clock, plan: Plan, *, own_process: bool
) -> AsyncIterator[Ends]:
    """Run the reference stack, and yield its ends."""
    track = (plan.source_id, INSTANCE)
    if own_process:
        async with ChildStack(seed=plan.seed, track=track) as child:
            yield _ends_of(child, child.drops)
        return
    async with ReferenceStack(seed=plan.seed, track=track, clock=clock) as stack:

        async def drops() -> tuple[BufferDrops, ...]:
            return stack.drops()

        yield _ends_of(stack, drops)


def _ends_of(stack: ReferenceStack | ChildStack, drops: Drops) -> Ends:
    return Ends(
        agent=stack.agent_address,
        agent_tls=stack.client_tls("metron"),
        rlp=stack.rlp_address,
        rlp_tls=stack.client_tls("reverselogproxy"),
        drops=drops,
    )


async def _no_drops() -> tuple[BufferDrops, ...]:
    """Nobody but the bundled stack tells what its buffers dropped of our messages."""
    return ()


def elsewhere(
    *, agent: str, rlp: str, tls_dir: str, agent_name: str, rlp_name: str
) -> Ends:
    """Return the ends of a deployed Loggregator, whose certificates lie in a folder.

    Raises UsageError naming the file that is missing.
    """
    files = {field: str(Path(tls_dir, name)) for field, name in TLS_FILES.items()}
    for path in files.values():
        if not Path(path).is_file():
            names = ", ".join(TLS_FILES.values())
            raise UsageError(f"there is no file {path}: --tls-dir needs {names}")
    return Ends(
        agent=agent,
        agent_tls=Tls(**files, server_name=agent_name),
        rlp=rlp,
        rlp_tls=Tls(**files, server_name=rlp_name),
        drops=_no_drops,
    )
