"""Closed cycles take no bytes any more, and what still comes of them is told apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.errors import InternalError
from prober.ledger import Deadlines, Ledger, Tally, spans_of
from prober.ledger import unseen as unseen_module
from prober.ledger.unseen import Unseen
from prober.plan import NS, Plan, Sizes
from prober.records import Counts, Handover, Kind, Outcome, Span
from tests.ledger.run import EVERYTHING, LATE, LOST, T0, Run, accepted_run
from tests.ledger.test_tally import thorough


def closed_run() -> Run:
    """A run whose first cycle has lost 3, 4 and 5, and is closed."""
    run = accepted_run()
    run.ledger.hear("rlp", T0 + 20 * NS)
    run.arrive([0, 1, 2, 6, 7, 8, 9], 1)
    run.ledger.close(0, T0 + 20 * NS)
    return run


def test_what_comes_of_a_closed_cycle_is_behind_time_once() -> None:
    """A lost message that comes after all stays lost; all else is a duplicate."""
    run = closed_run()
    run.arrive([3, 5, 5, 9], 30)
    run.arrive([3], 31)
    first = run.cycles()[0].counts

    assert (3, 2, 3) == (first.lost, first.after_deadline, first.duplicates)
    assert 9 == run.ledger.received("rlp")


def test_a_damaged_straggler_is_behind_time_as_well() -> None:
    """It is the first that comes of its message, and changes nothing of its loss."""
    run = closed_run()
    run.arrive([], 30, damaged=(4, 4, 8))
    first = run.cycles()[0].counts

    assert (3, 0, 1, 2) == (
        first.lost,
        first.corrupt,
        first.after_deadline,
        first.duplicates,
    )
    assert 7 == run.ledger.received("rlp")


def test_a_copy_of_a_closed_cycle_is_no_duplicate() -> None:
    """What comes over the other of two connections, though late, is no duplicate."""
    run = accepted_run()
    run.ledger.connect("rlp", 1)
    run.ledger.connect("rlp", 2)
    run.arrive(range(10), 1, epoch=1)
    run.ledger.close(0, T0 + 2 * NS)
    run.arrive(range(10), 3, epoch=2)
    run.arrive([0], 3, epoch=2)

    assert 1 == run.cycles()[0].counts.duplicates


def test_a_leg_s_stragglers_are_told_apart_as_well() -> None:
    """What another reader saw of closed cycles is behind time, or came twice."""
    run = closed_run()
    elsewhere = Tally.of(run.plan)
    deadlines = Deadlines(late_after_ns=LATE * NS, lost_after_ns=LOST * NS)
    numbers = np.array([3, 3, 8, *range(10, 20)])
    elsewhere.arrive(deadlines, numbers, np.full(13, T0), T0 + 2 * NS)
    run.ledger.merge("rlp", elsewhere)
    first, second = run.cycles()

    assert (3, 1, 2) == (
        first.counts.lost,
        first.counts.after_deadline,
        first.counts.duplicates,
    )
    assert 10 == second.counts.on_time
    assert 18 == run.ledger.received("rlp")


def test_cycles_are_closed_in_turn() -> None:
    """To close another than the first open cycle is a fault of ours."""
    run = accepted_run()

    with pytest.raises(InternalError, match="cycle 0 is to be closed before 1"):
        run.ledger.close(1, T0)


def test_a_run_without_an_end_takes_the_same_memory() -> None:
    """After ten thousand cycles a ledger that keeps none is as large as after ten."""
    plan = Plan(
        messages=10**10,
        cycles=10**8 - 1,
        rate=None,
        sizes=Sizes(low=100, high=100),
        kinds=(Kind.LOG,),
        source_id="probe",
        seed=1,
    )
    deadlines = Deadlines(late_after_ns=5, lost_after_ns=10)
    ledger = Ledger(plan, deadlines, ["rlp"], keep_cycles=False)
    account = ledger._accounts["rlp"]

    def held() -> int:
        windows = (ledger._intake.words, account.tally.fates, account.tally.cycles)
        kept = len(account.closed.cycles) + len(account.tally.latencies)
        return kept + sum(each._held.nbytes for each in windows)

    sizes, told = [], Counts()
    for cycle in range(10_000):
        span = plan.span_of(cycle)
        ledger.attempt(span, cycle, cycle * 20)
        ledger.hand_over(Outcome(span=span, handover=Handover.ACCEPTED))
        sizes.append(held())
        told += ledger.close(cycle, cycle * 20 + 15)["rlp"].counts
    (result,) = ledger.results({"rlp": "rlp"}, 10**9)

    assert sizes[10] == sizes[-1] < 5_000_000
    assert () == result.cycles
    assert () == result.gaps
    assert 1 == len(account.unseen)
    assert told.attempted == result.counts.lost == plan.span_of(9_999).end


@thorough
@given(
    st.sets(st.integers(0, 60)),
    st.lists(st.lists(st.integers(0, 70), max_size=20), max_size=6),
)
def test_what_was_never_seen_is_taken_out_once(
    numbers: set[int], groups: list[list[int]]
) -> None:
    """Of what comes, the first of each number that was never seen is marked."""
    kept, left = Unseen(), set(numbers)
    kept.add(spans_of(sorted(numbers)))
    for group in groups:
        expected = []
        for number in group:
            expected.append(number in left)
            left.discard(number)

        assert expected == kept.take(np.array(group, dtype=np.int64)).tolist()
    spans = spans_of(sorted(left))

    assert list(spans) == [
        Span(first=first, count=end - first)
        for first, end in zip(kept._firsts, kept._ends, strict=True)
    ]


def test_the_oldest_of_very_many_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept has a bound; what was forgotten counts as coming again."""
    monkeypatch.setattr(unseen_module, "MOST_SPANS", 10)
    kept = Unseen()
    kept.add([Span(first=2 * n, count=1) for n in range(12)])

    assert 10 == len(kept)
    assert [False, False, True] == kept.take(np.array([0, 2, 4])).tolist()


def test_everything_is_a_duplicate_when_nothing_was_lost() -> None:
    """A cycle that came whole keeps no spans, and what comes again came twice."""
    run = accepted_run()
    run.arrive(EVERYTHING, 3)
    run.ledger.close(0, T0 + 20 * NS)
    run.arrive([1, 2], 30)

    assert 0 == len(run.ledger._accounts["rlp"].unseen)
    assert 2 == run.cycles()[0].counts.duplicates
