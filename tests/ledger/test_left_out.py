"""What was not sent because it was too late, and what is overdue meanwhile."""

import pytest

from prober.ledger import Ledger
from prober.plan import NS
from prober.records import Handover, Outcome, Span, State
from tests.ledger.run import T0, Run


def attempt(ledger: Ledger, number: int, at: float) -> None:
    """Send one message, which is taken in at once."""
    span = Span(first=number, count=1)
    ledger.attempt(span, number // 10, T0 + round(at * NS))
    ledger.hand_over(Outcome(span=span, handover=Handover.ACCEPTED))


def at(seconds: float) -> int:
    """Return a time after the start."""
    return T0 + round(seconds * NS)


@pytest.fixture
def run() -> Run:
    """A run of which nothing was sent yet."""
    return Run(sent=0)


def test_cycle_of_which_some_was_left_out(run: Run) -> None:
    """It is judged by what was sent, final when that came or is lost, and adds up."""
    for number in range(7):
        attempt(run.ledger, number, 0.0)
    assert not run.ledger.final(0, at(100))
    run.ledger.leave_out(Span(first=7, count=3), 0)
    run.arrive(range(6), 1.0)
    run.ledger.hear("rlp", at(6))

    assert not run.ledger.final(0, at(9))
    assert run.ledger.final(0, at(11))
    (result,) = run.ledger.close(0, at(11)).values()
    assert (State.LOSS, 7, 1) == (
        result.state,
        result.counts.attempted,
        result.counts.lost,
    )
    assert (Span(first=6, count=1),) == result.gaps
    assert result.counts.balanced()


def test_cycle_that_was_left_out_as_a_whole(run: Run) -> None:
    """Nothing of it was sent: it is missed, and the next one is closed behind it."""
    run.ledger.leave_out(Span(first=0, count=10), 0)
    for number in range(10, 20):
        attempt(run.ledger, number, 2.0)
    run.arrive(range(10, 20), 3.0)

    assert run.ledger.final(0, at(3))
    (missed,) = run.ledger.close(0, at(3)).values()
    (passed,) = run.ledger.close(1, at(3)).values()
    assert [State.MISSED, State.PASS] == [missed.state, passed.state]
    assert 0 == missed.counts.attempted


def test_overdue_in_a_cycle_that_is_still_sent(run: Run) -> None:
    """A cycle of minutes is known to lose something long before its end."""
    for number in range(8):
        attempt(run.ledger, number, number)
    run.arrive([1, 3, 4, 5, 6, 7], 7.5)

    assert 3 == run.ledger.due(at(7.5))
    assert 2 == run.ledger.under_way("rlp")
    assert 2 == run.ledger.overdue("rlp", at(7.5))
    assert T0 == run.ledger.overdue_since("rlp", at(2.5))


def test_nothing_is_overdue_before_its_time(run: Run) -> None:
    """What was sent after the time that is asked about is not missed by it."""
    for number in range(8):
        attempt(run.ledger, number, number)
    run.arrive([0, 1, 2, 3], 7.5)

    assert None is run.ledger.overdue_since("rlp", at(2.5))
    assert None is run.ledger.overdue_since("rlp", at(-1))
    assert T0 == run.ledger.overdue_since("rlp", at(4.5))


def test_who_asks_in_between_does_not_make_it_overdue(run: Run) -> None:
    """A cycle that was judged while it is sent is not taken for sent to its end."""
    for number in range(6):
        attempt(run.ledger, number, number)
    run.arrive([0, 1, 2, 3], 5.5)
    run.results(5.5)

    assert None is run.ledger.overdue_since("rlp", at(2.5))
    assert T0 == run.ledger.overdue_since("rlp", at(4.5))


def test_what_was_refused_is_not_awaited(run: Run) -> None:
    """A message that never left us is neither due nor under way."""
    for number in range(4):
        attempt(run.ledger, number, 0.0)
    refused = Outcome(span=Span(first=1, count=2), handover=Handover.REJECTED)
    run.ledger.hand_over(refused)

    assert (2, 2) == (run.ledger.due(at(6)), run.ledger.under_way("rlp"))
