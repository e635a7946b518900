"""What is done to the messages: a literal table of trials."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from prober.clock import NS
from prober.ledger import Deadlines
from prober.pipeline.faults import Fault, FaultKind
from prober.pipeline.profile import PROFILES, Profile
from prober.records import Kind, State

DEADLINES = Deadlines(late_after_ns=2 * NS, lost_after_ns=4 * NS)
_MS = NS // 1000
_RING = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One trial: the faults, what is sent meanwhile, and what may not be counted."""

    name: str
    words: str
    faults: tuple[Fault, ...] = ()
    consumers: tuple[str, ...] = ("rlp",)
    """Any of `rlp`, `gateway`, `v1`."""
    messages: int = 1_000
    cycles: int = 20
    rate: int = 500
    kinds: tuple[Kind, ...] = (Kind.LOG,)
    whole_firehose: bool = False
    agents: int = 1
    routers: int = 1
    profile: Profile = PROFILES["ideal"]
    aside: State | None = None
    """How cycles end that the fault touches and that must not be counted."""
    certain: bool = True
    """Some cycles are sure to end so; else it may also go well."""
    because: str = ""
    """What their reason has to say: a regular expression."""
    ring: int | None = None
    """The size of the ring of a router that drops, to be recognised as such."""
    costs: bool = False
    """It is asked what it cost."""


def _fault(kind: FaultKind, where: str = "", **settings: Any) -> Fault:  # noqa: ANN401
    return Fault(kind=kind, where=where, **settings)


def _at(ms: int, lasts: int | None = None) -> dict[str, Any]:
    """Return from when on and for how long, in milliseconds."""
    return {"after_ns": ms * _MS, "lasts_ns": None if lasts is None else lasts * _MS}


_K = FaultKind
_LOSS = _fault(_K.DROP, "router-1", lap=30)
"""A real loss, which no fault of a line may hide."""
_ALWAYS = _fault(_K.DROP, "router-1", every=40, after_ns=300 * _MS)
"""The same all along but for the first cycles, which are complete, and so final."""
_LONGER: dict[str, Any] = {"messages": 2_000, "cycles": 50}

COUNTED = (
    Plan(name="nothing", words="nothing is done"),
    Plan(
        name="each tenth dropped",
        words="the RLP drops each tenth",
        faults=(_fault(_K.DROP, "rlp", every=10),),
    ),
    Plan(
        name="dropped at random",
        words="the agent drops one in twenty, at random",
        faults=(_fault(_K.DROP, "agent", probability=0.05),),
    ),
    Plan(
        name="a lap dropped",
        words="the router drops 120 in a row",
        faults=(_fault(_K.DROP, "router-1", lap=120, **_at(500)),),
    ),
    Plan(
        name="the last dropped",
        words="the RLP drops everything from 1.8 s on",
        faults=(_fault(_K.DROP, "rlp", **_at(1800)),),
    ),
    Plan(
        name="duplicated",
        words="the agent takes each seventh in twice",
        faults=(_fault(_K.DUPLICATE, "agent", every=7),),
    ),
    Plan(
        name="dropped and doubled",
        words="the agent drops each fifth, the RLP doubles each fourth of the rest",
        faults=(
            _fault(_K.DROP, "agent", every=5),
            _fault(_K.DUPLICATE, "rlp", every=4),
        ),
    ),
    Plan(
        name="reordered",
        words="the RLP shuffles each twenty",
        faults=(_fault(_K.REORDER, "rlp", window=20),),
    ),
    Plan(
        name="late",
        words="the router holds each tenth back for 2.8 s",
        faults=(_fault(_K.DELAY, "router-1", every=10, by_ns=2800 * _MS),),
    ),
    Plan(
        name="too late",
        words="for a second the RLP holds each fifth back beyond the last deadline",
        faults=(
            _fault(_K.DELAY, "rlp", every=5, by_ns=4700 * _MS, **_at(0, 1000)),
            # So that the run is not over before the last of them came.
            _fault(_K.DROP, "agent", lap=20, **_at(1800)),
        ),
    ),
    Plan(
        name="delayed with jitter",
        words="the router holds each third back for 50 to 250 ms",
        faults=(
            _fault(_K.DELAY, "router-1", every=3, by_ns=50 * _MS, jitter_ns=200 * _MS),
        ),
    ),
    Plan(
        name="corrupt",
        words="the router changes a byte of each ninth payload",
        faults=(_fault(_K.CORRUPT, "router-1", every=9),),
    ),
    Plan(
        name="truncated",
        words="the RLP cuts each eleventh payload short",
        faults=(_fault(_K.TRUNCATE, "rlp", every=11, keep=90),),
    ),
    Plan(
        name="all kinds",
        words="five kinds of envelope, each eighth of which the agent drops",
        faults=(_fault(_K.DROP, "agent", every=8),),
        consumers=("rlp", "gateway"),
        kinds=tuple(Kind),
    ),
    Plan(
        name="lost here and there",
        words="the agent drops, and so do gateway and v1 Firehose by themselves",
        faults=(
            _fault(_K.DROP, "agent", every=10),
            _fault(_K.DROP, "gateway", every=15),
            _fault(_K.DROP, "firehose", every=20),
        ),
        consumers=("rlp", "gateway", "v1"),
    ),
    Plan(
        name="a ring overrun",
        words=f"a router's ring of {_RING}, and more than that in each burst",
        messages=4_000,
        rate=4_000,
        profile=dataclasses.replace(PROFILES["loggregator"], subscription_buffer=_RING),
        ring=_RING,
    ),
    Plan(
        name="foreign traffic",
        words="20 times as much of other people's, with stamps that look like ours",
        faults=(
            _fault(_K.FOREIGN, rate=4_000),
            _fault(_K.DROP, "rlp", every=10),
        ),
        consumers=("rlp", "gateway", "v1"),
        messages=400,
        rate=200,
        whole_firehose=True,
    ),
    Plan(
        name="slow line",
        words="everything to the reader comes 100 to 300 ms later",
        faults=(
            _LOSS,
            _fault(_K.LATENCY, "rlp/consumer", by_ns=100 * _MS, jitter_ns=200 * _MS),
        ),
    ),
    Plan(
        name="narrow line",
        words="for a second the reader gets 120 kB/s",
        faults=(
            _LOSS,
            _fault(_K.THROTTLE, "rlp/consumer", rate=120_000.0, **_at(500, 1000)),
        ),
    ),
    Plan(
        name="stalled line",
        words="for 700 ms nothing is read from the RLP",
        faults=(_LOSS, _fault(_K.STALL, "rlp/consumer", **_at(600, 700))),
    ),
    Plan(
        name="stalled writer",
        words="for 700 ms nothing is read from the writer",
        faults=(_LOSS, _fault(_K.STALL, "writer/agent", **_at(600, 700))),
    ),
    Plan(
        name="router hangs",
        words="a router stops for 700 ms, as on SIGSTOP",
        faults=(_LOSS, _fault(_K.HANG, "router-1", **_at(600, 700))),
    ),
    Plan(
        name="router dies",
        words="one of two routers is killed, and comes back",
        faults=(_fault(_K.KILL, "router-2", **_at(700, 300)),),
        routers=2,
        profile=PROFILES["loggregator"],
        messages=1_500,
        cycles=30,
    ),
)
"""Everything counts: what the pipeline lost is told, and told to the message."""

_AWAY = "consumer disconnected: "

UNCOUNTED = (
    Plan(
        name="reader cut off",
        words="the reader's connection is cut, in a pipeline that drops each fortieth",
        faults=(_ALWAYS, _fault(_K.CUT, "rlp/consumer", **_at(700))),
        aside=State.INCONCLUSIVE,
        because=_AWAY,
        **_LONGER,
    ),
    Plan(
        name="RLP refuses",
        words="for 500 ms the RLP refuses connections",
        faults=(_ALWAYS, _fault(_K.REFUSE, "rlp/consumer", **_at(700, 500))),
        aside=State.INCONCLUSIVE,
        because=_AWAY,
        **_LONGER,
    ),
    Plan(
        name="black hole",
        words="for 600 ms what the RLP sends leads nowhere",
        faults=(_ALWAYS, _fault(_K.BLACK_HOLE, "rlp/consumer", **_at(700, 600))),
        aside=State.INCONCLUSIVE,
        because=_AWAY,
        **_LONGER,
    ),
    Plan(
        name="RLP dies",
        words="the RLP is killed, and comes back",
        faults=(_ALWAYS, _fault(_K.KILL, "rlp", **_at(700, 300))),
        aside=State.INCONCLUSIVE,
        because=_AWAY,
        **_LONGER,
    ),
    Plan(
        name="agent dies",
        words="the agent is killed, and comes back",
        faults=(_ALWAYS, _fault(_K.KILL, "agent", **_at(700, 300))),
        aside=State.INCONCLUSIVE,
        because="writer stream broke|the ingress refused",
        **_LONGER,
    ),
    Plan(
        name="writer cut off",
        words="the writer's connection is cut",
        faults=(_ALWAYS, _fault(_K.CUT, "writer/agent", **_at(700))),
        aside=State.INCONCLUSIVE,
        certain=False,  # what was in flight may have been seen by the reader
        because="writer stream broke|the ingress refused",
        **_LONGER,
    ),
    Plan(
        name="tokens expire",
        words="all tokens end, and the gateway's connection is cut",
        faults=(
            _ALWAYS,
            _fault(_K.EXPIRE_TOKENS, **_at(600)),
            _fault(_K.CUT, "gateway/consumer", **_at(700)),
        ),
        consumers=("gateway",),
        aside=State.INCONCLUSIVE,
        because=_AWAY,
        **_LONGER,
    ),
    Plan(
        name="Firehose cut off",
        words="the connection of the v1 Firehose is cut",
        faults=(_ALWAYS, _fault(_K.CUT, "firehose/consumer", **_at(700))),
        consumers=("v1",),
        aside=State.INCONCLUSIVE,
        because=_AWAY,
        **_LONGER,
    ),
    Plan(
        name="certificates rotate",
        words="all certificates are replaced, and everything is started anew",
        faults=(
            _ALWAYS,
            _fault(_K.ROTATE_CERTIFICATES, **_at(700)),
        ),
        messages=3_000,
        cycles=75,
        aside=State.INCONCLUSIVE,
        because=f"{_AWAY}|writer stream broke|the ingress refused",
    ),
    Plan(
        name="clock set",
        words="the wall clock is set forward by 5 s",
        faults=(_ALWAYS, _fault(_K.STEP_CLOCK, step_ns=5 * NS, **_at(1000))),
        aside=State.INVALID,
        because=r"the clock was set by \+5\.0 s",
        **_LONGER,
    ),
)
"""Some cycles cannot be counted: those, and no others; nothing is called lost."""

_ROLLING = (
    _fault(_K.RESTART, "rlp", **_at(800, 300)),
    _fault(_K.FUTURE, "rlp", every=3, **_at(800)),
    *(
        each
        for number, ms in ((1, 2400), (2, 3200), (3, 4000))
        for each in (
            _fault(_K.RESTART, f"router-{number}", **_at(ms, 300)),
            _fault(_K.FUTURE, f"router-{number}", every=5, only="all", **_at(ms)),
        )
    ),
    # The third one comes back too old for its new peers, and is mended at once.
    _fault(_K.UNIMPLEMENTED, "router-3", method="BatchedReceiver", **_at(4000, 600)),
    *(
        each
        for number, ms in ((1, 5200), (2, 6000))
        for each in (
            _fault(_K.RESTART, f"agent-{number}", **_at(ms, 300)),
            _fault(_K.FUTURE, f"agent-{number}", every=7, **_at(ms)),
        )
    ),
)

UPGRADE = Plan(
    name="upgrade rehearsal",
    words="RLP, three routers and two agents are replaced one by one, versions mixed",
    faults=_ROLLING,
    agents=2,
    routers=3,
    messages=4_000,
    cycles=80,
    aside=State.INCONCLUSIVE,
    because=f"{_AWAY}|writer stream broke|the ingress refused",
    costs=True,
)

TRIALS = (UPGRADE, *COUNTED, *UNCOUNTED)
"""All of them; what takes longest begins first."""
