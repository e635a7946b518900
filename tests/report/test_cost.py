"""What a command cost that a run went on beside: messages, and a share of a budget."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from prober.clock import NS
from prober.records import Command, RunResult, Span, State
from prober.report import Report, build
from prober.report.cost import sentence
from prober.report.facts import facts
from prober.report.json_run import document
from tests.report import samples

BOSH = Command(
    name="bosh",
    started_ns=samples.START_NS + 2 * NS,
    ended_ns=samples.START_NS + 5 * NS,
    exit_code=0,
    outlasted=False,
)


def run(command: Command = BOSH, *, aside: int = -1) -> RunResult:
    """Return ten cycles of 100, of which those at 1, 3 and 7 s lost 10 each."""
    cycles = []
    for index in range(10):
        gaps = [Span(first=index * 100, count=10)] if index in (1, 3, 7) else []
        state = State.INCONCLUSIVE if index == aside else None
        cycles.append(samples.cycle(index, 100, gaps=gaps, state=state))
    facts = samples.plan(1_000, 10, rate_asked=100.0)
    return samples.run(facts, samples.consumer(cycles), command=command)


def meanwhile(report: Report) -> list[str]:
    """Return what is said of the command."""
    labels = [label for label, _ in facts(report)]
    at = labels.index("meanwhile")
    more = next(place for place, label in enumerate(labels) if place > at and label)
    return [text for _, text in facts(report)[at:more]]


def test_only_cycles_that_touch_the_time_are_charged() -> None:
    """A loss before the command, or after it, is not its cost."""
    report = build(run(), Decimal("0.999"))

    assert report.cost is not None
    assert ("rlp", 10, 300, 0) == (
        report.cost.consumer,
        report.cost.bad,
        report.cost.total,
        report.cost.aside,
    )


def test_the_share_is_of_the_whole_windows_budget() -> None:
    """A thirtieth lost for 3 s of 30 d takes 1/30 * 3 / 2,592,000 / 0.001 of it."""
    report = build(run(), Decimal("0.999"))

    assert report.cost is not None
    assert Fraction(3 * 1_000, 30 * 2_592_000) == report.cost.budget


def test_the_screen_tells_times_exit_code_and_cost() -> None:
    """One line holds what a deploy's log wants to know."""
    (told,) = meanwhile(build(run(), Decimal("0.999"), window_ns=3_600 * NS))

    expected = (
        "bosh ran 3.0 s (08:00:02 to 08:00:05 UTC) and left with 0: 10 of 300 messages "
        "lost or damaged (rlp), 2.8% of the budget of 1 h"
    )
    assert expected == told


@pytest.mark.parametrize(
    ("took_ns", "words"),
    [
        (2_004_000_000, "2.0 s (08:00:02 to 08:00:04 UTC)"),
        (12_600_000_000, "12 s (08:00:02 to 08:00:14 UTC)"),
        (3_600_400_000_000, "1 h (08:00:02 to 09:00:02 UTC)"),
    ],
)
def test_lengths_are_true_to_their_times(took_ns: int, words: str) -> None:
    """A command that took two seconds and a bit did not run for three."""
    lasted = replace(BOSH, ended_ns=BOSH.started_ns + took_ns)

    assert sentence(lasted, None).startswith(f"bosh ran {words} and left")


def test_cycles_that_do_not_count_are_told_beside() -> None:
    """What went unseen meanwhile is no cost, and is not hidden."""
    (told,) = meanwhile(build(run(aside=3), Decimal("0.999")))

    assert told.endswith(
        "0 of 200 messages lost or damaged (rlp), nothing of the budget of 30 d; "
        "1 cycle of it does not count"
    )


def test_without_an_objective_there_is_no_share() -> None:
    """Messages are told all the same."""
    (told,) = meanwhile(build(run(), None))

    assert told.endswith("10 of 300 messages lost or damaged (rlp)")


def test_a_command_that_outlasts_the_probe_is_told() -> None:
    """Whoever deploys for longer than the probe sends learns what to do."""
    result = run(replace(BOSH, outlasted=True))

    _, why = meanwhile(build(result, None))
    _, interrupted = meanwhile(build(replace(result, partial=True), None))

    assert why == (
        "the probe had ended before bosh did, after 1,000 messages: more need a lower "
        "--rate, or a higher limit"
    )
    assert "the probe was interrupted before bosh had ended" == interrupted


def test_nothing_measured_costs_nothing_that_could_be_told() -> None:
    """A run without a consumer has a command, and no cost."""
    report = build(replace(run(), consumers=()), Decimal("0.999"), failure="refused")

    assert report.cost is None
    assert document(report)["command"] == {
        "name": "bosh",
        "started_at": "2027-01-15T08:00:02.000000Z",
        "ended_at": "2027-01-15T08:00:05.000000Z",
        "exit_code": 0,
        "outlasted": False,
        "cost": None,
    }
    (told,) = meanwhile(report)
    assert told.endswith("left with 0: no cycle of that time counts")


def test_a_run_beside_nothing_says_nothing() -> None:
    """No command, no line, and null in the document."""
    report = build(samples.met(), None)

    assert report.cost is None
    assert document(report)["command"] is None
    assert "meanwhile" not in {label for label, _ in facts(report)}
