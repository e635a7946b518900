"""What is summed up, and what people decide, as records alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.histogram import Histogram
from prober.history import HOUR_NS, adjudicated, hours_of
from prober.records import Counts, State
from tests.store.samples import MINUTE_NS, START_NS, annotation, cycle

FINAL = tuple(State)


def test_only_cycles_that_count_have_bad_messages() -> None:
    """A loss in a cycle that does not count is not counted anywhere."""
    counts = Counts(attempted=10, accepted=10, lost=4, on_time=6)
    for state in FINAL:
        found = cycle(0, state, counts=counts)
        expected = (4, 10) if state in (State.PASS, State.LOSS) else (0, 0)

        assert expected == (found.bad, found.total)


def test_an_hour_names_everything_that_was_in_it() -> None:
    """States, counts and what nobody can know, each in its own figure."""
    unsure = Counts(attempted=100, accepted=90, ambiguous=10, on_time=80, lost=10)
    cycles = [
        cycle(0),
        cycle(1, State.LOSS),
        cycle(2, State.LOSS, counts=replace(cycle(2, State.LOSS).counts, corrupt=2)),
        cycle(3, State.INCONCLUSIVE, counts=unsure),
        cycle(4, State.INVALID),
        cycle(5, State.MISSED, counts=Counts()),
        cycle(6, State.EXCLUDED),
        cycle(7, None),
    ]

    (hour,) = hours_of(cycles)

    assert START_NS == hour.start_ns
    assert {
        State.PASS: 1,
        State.LOSS: 2,
        State.INCONCLUSIVE: 1,
        State.INVALID: 1,
        State.EXCLUDED: 1,
        State.MISSED: 1,
    } == hour.states
    assert (300, 6, 2) == (hour.counts.accepted, hour.counts.lost, hour.counts.corrupt)
    assert (20, 100) == (hour.unseen, hour.unsure)
    assert (300, 700) == (hour.uncounted, hour.planned)
    assert (2, 5) == (hour.lossy_cycles, hour.largest_loss)
    assert 100 + 97 + 97 == Histogram.thaw(hour.latency).count


def test_a_cycle_belongs_to_the_hour_in_which_it_was_final() -> None:
    """One that was due before the hour and final in it is in it; open ones in none."""
    assert [START_NS, START_NS + HOUR_NS] == [
        hour.start_ns for hour in hours_of([cycle(58), cycle(59)])
    ]
    assert [] == hours_of([cycle(0, None)])


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.sampled_from(FINAL), st.sampled_from("ab")),
        max_size=40,
    ),
    st.integers(0, 40),
)
def test_sums_of_parts_are_the_sum(
    drawn: list[tuple[int, State, str]], cut: int
) -> None:
    """However cycles are cut in two, hours of both parts add to the hours of all."""
    from prober.store.rollups import plus

    cycles = [cycle(index, state, consumer=name) for index, state, name in drawn]
    added = {(hour.consumer, hour.start_ns): hour for hour in hours_of(cycles[:cut])}
    for part in hours_of(cycles[cut:]):
        key = (part.consumer, part.start_ns)
        added[key] = plus(added[key], part) if key in added else part

    assert hours_of(cycles) == [added[key] for key in sorted(added)]


@pytest.mark.parametrize("state", FINAL)
def test_an_exclusion_decides_whatever_was_measured(state: State) -> None:
    """And the reason tells who, why, and what it was."""
    found = adjudicated(cycle(0, state), [annotation("exclude", text="maintenance")])

    assert State.EXCLUDED is found.state
    assert found.reason.startswith(f"maintenance (ada@example); was {state.value}")


def test_a_reclassification_decides_only_what_could_not_be_told() -> None:
    """A measured loss stays one, a measured success too."""
    decided = annotation("reclassify", state=State.INVALID)
    for state in FINAL:
        open_to_it = state in (State.INCONCLUSIVE, State.MISSED)
        expected = State.INVALID if open_to_it else state

        assert expected is adjudicated(cycle(0, state), [decided]).state


def test_what_excludes_prevails_and_then_the_last_word() -> None:
    """Of several decisions one holds, whatever the order of the list."""
    notes = [
        annotation("exclude", text="first", number=1),
        annotation("exclude", text="second", number=2),
        annotation("reclassify", text="third", number=3),
        annotation("note", text="fourth", number=4),
    ]
    for order in (notes, notes[::-1]):
        found = adjudicated(cycle(0, State.MISSED), order)
        assert found.reason.startswith("second")
    again = [annotation("reclassify", state=State.INVALID, number=5), notes[2]]
    assert State.INVALID is adjudicated(cycle(0, State.MISSED), again).state


def test_a_decision_holds_for_cycles_that_were_due_in_its_time() -> None:
    """From its first moment to before its last, by when they were due to begin."""
    for minute, decided in ((-1, False), (0, True), (59, True), (60, False)):
        found = cycle(0, State.LOSS, scheduled_ns=START_NS + minute * MINUTE_NS)

        assert decided is annotation("exclude").decides(found)


def test_an_open_cycle_is_nobodys_to_decide() -> None:
    """It is not final yet: it stays as it is."""
    assert cycle(0, None) == adjudicated(cycle(0, None), [annotation("exclude")])
