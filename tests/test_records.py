import dataclasses
import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober import records
from prober.histogram import Histogram
from prober.records import (
    BufferDrops,
    ConsumerResult,
    Counts,
    CycleResult,
    Span,
    State,
)

FACTS = [
    each
    for _, each in inspect.getmembers(records, dataclasses.is_dataclass)
    if isinstance(each, type) and each.__module__ == records.__name__
]
amounts = st.integers(0, 10**12)
all_counts = st.builds(
    Counts, **{field.name: amounts for field in dataclasses.fields(Counts)}
)


def consumer(*states: State) -> ConsumerResult:
    """Return a consumer whose cycles ended in the states given."""
    cycles = tuple(
        CycleResult(
            index=index,
            consumer="rlp",
            span=Span(first=index, count=1),
            first_sent_ns=None,
            last_sent_ns=None,
            state=state,
            reason="",
            counts=Counts(),
        )
        for index, state in enumerate(states)
    )
    return ConsumerResult(
        name="rlp",
        transport="rlp",
        counts=Counts(),
        valid=Counts(),
        latency=Histogram(),
        gaps=(),
        cycles=cycles,
    )


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_every_fact_is_frozen_slotted_and_named(fact: type) -> None:
    """A record cannot be changed, grows no fields, and is made by the names of them."""
    slots = {field.name for field in dataclasses.fields(fact)}
    parameters = inspect.signature(fact).parameters.values()

    assert fact.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert slots == set(fact.__slots__)  # type: ignore[attr-defined]
    assert {inspect.Parameter.KEYWORD_ONLY} == {each.kind for each in parameters}


def test_a_fact_cannot_be_changed() -> None:
    """Writing to a record raises, so that two tasks may share it."""
    drops = BufferDrops(buffer="agent ingress", dropped=1, ring=10_000)
    with pytest.raises(dataclasses.FrozenInstanceError):
        drops.dropped = 0  # type: ignore[misc]


def test_a_span_ends_behind_its_last_message() -> None:
    """Three messages from 5 on are 5, 6 and 7, and end at 8."""
    assert 8 == Span(first=5, count=3).end


@given(all_counts, all_counts, all_counts)
def test_counts_add_field_by_field(one: Counts, two: Counts, three: Counts) -> None:
    """The sum has each field's sum, in whatever order, and nothing added is nothing."""
    expected = {
        field.name: getattr(one, field.name) + getattr(two, field.name)
        for field in dataclasses.fields(Counts)
    }

    assert expected == dataclasses.asdict(one + two)
    assert one + two == two + one
    assert (one + two) + three == one + (two + three)
    assert one == one + Counts() == sum([one], Counts())


@given(all_counts)
def test_good_and_bad_are_the_two_halves_of_what_was_accepted(counts: Counts) -> None:
    """On time and late are good, lost and corrupt are bad, the rest is neither."""
    assert counts.on_time + counts.late == counts.good
    assert counts.lost + counts.corrupt == counts.bad


BALANCED = Counts(
    attempted=20,
    rejected=3,
    ambiguous=2,
    not_expected=1,
    accepted=14,
    on_time=8,
    late=3,
    corrupt=1,
    lost=2,
)
BESIDE = ("duplicates", "unexplained", "other_runs", "after_deadline", "reordered")


def test_both_sums_hold() -> None:
    """Counts of which both sums are right are balanced; so are none, and sums."""
    assert BALANCED.balanced()
    assert Counts().balanced()
    assert (BALANCED + BALANCED).balanced()


@pytest.mark.parametrize("field", dataclasses.fields(Counts), ids=lambda f: f.name)
def test_one_count_too_many_is_noticed(field: "dataclasses.Field[int]") -> None:
    """One more of anything that is in the sums unbalances them; beside them it may."""
    more = dataclasses.replace(
        BALANCED, **{field.name: getattr(BALANCED, field.name) + 1}
    )

    assert (field.name in BESIDE) == more.balanced()


def test_the_states_of_a_consumer_s_cycles_are_counted() -> None:
    """All six states are named, those that did not occur with 0."""
    result = consumer(State.PASS, State.LOSS, State.PASS, State.MISSED)
    expected = {
        State.PASS: 2,
        State.LOSS: 1,
        State.INCONCLUSIVE: 0,
        State.INVALID: 0,
        State.EXCLUDED: 0,
        State.MISSED: 1,
    }

    assert expected == result.states()
