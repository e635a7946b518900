import itertools
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from prober.histogram import Histogram
from prober.ledger import Deadlines, Fate, Ledger, Tally, join_spans, spans_of
from prober.ledger.tally import first_of_each
from prober.plan import Plan, Sizes
from prober.records import Kind, Span
from prober.stamp import Sightings

DEADLINES = Deadlines(late_after_ns=5, lost_after_ns=10)
PLAN = Plan(
    messages=20,
    cycles=3,
    rate=None,
    sizes=Sizes(low=100, high=100),
    kinds=(Kind.LOG,),
    source_id="probe",
    seed=1,
)
Arrived = tuple[int, bool, int]
"""A message that was sent at 0: its number, whether intact, how long it took."""
arrived = st.tuples(
    st.integers(0, PLAN.messages - 1), st.booleans(), st.integers(0, 15)
)
streams = st.lists(arrived, max_size=60).map(
    lambda stream: sorted(stream, key=lambda each: each[2])
)
"""Arrivals in the order of their times, as any reader has them."""

thorough = settings(max_examples=100, deadline=None, derandomize=True)


def arrive(tally: Tally, *sequences: int, at_ns: int = 1, sent_ns: int = 0) -> None:
    """Book intact messages that came together."""
    numbers = np.array(sequences, dtype=np.int64)
    sent = np.full(len(numbers), sent_ns, dtype=np.int64)
    tally.arrive(DEADLINES, numbers, sent, at_ns)


def tally_of(stream: list[Arrived]) -> Tally:
    """Return what one reader counts that sees a stream."""
    tally = Tally.of(PLAN)
    for sequence, intact, at_ns in stream:
        if intact:
            arrive(tally, sequence, at_ns=at_ns)
        else:
            tally.damage(sequence)
    return tally


def merged(*tallies: Tally) -> Tally:
    """Return the union of some tallies, which stay as they are."""
    union = Tally.of(PLAN)
    for tally in tallies:
        union.merge(tally)
    return union


def column(tally: Tally, name: str) -> NDArray[np.int64]:
    """Return what is counted of each cycle of the plan."""
    tally.reach(PLAN.messages)
    values: NDArray[np.int64] = tally.cycles.values[name]
    return values


def fates_of(tally: Tally) -> list[Fate]:
    """Return the fate of each message of the plan."""
    tally.reach(PLAN.messages)
    return [Fate(each) for each in tally.fates.values.tolist()]


def facts(tally: Tally) -> dict[str, object]:
    """Return all that a tally holds, comparable."""
    return {
        "fates": fates_of(tally),
        "arrivals": column(tally, "arrivals").tolist(),
        "last_first_ns": column(tally, "last_first_ns").tolist(),
        "on_time": column(tally, "on_time").tolist(),
        "late": column(tally, "late").tolist(),
        "intact": tally.intact,
        "latency": tally.latency.freeze(),
        "unexplained": tally.unexplained,
        "other_runs": tally.other_runs,
        "highest": tally.highest,
        "reordered": column(tally, "reordered").tolist(),
    }


def without(told: dict[str, object], *names: str) -> dict[str, object]:
    """Return facts but for some."""
    return {name: fact for name, fact in told.items() if name not in names}


# Merging.


@thorough
@given(streams, st.lists(st.integers(0, 2), min_size=20, max_size=20))
def test_readers_who_share_the_messages_count_as_one(
    stream: list[Arrived], shares: list[int]
) -> None:
    """Parted over three readers by message, merged, a stream counts as unparted.

    All but the order: which of two readers was first nobody can tell.
    """
    parts = [[each for each in stream if shares[each[0]] == n] for n in range(3)]
    union = merged(*map(tally_of, parts))

    assert without(facts(tally_of(stream)), "reordered") == without(
        facts(union), "reordered"
    )
    assert sum(column(union, "reordered")) <= sum(column(tally_of(stream), "reordered"))


@thorough
@given(streams, st.lists(st.integers(0, 2), min_size=60, max_size=60))
def test_readers_of_the_same_messages_agree_on_their_fates(
    stream: list[Arrived], shares: list[int]
) -> None:
    """Parted in any way, doubles over several readers: fates and arrivals are right.

    A message that two readers saw has a latency at each, and both are counted.
    """
    dealt = list(zip(stream, shares, strict=False))
    parts = [[each for each, reader in dealt if reader == n] for n in range(3)]
    union, whole = merged(*map(tally_of, parts)), tally_of(stream)
    either = ("reordered", "latency", "last_first_ns")

    assert without(facts(whole), *either) == without(facts(union), *either)
    assert whole.latency.count <= union.latency.count
    assert (column(whole, "last_first_ns") <= column(union, "last_first_ns")).all()


@thorough
@given(streams, streams, streams)
def test_merging_is_associative_and_commutative(
    one: list[Arrived], two: list[Arrived], three: list[Arrived]
) -> None:
    """In whatever order and grouping tallies are merged, the union is the same."""
    a, b, c = map(tally_of, (one, two, three))
    expected = facts(merged(a, b, c))

    for order in itertools.permutations((a, b, c)):
        assert expected == facts(merged(*order))
    assert expected == facts(merged(a, merged(b, c)))


@thorough
@given(streams)
def test_merging_with_what_saw_nothing_changes_nothing(stream: list[Arrived]) -> None:
    """The empty tally is the zero of merging."""
    tally = tally_of(stream)

    assert facts(tally) == facts(merged(tally, Tally.of(PLAN)))


def test_merging_adds_what_is_counted_beside() -> None:
    """Unexplained messages and other runs' are added, the highest number is kept."""
    one, other = Tally.of(PLAN), Tally.of(PLAN)
    one.unexplained, one.other_runs = 2, 3
    other.unexplained, other.other_runs = 5, 7
    arrive(other, 9)
    union = merged(one, other)

    assert (7, 10, 9) == (union.unexplained, union.other_runs, union.highest)


def test_what_a_ledger_merges_is_booked_like_its_own() -> None:
    """A tally from another reader of a consumer makes its messages received."""
    ledger = Ledger(PLAN, DEADLINES, ["rlp"])
    for cycle in range(PLAN.cycles):
        ledger.attempt(PLAN.span_of(cycle), cycle, 1)
    arrived = Sightings(sequences=array("q", range(10)), sent_ns=array("q", [0] * 10))
    ledger.arrive("rlp", arrived, 2)
    elsewhere = Tally.of(PLAN)
    arrive(elsewhere, *range(10, 20))

    assert not ledger.complete("rlp")

    ledger.merge("rlp", elsewhere)

    assert ledger.complete("rlp")
    assert 20 == ledger.received("rlp")


# One reader.


@pytest.mark.parametrize(
    ("latency_ns", "fate"),
    [
        (-3, Fate.ON_TIME),
        (0, Fate.ON_TIME),
        (5, Fate.ON_TIME),
        (6, Fate.LATE),
        (10, Fate.LATE),
        (11, Fate.AFTER_DEADLINE),
    ],
)
def test_the_deadlines_belong_to_the_better_fate(latency_ns: int, fate: Fate) -> None:
    """Just in time is in time; one nanosecond more is not."""
    tally = Tally.of(PLAN)
    arrive(tally, 3, at_ns=100 + latency_ns, sent_ns=100)

    assert fate == fates_of(tally)[3]


def test_a_second_arrival_betters_no_fate() -> None:
    """What first came after its deadline stays lost, though a copy be counted."""
    tally = Tally.of(PLAN)
    arrive(tally, 3, at_ns=11)
    arrive(tally, 3, at_ns=12)

    assert Fate.AFTER_DEADLINE == fates_of(tally)[3]
    assert 1 == tally.latency.count
    assert 2 == column(tally, "arrivals").sum()


def test_an_intact_copy_mends_a_damaged_one_and_not_the_reverse() -> None:
    """A message is corrupt only as long as no intact copy has come."""
    tally = Tally.of(PLAN)
    tally.damage(3)

    assert Fate.CORRUPT == fates_of(tally)[3]

    arrive(tally, 3)
    tally.damage(3)

    assert Fate.ON_TIME == fates_of(tally)[3]
    assert 3 == column(tally, "arrivals").sum()


@pytest.mark.parametrize(
    ("sequences", "reordered"),
    [
        ([0, 1, 2], 0),
        ([0, 2, 1], 1),
        ([2, 1, 0], 2),
        ([2, 0, 1], 2),
        ([1, 1, 0], 1),
        ([5, 5, 5], 0),
        ([3, 0, 3, 0], 1),
    ],
)
def test_what_counts_as_reordered(sequences: list[int], reordered: int) -> None:
    """First arrivals behind a higher number are, in one batch or one by one."""
    together, apart = Tally.of(PLAN), Tally.of(PLAN)
    arrive(together, *sequences)
    for sequence in sequences:
        arrive(apart, sequence)

    assert (
        reordered
        == column(together, "reordered").sum()
        == column(apart, "reordered").sum()
    )


def test_doubles_within_one_batch_are_doubles() -> None:
    """A number twice in one batch is one first arrival and one more."""
    tally = Tally.of(PLAN)
    arrive(tally, 4, 4, 4)

    assert 1 == tally.latency.count
    assert 3 == column(tally, "arrivals").sum()


def test_a_batch_may_span_cycles() -> None:
    """Each arrival counts for its own cycle."""
    tally = Tally.of(PLAN)
    arrive(tally, 0, 8, 9, 14, at_ns=7)

    assert [1, 2, 1] == column(tally, "arrivals").tolist()
    assert [7, 7, 7] == column(tally, "last_first_ns").tolist()


def test_the_last_first_arrival_never_goes_back() -> None:
    """Readings of two connections may overlap: the latest time counts."""
    tally = Tally.of(PLAN)
    arrive(tally, 0, at_ns=9)
    arrive(tally, 1, at_ns=4)
    arrive(tally, 0, at_ns=99)

    assert 9 == column(tally, "last_first_ns")[0]


def test_memory_does_not_grow_with_arrivals() -> None:
    """A tally that saw 100,000 arrivals, most of them doubles, is as large as ever."""

    def size(tally: Tally) -> int:
        return len(fates_of(tally)) + tally.cycles.values.nbytes

    tally = Tally.of(PLAN)
    for at_ns in range(1000):
        arrive(tally, *(5 * list(range(20))), at_ns=at_ns)

    assert size(Tally.of(PLAN)) == size(tally)
    assert PLAN.messages + 48 * PLAN.cycles == size(tally)
    assert not hasattr(tally, "__dict__")
    assert 100_000 == column(tally, "arrivals").sum()
    assert Histogram().freeze() != tally.latency.freeze()


# Spans.


@given(st.sets(st.integers(0, 50)))
def test_spans_hold_the_numbers_and_are_the_fewest(numbers: set[int]) -> None:
    """Unfolded, the spans are the numbers again, and no two of them touch."""
    spans = spans_of(sorted(numbers))

    assert sorted(numbers) == [n for s in spans for n in range(s.first, s.end)]
    assert all(one.end < other.first for one, other in itertools.pairwise(spans))


@given(st.sets(st.integers(0, 50)), st.integers(0, 51))
def test_spans_that_touch_are_joined(numbers: set[int], cut: int) -> None:
    """Spans made on both sides of a cut join to those of the whole."""
    low, high = (
        spans_of(sorted(n for n in numbers if side == (n < cut)))
        for side in (True, False)
    )

    assert spans_of(sorted(numbers)) == join_spans([*low, *high])


def test_no_numbers_are_no_spans() -> None:
    """Nothing lost makes no gap, and one number a gap of one."""
    assert () == spans_of([])
    assert () == join_spans([])
    assert (Span(first=7, count=1),) == spans_of([7])


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 19), st.integers(0, 20)), max_size=6),
        max_size=5,
    )
)
def test_together_is_as_one_after_the_other(
    groups: list[list[tuple[int, int]]],
) -> None:
    """Arrivals booked in groups, each with its time, count as if booked singly."""
    single, grouped = Tally.of(PLAN), Tally.of(PLAN)
    for group in groups:
        numbers = np.array([number for number, _ in group], dtype=np.int64)
        at_ns = np.array([at for _, at in group], dtype=np.int64)
        sent_ns = np.zeros(len(group), dtype=np.int64)
        grouped.arrive(DEADLINES, numbers, sent_ns, at_ns)
        for number, at in group:
            arrive(single, number, at_ns=at)

    assert facts(single) == facts(grouped)


@pytest.mark.parametrize("step", [1, 3, 10_000_000], ids=["dense", "loose", "sparse"])
def test_the_first_of_each_number_is_the_one_that_came_first(step: int) -> None:
    """However far apart the numbers lie, and wherever the others of it come."""
    numbers = np.random.default_rng(1).integers(0, 300, 500) * step + 7
    told = numbers.tolist()
    expected = [told.index(number) == at for at, number in enumerate(told)]

    assert expected == first_of_each(numbers).tolist()
    assert not all(expected)
