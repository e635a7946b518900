"""Several consumers of one set of messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober import slo
from prober.histogram import Histogram
from prober.records import ConsumerResult, Counts, CycleResult, Span, State


def spans(missing: set[int]) -> list[Span]:
    """Return the spans of consecutive numbers."""
    found: list[Span] = []
    for number in sorted(missing):
        if found and found[-1].end == number:
            found[-1] = Span(first=found[-1].first, count=found[-1].count + 1)
        else:
            found.append(Span(first=number, count=1))
    return found


MISSING = st.sets(st.integers(0, 60))


@given(MISSING, MISSING, MISSING)
def test_against_sets(a: set[int], b: set[int], c: set[int]) -> None:
    """Spans are compared as the sets of their numbers would be."""
    lost = {"a": spans(a), "b": spans(b), "c": spans(c)}
    found = slo.across(61, lost)

    assert len(a & b & c) == found.lost_by_all == found.union.bad
    assert len((a | b | c) - (a & b & c)) == found.lost_by_some
    assert len(a | b | c) == found.intersection.bad
    assert (len(a) + len(b) + len(c), 183) == found.pair
    assert {"a": len(a - b - c), "b": len(b - a - c), "c": len(c - a - b)} == (
        found.lost_only_by
    )
    assert {"a": len(a), "b": len(b), "c": len(c)} == found.lost_by


def test_one_consumer() -> None:
    """With one consumer nothing tells before from behind the fork."""
    found = slo.across(100, {"rlp": [Span(first=3, count=4)]})

    assert (4, 0) == (found.lost_by_all, found.lost_by_some)


def test_nobody() -> None:
    """Without a consumer nothing is compared."""
    found = slo.across_run([])

    assert (0, 0, None) == (found.messages, found.lost_by_all, found.union.sli)


def test_more_lost_than_sent() -> None:
    """Losses beyond the messages are refused."""
    with pytest.raises(ValueError, match="12 bad of 10"):
        slo.across(10, {"a": [Span(first=0, count=12)]})


def consumer(name: str, *cycles: tuple[State, tuple[Span, ...]]) -> ConsumerResult:
    """Return a consumer with cycles of 100 messages and such gaps."""
    results = tuple(
        CycleResult(
            index=index,
            consumer=name,
            span=Span(first=100 * index, count=100),
            first_sent_ns=0,
            last_sent_ns=0,
            state=state,
            reason="",
            counts=Counts(
                attempted=100,
                accepted=100,
                lost=sum(gap.count for gap in gaps),
                on_time=100 - sum(gap.count for gap in gaps),
            ),
            gaps=gaps,
        )
        for index, (state, gaps) in enumerate(cycles)
    )
    return ConsumerResult(
        name=name,
        transport="rlp",
        counts=Counts(),
        valid=Counts(),
        latency=Histogram(),
        gaps=(),
        cycles=results,
    )


def test_only_cycles_that_count_on_all() -> None:
    """What one consumer could not tell is not held against another."""
    gap = (Span(first=110, count=5),)
    blind = (Span(first=200, count=100),)
    found = slo.across_run(
        [
            consumer("a", (State.PASS, ()), (State.LOSS, gap), (State.PASS, ())),
            consumer("b", (State.PASS, ()), (State.PASS, ()), (State.INVALID, blind)),
        ]
    )

    assert (200, 0, 5) == (found.messages, found.lost_by_all, found.lost_by_some)
    assert {"a": 5, "b": 0} == found.lost_only_by


def test_evidence_of_a_run() -> None:
    """A run's cycles become evidence, the unsure ones apart."""
    gap = (Span(first=110, count=5),)
    found = slo.evidence_of(
        consumer("a", (State.PASS, ()), (State.LOSS, gap), (State.INCONCLUSIVE, gap))
    )

    assert ("a", (5, 200), (5, 100), 100) == (
        found.consumer,
        found.counted,
        found.unsure,
        found.uncounted,
    )
