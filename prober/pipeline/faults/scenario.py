"""Faults as data: what is to be done, where, from when on, and for how long."""

import dataclasses
import enum
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from prober.errors import UsageError
from prober.pipeline import names


class FaultKind(enum.Enum):
    """What can be done to a stack."""

    DROP = "drop"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    DELAY = "delay"
    CORRUPT = "corrupt"
    TRUNCATE = "truncate"
    FUTURE = "future"
    STALL = "stall"
    THROTTLE = "throttle"
    LATENCY = "latency"
    CUT = "cut"
    REFUSE = "refuse"
    BLACK_HOLE = "black-hole"
    KILL = "kill"
    RESTART = "restart"
    HANG = "hang"
    UNIMPLEMENTED = "unimplemented"
    EXPIRE_TOKENS = "expire-tokens"
    ROTATE_CERTIFICATES = "rotate-certificates"
    STEP_CLOCK = "step-clock"
    FOREIGN = "foreign"


class Targets(enum.Enum):
    """What a fault can be directed at."""

    ENVELOPES = enum.auto()  # where envelopes pass: a component, or the hop into it
    BYTES = enum.auto()  # a hop, or every hop into a component
    COMPONENT = enum.auto()
    STACK = enum.auto()  # the whole of it: there is no `where`


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """What a kind of fault is directed at, and which settings it has."""

    targets: Targets
    words: str
    """What it does, for people."""
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    lasts: bool = True
    """It goes on for a while, and may end."""
    only_at: tuple[str, ...] = ()
    """The components that it can be at, without their numbers; empty for all."""

    @property
    def settings(self) -> tuple[str, ...]:
        """All settings that it takes, beside its kind and `after`."""
        where = () if self.targets is Targets.STACK else ("where",)
        return (*where, *self.needs, *self.may, *(("lasts",) if self.lasts else ()))


_CHOICE = ("every", "probability", "lap", "only")
"""Which envelopes: each k-th, at random, or the first so many; else all of them."""
_V2 = ("agent", "router", "rlp")
_READERS = (*_V2, "gateway")

KINDS: Mapping[FaultKind, Takes] = {
    FaultKind.DROP: Takes(
        targets=Targets.ENVELOPES, words="loses envelopes", may=_CHOICE
    ),
    FaultKind.DUPLICATE: Takes(
        targets=Targets.ENVELOPES, words="passes envelopes on twice", may=_CHOICE
    ),
    FaultKind.REORDER: Takes(
        targets=Targets.ENVELOPES,
        words="shuffles each so many envelopes",
        needs=("window",),
        may=("only",),
        only_at=_V2,  # the others read when their consumer does: nothing can be held
    ),
    FaultKind.DELAY: Takes(
        targets=Targets.ENVELOPES,
        words="holds envelopes back",
        needs=("by",),
        may=("jitter", *_CHOICE),
        only_at=_V2,
    ),
    FaultKind.CORRUPT: Takes(
        targets=Targets.ENVELOPES,
        words="changes bytes of payloads",
        may=("bytes", *_CHOICE),
    ),
    FaultKind.TRUNCATE: Takes(
        targets=Targets.ENVELOPES,
        words="cuts payloads of logs short",
        needs=("keep",),
        may=_CHOICE,
        only_at=_READERS,
    ),
    FaultKind.FUTURE: Takes(
        targets=Targets.ENVELOPES,
        words="adds fields and kinds that nobody knows yet",
        may=_CHOICE,
        only_at=_READERS,
    ),
    FaultKind.STALL: Takes(targets=Targets.BYTES, words="reads nothing for a time"),
    FaultKind.THROTTLE: Takes(
        targets=Targets.BYTES, words="passes so many bytes a second", needs=("rate",)
    ),
    FaultKind.LATENCY: Takes(
        targets=Targets.BYTES,
        words="passes bytes on later",
        needs=("by",),
        may=("jitter",),
    ),
    FaultKind.CUT: Takes(
        targets=Targets.BYTES, words="cuts open connections", lasts=False
    ),
    FaultKind.REFUSE: Takes(
        targets=Targets.BYTES, words="cuts connections and refuses new ones"
    ),
    FaultKind.BLACK_HOLE: Takes(
        targets=Targets.BYTES, words="accepts connections and never answers"
    ),
    FaultKind.KILL: Takes(
        targets=Targets.COMPONENT,
        words="ends a component at once; when it is over, it comes back",
    ),
    FaultKind.RESTART: Takes(
        targets=Targets.COMPONENT,
        words="replaces a component, as an upgrade does",
        needs=("lasts",),
        lasts=False,
    ),
    FaultKind.HANG: Takes(
        targets=Targets.COMPONENT, words="stops a component, as SIGSTOP does"
    ),
    FaultKind.UNIMPLEMENTED: Takes(
        targets=Targets.COMPONENT,
        words="answers UNIMPLEMENTED to a method, as an older peer does",
        needs=("method",),
        only_at=_V2,
    ),
    FaultKind.EXPIRE_TOKENS: Takes(
        targets=Targets.STACK, words="ends every token given so far", lasts=False
    ),
    FaultKind.ROTATE_CERTIFICATES: Takes(
        targets=Targets.STACK,
        words="replaces all certificates and restarts every component",
        lasts=False,
    ),
    FaultKind.STEP_CLOCK: Takes(
        targets=Targets.STACK,
        words="sets the wall clock forward, or back",
        needs=("step",),
        lasts=False,
    ),
    FaultKind.FOREIGN: Takes(
        targets=Targets.STACK,
        words="writes other people's envelopes, with lookalike stamps",
        needs=("rate",),
    ),
}
"""Every kind of fault: the one place that says what it takes."""

_AGENT = r"agent(?:-[1-9]\d{0,3})?"
_COMPONENT = rf"{_AGENT}|router-[1-9]\d{{0,3}}|rlp|gateway|firehose|uaa"
_WHERE = re.compile(rf"(?:{_COMPONENT})(?:/(?:{_COMPONENT}|consumer))?|writer/{_AGENT}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is done to a stack; times in nanoseconds.

    Settings that its kind does not take are None.
    """

    kind: FaultKind
    where: str = ""
    """A component, or a hop `A/B` in the direction of the messages."""
    after_ns: int = 0
    """From when on, since the timeline began."""
    lasts_ns: int | None = None
    """For how long; None for ever, or once."""
    every: int | None = None
    probability: float | None = None
    lap: int | None = None
    """The first so many in a row: what a ring loses at once."""
    only: str = "messages"
    """`messages` that a prober counts, or `all` envelopes."""
    window: int | None = None
    by_ns: int | None = None
    jitter_ns: int = 0
    """What is added at most, at random."""
    keep: int | None = None
    """Bytes of a payload that are left."""
    bytes: int = 1
    """How many of a payload are changed."""
    rate: float | None = None
    """Bytes, or envelopes, a second."""
    step_ns: int | None = None
    method: str | None = None

    @property
    def takes(self) -> Takes:
        """What its kind takes."""
        return KINDS[self.kind]

    def __str__(self) -> str:
        """Return the fault as people call it: `drop at rlp`."""
        return f"{self.kind.value} at {self.where}" if self.where else self.kind.value

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Return what `dataclasses.asdict` was given, its kind as its value."""
        return cls(**{**plain, "kind": FaultKind(plain["kind"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Faults that are applied to one stack, and the seed of their choices."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0
    witness: bool = False
    """Remember what passed where: for runs that end."""

    def plain(self) -> dict[str, Any]:
        """Return it as values that JSON can carry."""
        faults = [
            {**dataclasses.asdict(each), "kind": each.kind.value}
            for each in self.faults
        ]
        return {"faults": faults, "seed": self.seed, "witness": self.witness}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Return what `plain` gave."""
        return cls(**{**plain, "faults": tuple(map(Fault.of, plain["faults"]))})


def is_where(text: str) -> bool:
    """Tell whether a text is written like a component or a hop."""
    return _WHERE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Hop:
    """A connection between two components, `A/B` in the direction of the messages."""

    name: str
    server: str
    """The one of the two that listens."""

    @property
    def ends(self) -> tuple[str, ...]:
        """Both."""
        return tuple(self.name.split("/"))


@dataclass(frozen=True, slots=True)
class Layout:
    """Which components a stack has, and the hops between them."""

    routers: int
    doors: Collection[str] = ()
    agents: int = 1

    @property
    def components(self) -> tuple[str, ...]:
        """Their names, in the order of the messages."""
        doors = [name for name in ("gateway", "firehose") if name in self.doors]
        return (
            *names.agents(self.agents),
            *names.routers(self.routers),
            "rlp",
            *doors,
            *(["uaa"] if doors else []),
        )

    @property
    def hops(self) -> tuple[Hop, ...]:
        """All hops."""
        return tuple(self._hops())

    def _hops(self) -> Iterator[Hop]:
        agents = names.agents(self.agents)
        yield from (Hop(f"writer/{agent}", agent) for agent in agents)
        for router in names.routers(self.routers):
            yield from (Hop(f"{agent}/{router}", router) for agent in agents)
            yield Hop(f"{router}/rlp", router)
            if "firehose" in self.doors:
                yield Hop(f"{router}/firehose", router)
        yield Hop("rlp/consumer", "rlp")
        if "gateway" in self.doors:
            yield Hop("rlp/gateway", "rlp")
        for door in self.components:
            if door in ("gateway", "firehose", "uaa"):
                yield Hop(f"{door}/consumer", door)

    def hops_of(self, fault: Fault) -> tuple[str, ...]:
        """Return the hops that need a relay for a fault, by name."""
        if fault.kind is FaultKind.HANG:
            return tuple(h.name for h in self.hops if fault.where in h.ends)
        if fault.takes.targets is not Targets.BYTES:
            return ()
        return tuple(h.name for h in self.hops if fault.where in (h.name, h.server))

    def place_of(self, fault: Fault) -> str:
        """Return the component in which a fault meets envelopes."""
        upstream, _, downstream = fault.where.partition("/")
        return downstream if downstream in self.components else upstream

    def check(self, fault: Fault) -> None:
        """Raise UsageError when a stack has no such place for a fault."""
        takes, where = fault.takes, fault.where
        if takes.targets is Targets.STACK:
            return
        known = {*self.components}
        if takes.targets is not Targets.COMPONENT:
            known |= {hop.name for hop in self.hops}
        if where not in known:
            raise UsageError(
                f"{fault.kind.value}: there is no {where} in this stack: choose from "
                + ", ".join(sorted(known))
            )
        place = self.place_of(fault).partition("-")[0]
        allowed = takes.only_at or ("agent", "router", "rlp", "gateway", "firehose")
        narrow = takes.targets is Targets.ENVELOPES or takes.only_at
        if narrow and place not in allowed:
            fitting = (c for c in self.components if c.partition("-")[0] in allowed)
            raise UsageError(
                f"{fault.kind.value} cannot be at {where}: choose {', '.join(fitting)}"
            )
