"""One environment over a window: the figures of the worked example, and its rules."""

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from prober.clock import NS
from prober.histogram import Histogram
from prober.history import HOUR_NS
from prober.records import State
from prober.report import pages, window_facts
from prober.report.environment import EnvironmentReport, build_environment
from prober.report.slots import latency_of, merged
from tests.report import histories


@pytest.fixture(scope="module")
def month() -> EnvironmentReport:
    """Return the worked example's report."""
    return build_environment(histories.month(), kind="rolling")


def digits(expected: float) -> object:
    """Return a value that equals whatever agrees with it in nine digits or more."""
    return pytest.approx(expected, rel=5.1e-10)


def test_counts_of_the_worked_example(month: EnvironmentReport) -> None:
    """1, 2: the ratio and the nines of the counted messages."""
    (rlp,) = month.consumers

    assert (13_355, 42_999_400) == (rlp.valid.bad, rlp.valid.accepted)
    assert (13_351, 4, 600) == (rlp.valid.lost, rlp.valid.corrupt, rlp.valid.rejected)
    assert digits(0.9996894143) == rlp.sli
    assert digits(3.507818503) == rlp.nines


def test_budget_of_the_worked_example(month: EnvironmentReport) -> None:
    """3, 4, 7: allowed, consumed, remaining, and what remains in the worst case."""
    (rlp,) = month.consumers

    assert rlp.budget is not None
    assert digits(42_999.4) == float(rlp.budget.allowed)
    assert digits(0.3105857291) == float(rlp.budget.consumed)
    assert digits(0.6894142709) == float(rlp.budget.remaining)
    assert digits(0.4587410254) == float(rlp.budget.remaining_if_unseen_lost)
    assert "ok" == month.status


def test_coverage_of_the_worked_example(month: EnvironmentReport) -> None:
    """6: excluded cycles are not held against the coverage."""
    (rlp,) = month.consumers

    assert Fraction(43_000, 43_180) == rlp.coverage
    assert (10_000, 150_000) == (rlp.unseen, rlp.unsure)
    assert {
        State.PASS: 42_982,
        State.LOSS: 18,
        State.INCONCLUSIVE: 150,
        State.INVALID: 30,
        State.EXCLUDED: 20,
        State.MISSED: 0,
    } == rlp.states


def test_claim_of_the_worked_example(month: EnvironmentReport) -> None:
    """8 to 10: hours are the blocks, and the month supports 99.88 %, not 99.9 %."""
    (rlp,) = month.consumers

    assert digits(1.685442087) == rlp.bounds.k_eff
    assert digits(2.808412831e-05) == rlp.bounds.lower
    assert digits(1.352683966e-03) == rlp.bounds.upper
    assert digits(1.170935988e-03) == month.claim.upper95
    assert digits(2.931466846) == rlp.bounds.nines_lower
    assert "undecided" == month.claim.state
    assert (5, 9_800, 1_000) == (
        rlp.lossy_hours,
        rlp.largest_hour,
        rlp.largest_loss,
    )


def test_recommended_objective(month: EnvironmentReport) -> None:
    """What the history supports is what could be promised."""
    assert month.recommendation is not None
    assert Decimal("0.9988") == month.recommendation.objective


def test_verdict_of_the_worked_example(month: EnvironmentReport) -> None:
    """The sentence is the one that people know from a run."""
    assert (
        "WITHIN BUDGET: 13,355 of 42,999,400 probe messages lost or damaged, "
        "1 in 3,219; 99.9 % allows 42,999; 68.9 % is left "
        "(45.8 % if all that went unseen was lost)."
    ) == month.verdict.reason


def test_calendar_month_knows_its_budget_ahead() -> None:
    """29: the budget of a calendar's month is of all that is planned in it."""
    report = build_environment(
        histories.month(), kind="calendar", planned=44_640 * 1_000
    )
    (rlp,) = report.consumers

    assert rlp.budget is not None
    assert digits(44_640.0) == float(rlp.budget.allowed)
    assert digits(0.700828853) == float(rlp.budget.remaining)


def test_slots_add_up(month: EnvironmentReport) -> None:
    """Hours and days hold what the window holds, and end with what is left."""
    (rlp,) = month.consumers

    for slots, many in ((rlp.hours, 720), (rlp.days, 30)):
        assert many == len(slots)
        assert 13_355 == sum(each.bad for each in slots)
        assert 42_999_400 == sum(each.total for each in slots)
        assert digits(0.6894142709) == slots[-1].remaining
    assert State.LOSS is rlp.days[19].state
    assert digits(1 - month.claim.upper95) == rlp.days[-1].supports


def test_incidents(month: EnvironmentReport) -> None:
    """Each lossy stretch is an incident with its evidence and what was noted then."""
    storm = month.incidents[2]

    assert [1, 3_100, 9_800, 412, 42] == [each.bad for each in month.incidents]
    assert [1, 2, 3, 4, 5] == [each.number for each in month.incidents]
    assert Fraction(9_800, 1) / Fraction("42999.4") == storm.share
    assert ["deploy cf v41"] == [each.text for each in storm.notes]
    assert storm.platform is not None
    assert "enough for the 9,800 lost" in storm.platform.evidence
    assert (1_000, 9, 1_000) == (
        storm.gap_sizes[0].size,
        storm.gap_sizes[0].times,
        storm.gap_sizes[0].ring,
    )
    assert storm.upstream is None


def test_cost_of_a_deploy(month: EnvironmentReport) -> None:
    """A note says what was lost in the incidents that began with it."""
    (deploy,) = month.notes

    assert (9_800, (3,)) == (deploy.bad, deploy.incidents)
    assert month.incidents[2].share == deploy.share


def test_an_exclusion_that_is_in_force() -> None:
    """Until when, by whom and why; and that cycles were due, though none counts."""
    month = histories.month()
    start_ns = histories.END_NS - HOUR_NS
    note = histories.note(start_ns, "maintenance", histories.END_NS + HOUR_NS)
    excluding = dataclasses.replace(
        month,
        hours=(histories.hour(start_ns, states={State.EXCLUDED: 60}),),
        stretches=(),
        annotations=(dataclasses.replace(note, kind="exclude"),),
    )
    report = build_environment(excluding, kind="rolling")

    told = pages.sentences(report)
    assert (
        "NO DATA (30 d): nothing counts, 60 cycles excluded and no other due." in told
    )
    assert f"EXCLUDED until 2027-01-16 01:00 UTC by {note.author}: maintenance." in told
    measured = "nothing that counts: 60 cycles excluded, no other due"
    assert measured in dict(window_facts.before(report))["measured"]

    over = dataclasses.replace(excluding, to_ns=histories.END_NS + HOUR_NS)
    assert build_environment(over).excluded is None


def test_a_loss_before_the_deploy_is_not_its_cost() -> None:
    """What began before something was noted is shown beside it, not charged to it."""
    month = histories.month()
    late = histories.note(histories.at(19, 14, 9), "deploy cf v42")
    report = build_environment(dataclasses.replace(month, annotations=(late,)))

    (noted,) = report.notes
    assert (0, ()) == (noted.bad, noted.incidents)
    assert (late,) == report.incidents[2].notes


def test_pace_of_the_last_day(month: EnvironmentReport) -> None:
    """The budget lasts for longer than the window at the pace of the last day."""
    pace = month.consumers[0].pace

    assert pace is not None
    assert (42, 1_440_000) == (pace.bad, pace.total)
    assert digits(42 / 1_440) == pace.burn
    assert pace.exhausted_ns is None


def test_the_pace_of_a_young_history_is_of_what_it_has_seen() -> None:
    """Six hours without a loss are not called a day without one."""
    month = histories.month()
    first = histories.END_NS - 6 * HOUR_NS
    clean = tuple(
        histories.hour(start) for start in range(first, histories.END_NS, HOUR_NS)
    )
    young = dataclasses.replace(month, hours=clean, stretches=(), first_ns=first)
    report = build_environment(young)
    (consumer,) = report.consumers

    assert consumer.pace is not None
    assert first == consumer.pace.from_ns
    assert "nothing lost in these 6 h" == window_facts.pace(report, consumer)


def test_exhaustion_is_foretold() -> None:
    """At ten times the sustainable pace what is left is gone in days."""
    month = histories.month()
    last = [
        histories.hour(start, states={State.LOSS: 10}, lost=600)
        if start >= histories.END_NS - histories.DAY_NS
        else histories.hour(start)
        for start in range(histories.FROM_NS, histories.END_NS, HOUR_NS)
    ]
    report = build_environment(dataclasses.replace(month, hours=tuple(last)))
    pace = report.consumers[0].pace

    assert pace is not None
    assert digits(10) == pace.burn
    assert pace.exhausted_ns is not None
    # A third of the budget is spent, the other two thirds last a tenth of 20 days.
    assert datetime(2027, 1, 18, 0, tzinfo=UTC) == datetime.fromtimestamp(
        pace.exhausted_ns / NS, UTC
    )


def test_consumers_side_by_side() -> None:
    """What hit all consumers was upstream of the fork, what hit one its own egress."""
    start = histories.at(1, 0)
    both = [
        histories.stretch(State.LOSS, start, 2, "5 lost", bad=5, consumer=name)
        for name in ("gateway", "rlp")
    ]
    alone = histories.stretch(State.LOSS, start + HOUR_NS, 1, "7 lost", bad=7)
    hours = [
        histories.hour(start + index * HOUR_NS, consumer=name)
        for name in ("gateway", "rlp")
        for index in range(2)
    ]
    report = build_environment(histories.history(hours, [*both, alone]))

    first, second = report.incidents
    assert (True, ()) == (first.upstream, first.spared)
    assert (False, ("gateway",)) == (second.upstream, second.spared)
    assert [("gateway", 5), ("rlp", 5)] == [(h.consumer, h.bad) for h in first.hits]


def test_flapping_is_one_incident() -> None:
    """Losses less than ten minutes apart belong together."""
    start = histories.at(1, 0)
    lossy = [
        histories.stretch(State.LOSS, start + minute * 60 * NS, 1, "1 lost", bad=1)
        for minute in (0, 5, 15, 40)
    ]
    report = build_environment(histories.history([histories.hour(start)], lossy))

    assert [3, 1] == [each.bad for each in report.incidents]


def test_nothing_in_the_window() -> None:
    """A window without cycles is no data: neither good nor bad."""
    report = build_environment(histories.history([]))

    assert ("no_data", "no_data") == (report.verdict.state, report.status)
    assert report.worst is None
    assert report.recommendation is None


def test_histogram_at_rest_has_the_same_quantiles() -> None:
    """Quantiles of histograms at rest are those of the histogram itself."""
    one, two = Histogram(), Histogram()
    one.add([5, 900, 1_000_000, 7])
    two.add([3, 3_000_000_000])
    both = Histogram()
    both.merge(one)
    both.merge(two)

    found = latency_of(merged([one.freeze(), two.freeze()]))

    expected = [both.quantile(q) for q in (0.5, 0.9, 0.99, 0.999, 1)]
    told = [found.p50, found.p90, found.p99, found.p999, found.max]
    assert [e / NS for e in expected if e is not None] == told


@pytest.mark.parametrize(
    ("size", "why"),
    [
        (1_000, "a lap of a router's ring"),
        (2_040, "what 120 s cost in which nobody sees a hole, at 17/s"),
        (500, "as it was declared"),
    ],
)
def test_how_the_worst_burst_was_chosen(size: int, why: str) -> None:
    """It stands where it is said how it was judged: what is supported rests on it."""
    run = histories.run(worst_burst=size)
    month = dataclasses.replace(histories.month(), run=run)
    facts = dict(window_facts.after(build_environment(month)))

    assert f"over hours; W = {size:,}, {why}" in facts["judged"]
