"""Hours that history keeps say what the cycles in them say."""

from hypothesis import given
from hypothesis import strategies as st

from prober import slo
from prober.history import HOUR_NS, CycleRecord, hours_of
from prober.records import Counts, State

MINUTE_NS = HOUR_NS // 60

cycles = st.lists(
    st.tuples(
        st.sampled_from(State), st.integers(0, 50), st.integers(0, 50), st.booleans()
    ),
    max_size=200,
)


def record(
    index: int, state: State, lost: int, ambiguous: int, consumer: str
) -> CycleRecord:
    """Return a cycle of a hundred messages, one a minute."""
    accepted = 100 - ambiguous
    sent = state not in (State.MISSED, State.EXCLUDED)
    counts = Counts(
        attempted=100, accepted=accepted, on_time=accepted - lost, lost=lost
    )
    unsure = Counts(ambiguous=ambiguous) if state is State.INCONCLUSIVE else Counts()
    return CycleRecord(
        environment="prod",
        mode="continuous",
        run_id="k3v9x2m4q7a",
        index=index,
        consumer=consumer,
        scheduled_ns=index * MINUTE_NS,
        first_sent_ns=None,
        last_sent_ns=None,
        final_ns=(index + 1) * MINUTE_NS,
        planned=100,
        state=state,
        counts=counts + unsure if sent else Counts(),
    )


@given(cycles)
def test_alike(drawn: list[tuple[State, int, int, bool]]) -> None:
    """By consumer, an hour a block: the same losses, worst case and coverage."""
    records = [
        record(index, state, lost, ambiguous, "rlp" if first else "gateway")
        for index, (state, lost, ambiguous, first) in enumerate(drawn)
    ]
    found = {each.consumer: each for each in slo.evidence_of_hours(hours_of(records))}

    for name in {each.consumer for each in records}:
        mine = [each for each in records if each.consumer == name]
        expected = slo.evidence(name, map(short, mine), block_ns=HOUR_NS)
        assert expected.counted == found[name].counted
        assert expected.worst == found[name].worst
        assert expected.coverage == found[name].coverage
        assert expected.uncounted == found[name].uncounted
        assert [b for b in expected.blocks if b.total] == list(found[name].blocks)


def short(each: CycleRecord) -> slo.Cycle:
    """Return a cycle as windows of single cycles take it."""
    unsure = each.counts.ambiguous if each.state is State.INCONCLUSIVE else 0
    assert each.state is not None
    assert each.final_ns is not None
    return slo.Cycle(
        final_ns=each.final_ns,
        state=each.state,
        bad=each.counts.bad + unsure,
        total=each.counts.accepted + unsure,
        planned=each.planned,
    )
