"""The table from evidence to verdict, by counting."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober import slo
from prober.errors import UsageError
from prober.records import State
from tests.slo.samples import Row, evidence

PASS: Row = (State.PASS, 0, 100)
UNSEEN: Row = (State.INCONCLUSIVE, 100, 100)
SEEN: Row = (State.INCONCLUSIVE, 0, 100)
OURS: Row = (State.INVALID, 0, 100)
MISSED: Row = (State.MISSED, 0, 100)
EXCLUDED: Row = (State.EXCLUDED, 0, 100)


def loss(bad: int) -> Row:
    """Return a cycle that lost so many of 100."""
    return State.LOSS, bad, 100


@pytest.mark.parametrize(
    ("rows", "state", "reason"),
    [
        pytest.param(
            [(100, PASS)],
            "met",
            "WITHIN BUDGET: none of 10,000 probe messages lost or damaged; 99.9 % "
            "allows 10.",
            id="clean",
        ),
        pytest.param(
            [(99, PASS), (1, loss(4))],
            "met",
            "WITHIN BUDGET: 4 of 10,000 probe messages lost or damaged, 1 in 2,500; "
            "99.9 % allows 10; 60.0 % is left.",
            id="few",
        ),
        pytest.param(
            [(99, PASS), (1, loss(10))],
            "met",
            "WITHIN BUDGET: 10 of 10,000 probe messages lost or damaged, 1 in 1,000; "
            "99.9 % allows 10; 0.0 % is left.",
            id="exactly-the-budget",
        ),
        pytest.param(
            [(99, PASS), (1, loss(11))],
            "violated",
            "OVER BUDGET: 11 of 10,000 probe messages lost or damaged, 1 in 909; "
            "99.9 % allows 10.",
            id="one-too-many",
        ),
        pytest.param(
            [(80, PASS), (12, UNSEEN), (6, OURS), (2, MISSED)],
            "inconclusive",
            "CANNOT TELL: measured 80.0 % of the time, 90 % is needed; of its cycles "
            "12 cannot tell, 6 are our fault, 2 were missed.",
            id="uncovered",
        ),
        pytest.param(
            [(80, PASS), (20, EXCLUDED)],
            "met",
            "WITHIN BUDGET: none of 8,000 probe messages lost or damaged; 99.9 % "
            "allows 8.",
            id="exclusions-are-no-holes",
        ),
        pytest.param(
            [(40, PASS), (10, loss(50)), (50, OURS)],
            "violated",
            "OVER BUDGET: 500 of 5,000 probe messages lost or damaged, 1 in 10; "
            "99.9 % allows 5.",
            id="uncovered-but-beyond-doubt",
        ),
        pytest.param(
            [(49, PASS), (1, loss(6)), (50, OURS)],
            "inconclusive",
            "CANNOT TELL: measured 50.0 % of the time, 90 % is needed; of its cycles "
            "50 are our fault.",
            id="uncovered-and-in-doubt",
        ),
        pytest.param(
            [(95, PASS), (5, UNSEEN)],
            "inconclusive",
            "CANNOT TELL: none of 9,500 probe messages lost or damaged; 99.9 % allows "
            "9, but over budget if the 500 that went unseen were lost.",
            id="straddling",
        ),
        pytest.param(
            [(95, PASS), (5, SEEN)],
            "met",
            "WITHIN BUDGET: none of 9,500 probe messages lost or damaged; 99.9 % "
            "allows 9.",
            id="unsure-but-seen",
        ),
        pytest.param(
            [(94, PASS), (1, loss(10)), (5, SEEN)],
            "violated",
            "OVER BUDGET: 10 of 9,500 probe messages lost or damaged, 1 in 950; 99.9 % "
            "allows 9.",
            id="what-was-seen-unsurely-does-not-dilute",
        ),
        pytest.param(
            [(10, UNSEEN)],
            "no_data",
            "NO DATA: no message was accepted in a cycle that counts.",
            id="nothing-counts",
        ),
        pytest.param(
            [],
            "no_data",
            "NO DATA: no message was accepted in a cycle that counts.",
            id="no-cycles",
        ),
    ],
)
def test_one_consumer(rows: list[tuple[int, Row]], state: str, reason: str) -> None:
    """Each row of the table has its evidence and its sentence."""
    found = slo.verdict([evidence(*rows)], "99.9")

    assert (state, reason) == (found.state, found.reason)


@pytest.mark.parametrize(
    ("others", "state", "reason"),
    [
        ([[(100, PASS)]], "met", "WITHIN BUDGET on every consumer: none"),
        ([[(99, PASS), (1, loss(5))]], "met", "WITHIN BUDGET on v1: 5 of 10,000"),
        ([[(99, PASS), (1, loss(50))]], "violated", "OVER BUDGET on v1: 50 of"),
        ([[(50, PASS), (50, OURS)]], "inconclusive", "CANNOT TELL on v1: measured"),
        ([[(10, UNSEEN)]], "inconclusive", "NO DATA on v1"),
        (
            [[(10, UNSEEN)], [(99, PASS), (1, loss(50))]],
            "violated",
            "OVER BUDGET on v2: 50",
        ),
        (
            [[(50, PASS), (50, OURS)], [(9, UNSEEN)]],
            "inconclusive",
            "CANNOT TELL on v1",
        ),
    ],
)
def test_several_consumers(
    others: list[list[tuple[int, Row]]], state: str, reason: str
) -> None:
    """Each consumer has to hold the objective; the worst speaks if they differ."""
    names = ("v1", "v2")
    found = slo.verdict(
        [
            evidence((100, PASS)),
            *(evidence(*r, consumer=n) for n, r in zip(names, others, strict=False)),
        ],
        "99.9",
    )

    assert state == found.state
    assert found.reason.startswith(reason)


def test_worst_case_is_never_the_better() -> None:
    """What was seen in cycles that cannot tell does not dilute what was lost."""
    found = evidence((9, PASS), (1, loss(10)), (10, SEEN))

    assert (10, 1000) == found.counted == found.worst
    assert (10, 2000) == found.best


def test_nobody_counted() -> None:
    """Without a consumer there is no data."""
    assert "no_data" == slo.verdict([], "99.9").state


def test_could_not_probe() -> None:
    """A probe that never began has the reason why."""
    found = slo.verdict([], "99.9", failure="nobody answers at 127.0.0.1:1")

    assert (
        slo.Verdict(
            state="could_not_probe",
            exit_code=4,
            reason="COULD NOT PROBE: nobody answers at 127.0.0.1:1",
        )
        == found
    )


def test_no_objective() -> None:
    """Without an objective the counts are told, and nothing is missed."""
    found = slo.verdict([evidence((99, PASS), (1, loss(50)))], None)

    assert (
        slo.Verdict(
            state=None,
            exit_code=0,
            reason="No objective was given: 50 of 10,000 probe messages lost or "
            "damaged, 1 in 200.",
        )
        == found
    )


def test_other_coverage() -> None:
    """How much has to be measured can be chosen."""
    half = [evidence((50, PASS), (50, OURS))]

    assert "met" == slo.verdict(half, "99.9", min_coverage="0.5").state
    assert "inconclusive" == slo.verdict(half, "99.9", min_coverage="0.51").state


@pytest.mark.parametrize("target", ["100", "0", "1"])
def test_objectives_that_cannot_be(target: str) -> None:
    """An objective that leaves nothing to measure is refused."""
    with pytest.raises(UsageError, match="leaves nothing to measure"):
        slo.verdict([evidence((1, PASS))], target)


@given(st.integers(0, 10**12), st.integers(1, 10**12), st.integers(1, 9999))
def test_exact(bad: int, good: int, parts: int) -> None:
    """The verdict is what a calculator with enough digits says."""
    target = Decimal(parts).scaleb(-4)
    found = slo.verdict([evidence((1, (State.LOSS, bad, bad + good)))], target)
    met = bad * 10_000 <= (10_000 - parts) * (bad + good)

    assert ("met" if met else "violated") == found.state


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(0, 100))
def test_more_loss_is_never_better(
    passes: int, unseen: int, ours: int, bad: int
) -> None:
    """One more lost message never turns a verdict for the better."""
    order = {"violated": 0, "inconclusive": 1, "met": 2}
    states = [
        slo.verdict(
            [evidence((passes, PASS), (1, loss(lost)), (unseen, UNSEEN), (ours, OURS))],
            "90",
        ).state
        for lost in (max(0, bad - 1), bad)
    ]

    assert order[str(states[1])] <= order[str(states[0])]


def test_a_consumer_of_which_nothing_was_expected_has_no_say() -> None:
    """A way out that cannot carry what was sent makes no verdict, good or bad."""
    carried = evidence((100, PASS), consumer="rlp")
    excluded = evidence((100, EXCLUDED), consumer="v1")

    found = slo.verdict([carried, excluded], Decimal("0.99"))
    alone = slo.verdict([excluded], Decimal("0.99"))
    promise = slo.claim([carried, excluded], Decimal("0.99"), worst_burst=1)

    assert ("met", "no_data") == (found.state, alone.state)
    assert slo.claim([carried], Decimal("0.99"), worst_burst=1) == promise


def test_planned_messages_are_the_basis_of_a_calendar() -> None:
    """A loss early in the month is within the month's budget, which is known ahead."""
    early = [evidence((99, PASS), (1, loss(11)))]

    elapsed = slo.verdict(early, "99.9")
    planned = slo.verdict(early, "99.9", planned=20_000)

    assert ("violated", "met") == (elapsed.state, planned.state)
    assert "99.9 % allows 20; 45.0 % is left." in planned.reason
