import pytest

from prober.plan import NS
from prober.records import Counts, Handover, Span, State
from tests.ledger.run import EVERYTHING, PASS, T0, Run, accepted_run


def test_a_run_in_which_everything_arrives() -> None:
    """Both cycles pass, and every figure of the account is that of the plan."""
    run = accepted_run()
    run.arrive(EVERYTHING, 2.5)
    (result,) = run.results()
    first, second = result.cycles

    assert [PASS, PASS] == run.told()
    assert Counts(attempted=20, accepted=20, on_time=20) == result.counts
    assert result.counts == result.valid
    assert () == result.gaps
    assert (T0, T0) == (first.first_sent_ns, first.last_sent_ns)
    assert (T0 + 2 * NS, T0 + 2 * NS) == (second.first_sent_ns, second.last_sent_ns)
    assert ("rlp", "rlp") == (result.name, result.transport)
    assert [Span(first=0, count=10), Span(first=10, count=10)] == [
        cycle.span for cycle in result.cycles
    ]


def test_a_gap_across_two_cycles_is_one_for_the_consumer() -> None:
    """Each cycle has its part of the gap, the consumer's list has it joined."""
    run = accepted_run()
    run.arrive([*range(8), *range(13, 20)], 3)
    run.ledger.hear("rlp", T0 + 20 * NS)
    (result,) = run.results()

    assert [(State.LOSS, "2 lost"), (State.LOSS, "3 lost")] == run.told()
    assert [(Span(first=8, count=2),), (Span(first=10, count=3),)] == [
        cycle.gaps for cycle in result.cycles
    ]
    assert (Span(first=8, count=5),) == result.gaps


def test_a_cycle_that_does_not_count_has_no_gap_in_the_list() -> None:
    """Losses of an inconclusive cycle stay with it: neither bad nor a gap."""
    run = accepted_run()
    run.arrive(range(10), 1)
    run.fault(2, 3, "our reader was 1.5 s behind")
    (result,) = run.results()

    assert [
        PASS,
        (State.INVALID, "our reader was 1.5 s behind; uncounted: 10 lost"),
    ] == run.told()
    assert (Span(first=10, count=10),) == result.cycles[1].gaps
    assert () == result.gaps
    assert 10 == result.counts.lost
    assert 0 == result.valid.lost
    assert 10 == result.valid.accepted


# The producer's side.


@pytest.mark.parametrize("handover", [Handover.AMBIGUOUS, Handover.REJECTED, None])
def test_what_one_consumer_saw_was_accepted_for_all(handover: Handover | None) -> None:
    """Whatever the writer knows of it, a message that came out had gone in."""
    run = Run("rlp", "gateway")
    if handover:
        run.hand_over(handover)
    run.arrive(EVERYTHING, 3, "gateway")
    run.ledger.hear("rlp", T0 + 20 * NS)
    rlp, gateway = run.results()

    assert 20 == rlp.counts.accepted == gateway.counts.accepted
    assert 20 == rlp.counts.lost == gateway.counts.on_time
    assert {State.LOSS} == {cycle.state for cycle in rlp.cycles}
    assert {State.PASS} == {cycle.state for cycle in gateway.cycles}


def test_a_damaged_copy_is_proof_of_acceptance_too() -> None:
    """What came out damaged had gone in, and is corrupt there and lost elsewhere."""
    run = Run("rlp", "gateway")
    run.hand_over(Handover.AMBIGUOUS)
    run.arrive([], 3, "gateway", damaged=tuple(EVERYTHING))
    rlp, gateway = run.results()

    assert 20 == rlp.counts.lost
    assert 20 == gateway.counts.corrupt


def test_a_broken_stream_makes_its_cycle_inconclusive() -> None:
    """Messages that nobody acknowledged or saw are ambiguous, in their own cycle."""
    run = accepted_run()
    run.hand_over(Handover.AMBIGUOUS, first=17, count=3)
    run.arrive(range(17), 3)

    assert [
        PASS,
        (State.INCONCLUSIVE, "writer stream broke with 3 unacknowledged"),
    ] == run.told()
    assert 3 == run.cycles()[1].counts.ambiguous
    assert 0 == run.cycles()[1].counts.lost


def test_messages_without_a_word_at_the_end_are_ambiguous() -> None:
    """What the writer still owed when the run was judged is nobody's loss."""
    run = Run()
    run.hand_over(Handover.ACCEPTED, count=10)
    run.arrive(range(10), 1)

    assert 10 == run.cycles()[1].counts.ambiguous


def test_refused_messages_are_not_lost() -> None:
    """A refusal is counted as such; a cycle that was all refused tells nothing."""
    run = accepted_run()
    run.hand_over(Handover.REJECTED, first=5, count=15)
    run.arrive(range(5), 1)
    (result,) = run.results()

    assert [
        PASS,
        (State.INCONCLUSIVE, "the ingress refused every message"),
    ] == run.told()
    assert 15 == result.counts.rejected
    assert 5 == result.valid.accepted


def test_an_interrupted_run_has_missed_its_last_cycle() -> None:
    """What was never attempted is no message, and its cycle was not started."""
    run = Run(sent=1)
    run.hand_over(Handover.ACCEPTED, count=10)
    run.arrive(range(10), 1)
    _, second = run.cycles()

    assert [PASS, (State.MISSED, "not started")] == run.told()
    assert Counts() == second.counts
    assert second.first_sent_ns is None
    assert second.last_sent_ns is None
    assert 10 == run.ledger.attempted


def test_a_number_that_was_not_sent_is_unexplained() -> None:
    """Before it was attempted, or outside of the plan, an arrival is unexplained."""
    run = Run(sent=1)
    run.arrive([5, 15, 20, 10**11 - 1], 1, damaged=(None, 15))

    assert 5 == run.results()[0].counts.unexplained
    assert 1 == run.ledger.received("rlp")


# On the way.


def test_complete_waits_for_all_that_may_come() -> None:
    """Refused messages are not waited for, ambiguous ones are, and damage is none."""
    run = accepted_run("rlp", "gateway")
    run.hand_over(Handover.REJECTED, first=18, count=1)
    run.hand_over(Handover.AMBIGUOUS, first=19, count=1)
    run.arrive(range(18), 3, damaged=(19,))

    assert not run.ledger.complete("rlp")

    run.arrive([19], 50)

    assert run.ledger.complete("rlp")
    assert not run.ledger.complete("gateway")


def test_nothing_attempted_is_complete() -> None:
    """A run that has sent nothing owes nothing."""
    run = Run(sent=0)

    assert run.ledger.complete("rlp")
    assert 0 == run.ledger.attempted


def test_received_counts_each_message_once() -> None:
    """Copies and damaged ones do not add to what was received."""
    run = accepted_run()
    run.arrive([1, 1, 2], 1, damaged=(3,))
    run.arrive([2], 2)

    assert 2 == run.ledger.received("rlp")


def test_a_word_is_owed_until_it_is_given() -> None:
    """Any word of the writer on a message ends its waiting, part by part."""
    run = Run()
    run.hand_over(Handover.ACCEPTED, count=10)

    run.hand_over(Handover.AMBIGUOUS, first=10)


def test_a_merged_tally_that_saw_what_was_not_sent_is_our_fault() -> None:
    """A reader's account of another plan's messages unbalances the cycle, visibly."""
    run = Run(sent=1)
    other = accepted_run()
    other.arrive(EVERYTHING, 3)
    run.ledger.merge("rlp", other.ledger._accounts["rlp"].tally)
    run.ledger.attempt(Span(first=10, count=1), 1, T0 + 2 * NS)

    assert (State.INVALID, "the fates do not add up: a fault of ours") == run.told()[1]
