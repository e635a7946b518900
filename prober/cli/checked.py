"""What `prober check` looks at: the targets of an environment, or of the bundled stack.

Settings are called in remedies as a person would find them: `--rlp-server-name`, or
`consumers.rlp.rlp.server_name`.
"""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from prober.checks import (
    Authority,
    Rights,
    Setting,
    Target,
    WayIn,
    WayOut,
    grpc_peer,
    https_peer,
)
from prober.cli.check import Ends
from prober.cli.targets import TLS_FILES, https_server, token_source
from prober.clock import Clock
from prober.config import Environment
from prober.config.models import (
    Authorised,
    Consumer,
    Firehose,
    Gateway,
    Reference,
    Router,
    Uaa,
)
from prober.config.models import Probe as Settings
from prober.egress import firehose, platform, rlp_gateway
from prober.egress.firehose import FirehoseReader
from prober.egress.https import Server
from prober.egress.rlp import RlpReader
from prober.egress.rlp_gateway import RlpGatewayReader
from prober.egress.tokens import Tokens, UaaTokens
from prober.ingress.agent import AgentWriter
from prober.pipeline.profile import named
from prober.pipeline.stack import ReferenceStack
from prober.plan import Plan
from prober.records import Kind, Tls
from prober.stamp import RUN_ALPHABET, RUN_WIDTH

_DOORS = ("gateway", "firehose")
_METRICS_SECONDS = 0.5
_AGENT_OPTIONS: Mapping[str, str] = {
    "address": "--agent",
    "server_name": "--agent-server-name",
    "ca_file": "ca.crt in --tls-dir",
    "cert_file": "client.crt in --tls-dir",
    "key_file": "client.key in --tls-dir",
}
_RLP_OPTIONS = {
    **_AGENT_OPTIONS,
    "address": "--rlp",
    "server_name": "--rlp-server-name",
}
_OF_URLS: Mapping[str, str] = {"address": "url", "server_name": "url"}
"""What is said of a server in the configuration by its URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What is read and written, and under which names."""

    run_id: str
    plan: Plan
    whole_firehose: bool
    clock: Clock

    @property
    def source_id(self) -> str | None:
        """The source that is read; None for every one."""
        return None if self.whole_firehose else self.plan.source_id

    def shard(self, name: str, epoch: int) -> str:
        """Return a name for a subscription that nobody else has."""
        return f"prober-{self.run_id}-{name}-{epoch}"


def probe(environment: Environment | None, clock: Clock) -> Probe:
    """Return what is read and written of an environment, or of no configured one."""
    settings = Settings() if environment is None else environment.probe
    return Probe(
        run_id="".join(secrets.choice(RUN_ALPHABET) for _ in range(RUN_WIDTH)),
        plan=Plan(
            messages=1,
            cycles=1,
            rate=None,
            sizes=settings.size,
            kinds=(Kind.LOG,),
            source_id=settings.source_id,
            seed=0,
        ),
        whole_firehose=settings.whole_firehose,
        clock=clock,
    )


@asynccontextmanager
async def targets(
    environment: Environment | None, ends: Ends | None, probe: Probe
) -> AsyncIterator[Sequence[Target]]:
    """Open what has to be opened, and yield what is to be checked.

    Without an environment and without ends that is the bundled stack.
    """
    if ends is not None:
        yield _ad_hoc(ends, probe)
    elif environment is None or environment.reference is not None:
        reference = environment.reference if environment else None
        async with _stack(reference or Reference(), probe.clock) as stack:
            yield _bundled(stack, probe)
    else:
        yield _configured(environment, probe)


def _stack(reference: Reference, clock: Clock) -> ReferenceStack:
    return ReferenceStack(
        routers=reference.routers,
        # Its routers tell their time more often than others, so that nobody waits.
        profile=replace(named(reference.profile), router_metrics=_METRICS_SECONDS),
        clock=clock,
        doors=_DOORS,
    )


def _bundled(stack: ReferenceStack, probe: Probe) -> Sequence[Target]:
    """Return every way through the bundled stack."""
    agent, proxy = stack.client_tls("metron"), stack.client_tls("reverselogproxy")
    client_id, secret = stack.uaa_client
    uaa = Server(peer="UAA", url=stack.uaa_url, ca_file=proxy.ca_file)
    tokens = UaaTokens(
        uaa, probe.clock, client_id=client_id, client_secret=lambda: secret
    )
    gateway = Server(peer="RLP gateway", url=stack.gateway_url, ca_file=proxy.ca_file)
    old = Server(
        peer="traffic controller", url=stack.firehose_url, ca_file=proxy.ca_file
    )
    mends = "please report it"
    return (
        _way_in("agent", stack.agent_address, agent, str, probe),
        Authority(peer=https_peer(uaa, str), server=uaa),
        _rlp("rlp", stack.rlp_address, proxy, str, probe),
        _of_gateway("gateway", gateway, tokens, (str, mends), probe),
        _of_firehose("v1", old, tokens, (str, mends), probe),
    )


def _ad_hoc(given: Ends, probe: Probe) -> Sequence[Target]:
    agent, proxy = str(given.agent), str(given.rlp)
    tls = Tls(
        **{
            field: str(Path(str(given.tls_dir), name))
            for field, name in TLS_FILES.items()
        },
        server_name=given.agent_server_name,
    )
    named = replace(tls, server_name=given.rlp_server_name)
    return (
        _way_in("agent", agent, tls, _AGENT_OPTIONS.__getitem__, probe),
        _rlp("rlp", proxy, named, _RLP_OPTIONS.__getitem__, probe),
    )


def _configured(environment: Environment, probe: Probe) -> Sequence[Target]:
    """Return the ways in, the UAAs, the ways out; each server once."""
    assert environment.ingress is not None  # noqa: S101 - the configuration's promise
    ways_in: dict[str, Target] = {}
    for number, each in enumerate(environment.ingress.endpoints):
        kind = "router" if isinstance(each, Router) else "agent"
        many = environment.ingress.agents or environment.ingress.routers
        where = f"{kind}s[{number}]" if many else kind
        setting = _under(f"ingress.{where}")
        found = _way_in(kind, each.address, each.tls, setting, probe)
        ways_in.setdefault(found.target, found)
    authorities: dict[str, Target] = {}
    ways_out: list[Target] = []
    for name, consumer in environment.consumers.items():
        where = f"consumers.{name}"
        ways_out.append(_way_out(name, consumer, where, probe))
        kind, wants = _authorised(consumer)
        if wants is not None and wants.uaa is not None:
            uaa = _authority(wants.uaa, f"{where}.{kind}.uaa")
            authorities.setdefault(uaa.target, uaa)
    return (*ways_in.values(), *authorities.values(), *ways_out)


def _under(path: str) -> Setting:
    return lambda name: f"{path}.{name}"


def _of_url(path: str) -> Setting:
    return lambda name: f"{path}.{_OF_URLS.get(name, name)}"


def _way_in(kind: str, address: str, tls: Tls, setting: Setting, probe: Probe) -> WayIn:
    return WayIn(
        peer=grpc_peer(kind, address, tls, setting),
        # Nobody asks what became of primers: what comes back tells.
        open=lambda: AgentWriter(address, tls, probe.clock, lambda _: None, peer=kind),
    )


def _authority(uaa: Uaa, path: str) -> Authority:
    server = https_server("UAA", uaa.url, uaa)
    return Authority(peer=https_peer(server, _of_url(path)), server=server)


def _authorised(consumer: Consumer) -> tuple[str, Authorised | None]:
    if consumer.rlp_gateway is not None:
        return "rlp_gateway", consumer.rlp_gateway
    return "firehose", consumer.firehose


def _way_out(name: str, consumer: Consumer, path: str, probe: Probe) -> WayOut:
    if consumer.rlp is not None:
        rlp = consumer.rlp
        return _rlp(name, rlp.address, rlp.tls, _under(f"{path}.rlp"), probe)
    kind, wants = _authorised(consumer)
    assert isinstance(wants, Gateway | Firehose)  # noqa: S101 - likewise
    where = f"{path}.{kind}"
    tokens = token_source(wants, probe.clock)
    said = (_of_url(where), _mends(wants, where))
    if isinstance(wants, Gateway):
        server = https_server("RLP gateway", wants.url, wants)
        return _of_gateway(name, server, tokens, said, probe)
    server = https_server("traffic controller", wants.url, wants)
    return _of_firehose(name, server, tokens, said, probe)


def _mends(wants: Authorised, path: str) -> str:
    """Return what mends it when there is no token."""
    uaa = wants.uaa
    if uaa is not None and uaa.username is not None:
        return (
            f"correct username and password under {path}.uaa, or set it: "
            f"uaac password set {uaa.username}"
        )
    if uaa is not None:
        return (
            f"correct client_id and client_secret under {path}.uaa, or set it: "
            f"uaac secret set {uaa.client_id}"
        )
    if wants.token_command is not None:
        return f"run the command of {path}.token_command yourself"
    kind = "token" if wants.token_file is None else "token_file"
    return f"put a new token in {path}.{kind}, or have a uaa give them"


# Consumers, by their kind.


def _rlp(name: str, address: str, tls: Tls, setting: Setting, probe: Probe) -> WayOut:
    def counters() -> RlpReader:
        return RlpReader(
            address,
            tls,
            probe.clock,
            source_id=None,
            kinds=(),
            shard_id=lambda epoch: probe.shard(f"{name}-clock", epoch),
            ask=platform.request,
        )

    return WayOut(
        name=name,
        peer=grpc_peer("reverse log proxy", address, tls, setting),
        open=lambda: RlpReader(
            address,
            tls,
            probe.clock,
            source_id=probe.source_id,
            kinds=(Kind.LOG,),
            shard_id=lambda epoch: probe.shard(name, epoch),
        ),
        counters=counters,
    )


def _of_gateway(
    name: str,
    server: Server,
    tokens: Tokens,
    said: tuple[Setting, str],
    probe: Probe,
) -> WayOut:
    setting, remedy = said
    return WayOut(
        name=name,
        peer=https_peer(server, setting),
        open=lambda: RlpGatewayReader(
            server,
            tokens,
            probe.clock,
            source_id=probe.source_id,
            kinds=(Kind.LOG,),
            shard_id=lambda epoch: probe.shard(name, epoch),
        ),
        server=server,
        rights=Rights(
            tokens=tokens,
            needed=rlp_gateway.SCOPES,
            own_app=probe.source_id,
            remedy=remedy,
        ),
    )


def _of_firehose(
    name: str,
    server: Server,
    tokens: Tokens,
    said: tuple[Setting, str],
    probe: Probe,
) -> WayOut:
    setting, remedy = said
    return WayOut(
        name=name,
        peer=https_peer(server, setting),
        open=lambda: FirehoseReader(
            server,
            tokens,
            probe.clock,
            shard_id=lambda epoch: probe.shard(name, epoch),
        ),
        server=server,
        rights=Rights(
            tokens=tokens, needed=firehose.SCOPES, own_app=None, remedy=remedy
        ),
    )
