from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from prober.ledger import RULES, Finding, judge
from prober.records import Counts, State

CLEAN = Counts(attempted=100, accepted=100, on_time=98, late=2)
LOST = Counts(attempted=100, accepted=100, on_time=95, lost=5)
LINES: list[tuple[str, Finding, State, str]] = [
    # One for each row of the table, in its order.
    ("not started", Finding(counts=Counts()), State.MISSED, "not started"),
    (
        "nothing expected",
        Finding(counts=Counts(attempted=5, not_expected=5), own_fault="late"),
        State.EXCLUDED,
        "nothing in it that this way out can carry",
    ),
    (
        "own fault",
        Finding(counts=CLEAN, own_fault="our event loop was 2.3 s late"),
        State.INVALID,
        "our event loop was 2.3 s late",
    ),
    (
        "unbalanced",
        Finding(counts=replace(CLEAN, accepted=99)),
        State.INVALID,
        "the fates do not add up: a fault of ours",
    ),
    (
        "control wrong",
        Finding(counts=CLEAN, control="positive control wrong: 1 of 3"),
        State.INVALID,
        "positive control wrong: 1 of 3",
    ),
    (
        "writer broke",
        Finding(counts=replace(CLEAN, attempted=1300, ambiguous=1200)),
        State.INCONCLUSIVE,
        "writer stream broke with 1,200 unacknowledged",
    ),
    (
        "all refused",
        Finding(counts=Counts(attempted=5, rejected=5)),
        State.INCONCLUSIVE,
        "the ingress refused every message",
    ),
    (
        "reader away",
        Finding(counts=LOST, reader_away="consumer disconnected: cut"),
        State.INCONCLUSIVE,
        "consumer disconnected: cut",
    ),
    (
        "cut short",
        Finding(counts=LOST, seconds_short=2.345),
        State.INCONCLUSIVE,
        "ended 2.3 s before the last deadline",
    ),
    (
        "blind",
        Finding(counts=LOST, attached=False, blind="blind readers"),
        State.LOSS,
        "blind readers: 5 lost",
    ),
    (
        "no evidence",
        Finding(counts=LOST, attached=False),
        State.INCONCLUSIVE,
        "no sign that the reader was attached to the end",
    ),
    (
        "held back",
        Finding(
            counts=replace(LOST, after_deadline=5),
            held_back="nothing at all came for 6.0 s",
        ),
        State.INCONCLUSIVE,
        "nothing at all came for 6.0 s, and then 5 came too late",
    ),
    ("lost", Finding(counts=LOST), State.LOSS, "5 lost"),
]
lines = pytest.mark.parametrize(
    ("finding", "state", "words"),
    [line[1:] for line in LINES],
    ids=[line[0] for line in LINES],
)
SPOILERS: list[Callable[[Finding], Finding]] = [
    # What makes each row apply, in the table's order, whatever applies besides.
    lambda f: replace(f, counts=Counts()),
    lambda f: replace(f, counts=Counts(attempted=3, not_expected=3)),
    lambda f: replace(f, own_fault="ours"),
    lambda f: replace(f, counts=replace(f.counts, on_time=f.counts.on_time + 1)),
    lambda f: replace(f, control="positive control wrong"),
    lambda f: replace(
        f,
        counts=replace(f.counts, attempted=f.counts.attempted + 1, ambiguous=1),
    ),
    lambda f: replace(f, counts=Counts(attempted=3, rejected=3)),
    lambda f: replace(f, reader_away="away"),
    lambda f: replace(f, seconds_short=1),
    lambda f: replace(f, blind="blind"),
    lambda f: replace(f, attached=False),
    lambda f: replace(f, held_back="nothing came"),
    lambda f: f,
]


@lines
def test_each_rule_tells_its_state_and_why(
    finding: Finding, state: State, words: str
) -> None:
    """What a row of the table is about ends in that row's state, in these words."""
    assert (state, words) == judge(finding)


def test_every_row_has_its_example() -> None:
    """The examples above stand for the table's rows, one for one and in order."""
    assert [state for state, _ in RULES] == [state for _, _, state, _ in LINES]
    for row, (_, finding, _, words) in enumerate(LINES):
        reasons = [rule(finding) for _, rule in RULES]

        assert words == reasons[row]
        assert [""] * row == reasons[:row]


@pytest.mark.parametrize(
    ("higher", "lower"), list(pairwise(range(len(RULES)))), ids=lambda row: f"row {row}"
)
def test_the_higher_row_decides(higher: int, lower: int) -> None:
    """Where two neighbours of the table both apply, the upper one has the word."""
    finding = SPOILERS[higher](SPOILERS[lower](Finding(counts=LOST)))
    state, rule = RULES[higher]

    assert (state, rule(finding)) == judge(finding)
    assert rule(finding)


def test_a_fault_of_ours_hides_no_loss() -> None:
    """Void is void, but what was missing meanwhile is told beside the reason."""
    finding = Finding(counts=LOST, own_fault="our event loop was 2.3 s late")

    words = "our event loop was 2.3 s late; uncounted: 5 lost"
    assert (State.INVALID, words) == judge(finding)


def test_a_started_cycle_is_not_missed_for_having_little() -> None:
    """One message that was attempted is a start."""
    one = Counts(attempted=1, accepted=1, on_time=1)

    assert (State.PASS, "") == judge(Finding(counts=one))


def test_nothing_against_it_is_a_pass() -> None:
    """All delivered while attached is PASS, late ones and copies notwithstanding."""
    counts = replace(CLEAN, duplicates=7, reordered=3, other_runs=2, unexplained=1)

    assert (State.PASS, "") == judge(Finding(counts=counts))


def test_what_arrived_is_evidence_enough() -> None:
    """With everything here neither an early end nor a silent reader is held against it.

    Only what is missing could still have come, or have come to a reader that was gone.
    """
    finding = Finding(counts=CLEAN, attached=False, seconds_short=9)

    assert (State.PASS, "") == judge(finding)


def test_refusals_are_no_loss() -> None:
    """What the ingress refused was never handed over; the rest is judged by itself."""
    counts = Counts(attempted=100, rejected=60, accepted=40, on_time=40)

    assert (State.PASS, "") == judge(Finding(counts=counts))


@pytest.mark.parametrize(
    ("lost", "corrupt", "words"),
    [
        (1, 0, "1 lost"),
        (0, 2, "2 corrupt"),
        (13_000, 4, "13,000 lost, 4 corrupt"),
    ],
)
def test_a_loss_tells_what_was_bad(lost: int, corrupt: int, words: str) -> None:
    """Lost and damaged messages are told apart, with their numbers."""
    total = lost + corrupt
    counts = Counts(attempted=total, accepted=total, lost=lost, corrupt=corrupt)

    assert (State.LOSS, words) == judge(Finding(counts=counts))


def test_being_away_outweighs_that_everything_came() -> None:
    """A cycle that the reader did not see whole is not a pass, whatever came."""
    finding = Finding(counts=CLEAN, reader_away="not yet subscribed")

    assert (State.INCONCLUSIVE, "not yet subscribed") == judge(finding)


def test_corrupt_ones_in_what_was_held_back_are_told() -> None:
    """A line that stands still damages nothing."""
    counts = replace(LOST, corrupt=1, lost=4)

    assert (State.LOSS, "4 lost, 1 corrupt") == judge(
        Finding(counts=counts, held_back="nothing came")
    )
