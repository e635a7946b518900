"""What a way out cannot carry is not expected there, whatever became of it."""

from array import array
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.ledger import Deadlines, Ledger
from prober.plan import NS, Plan, Sizes
from prober.records import Counts, CycleResult, Handover, Kind, Outcome, Span, State
from prober.stamp import Sightings

PLAN = Plan(
    messages=100,
    cycles=1,
    rate=None,
    sizes=Sizes(low=100, high=100),
    kinds=tuple(Kind),
    source_id="probe",
    seed=1,
)
V1 = frozenset({Kind.LOG, Kind.COUNTER, Kind.GAUGE})
EXPECTED = [n for n in range(100) if PLAN.kind_of(n) in V1]
OTHERS = [n for n in range(100) if PLAN.kind_of(n) not in V1]
DEADLINES = Deadlines(late_after_ns=5 * NS, lost_after_ns=10 * NS)
T0 = 1_800_000_000 * NS


def sent(plan: Plan = PLAN, handover: Handover = Handover.ACCEPTED) -> Ledger:
    """A run of one cycle, all sent, with a consumer of everything and one of less."""
    ledger = Ledger(plan, DEADLINES, {"rlp": tuple(Kind), "v1": V1})
    span = plan.span_of(0)
    ledger.attempt(span, 0, T0)
    ledger.hand_over(Outcome(span=span, handover=handover))
    return ledger


def arrive(ledger: Ledger, consumer: str, sequences: list[int]) -> None:
    """Book messages a second after they were sent."""
    found = Sightings(
        sequences=array("q", sequences), sent_ns=array("q", [T0] * len(sequences))
    )
    ledger.arrive(consumer, found, T0 + NS)


def judged(ledger: Ledger, consumer: str = "v1") -> CycleResult:
    """The cycle, long after."""
    return ledger.judge(0, T0 + 99 * NS)[consumer]


def test_nothing_is_lost_that_could_not_have_come() -> None:
    """Who sees all of what it can see, passes, and is complete before the deadline."""
    ledger = sent()
    arrive(ledger, "rlp", list(range(100)))
    arrive(ledger, "v1", EXPECTED[1:])
    assert not ledger.complete("v1")
    assert not ledger.final(0, T0 + 2 * NS)
    arrive(ledger, "v1", EXPECTED[:1])

    result = judged(ledger)
    here, gone = len(EXPECTED), len(OTHERS)
    assert State.PASS is result.state
    assert (
        Counts(
            attempted=100, accepted=here, on_time=here, not_expected=gone, reordered=1
        )
        == result.counts
    )
    assert ledger.complete("v1")
    assert ledger.final(0, T0 + 2 * NS)
    assert here == ledger.received("v1")
    assert ledger.overdue_since("v1", T0 + NS) is None


def test_what_is_expected_and_missing_is_lost() -> None:
    """The others' absence excuses nothing."""
    ledger = sent()
    arrive(ledger, "rlp", list(range(100)))
    arrive(ledger, "v1", EXPECTED[1:])

    result = judged(ledger)
    assert (1, EXPECTED[0]) == (result.counts.lost, result.gaps[0].first)
    assert T0 == ledger.overdue_since("v1", T0 + NS)


@pytest.mark.parametrize("handover", [Handover.AMBIGUOUS, Handover.REJECTED])
def test_what_became_of_others_is_no_matter(handover: Handover) -> None:
    """Others that were refused, or nobody knows of, do not spoil a cycle."""
    ledger = sent(handover=handover)
    arrive(ledger, "v1", EXPECTED)

    result = judged(ledger)
    assert State.PASS is result.state
    assert len(OTHERS) == result.counts.not_expected
    assert result.counts.balanced()


def test_consumer_of_nothing_has_nothing_to_judge() -> None:
    """Where no kind of a plan can come, its cycles are no part of any figure."""
    ledger = sent(replace(PLAN, kinds=(Kind.EVENT,)))

    result = judged(ledger)
    assert State.EXCLUDED is result.state
    assert "nothing in it that this way out can carry" == result.reason
    assert ledger.complete("v1")


def test_what_comes_unexpected_counts_as_any() -> None:
    """A message that came after all is good, and no duplicate."""
    ledger = sent()
    arrive(ledger, "v1", [*EXPECTED, OTHERS[0]])

    counts = judged(ledger).counts
    assert (len(EXPECTED) + 1, 0) == (counts.good, counts.duplicates)
    assert len(OTHERS) - 1 == counts.not_expected


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    st.integers(0, 2**64),
    st.sets(st.sampled_from(Kind)),
    st.sets(st.sampled_from(Kind), min_size=1),
)
def test_kinds_of_a_plan_are_told_alike(
    seed: int, carried: set[Kind], kinds: set[Kind]
) -> None:
    """All messages at once, and each by itself, are of the same kinds."""
    plan = replace(PLAN, seed=seed, kinds=tuple(kinds))

    each = [plan.kind_of(sequence) in carried for sequence in range(100)]
    assert each == plan.carried_by(carried, Span(first=0, count=plan.messages)).tolist()
