"""What the witness saw, as what became of each message."""

from prober.calibration.truth import Truth
from prober.clock import NS
from prober.ledger import Deadlines
from prober.pipeline.faults import Passed, Witness
from prober.records import Span
from prober.testing import ManualClock

RUN = "k3v9x2m4q7a"
DEADLINES = Deadlines(late_after_ns=2 * NS, lost_after_ns=4 * NS)
ALL = range(100)


def passed(
    *sequences: int, after: float = 0.1, intact: bool = True, run: str = RUN
) -> list[Passed]:
    """Messages that passed so many seconds after they were sent."""
    return [
        Passed(run=run, sequence=n, intact=intact, sent_ns=0, at_ns=round(after * NS))
        for n in sequences
    ]


def truth(*left: Passed, taken: int = 10) -> Truth:
    """Of messages 0 to 9, or of fewer, those that left for the RLP's reader."""
    witness = Witness(ManualClock())
    witness.passed["writer", ""] += passed(*range(taken))
    witness.passed["rlp", "rlp.0-1"] += left
    return Truth(witness, RUN, "rlp", DEADLINES)


def test_what_never_left_is_lost() -> None:
    """By its number; what the writer never handed over is not."""
    fates = truth(*passed(0, 1, 2, 5), taken=7).fates(Span(first=0, count=10), ALL)

    assert (7, 4, {3, 4, 6}) == (fates.accepted, fates.on_time, fates.lost)


def test_lateness_is_told_by_both_deadlines() -> None:
    """Late behind the first; lost behind the last, though it came."""
    left = [*passed(0), *passed(1, after=3), *passed(2, after=5)]
    fates = truth(*left, taken=3).fates(Span(first=0, count=3), ALL)

    assert (1, 1, {2}, 1) == (
        fates.on_time,
        fates.late,
        fates.lost,
        fates.after_deadline,
    )


def test_a_damaged_message_is_corrupt_until_it_comes_whole() -> None:
    """A copy that is whole makes it good, and the damaged one a duplicate."""
    left = [*passed(0, 1, intact=False), *passed(1, after=0.2)]
    fates = truth(*left, taken=2).fates(Span(first=0, count=2), ALL)

    assert (1, 1, 1) == (fates.corrupt, fates.on_time, fates.duplicates)


def test_duplicates_never_replace_what_is_missing() -> None:
    """Two of one and none of the other are one loss and one duplicate."""
    fates = truth(*passed(0, 0), taken=2).fates(Span(first=0, count=2), ALL)

    assert ({1}, 1) == (fates.lost, fates.duplicates)


def test_who_first_comes_after_a_higher_number_was_overtaken() -> None:
    """Copies that come again are not; nor are damaged ones."""
    left = [*passed(0, 3, 1, 2, 1), *passed(4, intact=False)]
    fates = truth(*left, taken=5).fates(Span(first=0, count=5), ALL)

    assert 2 == fates.reordered


def test_only_the_consumers_own_connections_and_run_count() -> None:
    """Fresh subscriptions that the prober opened to compare are not the consumer."""
    witness = Witness(ManualClock())
    witness.passed["writer", ""] += passed(0, 1, 2)
    witness.passed["rlp", "rlp.0-1"] += passed(0)
    witness.passed["rlp", "rlp.0-2"] += passed(1, after=0.2)
    witness.passed["rlp", "rlp.1-1"] += passed(2)
    witness.passed["rlp", "gateway.0-1"] += passed(2)
    witness.passed["rlp", "rlp.0-1"] += passed(2, run="another")
    fates = Truth(witness, RUN, "rlp", DEADLINES).fates(Span(first=0, count=3), ALL)

    assert (2, {2}) == (fates.on_time, fates.lost)


def test_what_a_way_out_cannot_carry_is_not_expected() -> None:
    """It is neither accepted nor lost there."""
    fates = truth(*passed(0), taken=3).fates(Span(first=0, count=3), {0, 2})

    assert (2, {2}) == (fates.accepted, fates.lost)
