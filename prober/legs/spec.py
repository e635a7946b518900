"""What a leg is to be: everything that its process has to know, as plain values."""

from dataclasses import dataclass

import msgspec

from prober.clock import Clock
from prober.egress import Reader
from prober.egress.rlp import RlpReader
from prober.errors import InternalError
from prober.ingress import Report
from prober.ingress.agent import AgentWriter
from prober.plan import Plan, Sizes
from prober.records import Kind, Tls

VERSION = 1
"""Of spec and wire together. Whoever is told another one does not begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSpec:
    """A plan but for its rate: a leg sends when it is told to."""

    messages: int
    cycles: int
    sizes: Sizes
    kinds: tuple[Kind, ...]
    source_id: str
    seed: int

    @classmethod
    def of(cls, plan: Plan) -> "PlanSpec":
        """Return what a leg has to know of a plan."""
        return cls(
            messages=plan.messages,
            cycles=plan.cycles,
            sizes=plan.sizes,
            kinds=plan.kinds,
            source_id=plan.source_id,
            seed=plan.seed,
        )

    def plan(self) -> Plan:
        """Return the plan."""
        return Plan(
            messages=self.messages,
            cycles=self.cycles,
            rate=None,
            sizes=self.sizes,
            kinds=self.kinds,
            source_id=self.source_id,
            seed=self.seed,
        )


class AgentEnd(msgspec.Struct, frozen=True, kw_only=True, tag="agent"):
    """The way in by gRPC; see `AgentWriter`."""

    address: str
    tls: Tls | None
    peer: str

    def writer(self, clock: Clock, report: Report) -> AgentWriter:
        """Return the writer."""
        return AgentWriter(self.address, self.tls, clock, report, peer=self.peer)


class RlpEnd(msgspec.Struct, frozen=True, kw_only=True, tag="rlp"):
    """The way out by gRPC; see `RlpReader`."""

    address: str
    tls: Tls | None
    source_id: str | None
    kinds: tuple[Kind, ...]
    shard: str
    shared: bool
    """Others read the same shard: its name is that, and not one for a connection."""

    transport = RlpReader.transport

    @property
    def read_from(self) -> str:
        """Which component, where."""
        return f"reverse log proxy at {self.address}"

    def reader(self, clock: Clock) -> Reader:
        """Return the reader."""
        return RlpReader(
            self.address,
            self.tls,
            clock,
            source_id=self.source_id,
            kinds=self.kinds,
            shard_id=lambda epoch: (
                self.shard if self.shared else f"{self.shard}-{epoch}"
            ),
        )


class LegSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a leg is to be."""

    version: int = VERSION
    run_id: str
    plan: PlanSpec
    end: AgentEnd | RlpEnd
    alarms: tuple[bytes, ...] = ()
    """Texts that a reader looks for beside stamps."""
    offset_ns: int | None = None
    """What makes Unix time of this machine's monotonic clock, so that all legs have one
    clock; None for a leg elsewhere, which has its own."""
    cpus: tuple[int, ...] = ()
    """The CPUs that it may use; none told, all."""


def encode(spec: LegSpec) -> bytes:
    """Return a spec as bytes."""
    return msgspec.msgpack.encode(spec)


def decode(raw: bytes) -> LegSpec:
    """Read a spec; raises InternalError for one of another version, or damaged."""
    try:
        version = msgspec.msgpack.decode(raw, type=_Versioned).version
        if version == VERSION:
            return msgspec.msgpack.decode(raw, type=LegSpec)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InternalError(f"a leg was told what nobody can read: {error}") from error
    raise InternalError(
        f"a leg was told to be of version {version}, and this prober makes legs of "
        f"version {VERSION}: use the same prober everywhere"
    )


class _Versioned(msgspec.Struct):
    version: int = 0
