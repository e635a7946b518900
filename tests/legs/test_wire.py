"""What legs and those who start them tell each other, and in which version."""

import asyncio
from array import array

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.errors import InternalError
from prober.legs import spec as specs
from prober.legs import wire
from prober.legs.spec import AgentEnd, LegSpec, PlanSpec, RlpEnd
from prober.plan import Sizes
from prober.probe.reading import Sighted
from prober.records import Evidence, Fault, Handover, Kind, Outcome, Sign, Span, Tls
from prober.stamp import Sightings
from tests.benchmarks.races import RUN, plan_of

TLS = Tls(ca_file="ca", cert_file="cert", key_file="key", server_name="metron")
PLAN = PlanSpec(
    messages=100,
    cycles=10,
    sizes=Sizes(low=100, high=2000),
    kinds=(Kind.LOG, Kind.EVENT),
    source_id="prober",
    seed=7,
)
SPAN = Span(first=100, count=20)


def spec(end: AgentEnd | RlpEnd) -> LegSpec:
    """Return a spec for one end."""
    return LegSpec(run_id=RUN, plan=PLAN, end=end, alarms=(b"\xffslow",), offset_ns=-5)


@pytest.mark.parametrize(
    "end",
    [
        AgentEnd(address="127.0.0.1:1", tls=TLS, peer="router"),
        AgentEnd(address="127.0.0.1:1", tls=None, peer="agent"),
        RlpEnd(
            address="[::1]:8082",
            tls=TLS,
            source_id=None,
            kinds=(Kind.LOG,),
            shard="s",
            shared=True,
        ),
    ],
)
def test_a_spec_arrives_as_it_was_sent(end: AgentEnd | RlpEnd) -> None:
    """Certificates' places, kinds, seeds: nothing is of this process."""
    assert spec(end) == specs.decode(specs.encode(spec(end)))


def test_a_plan_draws_the_same_lots_in_a_leg() -> None:
    """Kinds and sizes of all messages follow from what a leg is told."""
    plan = plan_of(100, (100, 2000), (Kind.LOG, Kind.EVENT), cycles=10)

    sent = PlanSpec.of(plan).plan()

    span = Span(first=0, count=100)
    assert plan.sizes_of(span) == sent.sizes_of(span)
    assert plan.kinds_of(span) == sent.kinds_of(span)
    assert [plan.cycle_of(n) for n in range(100)] == [
        sent.cycle_of(n) for n in range(100)
    ]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (msgspec.msgpack.encode({"version": 2, "more": 1}), "of version 2, and .* 1"),
        (msgspec.msgpack.encode({"version": 1}), "what nobody can read"),
        (b"\xc1", "what nobody can read"),
        (b"", "what nobody can read"),
    ],
)
def test_a_spec_of_another_version_is_refused(raw: bytes, words: str) -> None:
    """A leg that cannot be what it is asked to be does not begin."""
    with pytest.raises(InternalError, match=words):
        specs.decode(raw)


async def _read(raw: bytes) -> list[wire.FromLeg]:
    stream = asyncio.StreamReader()
    stream.feed_data(raw)
    stream.feed_eof()
    return [each async for each in wire.from_leg(stream)]


async def test_what_a_leg_tells_arrives_in_order() -> None:
    """Every kind of message, one after the other, in a frame each or all in one."""
    said: list[wire.FromLeg] = [
        wire.Ready(),
        wire.Refused("no agent", ours=False),
        wire.Blamed(Fault(from_ns=1, to_ns=2, reason="late")),
        wire.Sent(17),
        wire.Told(Outcome(span=SPAN, handover=Handover.AMBIGUOUS, reason="gone")),
        wire.Flushed(),
        wire.Known(Evidence(sign=Sign.STALL, at_ns=3, epoch=1, detail="full")),
        wire.Until(5),
    ]

    assert said == await _read(b"".join(map(wire.frame, said)))
    assert said == await _read(wire.frame(*said))


numbers = st.lists(st.integers(0, 2**62), max_size=50)


@given(numbers, st.lists(st.integers(0, 9) | st.none()), st.integers(0, 3))
def test_what_was_found_arrives_whole(
    sequences: list[int], damaged: list[int | None], later: int
) -> None:
    """Every column, every number; connections are counted on."""
    column = array("q", sequences)
    sighted = Sighted(
        found=Sightings(
            sequences=column, sent_ns=column, primers=[3], damaged=damaged, other_runs=2
        ),
        each_ns=np.asarray(column) + 1,
        first_ns=7,
        at_ns=9,
        epoch=1,
        alarms=((b"\xff", 8),),
    )

    [told] = asyncio.run(_read(wire.frame(wire.Found.of(sighted))))

    assert isinstance(told, wire.Found)
    came = told.sighted(later=later)
    assert sighted.found == came.found
    assert sighted.each_ns.tolist() == came.each_ns.tolist()
    assert (7, 9, 1 + later, sighted.alarms) == (
        came.first_ns,
        came.at_ns,
        came.epoch,
        came.alarms,
    )


@pytest.mark.parametrize("cut", range(1, 9))
async def test_a_frame_that_is_cut_off_is_the_end(cut: int) -> None:
    """Who died in the middle of a word has said nothing."""
    raw = wire.frame(wire.Until(5))

    assert [] == await _read(raw[:-cut])


async def test_what_nobody_can_read_is_a_fault_of_ours() -> None:
    """Neither a foreign frame nor an endless one is taken for something else."""
    with pytest.raises(InternalError, match="what nobody can read"):
        await _read(wire.framed(b"\xc1"))
    with pytest.raises(InternalError, match="4,294,967,295 bytes at once"):
        await _read(b"\xff\xff\xff\xff")


@pytest.mark.parametrize(
    ("sequences", "each_ns", "words"),
    [(bytes(16), bytes(8), "differ in length"), (bytes(9), bytes(9), "is cut off")],
)
def test_columns_that_cannot_be_are_refused(
    sequences: bytes, each_ns: bytes, words: str
) -> None:
    """Each message has a number, a time of sending and one of arrival, all whole."""
    told = wire.Found(sequences, sequences, each_ns, [], [], [], 0, 1, 2, 3, ())

    with pytest.raises(InternalError, match=words):
        told.sighted()
