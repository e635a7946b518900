"""Overlapping connections: what comes over both counts once, and no duplicate hides."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.ledger.seams import PROOF, Seams
from tests.ledger.run import EVERYTHING, PASS, Run, accepted_run


def marked(seams: Seams, epoch: int, *sequences: int) -> list[bool]:
    """Book some arrivals over a connection; tell which were copies."""
    copies = seams.copies(epoch, np.array(sequences, dtype=np.int64))
    return [False] * len(sequences) if copies is None else copies.tolist()


def overlapping(*epochs: int) -> Seams:
    """Some connections, all of them open."""
    seams = Seams()
    for epoch in epochs:
        seams.open(epoch)
    return seams


def test_one_connection_has_no_copies() -> None:
    """What comes twice over the only connection is no copy."""
    assert [False, False] == marked(overlapping(1), 1, 3, 3)


def test_second_arrival_over_the_other_connection_is_a_copy() -> None:
    """Whichever connection is first, what the other brings is a copy, once."""
    seams = overlapping(1, 2)

    assert [False, False] == marked(seams, 1, 3, 4)
    assert [False, True] == marked(seams, 2, 5, 4)
    assert [True, False] == marked(seams, 1, 5, 5)
    assert [False] == marked(seams, 2, 4)


def test_what_came_before_the_overlap_is_no_copy() -> None:
    """A message that the old connection had brought before, is a duplicate."""
    seams = overlapping(1)
    marked(seams, 1, 3)
    seams.open(2)

    assert [False] == marked(seams, 2, 3)


def test_copies_come_after_the_old_connection_has_gone() -> None:
    """What both shared may come over the newer one when the older one is closed."""
    seams = overlapping(1, 2)
    marked(seams, 1, 3)
    seams.close(1)

    assert [True] == marked(seams, 2, 3)


def test_connections_that_follow_each_other_share_nothing() -> None:
    """After a disconnect, what comes again is a duplicate."""
    seams = overlapping(1)
    marked(seams, 1, 3)
    seams.close(1)
    seams.open(2)

    assert [False] == marked(seams, 2, 3)


def test_failed_successors_leave_nothing_behind() -> None:
    """A connection that brought nothing before it ended costs no memory any more."""
    seams = overlapping(1)
    for epoch in range(2, 100):
        seams.open(epoch)
        seams.close(epoch)

    assert [] == seams._seams


@pytest.mark.parametrize(
    ("older", "newer", "proven"),
    [
        (range(1000), range(1000), True),
        (range(1000), range(300, 1000), True),
        (range(1000), range(300, 1000, 2), False),
        (range(1000), range(1000 - PROOF + 1, 1000), False),
        (range(0, 1000, 2), range(1000), True),
        (range(1000), range(0), False),
    ],
)
def test_successor_is_proven_by_what_the_old_one_brings(
    older: range,
    newer: range,
    proven: bool,  # noqa: FBT001 - the table's last column
) -> None:
    """Enough messages, all of which came over both, show that nothing is missing."""
    seams = overlapping(1, 2)
    marked(seams, 1, *older)
    marked(seams, 2, *newer)

    assert proven == seams.proven(2)
    assert not seams.proven(1)


@pytest.mark.parametrize(
    ("missed", "proven"),
    [
        ([3, 900], True),  # before it was there, and what is still to come
        ([3, 300, 900], True),  # 599 in a row
        ([3, 300, 600, 900], False),
    ],
)
def test_proof_is_a_row_wherever_it_is(
    missed: list[int],
    proven: bool,  # noqa: FBT001 - the table's last column
) -> None:
    """Batches overtake each other: at both ends of a row the older one may be alone."""
    seams = overlapping(1, 2)
    marked(seams, 1, *range(1000))
    marked(seams, 2, *(number for number in range(1000) if number not in missed))

    assert proven == seams.proven(2)


def test_renewal_is_unseen_by_the_accounts() -> None:
    """Everything twice over two connections is neither lost nor a duplicate."""
    run = accepted_run()
    run.ledger.connect("rlp", 1)
    run.arrive(range(10), 1)
    run.ledger.connect("rlp", 2)
    run.arrive(range(10, 20), 2.5, epoch=1)
    run.arrive(range(10, 20), 2.6, epoch=2)
    run.ledger.disconnect("rlp", 1)

    counts = run.results()[0].counts
    assert (20, 0, 0) == (counts.on_time, counts.lost, counts.duplicates)
    assert [PASS, PASS] == run.told()


def test_damaged_copy_is_no_duplicate() -> None:
    """A message damaged over one connection, and intact over the other, is good."""
    run = accepted_run()
    run.ledger.connect("rlp", 1)
    run.ledger.connect("rlp", 2)
    run.arrive([n for n in EVERYTHING if n != 7], 3, damaged=(7,), epoch=1)
    run.arrive(EVERYTHING, 3, epoch=2)

    counts = run.results()[0].counts
    assert (20, 0, 0) == (counts.on_time, counts.corrupt, counts.duplicates)


@dataclass(frozen=True, slots=True)
class Life:
    """One connection: subscribed from one publication to another, and how it lags."""

    since: int
    until: int
    lag: int


lives = st.lists(
    st.builds(
        Life, since=st.integers(0, 15), until=st.integers(5, 20), lag=st.integers(0, 6)
    ),
    min_size=1,
    max_size=4,
).map(lambda some: sorted(some, key=lambda life: life.since))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(lives, st.lists(st.tuples(st.integers(0, 3), st.integers(0, 19)), max_size=5))
def test_whatever_overlaps_only_real_duplicates_count(
    connections: list[Life], doubled: list[tuple[int, int]]
) -> None:
    """A platform that sends each message once to whoever subscribed has no duplicates.

    What one of the connections brings twice is all that is counted as such.
    """
    again = Counter(doubled)
    happenings = []  # time, what, connection, message
    for number, life in enumerate(connections):
        happenings.append((life.since - 0.5, "open", number, 0))
        happenings.append((life.until + life.lag + 0.5, "close", number, 0))
        for message in range(life.since, life.until):
            times = 1 + again[number, message]
            happenings += [(message + life.lag, "message", number, message)] * times
    run, seen, expected = accepted_run(), set[int](), 0
    for _, what, number, message in sorted(happenings):
        if what == "open":
            run.ledger.connect("rlp", number)
        elif what == "close":
            run.ledger.disconnect("rlp", number)
        else:
            run.arrive([message], 3, epoch=number)
            seen.add(message)
    for number, life in enumerate(connections):
        expected += sum(again[number, m] for m in range(life.since, life.until))

    counts = run.results()[0].counts
    assert (expected, 20 - len(seen)) == (counts.duplicates, counts.lost)


def test_run_without_connections_told_counts_as_before() -> None:
    """Who tells nothing of connections has one."""
    run = Run()
    run.arrive([1, 1], 1)

    assert 1 == run.results()[0].counts.duplicates
