"""The arithmetic of the report."""

import dataclasses
from decimal import Decimal
from fractions import Fraction

import pytest

from prober.errors import UsageError
from prober.records import BufferDrops, PlatformIncrease, RunResult, Span, State
from prober.report import build
from tests.report import samples


def lossy(*gaps: Span, **others: object) -> RunResult:
    """Return a run of one cycle of 100,000 with gaps."""
    cycle = samples.cycle(0, 100_000, gaps=gaps)
    return samples.run(samples.plan(100_000, 1), samples.consumer([cycle]), **others)  # type: ignore[arg-type]


def test_budget_is_exact() -> None:
    """Allowed, consumed and remaining are fractions, not floats."""
    report = build(lossy(Span(first=7, count=30)), Decimal("0.999"))

    (rlp,) = report.consumers
    assert rlp.budget is not None
    expected = (Fraction(100), Fraction(3, 10), Fraction(7, 10))
    assert expected == (
        rlp.budget.allowed,
        rlp.budget.consumed,
        rlp.budget.remaining,
    )


def test_an_objective_of_everything_is_refused() -> None:
    """An objective without a budget is refused in a sentence, not a division by 0."""
    with pytest.raises(UsageError, match="between 0 and 1"):
        build(samples.met(), Decimal(1))


def test_unseen_counts_only_in_the_worst_case() -> None:
    """What went unseen in inconclusive cycles leaves the SLI alone."""
    gateway = build(samples.inconclusive(), samples.TARGET).consumers[1]

    assert gateway.budget is not None
    expected = (1_596 / 1_600, 240, Fraction(3, 4), 1 - Fraction(244, 19))
    assert expected == (
        gateway.sli,
        gateway.unseen,
        gateway.budget.remaining,
        gateway.budget.remaining_if_unseen_lost,
    )


def test_the_worst_consumer_speaks() -> None:
    """The environment's figure is that of the consumer that lost the larger share."""
    report = build(samples.inconclusive(), samples.TARGET)

    assert report.worst is not None
    expected = "gateway"  # 4 of 1,600 against 4 of 1,900
    assert expected == report.worst.name


def test_nothing_counted_is_no_data() -> None:
    """Without a cycle that counts every ratio is undefined, neither 0 nor 1."""
    cycle = samples.cycle(0, 10, state=State.INVALID, reason="clock step")
    report = build(
        samples.run(samples.plan(10, 1), samples.consumer([cycle])), samples.TARGET
    )

    (rlp,) = report.consumers
    expected = (None, None, None, None, None)
    figures = (rlp.sli, rlp.nines, rlp.bounds.nines_lower, rlp.budget, report.worst)
    assert expected == figures
    assert report.verdict.state == "no_data"


@pytest.mark.parametrize(
    ("size", "ring", "owners"),
    [
        (999, None, ()),
        (1_000, 1_000, ("router",)),
        (3_000, 1_000, ("router",)),
        (20_000, 10_000, ("agent", "router")),
    ],
)
def test_gaps_are_held_against_known_rings(
    size: int, ring: int | None, owners: tuple[str, ...]
) -> None:
    """A gap that is a whole multiple of a ring names the largest such ring."""
    (rlp,) = build(lossy(Span(first=0, count=size)), None).consumers

    (gap,) = rlp.gap_sizes
    assert (ring, owners) == (gap.ring, gap.owners)


def test_rings_of_the_stack_are_those_that_dropped() -> None:
    """Where the stack tells its rings, those that dropped explain the gaps."""
    drops = (
        BufferDrops(buffer="agent ingress", dropped=0, ring=150),
        BufferDrops(buffer="router 1 egress", dropped=300, ring=50),
    )
    report = build(lossy(Span(first=0, count=300), stack_drops=drops), None)

    (gap,) = report.consumers[0].gap_sizes
    assert report.stack_drops is not None
    assert report.stack_drops.agrees
    expected = (50, ("router",))
    assert expected == (gap.ring, gap.owners)


def test_a_loss_that_no_buffer_knows_of() -> None:
    """The stack and the ledger disagree when one of them lost more."""
    drops = (BufferDrops(buffer="rlp egress", dropped=100, ring=100),)
    report = build(lossy(Span(first=0, count=101), stack_drops=drops), None)

    assert report.stack_drops is not None
    assert report.stack_drops.agrees is False


def test_two_consumers_cannot_be_compared_with_the_buffers() -> None:
    """With several consumers one drop may be the loss of each: no agreement is told."""
    drops = (BufferDrops(buffer="rlp egress", dropped=3, ring=1_000),)
    result = dataclasses.replace(samples.inconclusive(), stack_drops=drops)

    report = build(result, None)

    assert report.stack_drops is not None
    assert report.stack_drops.agrees is None


def test_cycles_are_joined_over_consumers() -> None:
    """A cycle carries one outcome for each consumer, in their order."""
    report = build(samples.inconclusive(), None)

    told = [(each.consumer, each.state) for each in report.cycles[5].outcomes]
    expected = [("rlp", State.PASS), ("gateway", State.INCONCLUSIVE)]
    assert expected == told
    assert list(range(20)) == [each.index for each in report.cycles]


def test_what_was_on_its_way_at_the_end_is_lost_and_was_not_dropped() -> None:
    """Of 300 lost 100 were dropped, and 200 were inside a buffer or between two."""
    drops = (
        BufferDrops(
            buffer="agent ingress", dropped=100, ring=100, written=100_000, held=150
        ),
        BufferDrops(buffer="rlp egress", dropped=0, ring=100, written=99_700),
    )
    result = lossy(Span(first=0, count=300), stack_drops=drops)

    told = build(result, None).stack_drops

    assert told is not None
    assert (300, 100, 200) == (told.lost, told.dropped, told.under_way)
    assert told.agrees


def test_nobody_is_asked_for_what_came_too_late() -> None:
    """What arrived after its deadline is lost, and no counter has to tell of it."""
    result = lossy(Span(first=0, count=300), platform=())
    (rlp,) = result.consumers
    counts = dataclasses.replace(rlp.counts, after_deadline=300)
    late = dataclasses.replace(
        result,
        consumers=(dataclasses.replace(rlp, counts=counts),),
        platform=(
            PlatformIncrease(
                component="router",
                instance="doppler/1",
                counter="dropped",
                direction="egress",
                increase=0,
                from_ns=0,
                to_ns=1,
                silent_ns=0,
            ),
        ),
    )

    told = build(late, None).platform

    assert told is not None
    assert "nothing was dropped" == told.evidence
