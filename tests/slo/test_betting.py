"""The early decision, cycle by cycle."""

import math

import pytest

from prober import slo
from prober.errors import UsageError


def test_order_does_not_matter() -> None:
    """Fixed bets, mixed: the same cycles in another order are the same evidence."""
    cycles = [0] * 200 + [50] * 3 + [200]

    found = []
    for order in (cycles, cycles[::-1]):
        process = slo.sequential("99.9", worst_burst=1000, cycle=1000)
        for bad in order:
            process.add(bad, 1000)
        found.append(process.log_evidence)

    assert found[0] == pytest.approx(found[1], rel=1e-9)


def test_cycles_are_merged() -> None:
    """Ten cycles of 100 are the block of 1,000 that one lap can take."""
    small = slo.sequential("99.9", worst_burst=1000, cycle=100)
    large = slo.sequential("99.9", worst_burst=1000, cycle=1000)
    for _ in range(10):
        small.add(1, 100)
    large.add(10, 1000)

    assert 1000 == small.block
    assert large.log_evidence == small.log_evidence


def test_a_block_stays_open() -> None:
    """Cycles that fill no block yet are no evidence, but are counted."""
    process = slo.sequential("99.9", worst_burst=1000, cycle=100)
    before = process.log_evidence
    process.add(100, 100)

    assert before == process.log_evidence
    assert (100, 100) == process.counted


def test_decided_for_good() -> None:
    """A decision is not taken back, whatever follows."""
    process = slo.sequential("99.9", worst_burst=1000, cycle=1000)
    process.add(1000, 1000)
    assert "violated" == process.decision

    for _ in range(10_000):
        process.add(0, 1000)
    assert "violated" == process.decision
    assert 0 == process.messages_needed()


def test_burst_declared_too_small() -> None:
    """A block that loses more than was declared is judged anew, with no cap."""
    process = slo.sequential("99.9", worst_burst=100, cycle=500)
    uncapped = slo.sequential("99.9", worst_burst=500, cycle=500)
    for bad in (0, 0, 0, 150, 0):
        process.add(bad, 500)
        uncapped.add(bad, 500)

    assert process.restarted
    assert not uncapped.restarted
    assert uncapped.log_evidence == process.log_evidence


def test_at_the_cap() -> None:
    """A block that loses exactly one burst loses the boldest bet, and no more."""
    process = slo.sequential("99.9", worst_burst=100, cycle=500)
    process.add(100, 500)

    assert not process.restarted
    assert all(math.isfinite(each) for each in process.log_evidence)


@pytest.mark.parametrize("cycle", [7, 100, 999, 1000, 1001, 50_000])
@pytest.mark.parametrize("lost", [0, 3, 40])
def test_foretold(cycle: int, lost: int) -> None:
    """The messages needed are those after which it decides."""
    process = slo.sequential("99", worst_burst=50, cycle=cycle)
    process.add(min(lost, cycle), cycle)
    needed = process.messages_needed()

    sent = 0
    while process.decision is None:
        process.add(0, cycle)
        sent += cycle
    assert needed == sent
    assert "met" == process.decision


def test_higher_confidence_takes_longer() -> None:
    """Being surer takes more messages."""
    needed = [
        slo.sequential(
            "99.9", worst_burst=1000, cycle=1000, confidence=confidence
        ).messages_needed()
        for confidence in (0.9, 0.95, 0.99)
    ]

    assert sorted(needed) == needed
    assert 3_644_000 == needed[1]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"worst_burst": 0, "cycle": 10}, ValueError, "at least one message"),
        ({"worst_burst": 10, "cycle": 0}, ValueError, "a cycle has"),
        ({"worst_burst": 1, "cycle": 1, "confidence": 1.0}, ValueError, "confidence"),
        ({"worst_burst": 1, "cycle": 1, "target": "100"}, UsageError, "nothing"),
    ],
)
def test_what_cannot_be(
    given: dict[str, int], error: type[Exception], message: str
) -> None:
    """Each impossible figure is refused with its number."""
    with pytest.raises(error, match=message):
        slo.sequential(**{"target": "99.9"} | given)  # type: ignore[arg-type]


def test_counts_that_cannot_be() -> None:
    """More bad than total is refused."""
    process = slo.sequential("99.9", worst_burst=1000, cycle=1000)
    with pytest.raises(ValueError, match="11 bad of 10"):
        process.add(11, 10)


def test_nothing_added() -> None:
    """An empty cycle is no evidence."""
    process = slo.sequential("99.9", worst_burst=1, cycle=1)
    before = process.log_evidence

    assert None is process.add(0, 0)
    assert before == process.log_evidence
