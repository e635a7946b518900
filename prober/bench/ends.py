"""What is measured, and both ends of the null pipeline that it is measured against."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from prober.bench.null import Address, Door, Flow, Wanted, null_pipeline
from prober.clock import Clock
from prober.egress import Reader
from prober.egress.firehose import FirehoseReader
from prober.egress.https import Server
from prober.egress.rlp import RlpReader
from prober.egress.rlp_gateway import RlpGatewayReader
from prober.egress.tokens import FixedToken
from prober.ingress import Report
from prober.ingress.agent import AgentWriter
from prober.pipeline.certificates import AGENT, CLIENT, tls
from prober.plan import Plan
from prober.records import Kind, Tls

RUN = "bench7k3m9x"  # as a run is called: zeros would look like its numbers
SIZE = 100
"""Bytes of a payload."""
CYCLE = 10_000
"""Messages of a cycle."""
MOST_PER_SECOND = 3_000_000
"""More than Python can do on any machine: so many messages are planned."""

_DOORS = {"rlp": "rlp", "rlp_gateway": "rlp gateway", "firehose": "firehose"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is measured."""

    name: str
    """`send`, `receive`, `both` or `skim`."""
    reader: Door
    tls: bool

    def __str__(self) -> str:
        """Return it for a person: `both, rlp gateway, TLS`."""
        reader = "" if self.name == "send" else f", {_DOORS[self.reader]}"
        return f"{self.name}{reader}, {'TLS' if self.tls else 'plain'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all measurements share."""

    directory: Path
    """Where the certificates lie."""
    seconds: float
    """How long each of them takes."""
    clock: Clock
    null_cpus: tuple[int, ...] = ()
    """The CPUs of the null pipeline, if it is held to some."""
    stop: asyncio.Event
    """Set it, and the measurement that is under way ends, worth nothing."""


class _Loopback(Server):
    """A server on this machine: no proxy leads to it, whatever the environment says."""

    def way(self) -> str | None:
        """Return no proxy."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Both ends of a null pipeline that runs, and the plan that it follows."""

    at: Address
    case: Case
    setting: Setting
    plan: Plan

    @property
    def _tls(self) -> Tls | None:
        return tls(self.setting.directory, CLIENT, AGENT) if self.case.tls else None

    def writer(self, report: Report) -> AgentWriter:
        """Return a writer to it."""
        return AgentWriter(self.at.grpc, self._tls, self.setting.clock, report)

    def reader(self) -> Reader:
        """Return a reader of it."""
        clock, source = self.setting.clock, self.plan.source_id
        token = FixedToken(lambda: "bench", "token", clock)
        match self.case.reader:
            case "rlp":
                return RlpReader(
                    self.at.grpc,
                    self._tls,
                    clock,
                    source_id=source,
                    kinds=(Kind.LOG,),
                    shard_id=_shard,
                )
            case "rlp_gateway":
                return RlpGatewayReader(
                    self._server("https"),
                    token,
                    clock,
                    source_id=source,
                    kinds=(Kind.LOG,),
                    shard_id=_shard,
                )
            case "firehose":
                return FirehoseReader(
                    self._server("wss"), token, clock, shard_id=_shard
                )

    def _server(self, scheme: str) -> Server:
        return _Loopback(
            peer="null pipeline",
            url=f"{scheme}://{self.at.door}",
            ca_file=str(self.setting.directory / "ca.crt"),
        )


def _shard(epoch: int) -> str:
    return f"bench-{epoch}"


@asynccontextmanager
async def null(case: Case, flow: Flow, setting: Setting) -> AsyncIterator[Ends]:
    """Run a null pipeline that gives out more than can be read in the time."""
    cycles = int((setting.seconds + 1) * MOST_PER_SECOND) // CYCLE
    wanted = Wanted(
        door=case.reader,
        flow=flow,
        run=RUN,
        messages=cycles * CYCLE,
        cycles=cycles,
        size=SIZE,
        directory=str(setting.directory) if case.tls else None,
        cpus=setting.null_cpus,
    )
    async with null_pipeline(wanted) as at:
        yield Ends(at=at, case=case, setting=setting, plan=wanted.plan())
