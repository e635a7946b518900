"""A leg's account survives being sent, and the parts that it tells are the whole."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.errors import InternalError
from prober.ledger import Tally
from prober.ledger.snapshot import Leg, pack, unpack
from prober.plan import Sizes
from prober.records import Evidence, Kind, Sign
from tests.ledger.test_tally import (
    PLAN,
    Arrived,
    arrive,
    facts,
    merged,
    streams,
    tally_of,
    thorough,
)


@thorough
@given(streams, st.integers(0, 5), st.integers(0, 5))
def test_what_is_sent_is_what_was_seen(
    stream: list[Arrived], unexplained: int, other_runs: int
) -> None:
    """To bytes and back, a tally is the same, and merges as it would have."""
    tally = tally_of(stream)
    tally.unexplained, tally.other_runs = unexplained, other_runs
    again = unpack(pack(Leg(tally=tally)), PLAN).tally

    assert facts(tally) == facts(again)
    assert facts(tally) == facts(merged(again))


@thorough
@given(streams, st.sets(st.integers(0, 60)))
def test_parts_that_are_told_now_and_then_are_the_whole(
    stream: list[Arrived], told_at: set[int]
) -> None:
    """Drained at any times, sent and merged, a leg counts as if it had told at once."""
    leg, union = Tally.of(PLAN), Tally.of(PLAN)
    for number, (sequence, intact, at_ns) in enumerate(stream):
        if intact:
            arrive(leg, sequence, at_ns=at_ns)
        else:
            leg.damage(sequence)
        if number in told_at:
            union.merge(unpack(pack(Leg(tally=leg.drain())), PLAN).tally)
    union.merge(leg.drain())
    nothing = leg.drain()

    assert facts(tally_of(stream)) == facts(union)
    assert 0 == nothing.latency.count == nothing.fates.values.size


def test_evidence_goes_along() -> None:
    """What a leg knows of its own connection is sent with what it counted."""
    told = (
        Evidence(sign=Sign.CONNECTED, at_ns=7, epoch=1),
        Evidence(sign=Sign.CUT, at_ns=9, epoch=1, detail="the peer has gone"),
    )
    leg = Leg(tally=Tally.of(PLAN, {Kind.LOG}), evidence=told)

    assert told == unpack(pack(leg), PLAN).evidence
    assert {Kind.LOG} == unpack(pack(leg), PLAN).tally.kinds


def test_a_large_account_is_small_when_it_is_sent() -> None:
    """A million messages that all came take some kilobytes."""
    plan = replace(PLAN, messages=1_000_000, sizes=Sizes(low=100, high=100))
    tally = Tally.of(plan)
    tally.reach(plan.messages)
    tally.fates.values[:] = 5

    assert len(pack(Leg(tally=tally))) < 10_000


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (msgspec.msgpack.encode([2, "and more"]), "of version 2, and this prober"),
        (b"\xc1", "of version unknown, and this prober reads 1"),
        (msgspec.msgpack.encode([]), "of version unknown"),
    ],
)
def test_another_version_is_refused(raw: bytes, words: str) -> None:
    """What another prober wrote is not guessed at, whatever it has in it."""
    with pytest.raises(InternalError, match=words):
        unpack(raw, PLAN)


def test_another_plan_s_account_is_refused() -> None:
    """Numbers of other messages would be counted as ours."""
    raw = pack(Leg(tally=Tally.of(PLAN)))

    with pytest.raises(InternalError, match="20 messages in 3 cycles, and 21 in 3"):
        unpack(raw, replace(PLAN, messages=21))
