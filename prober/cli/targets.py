"""What is probed: the bundled stack, or a Loggregator somewhere else."""

import itertools
import os
import re
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from prober.clock import Clock
from prober.config import Environment
from prober.config.models import (
    Agent,
    Authorised,
    Consumer,
    Firehose,
    Gateway,
    Https,
    Ingress,
    Reference,
    Router,
)
from prober.egress import Reader, platform
from prober.egress.firehose import FirehoseReader
from prober.egress.group import ReaderGroup, RenewedGroup
from prober.egress.https import Server
from prober.egress.renewing import RENEW_SECONDS
from prober.egress.rlp import RlpReader
from prober.egress.rlp_gateway import RlpGatewayReader
from prober.egress.tokens import CommandTokens, FixedToken, Tokens, UaaTokens
from prober.errors import UsageError
from prober.ingress import Report, stdout
from prober.ingress.agent import AgentWriter
from prober.ingress.envelopes import INSTANCE
from prober.ledger.platform import Reading, SlowConsumer
from prober.pipeline.child import ChildStack
from prober.pipeline.stack import ReferenceStack
from prober.plan import Plan
from prober.probe import AgentSource, Job, OpenReader, OpenWriter, PlatformSource
from prober.records import Arrival, BufferDrops, Kind, Tls

if TYPE_CHECKING:
    from prober.egress.agent_metrics import AgentMetrics

TLS_FILES = {"ca_file": "ca.crt", "cert_file": "client.crt", "key_file": "client.key"}

Drops = Callable[[], Awaitable[tuple[BufferDrops, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WayIn:
    """A gRPC server that takes messages in, and what it is."""

    address: str
    tls: Tls
    peer: str = "agent"

    @property
    def name(self) -> str:
        """What it is, and where."""
        return f"{self.peer} at {self.address}"

    def open(self, clock: Clock, report: Report) -> AgentWriter:
        """Return a writer to it."""
        return AgentWriter(self.address, self.tls, clock, report, peer=self.peer)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppOutput:
    """Standard output of the app that the prober is."""

    app: stdout.App
    pipe: int
    address: str = "standard output"
    name: str = "standard output of an app"

    def open(self, clock: Clock, report: Report) -> stdout.StdoutWriter:
        """Return a writer to it."""
        return stdout.StdoutWriter(self.app, self.pipe, clock, report)


OpenWayOut = Callable[[Clock, Job, str], Reader]
"""Makes a reader for a job, under a shard id that nobody else has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Where Loggregator's own counters come out, and how they are written there."""

    open: OpenWayOut
    readings: Callable[[Arrival], Iterable[Reading | SlowConsumer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The ends of a pipeline."""

    ways_in: Sequence[WayIn | AppOutput]
    ways_out: Mapping[str, OpenWayOut]
    """The consumers, by name."""
    proxies: Mapping[str, tuple[str, Tls]] = field(default_factory=dict)
    """Where those of them read that read from a reverse log proxy."""
    drops: Drops
    """What the bundled stack's buffers dropped of the probe's messages so far."""
    counters: Counters | None = None
    """Where Loggregator's own counters come out; None for nowhere."""
    alarms: Mapping[bytes, str] = field(default_factory=dict)
    """What the platform may log in our name that voids cycles; see `Job`."""
    agents: "Sequence[AgentMetrics]" = ()
    """The metrics of agents that are written to, where they may be read."""

    @property
    def written_to(self) -> tuple[str, ...]:
        """Which components are written to, where."""
        return tuple(each.name for each in self.ways_in)

    def writers(self, clock: Clock) -> list[OpenWriter]:
        """Return what opens each writer."""

        def opener(way_in: WayIn | AppOutput) -> OpenWriter:
            return lambda report: way_in.open(clock, report)

        return [opener(each) for each in self.ways_in]

    def readers(self, clock: Clock, job: Job) -> dict[str, OpenReader]:
        """Return what opens each consumer; every time under a shard id of its own."""

        def opener(name: str, way_out: OpenWayOut) -> OpenReader:
            turns = itertools.count(1)
            shard = f"prober-{job.run_id}-{name}"
            # No name has a dot in it, so no two shards can be the same.
            return lambda: way_out(clock, job, f"{shard}.{next(turns)}")

        return {name: opener(name, each) for name, each in self.ways_out.items()}

    def agent_metrics(self) -> list[AgentSource]:
        """Return where the metrics of agents are read."""
        return [
            AgentSource(address=each.address, where=each.where, totals=each.totals)
            for each in self.agents
        ]

    def platform(self, clock: Clock, job: Job) -> PlatformSource | None:
        """Return where Loggregator's own counters are read, if that is anywhere."""
        counters = self.counters
        if counters is None:
            return None
        shard = f"prober-{job.run_id}-platform"
        mine = re.compile(rf"prober-{job.run_id}-([a-z0-9_-]+)\.1(?:\.(\d+))?")

        def whose(shard_id: str) -> tuple[str, int | None] | None:
            found = mine.fullmatch(shard_id)
            if found is None or found[1] not in self.ways_out:
                return None
            return found[1], int(found[2]) if found[2] else None

        return PlatformSource(
            open=lambda: counters.open(clock, job, shard),
            readings=counters.readings,
            whose=whose,
        )


ShardId = Callable[[int], str]
MakeReader = Callable[[Clock, Job, ShardId], Reader]


def _rlp(address: str, tls: Tls) -> MakeReader:
    def reader(clock: Clock, job: Job, shard_id: ShardId) -> Reader:
        return RlpReader(
            address,
            tls,
            clock,
            source_id=None if job.whole_firehose else job.plan.source_id,
            kinds=kinds_read(job),
            shard_id=shard_id,
        )

    return reader


def _grouped(make: MakeReader, readers: int = 1) -> OpenWayOut:
    """Return a way out by one reader, or by several of one shard."""

    def open_(clock: Clock, job: Job, shard: str) -> Reader:
        if readers == 1:
            # A name for each connection: the ghost of the last may live on for long.
            return make(clock, job, lambda epoch: f"{shard}.{epoch}")
        return ReaderGroup([make(clock, job, lambda _: shard) for _ in range(readers)])

    return open_


def _rlp_counters(address: str, tls: Tls) -> Counters:
    def reader(clock: Clock, _job: Job, shard_id: ShardId) -> Reader:
        return RlpReader(
            address,
            tls,
            clock,
            source_id=None,
            kinds=(),
            shard_id=shard_id,
            ask=platform.request,
        )

    return Counters(open=_grouped(reader), readings=platform.readings)


def _gateway_counters(gateway: Gateway) -> Counters:
    def reader(clock: Clock, _job: Job, shard_id: ShardId) -> Reader:
        return RlpGatewayReader(
            https_server("RLP gateway", gateway.url, gateway),
            token_source(gateway, clock),
            clock,
            source_id=None,
            kinds=(),
            shard_id=shard_id,
            query=platform.query(),
        )

    return Counters(open=_grouped(reader), readings=platform.readings_json)


def _counters(environment: Environment, *, whole_firehose: bool) -> Counters | None:
    """Return the cheapest way to the platform's counters; None if there is none.

    A gateway shows them only to who may read everything.
    """
    consumers = environment.consumers.values()
    for proxy in filter(None, (each.rlp for each in consumers)):
        return _rlp_counters(proxy.address, proxy.tls)
    for gateway in filter(None, (each.rlp_gateway for each in consumers)):
        return _gateway_counters(gateway) if whole_firehose else None
    return None


def kinds_read(job: Job) -> tuple[Kind, ...]:
    """Return the kinds of envelope that a job's readers ask for."""
    return tuple(Kind) if job.whole_firehose else _own_kinds(job.plan)


def _own_kinds(plan: Plan) -> tuple[Kind, ...]:
    """The plan's kinds, and logs: primers and trailers are logs in any case."""
    return tuple(dict.fromkeys((Kind.LOG, *plan.kinds)))


@asynccontextmanager
async def bundled(
    clock: Clock, plan: Plan, reference: Reference, *, own_process: bool
) -> AsyncIterator[Ends]:
    """Run the reference stack, and yield its ends."""
    track = (plan.source_id, INSTANCE)
    routers, profile = reference.routers, reference.profile
    if own_process:
        async with ChildStack(
            routers=routers, profile=profile, seed=plan.seed, track=track
        ) as child:
            yield _ends_of(child, child.drops)
        return
    async with ReferenceStack(
        routers=routers, profile=profile, seed=plan.seed, track=track, clock=clock
    ) as stack:

        async def drops() -> tuple[BufferDrops, ...]:
            return stack.drops()

        yield _ends_of(stack, drops)


def _ends_of(stack: ReferenceStack | ChildStack, drops: Drops) -> Ends:
    agent = WayIn(address=stack.agent_address, tls=stack.client_tls("metron"))
    proxy = (stack.rlp_address, stack.client_tls("reverselogproxy"))
    return Ends(
        ways_in=[agent],
        ways_out={"rlp": _grouped(_rlp(*proxy))},
        proxies={"rlp": proxy},
        drops=drops,
        counters=_rlp_counters(*proxy),
    )


async def _no_drops() -> tuple[BufferDrops, ...]:
    """Nobody but the bundled stack tells what its buffers dropped of our messages."""
    return ()


def elsewhere(
    *, agent: str, rlp_address: str, tls_dir: str, agent_name: str, rlp_name: str
) -> Ends:
    """Return the ends of a deployed Loggregator, whose certificates lie in a folder.

    Raises UsageError naming the file that is missing.
    """
    files = {field: str(Path(tls_dir, name)) for field, name in TLS_FILES.items()}
    for path in files.values():
        if not Path(path).is_file():
            names = ", ".join(TLS_FILES.values())
            raise UsageError(f"there is no file {path}: --tls-dir needs {names}")
    way_in = WayIn(address=agent, tls=Tls(**files, server_name=agent_name))
    proxy = (rlp_address, Tls(**files, server_name=rlp_name))
    return Ends(
        ways_in=[way_in],
        ways_out={"rlp": _grouped(_rlp(*proxy))},
        proxies={"rlp": proxy},
        drops=_no_drops,
        counters=_rlp_counters(*proxy),
    )


def configured(
    environment: Environment, plan: Plan, *, whole_firehose: bool = False
) -> Ends:
    """Return the ends of an environment that is deployed somewhere.

    Raises UsageError for a plan that the app that we may be cannot carry out.
    """
    assert environment.ingress is not None  # noqa: S101 - the configuration's promise
    ways_in: list[WayIn | AppOutput] = [
        WayIn(
            address=each.address,
            tls=each.tls,
            peer="router" if isinstance(each, Router) else "agent",
        )
        for each in environment.ingress.endpoints
    ]
    if environment.ingress.stdout is not None:
        app = stdout.app(os.environ)
        stdout.check(plan, app, whole_firehose=whole_firehose)
        ways_in.append(AppOutput(app=app, pipe=stdout.claim()))
    ways_out = {name: _way_out(each) for name, each in environment.consumers.items()}
    return Ends(
        ways_in=ways_in,
        ways_out=ways_out,
        proxies={
            name: (each.rlp.address, each.rlp.tls)
            for name, each in environment.consumers.items()
            if each.rlp is not None
        },
        drops=_no_drops,
        counters=_counters(environment, whole_firehose=whole_firehose),
        alarms={} if environment.ingress.stdout is None else stdout.RATE_LIMITED,
        agents=_agents(environment.ingress),
    )


def _agents(ingress: Ingress) -> "list[AgentMetrics]":
    """Return the metrics that the configuration tells where to read."""
    from prober.egress.agent_metrics import AgentMetrics

    agents = (each for each in ingress.endpoints if isinstance(each, Agent))
    found = (each.metrics for each in agents if each.metrics is not None)
    return [AgentMetrics(each.address, each.tls) for each in found]


def _way_out(consumer: Consumer) -> OpenWayOut:
    """Return the one way out that a consumer has; several readers share a shard."""
    if consumer.rlp is not None:
        reader = _rlp(consumer.rlp.address, consumer.rlp.tls)
    elif consumer.rlp_gateway is not None:
        if consumer.readers > 1:
            single = _gateway(consumer.rlp_gateway, renew_after=None)
            return _renewed(single, consumer.readers)
        reader = _gateway(consumer.rlp_gateway)
    else:
        assert consumer.firehose is not None  # noqa: S101 - the configuration's promise
        reader = _firehose(consumer.firehose)
    return _grouped(reader, consumer.readers)


def _gateway(gateway: Gateway, renew_after: float | None = RENEW_SECONDS) -> MakeReader:
    def reader(clock: Clock, job: Job, shard_id: ShardId) -> Reader:
        return RlpGatewayReader(
            https_server("RLP gateway", gateway.url, gateway),
            token_source(gateway, clock),
            clock,
            source_id=None if job.whole_firehose else job.plan.source_id,
            kinds=kinds_read(job),
            shard_id=shard_id,
            renew_after=renew_after,
        )

    return reader


def _renewed(make: MakeReader, readers: int) -> OpenWayOut:
    """Return a way out by several readers that are renewed together."""

    def open_(clock: Clock, job: Job, shard: str) -> Reader:
        def members(turn: int) -> list[Reader]:
            return [
                make(clock, job, lambda _: f"{shard}.{turn}") for _ in range(readers)
            ]

        return RenewedGroup(members, clock)

    return open_


def _firehose(firehose: Firehose) -> MakeReader:
    def reader(clock: Clock, job: Job, shard_id: ShardId) -> Reader:
        del job  # version 1 has no selectors: it is always the whole Firehose
        return FirehoseReader(
            https_server("traffic controller", firehose.url, firehose),
            token_source(firehose, clock),
            clock,
            shard_id=shard_id,
        )

    return reader


def https_server(peer: str, url: str, https: Https) -> Server:
    """Return a server of HTTPS as the configuration describes it."""
    ca_file = None if https.ca_file is None else str(https.ca_file)
    return Server(peer=peer, url=url, ca_file=ca_file, proxy=https.proxy)


def token_source(wants: Authorised, clock: Clock) -> Tokens:
    """Return where the tokens for a server come from."""
    uaa = wants.uaa
    if uaa is not None:
        return UaaTokens(
            https_server("UAA", uaa.url, uaa),
            clock,
            client_id=uaa.client_id,
            client_secret=uaa.read_client_secret,
            username=uaa.username,
            password=uaa.read_password if uaa.username is not None else None,
        )
    if wants.token_command is not None:
        return CommandTokens(wants.token_command, clock)
    name = "token" if wants.token_file is None else f"token_file {wants.token_file}"
    return FixedToken(wants.read_token, name, clock)
