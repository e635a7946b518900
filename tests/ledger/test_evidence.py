import pytest

from prober.plan import NS
from prober.records import Counts, Handover, Span, State
from prober.stamp import Sightings
from tests.ledger.run import EVERYTHING, LATE, PASS, T0, Run, accepted_run

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
    run.ledger.arrive("rlp", Sightings(trailers=[0]), T0 + 3 * NS)

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

    assert [no_sign, no_sign] == run.told()

    run.ledger.hear("rlp", T0 + 2 * NS)

    assert no_sign == run.told()[1]  # it may have been under way before

    run.ledger.hear("rlp", T0 + (2 + LATE) * NS)

    assert no_sign == run.told()[1]  # not after that time, but with it

    run.ledger.hear("rlp", T0 + (2 + LATE) * NS + 1)

    assert (State.LOSS, "10 lost") == run.told()[1]


def test_what_was_sent_later_and_came_is_a_sign() -> None:
    """The path stood after what is missing; what was sent with it tells nothing."""
    run = accepted_run()
    run.arrive([10], 2.1)

    assert (State.LOSS, "10 lost") == run.told()[0]
    assert State.INCONCLUSIVE == run.cycles()[1].state

    run.ledger.arrive("rlp", Sightings(trailers=[0]), T0 + 3 * NS)

    assert (State.LOSS, "9 lost") == run.told()[1]


def test_a_foreign_envelope_is_evidence() -> None:
    """Bytes with nothing of ours in them show that the reader is attached."""
    run = accepted_run()
    run.ledger.arrive("rlp", Sightings(), T0 + 8 * NS)

    assert [(State.LOSS, "10 lost")] * 2 == run.told()


def test_what_was_held_back_by_a_line_that_stood_still_is_unsure() -> None:
    """Sent in a silence as long as its deadline, and come after: by whom is unsure."""
    run = accepted_run()
    run.ledger.hear("rlp", T0 - NS)
    run.arrive(range(10), 11)
    run.arrive(range(10, 20), 11)
    words = "nothing at all came over the connection for 12.0 s, and then 10 came too"

    assert [(State.INCONCLUSIVE, f"{words} late"), PASS] == run.told()
    assert 10 == run.cycles()[0].counts.after_deadline


def test_what_never_came_is_lost_however_still_the_line_was() -> None:
    """A line that stands still drops nothing: one that is missing tells of a loss."""
    run = accepted_run()
    run.ledger.hear("rlp", T0 - NS)
    run.arrive(range(9), 11)
    run.arrive(range(10, 20), 11)

    assert [(State.LOSS, "10 lost"), PASS] == run.told()


def test_what_waited_may_still_be_coming_when_the_silence_is_just_over() -> None:
    """Judged while a line brings what it held back, what is missing is unsure yet."""
    run = accepted_run()
    run.ledger.hear("rlp", T0 - NS)
    run.arrive(range(4), 11)
    words = "nothing at all came over the connection for 12.0 s, and then 4 came too"
    coming = (State.INCONCLUSIVE, f"{words} late, and 6 had not come yet")

    assert coming == run.told(now=12.2)[0]  # a tenth of the silence
    assert (State.LOSS, "10 lost") == run.told(now=12.3)[0]

    run.arrive(range(4, 10), 12.3)

    assert (
        State.INCONCLUSIVE,
        words.replace("4 came too", "10 came too late"),
    ) == run.told()[0]


def test_a_silence_out_of_which_nothing_of_ours_came_held_nothing_back() -> None:
    """A sign of life behind it shows that the line stands: what is missing is lost."""
    run = accepted_run()
    run.ledger.hear("rlp", T0 - NS)
    run.ledger.hear("rlp", T0 + 11 * NS)

    assert (State.LOSS, "10 lost") == run.told(now=11.5)[0]


def test_a_silence_that_lasts_may_hold_back_what_was_under_way() -> None:
    """That something later came before it is no sign that all before that did."""
    run = accepted_run()
    run.arrive([*range(10), *range(11, 20)], 2.5)

    words = "nothing at all came over the connection for 9.5 s, and 1 had not come yet"
    run.ledger.arrive("rlp", Sightings(trailers=[0]), T0 + round(2.5 * NS))
    assert [PASS, (State.INCONCLUSIVE, words)] == run.told(now=12)
    assert [PASS, (State.INCONCLUSIVE, words)] == run.told()

    run.ledger.hear("rlp", T0 + round(3.5 * NS))
    assert [PASS, (State.LOSS, "1 lost")] == run.told(now=12)


def test_while_a_line_brings_what_it_held_back_no_cycle_is_final() -> None:
    """For a tenth of the silence what is missing is waited for, and then it is lost."""
    run = accepted_run()
    run.ledger.hear("rlp", T0 - NS)
    run.arrive(range(9), 11)

    def final(at: float) -> bool:
        return run.ledger.final(0, T0 + round(at * NS))

    assert (False, True) == (final(12.2), final(12.3))

    run.arrive(range(9, 20), 11.1)
    assert not final(11.3)  # of the first some came too late

    run = accepted_run()
    run.ledger.hear("rlp", T0 - NS)
    run.arrive(range(10), 5)
    assert run.ledger.final(0, T0 + 5 * NS)


@pytest.mark.parametrize("other", [3.0, 8.9])
def test_a_sign_of_life_between_lays_it_to_the_pipeline(other: float) -> None:
    """What came late beside something that came is late of itself."""
    run = accepted_run()
    run.ledger.hear("rlp", T0 - NS)
    run.ledger.hear("rlp", T0 + round(other * NS))
    run.arrive(EVERYTHING, 12.1)

    assert [(State.LOSS, "10 lost")] * 2 == run.told()


def test_what_was_sent_before_the_silence_was_late_already() -> None:
    """What was long under way when nothing came any more is no fault of the line."""
    run = accepted_run()
    run.ledger.hear("rlp", T0 + NS + NS // 2)
    run.arrive(range(10), 12.6)
    run.arrive(range(10, 20), 12.6)
    words = "nothing at all came over the connection for 11.1 s, and then 10 came too"

    assert [
        (State.LOSS, "10 lost"),
        (State.INCONCLUSIVE, f"{words} late"),
    ] == run.told()


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


@pytest.mark.parametrize(
    ("first", "later", "words"),
    [
        ("", ["refused"], "cut: refused"),
        ("closed", ["refused"], "cut: closed; then: refused"),
        ("closed", ["refused", "shut"], "cut: closed; then: shut"),
        ("closed", ["refused", "closed"], "cut: closed"),
        ("closed", [""], "cut: closed"),
    ],
)
@pytest.mark.parametrize("back", [True, False])
def test_an_absence_tells_why_it_is_not_over(
    first: str, later: list[str], words: str, *, back: bool
) -> None:
    """Beside why it began stands what the peer said last, once it was back too."""
    run = accepted_run()
    run.ledger.leave("rlp", T0, "cut", first)
    for detail in later:
        run.ledger.leave("rlp", T0 + NS, "cut", detail)
    if back:
        run.ledger.attach("rlp", T0 + 2 * NS)

    assert (State.INCONCLUSIVE, words) == run.told()[0]


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
    words = "our reader was 2.0 s behind; uncounted: 10 lost"
    assert (State.INVALID, words) == run.told()[0]


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
    """While some may still come it is not final, and a fault of ours voids it."""
    run = accepted_run()
    run.hand_over(Handover.AMBIGUOUS, first=9, count=1)
    run.arrive(range(9), 0.5)
    run.fault(1, 1.5, "ours")

    assert (State.INVALID, "ours") == run.told()[0]


def test_a_cycle_with_a_corrupt_message_stays_open() -> None:
    """An intact copy may come until the deadline, and a fault of ours voids it."""
    run = accepted_run()
    run.arrive(range(9), 0.5, damaged=(9,))
    run.fault(5, 5.5, "ours")

    assert (State.INVALID, "ours; uncounted: 1 corrupt") == run.told()[0]


def test_the_times_of_a_cycle_are_those_of_its_first_and_last_batch() -> None:
    """A cycle is sent from its first batch to its last; its end is the last's."""
    run = Run(sent=0)
    for at in (1, 2, 3):
        run.ledger.attempt(Span(first=3 * at - 3, count=3), 0, T0 + at * NS)
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
