"""Before and after: what is called worse, what is not, and what cannot be told."""

import dataclasses
import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober import slo
from prober.history import CycleRecord
from prober.records import Counts, State
from prober.report import build
from prober.report.comparison import Sample, Side, alike, compare
from prober.report.comparison_facts import comparison_screen
from prober.report.json import document
from prober.report.model import Latency
from prober.report.sides import side_of_document, side_of_history, side_of_report
from tests.report import histories, samples

LATENCY = Latency(p50=0.001, p90=0.002, p99=0.003, p999=0.004, max=0.005)


def side(*bad: int, size: int = 1_000, consumer: str = "rlp", **others: object) -> Side:
    """Return cycles of `size` messages that lost so many."""
    blocks = tuple(slo.Tally(each, size) for each in bad)
    sample = Sample(
        consumer=consumer, blocks=blocks, cycles=len(blocks), latency=LATENCY
    )
    one = Side(
        label="run 1",
        environment="prod_eu",
        from_ns=samples.START_NS,
        to_ns=samples.START_NS,
        version="0.1.0",
        rate=200.0,
        whole_firehose=False,
        target=None,
        samples=(sample,),
    )
    return dataclasses.replace(one, **others)  # type: ignore[arg-type]


CLEAN = [0] * 100


def test_more_lossy_blocks_are_worse() -> None:
    """Nine lossy blocks of a hundred after none before are no chance: exit 5."""
    found = compare(side(*CLEAN), side(*CLEAN[9:], *[500] * 9))

    assert ("worse", 5) == (found.state, found.exit_code)
    assert found.reason.startswith(
        "WORSE on rlp: 4,500 of 100,000 lost or damaged, 1 in 22; before 0 of 100,000 "
        "lost or damaged (p = "
    )


def test_one_lossy_block_is_chance() -> None:
    """One lossy block of a hundred after none before may be chance: exit 0."""
    found = compare(side(*CLEAN), side(*CLEAN[1:], 1_000))

    assert ("no_worse", 0) == (found.state, found.exit_code)
    assert "(p = 0.5)" in found.reason


def test_fewer_lossy_blocks_are_better() -> None:
    """The same the other way round is told as better, and is no failure."""
    found = compare(side(*CLEAN[9:], *[500] * 9), side(*CLEAN))

    assert ("better", 0) == (found.state, found.exit_code)
    assert found.reason.startswith("BETTER on rlp: 0 of 100,000 lost or damaged; ")


def test_one_lap_over_many_short_cycles_is_one_event() -> None:
    """A lap of a ring that ten short cycles share is no ten losses."""
    short = [0] * 190 + [100] * 10
    found = compare(side(*[0] * 200, size=100), side(*short, size=100))

    assert "no_worse" == found.state
    assert (20, 20) == found.consumers[0].blocks
    assert 1_000 == found.consumers[0].block


def test_too_few_blocks_can_show_nothing() -> None:
    """Where no loss at all would be significant, that is what is said: exit 3."""
    found = compare(side(0, 0, 0), side(900, 900))

    assert ("too_short", 3) == (found.state, found.exit_code)
    assert "3 blocks against 2 are too few for any loss to show" in found.reason


def test_less_than_a_worst_burst_can_show_nothing() -> None:
    """A side with fewer messages than one drop can cost has no block."""
    found = compare(side(*CLEAN), side(50, size=100))

    assert "too_short" == found.state
    assert "A side needs 1,000 messages for a block" in found.reason


def test_nothing_that_counts_is_no_data() -> None:
    """A side without a cycle that counts tells nothing: exit 3."""
    found = compare(side(*CLEAN), side())

    assert ("no_data", 3) == (found.state, found.exit_code)


def test_no_common_consumer() -> None:
    """Consumers that only one side has are named, and nothing is compared."""
    found = compare(side(*CLEAN), side(*CLEAN, consumer="v1"))

    assert ("no_data", ("rlp", "v1")) == (found.state, found.alone)
    assert "NOTHING TO COMPARE: no consumer is on both sides." == found.reason


def test_the_worst_consumer_speaks() -> None:
    """One consumer that got worse makes the whole comparison worse."""
    (fine,) = side(*CLEAN, consumer="v1").samples
    (bad,) = side(*CLEAN[20:], *[500] * 20).samples
    before = side(*CLEAN)
    before = dataclasses.replace(before, samples=(*before.samples, fine))

    found = compare(before, dataclasses.replace(before, samples=(bad, fine)))

    assert "worse" == found.state
    assert "WORSE on rlp" in found.reason


def test_the_objective_sets_what_matters() -> None:
    """Significant but below half of the budget is no worse; the side's own is taken."""
    tiny = [1] * 20 + CLEAN[20:]

    assert "worse" == compare(side(*CLEAN), side(*tiny)).state
    found = compare(side(*CLEAN), side(*tiny, target=Decimal("0.99")))
    assert ("no_worse", Decimal("0.99")) == (found.state, found.target)


def test_unlike_sides_are_warned_of() -> None:
    """A different rate, stream or environment may be why, and is told."""
    other = side(*CLEAN, rate=None, whole_firehose=True, environment="prod_us")

    rate, stream, environment = compare(side(*CLEAN), other).unlike

    assert "asked rates differ, 200/s before and as fast as possible after" in rate
    assert "whole Firehose" in stream
    assert "environments differ: prod_eu and prod_us" == environment
    assert () == compare(side(*CLEAN), side(*CLEAN)).unlike


tallies = st.lists(
    st.integers(1, 5_000).flatmap(
        lambda total: st.integers(0, total).map(lambda bad: (bad, total))
    ),
    max_size=40,
)


@given(before=tallies, after=tallies, burst=st.integers(1, 3_000))
def test_blocks_keep_every_message(
    before: list[tuple[int, int]], after: list[tuple[int, int]], burst: int
) -> None:
    """Merging loses no message, and what comes out can be exchanged, or is short."""
    size, sides = alike(before, after, burst)

    for given_, made in zip((before, after), sides, strict=True):
        assert sum(bad for bad, _ in given_) == sum(each.bad for each in made)
        assert sum(total for _, total in given_) == sum(each.total for each in made)
    assert size >= burst
    totals = [sum(each.total for each in made) for made in sides]
    if min(totals) >= size:
        slo.regression(*sides)


def test_a_document_is_the_same_side_as_its_run() -> None:
    """What `--json` wrote of a run compares as the run itself did."""
    report = build(samples.inconclusive(), samples.TARGET, version="0.1.0")
    written = json.loads(json.dumps(document(report)))

    assert side_of_report(report) == side_of_document(written)


@pytest.mark.parametrize("text", ["{}", '{"schema": "prober.audit/v1"}', "[]", "3"])
def test_other_documents_are_no_sides(text: str) -> None:
    """What is no document of a run raises what its reader turns into a sentence."""
    with pytest.raises((KeyError, ValueError, TypeError)):
        side_of_document(json.loads(text))


def record(index: int, state: State | None, lost: int = 0) -> CycleRecord:
    """Return a cycle of history."""
    due_ns = histories.at(1, 0, index)
    return CycleRecord(
        environment="prod_eu",
        mode="continuous",
        run_id="1",
        index=index,
        consumer="rlp",
        scheduled_ns=due_ns,
        first_sent_ns=due_ns,
        last_sent_ns=due_ns,
        final_ns=None if state is None else due_ns + histories.MINUTE_NS,
        planned=1_000,
        state=state,
        counts=Counts(attempted=1_000, accepted=1_000, on_time=1_000 - lost, lost=lost),
        latency=histories.latency(1_000 - lost),
    )


def test_history_as_a_side() -> None:
    """Cycles of history that count are blocks; open and excluded ones are left out."""
    records = [
        record(2, State.INCONCLUSIVE),
        record(0, State.PASS),
        record(1, State.LOSS, 7),
        record(3, State.EXCLUDED),
        record(4, None),
    ]

    found = side_of_history(records, histories.run(), label="history of prod_eu")

    (rlp,) = found.samples
    assert ((0, 1_000), (7, 1_000)) == rlp.blocks
    assert 3 == rlp.cycles
    assert (histories.at(1, 0), Decimal("0.999")) == (found.from_ns, found.target)
    assert found.rate is not None
    assert math.isclose(1_000 / 60, found.rate)


def test_history_without_final_cycles_is_no_side() -> None:
    """Nothing final is nothing to compare."""
    with pytest.raises(ValueError, match="run 6f20c1d4 has no cycle that is final"):
        side_of_history([record(0, None)], histories.run())


def test_a_history_is_named_once() -> None:
    """`history of prod_eu` is not told to be of prod_eu again; a run's is told."""
    upgrade = samples.upgrade()
    history = dataclasses.replace(upgrade.before, label="history of prod_eu")
    screen = comparison_screen(dataclasses.replace(upgrade, before=history))
    facts = screen.parts[-1]
    assert isinstance(facts, tuple)
    told = dict(facts)

    assert told["before"].startswith("history of prod_eu, 2027-01-14")
    assert told["after"].startswith("run 2f6c1a9e of prod_eu, 2027-01-15")
