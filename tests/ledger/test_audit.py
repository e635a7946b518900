"""The account of an export: what can be said of it, and what cannot."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.ledger.audit import Audit, SentCycle
from prober.plan import Plan, Sizes
from prober.records import ConsumerResult, Kind, Span, State
from prober.stamp import Sightings

PLAN = Plan(
    messages=40,
    cycles=4,
    rate=None,
    sizes=Sizes(low=100, high=100),
    kinds=(Kind.LOG,),
    source_id="prober",
    seed=1,
)
ALL = range(40)


def cycle(
    index: int,
    accepted: int = 10,
    *,
    exact: bool = True,
    aside: tuple[State, str] | None = None,
) -> SentCycle:
    """One of the four cycles."""
    return SentCycle(
        index=index,
        span=PLAN.span_of(index),
        accepted=accepted,
        exact=exact,
        aside=aside,
    )


WHOLE = tuple(cycle(index) for index in range(4))
BOTH = Sightings(primers=[3], trailers=[0])


def account(
    found: Iterable[int],
    cycles: Iterable[SentCycle] = WHOLE,
    *,
    edges: Sightings = BOTH,
    **more: object,
) -> ConsumerResult:
    """What is said of an export with these messages."""
    audit = Audit(PLAN, tuple(cycles))
    sequences = list(found)
    audit.take(Sightings(sequences=sequences, sent_ns=sequences, **more))  # type: ignore[arg-type]
    audit.take(edges)
    return audit.result()


def states(result: ConsumerResult) -> list[State]:
    """How the cycles ended."""
    return [each.state for each in result.cycles]


def test_everything_is_there() -> None:
    """When all that was accepted is found, every cycle passed."""
    result = account(ALL)

    assert [State.PASS] * 4 == states(result)
    assert (40, 40, 0) == (
        result.counts.accepted,
        result.counts.good,
        result.counts.bad,
    )


def test_missing_are_told_as_ranges() -> None:
    """What is missing of cycles that were accepted as a whole is known by number."""
    result = account(set(ALL) - {8, 9, 10, 11, 39})

    assert (Span(first=8, count=4), Span(first=39, count=1)) == result.gaps
    assert [State.LOSS, State.LOSS, State.PASS, State.LOSS] == states(result)
    assert "2 missing" == result.cycles[0].reason


def test_duplicates_and_damage_are_beside() -> None:
    """Found twice counts once; damaged counts as found, and as bad."""
    result = account(
        [*(set(ALL) - {7}), 3, 3], damaged=[7, 7, 3, None, 99], other_runs=2
    )

    counts = result.counts
    assert (39, 1, 0) == (counts.good, counts.corrupt, counts.lost)
    assert (4, 2, 2) == (counts.duplicates, counts.unexplained, counts.other_runs)
    assert "1 corrupt" == result.cycles[0].reason


def test_refused_messages_are_known_by_number_alone() -> None:
    """Of a cycle accepted in part it is known how many are missing, and not which."""
    result = account(range(35), [*WHOLE[:3], cycle(3, accepted=8)])

    assert (3, ()) == (result.cycles[3].counts.lost, result.cycles[3].gaps)
    assert State.LOSS is result.cycles[3].state
    assert (38, 2) == (result.counts.accepted, result.counts.rejected)


def test_unacknowledged_messages_leave_a_cycle_open() -> None:
    """Where nobody knows what was accepted, nobody knows what is missing."""
    result = account(range(35), [*WHOLE[:3], cycle(3, accepted=8, exact=False)])

    assert State.INCONCLUSIVE is result.cycles[3].state
    assert "8 of 10 accepted, or more" == result.cycles[3].reason
    assert 2 == result.counts.ambiguous


def test_what_is_found_was_accepted() -> None:
    """An export that has all of a cycle proves that all of it was taken in."""
    result = account(ALL, [*WHOLE[:3], cycle(3, accepted=8, exact=False)])

    assert State.PASS is result.cycles[3].state
    assert (40, 0) == (result.counts.accepted, result.counts.ambiguous)


@pytest.mark.parametrize(
    ("found", "edges", "expected", "reason"),
    [
        (range(35), Sightings(primers=[3]), "ppp?", "the export may end before"),
        (range(5, 40), Sightings(trailers=[0]), "?ppp", "the export may begin after"),
        # A primer that was sent during the run tells nothing of its beginning.
        (
            range(5, 40),
            Sightings(primers=[10], trailers=[0]),
            "?ppp",
            "the export may begin after",
        ),
        # What lies between two that were found is surely missing.
        (set(range(5, 35)) - {20}, Sightings(), "?pl?", "the export may"),
        ((), Sightings(), "????", "nothing shows that the export is of that time"),
        ((), BOTH, "llll", "10 missing"),
        (range(35), BOTH, "pppl", "5 missing"),
    ],
)
def test_edges(
    found: Iterable[int], edges: Sightings, expected: str, reason: str
) -> None:
    """What may only be outside of the export is not called missing."""
    result = account(found, edges=edges)

    letters = {State.PASS: "p", State.LOSS: "l", State.INCONCLUSIVE: "?"}
    assert expected == "".join(letters[each] for each in states(result))
    reasons = [each.reason for each in result.cycles if each.state is not State.PASS]
    assert [] == [
        each for each in reasons if not each.startswith((reason, "1 missing"))
    ]


def test_cycles_of_no_account_stay_aside() -> None:
    """What the run itself does not count, nor ever began, is not counted here."""
    invalid, missed = (State.INVALID, "rate limit"), (State.MISSED, "not started")
    result = account(
        [*range(25), 35],
        [*WHOLE[:2], cycle(2, aside=invalid), cycle(3, 0, aside=missed)],
    )

    assert [State.PASS, State.PASS, State.INVALID, State.MISSED] == states(result)
    assert "rate limit" == result.cycles[2].reason
    assert (1, 0) == (result.counts.unexplained, result.cycles[3].counts.attempted)


subsets = st.lists(st.integers(-2, 60), max_size=80)


@given(
    found=subsets,
    damaged=subsets,
    accepted=st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=4),
)
def test_fates_add_up(
    found: list[int], damaged: list[int], accepted: list[tuple[int, bool]]
) -> None:
    """Whatever is found, every cycle's sums hold and nothing found is unaccounted."""
    cycles = [
        cycle(at, *each[:1], exact=each[1]) for at, each in enumerate(accepted[:4])
    ]

    result = account(found, cycles, damaged=damaged)

    counts = result.counts
    assert [] == [each for each in result.cycles if not each.counts.balanced()]
    arrived = counts.good + counts.corrupt + counts.duplicates + counts.unexplained
    assert len(found) + len(damaged) == arrived
    gaps = sum(each.count for each in result.gaps)
    assert gaps <= sum(each.counts.lost for each in result.cycles)
