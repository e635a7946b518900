import pytest

from prober.ledger import Deadlines, Ledger
from prober.plan import NS, Plan, Sizes
from prober.records import (
    ConsumerResult,
    Counts,
    CycleResult,
    Fault,
    Handover,
    Kind,
    Outcome,
    Span,
    State,
)
from prober.stamp import Sightings

T0 = 1_800_000_000 * NS
LATE, LOST = 5, 10
"""Seconds until a message is late, and until it is lost."""
EVERYTHING = range(20)


class Run:
    """A run of 20 messages in two cycles, the second sent two seconds after the first.

    Times are in seconds after the start.
    """

    def __init__(self, *consumers: str, sent: int = 2) -> None:
        self.consumers = consumers or ("rlp",)
        self.plan = Plan(
            messages=20,
            cycles=2,
            rate=None,
            sizes=Sizes(low=100, high=100),
            kinds=(Kind.LOG,),
            source_id="probe",
            seed=1,
        )
        deadlines = Deadlines(late_after_ns=LATE * NS, lost_after_ns=LOST * NS)
        self.ledger = Ledger(self.plan, deadlines, self.consumers)
        for cycle in range(sent):
            at_ns = T0 + 2 * cycle * NS
            self.ledger.attempt(self.plan.span_of(cycle), cycle, at_ns)

    def hand_over(self, handover: Handover, first: int = 0, count: int = 20) -> None:
        """Book the writer's word on some messages."""
        span = Span(first=first, count=count)
        self.ledger.hand_over(Outcome(span=span, handover=handover))

    def arrive(
        self,
        sequences: range | list[int],
        at: float,
        consumer: str = "rlp",
        damaged: tuple[int | None, ...] = (),
    ) -> None:
        """Book messages at a consumer, each sent when its cycle was."""
        sent = [T0 + (0 if n < 10 else 2 * NS) for n in sequences]
        found = Sightings(
            sequences=list(sequences), sent_ns=sent, damaged=list(damaged)
        )
        self.ledger.arrive(consumer, found, T0 + round(at * NS))

    def fault(
        self, since: float, until: float, reason: str, consumer: str | None = None
    ) -> None:
        """Note a fault of the prober's own."""
        from_ns, to_ns = T0 + round(since * NS), T0 + round(until * NS)
        fault = Fault(from_ns=from_ns, to_ns=to_ns, reason=reason)
        self.ledger.fault(fault, consumer)

    def results(self, now: float = 100) -> list[ConsumerResult]:
        """Return what every consumer's account is at some time."""
        transports = dict.fromkeys(self.consumers, "rlp")
        return self.ledger.results(transports, T0 + round(now * NS))

    def cycles(self, now: float = 100) -> tuple[CycleResult, CycleResult]:
        """Return both cycles of the first consumer."""
        first, second = self.results(now)[0].cycles
        return first, second

    def told(self, now: float = 100) -> list[tuple[State, str]]:
        """Return how both cycles of the first consumer ended, and why."""
        return [(cycle.state, cycle.reason) for cycle in self.cycles(now)]


def accepted_run(*consumers: str) -> Run:
    """Return a run of which every message was accepted."""
    run = Run(*consumers)
    run.hand_over(Handover.ACCEPTED)
    return run


PASS = (State.PASS, "")


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

    assert [PASS, (State.INVALID, "our reader was 1.5 s behind")] == run.told()
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

    assert run.ledger.pending()
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


# Deadlines and evidence.


def test_each_message_has_its_own_deadline() -> None:
    """Late is counted good and apart; after the deadline is lost and counted beside."""
    run = accepted_run()
    run.arrive(range(8), 5)
    run.arrive([8], 5.1)
    run.arrive([9], 10.1)
    run.arrive(range(10, 20), 7)
    first, second = run.cycles()

    assert (
        Counts(
            attempted=10,
            accepted=10,
            on_time=8,
            late=1,
            lost=1,
            after_deadline=1,
        )
        == first.counts
    )
    assert 10 == second.counts.on_time
    assert [(State.LOSS, "1 lost"), PASS] == run.told()
    assert (Span(first=9, count=1),) == first.gaps


def test_a_run_that_ends_early_cannot_tell_what_is_lost() -> None:
    """Missing messages whose deadline had not come make their cycle inconclusive."""
    run = accepted_run()
    run.arrive(range(19), 3)

    assert [
        PASS,
        (State.INCONCLUSIVE, "ended 8.0 s before the last deadline"),
    ] == run.told(now=4)
    assert (State.INCONCLUSIVE, "ended 0.5 s before the last deadline") == run.told(
        now=11.5
    )[1]
    assert (State.LOSS, "1 lost") == run.told(now=12)[1]


def test_a_silent_consumer_may_be_a_dead_reader() -> None:
    """Without anything received after the last send a loss cannot be told."""
    run = accepted_run()
    run.arrive(range(9), 1)
    no_sign = (State.INCONCLUSIVE, "no sign that the reader was attached to the end")

    assert [(State.LOSS, "1 lost"), no_sign] == run.told()

    run.ledger.hear("rlp", T0 + 2 * NS)

    assert no_sign == run.told()[1]  # not after the last send, but with it

    run.ledger.hear("rlp", T0 + 2 * NS + 1)

    assert (State.LOSS, "10 lost") == run.told()[1]


def test_a_foreign_envelope_is_evidence() -> None:
    """Bytes with nothing of ours in them show that the reader is attached."""
    run = accepted_run()
    run.ledger.arrive("rlp", Sightings(), T0 + 3 * NS)

    assert [(State.LOSS, "10 lost")] * 2 == run.told()


# Absences.


@pytest.mark.parametrize(
    ("left", "back", "first", "second"),
    [
        (-2.0, -1.0, True, True),  # over before the first send
        (-1.0, 0.0, False, True),  # back with the first send: not before it
        (0.2, 0.4, False, True),
        (0.5, 1.0, False, True),  # with the last arrival of the first: not after it
        (0.6, 1.0, True, True),
        (1.0, 2.2, True, False),
        (2.6, 50.0, True, True),
        (2.4, None, True, False),  # never back
        (2.6, None, True, True),
    ],
)
def test_an_absence_spoils_the_cycles_that_were_open(
    left: float, back: float | None, *, first: bool, second: bool
) -> None:
    """A cycle is open from its first send until its last message has arrived."""
    run = accepted_run()
    run.arrive(range(10), 0.5)
    run.arrive(range(10, 20), 2.5)
    run.ledger.leave("rlp", T0 + round(left * NS), "cut")
    if back is not None:
        run.ledger.attach("rlp", T0 + round(back * NS))
    away = (State.INCONCLUSIVE, "cut")

    assert [PASS if first else away, PASS if second else away] == run.told()


def test_an_absence_until_the_deadline_spoils_a_cycle_with_losses() -> None:
    """With a message missing a cycle stays open until its last deadline."""
    for left, state in ((9.9, State.INCONCLUSIVE), (10.1, State.LOSS)):
        run = accepted_run()
        run.arrive(range(9), 0.5)
        run.ledger.hear("rlp", T0 + round((left - 0.01) * NS))
        run.ledger.leave("rlp", T0 + round(left * NS), "cut")

        assert state == run.cycles()[0].state


def test_an_absence_begins_with_the_silence_before_it() -> None:
    """A peer that hangs is noticed late: what was not heard then is not told lost."""
    run = accepted_run()
    run.arrive(range(9), 0.5)
    run.ledger.hear("rlp", T0 + NS)
    run.ledger.leave("rlp", T0 + 40 * NS, "cut")
    run.ledger.attach("rlp", T0 + 41 * NS)

    assert (State.INCONCLUSIVE, "cut") == run.told()[0]


def test_the_first_reason_of_an_absence_stays() -> None:
    """Who is away already does not leave again; back without leaving is nothing."""
    run = accepted_run()
    run.ledger.attach("rlp", T0)
    run.ledger.leave("rlp", T0, "cut")
    run.ledger.leave("rlp", T0 + NS, "refused")

    assert (State.INCONCLUSIVE, "cut") == run.told()[0]


def test_one_consumer_s_absence_is_its_own() -> None:
    """The other consumer's cycles are judged as if nothing had been."""
    run = accepted_run("rlp", "gateway")
    run.arrive(EVERYTHING, 2.5, "rlp")
    run.arrive(EVERYTHING, 2.5, "gateway")
    run.ledger.leave("gateway", T0, "cut")
    rlp, gateway = run.results()

    assert {State.PASS} == {cycle.state for cycle in rlp.cycles}
    assert {State.INCONCLUSIVE} == {cycle.state for cycle in gateway.cycles}
    assert 20 == gateway.counts.on_time
    assert 0 == gateway.valid.accepted


# Faults of our own.


def test_a_fault_at_all_spoils_every_consumer_s_cycle() -> None:
    """A fault of the prober counts for all, one of a reader for that one."""
    run = accepted_run("rlp", "gateway")
    for name in ("rlp", "gateway"):
        run.arrive(EVERYTHING, 2.5, name)
    run.fault(0, 0, "our event loop was 2.0 s late")
    run.fault(2, 2.2, "our reader was 1.2 s behind", "gateway")
    rlp, gateway = run.results()

    assert [State.INVALID, State.PASS] == [cycle.state for cycle in rlp.cycles]
    assert [State.INVALID] * 2 == [cycle.state for cycle in gateway.cycles]
    assert "our reader was 1.2 s behind" == gateway.cycles[1].reason


def test_a_fault_that_goes_on_is_one_with_the_last_words() -> None:
    """Reports of a growing lag are kept as one, in bounded memory."""
    run = accepted_run()
    for n in range(1000):
        run.fault(n / 1000, 1 + n / 500, f"our reader was {1 + n / 1000:.1f} s behind")

    assert 1 == len(run.ledger._faults)
    assert (State.INVALID, "our reader was 2.0 s behind") == run.told()[0]


@pytest.mark.parametrize(
    "faults",
    [
        [(0, 0.1), (2, 2.1)],
        [(2, 2.1), (0, 0.1)],  # told late
        [(0, 2.1), (1, 1.1)],  # a short one within a long one
        [(1, 1.1), (0, 2.1)],
    ],
)
def test_no_fault_hides_another(faults: list[tuple[float, float]]) -> None:
    """In whatever order faults are told, each voids what it overlaps."""
    run = accepted_run()
    run.arrive(range(10), 0.5)
    run.arrive(range(10, 20), 2.5)
    for since, until in faults:
        run.fault(since, until, "ours")

    assert [(State.INVALID, "ours")] * 2 == run.told()


def test_a_fault_after_everything_had_arrived_spoils_nothing() -> None:
    """What is delivered is delivered, however late our event loop is after it."""
    run = accepted_run()
    run.arrive(EVERYTHING, 2.5)
    run.fault(2.6, 9, "ours")

    assert [PASS, PASS] == run.told()

    run.fault(2.5, 2.5, "ours")  # with it, and not after

    assert (State.INVALID, "ours") == run.told()[1]


def test_a_cycle_with_ambiguous_messages_stays_open() -> None:
    """While some may still come the cycle is not final, and a fault of ours voids it."""
    run = accepted_run()
    run.hand_over(Handover.AMBIGUOUS, first=9, count=1)
    run.arrive(range(9), 0.5)
    run.fault(1, 1.5, "ours")

    assert (State.INVALID, "ours") == run.told()[0]


def test_the_times_of_a_cycle_are_those_of_its_first_and_last_batch() -> None:
    """A cycle is sent from its first batch to its last; its end is the last's."""
    run = Run(sent=0)
    for at in (1, 2, 3):
        run.ledger.attempt(Span(first=3 * at, count=3), 0, T0 + at * NS)
    first, _ = run.cycles()

    assert (T0 + NS, T0 + 3 * NS) == (first.first_sent_ns, first.last_sent_ns)
    assert 9 == first.counts.attempted


@pytest.mark.parametrize("handover", [Handover.REJECTED, Handover.AMBIGUOUS])
def test_a_fault_of_ours_outweighs_the_writer_s(handover: Handover) -> None:
    """Nothing accepted, while we were at fault, is our fault rather than unknown."""
    run = Run()
    run.hand_over(handover)
    run.fault(1, 1.5, "ours")

    assert (State.INVALID, "ours") == run.told()[0]


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
    assert not run.ledger.pending()
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

    assert run.ledger.pending()

    run.hand_over(Handover.AMBIGUOUS, first=10)

    assert not run.ledger.pending()


def test_a_merged_tally_that_saw_what_was_not_sent_is_our_fault() -> None:
    """A reader's account of another plan's messages unbalances the cycle, visibly."""
    run = Run(sent=1)
    other = accepted_run()
    other.arrive(EVERYTHING, 3)
    run.ledger.merge("rlp", other.ledger._accounts["rlp"].tally)
    run.ledger.attempt(Span(first=10, count=1), 1, T0 + 2 * NS)

    assert (State.INVALID, "the fates do not add up: a fault of ours") == run.told()[1]
