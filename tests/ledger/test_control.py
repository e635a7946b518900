"""The positive control: what is withheld has to be found missing, and only that."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.ledger import judging
from prober.plan import NS, Plan, Sizes
from prober.records import Handover, Kind, Span, State
from tests.ledger.run import LOST, PASS, T0, Run

K = 3


def run(*consumers: str) -> Run:
    """Return a run that withholds three messages of each of its cycles."""
    found = Run(*consumers, control=K)
    found.hand_over(Handover.ACCEPTED)
    return found


def sent(plan: Plan) -> list[int]:
    """Return the messages that are sent."""
    return [n for s in plan.sends() for n in range(s.span.first, s.span.end)]


def withheld(plan: Plan) -> list[int]:
    """Return those that are not."""
    return [n for cycle in range(plan.cycles) for n in plan.withheld_of(cycle).tolist()]


def test_all_else_arrived() -> None:
    """A clean cycle passes; the withheld are in none of its counts."""
    case = run()
    case.arrive(sent(case.plan), 0.5)
    first, second = case.cycles()

    assert [PASS, PASS] == case.told()
    assert (7, 7, 7, 0) == (
        first.counts.attempted,
        first.counts.accepted,
        second.counts.on_time,
        second.counts.lost,
    )
    assert () == first.gaps


def test_a_real_loss_beside() -> None:
    """What is lost besides is told, and nothing else."""
    case = run()
    gone = sent(case.plan)[2]
    case.arrive([n for n in sent(case.plan) if n != gone], 0.5)
    case.ledger.hear("rlp", T0 + 50 * NS)
    first, _ = case.cycles()

    assert (State.LOSS, "1 lost") == (first.state, first.reason)
    assert (Span(first=gone, count=1),) == first.gaps
    assert first.counts.balanced()


def test_taken_for_received() -> None:
    """A withheld message that is counted as received voids the cycle, and says so."""
    case = run()
    case.arrive([*sent(case.plan), int(case.plan.withheld_of(0)[1])], 0.5)
    words = "positive control wrong: 1 of 3 withheld messages were not found missing"

    assert [(State.INVALID, words), PASS] == case.told()


def test_accounts_that_drop_a_range(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts that lose sight of what is missing find themselves out."""
    case = run()
    case.arrive(sent(case.plan), 0.5)
    monkeypatch.setattr(judging, "spans_of", lambda _: ())

    assert [State.INVALID] * 2 == [state for state, _ in case.told()]


def test_not_waited_for() -> None:
    """A cycle of which all that was sent has come is final at once, and not overdue."""
    case = run()
    ledger = case.ledger
    assert not ledger.complete("rlp")
    assert 14 == ledger.overdue("rlp", T0 + (LOST + 2) * NS)
    case.arrive(sent(case.plan), 0.5)

    assert ledger.complete("rlp")
    assert ledger.final(0, T0 + NS)
    assert ledger.final(1, T0 + NS)
    assert 0 == ledger.overdue("rlp", T0 + (LOST + 2) * NS)
    assert ledger.overdue_since("rlp", T0 + 9 * NS) is None


def test_not_overdue_before_its_time() -> None:
    """That a cycle's control is known from its begin, makes nothing of it overdue."""
    case = Run(control=K, sent=0)
    for number in range(3):
        span = Span(first=number, count=1)
        case.ledger.attempt(span, 0, T0 + number * NS)
    case.arrive([0, 1], 2.5)

    assert case.ledger.overdue_since("rlp", T0 + 3 * NS // 2) is None
    assert T0 == case.ledger.overdue_since("rlp", T0 + 5 * NS // 2)


def test_every_consumer_by_itself() -> None:
    """A consumer that takes a withheld one for received does not spoil the others."""
    case = run("rlp", "gateway")
    case.arrive(sent(case.plan), 0.5)
    case.arrive([*sent(case.plan), int(case.plan.withheld_of(1)[0])], 0.5, "gateway")
    rlp, gateway = case.results()

    assert [State.PASS, State.PASS] == [each.state for each in rlp.cycles]
    assert [State.PASS, State.INVALID] == [each.state for each in gateway.cycles]


def test_nothing_was_sent() -> None:
    """A cycle that was not begun has no control, and is missed."""
    case = Run(control=K, sent=1)
    case.hand_over(Handover.ACCEPTED)
    case.arrive([n for n in sent(case.plan) if n < 10], 0.5)

    assert [PASS, (State.MISSED, "not started")] == case.told()


def test_refused() -> None:
    """Where the way in refused everything, the control changes nothing of it."""
    case = Run(control=K)
    case.hand_over(Handover.REJECTED)

    words = "the ingress refused every message"
    assert [(State.INCONCLUSIVE, words)] * 2 == case.told()
    assert {7} == {cycle.counts.rejected for cycle in case.cycles()}


@given(
    messages=st.integers(1, 400),
    cycles=st.integers(1, 20),
    control=st.integers(0, 10),
    seed=st.integers(0, 2**32),
    kinds=st.sampled_from([(Kind.LOG,), tuple(Kind)]),
)
def test_plans(
    messages: int, cycles: int, control: int, seed: int, kinds: Sequence[Kind]
) -> None:
    """Each cycle withholds so many of its own; all others are sent, once each."""
    cycles = min(cycles, messages)
    control = min(control, messages // cycles - 1)
    plan = Plan(
        messages=messages,
        cycles=cycles,
        rate=None,
        sizes=Sizes(low=100, high=100),
        kinds=tuple(kinds),
        source_id="probe",
        seed=seed,
        control=control,
    )

    assert sorted([*sent(plan), *withheld(plan)]) == list(range(messages))
    assert plan.to_send == len(sent(plan))
    for cycle in range(cycles):
        span = plan.span_of(cycle)
        assert control == len(plan.withheld_of(cycle))
        assert all(span.first <= n < span.end for n in plan.withheld_of(cycle))
