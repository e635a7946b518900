"""A calibration in words and as a document."""

import io
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from prober.records import Calibration, Comparison, State, Trial
from prober.report import calibration as told
from prober.report.calibrated import calibration_of
from prober.report.facts import Table
from prober.report.terminal import plain

SCHEMA = json.loads(
    Path(__file__, "../../../reports/schema/calibration.v1.json").resolve().read_text()
)


def figure(
    what: str, injected: int, measured: int | None = None, **more: object
) -> Comparison:
    """One that agrees unless `measured` is another."""
    seen = injected if measured is None else measured
    agrees = bool(more.pop("agrees", seen == injected))
    facts = {"consumer": "rlp", **more}
    return Comparison(
        what=what,
        injected=injected,
        measured=seen,
        agrees=agrees,
        **facts,  # type: ignore[arg-type]
    )


STATES = {"rlp": {state: 10 * (state is State.LOSS) for state in State}}
EXACT = Trial(
    name="each tenth dropped",
    words="the RLP drops each tenth",
    faults=("drop at rlp",),
    comparisons=(figure("accepted", 1000), figure("lost", 100), figure("late", 0)),
    states=STATES,
)
ASIDE = replace(
    EXACT,
    name="reader cut off",
    comparisons=(
        figure("lost", 30),
        figure("cycles aside", 0, 17, agrees=True, expected="some"),
    ),
    said=("consumer disconnected: gone",),
)
WRONG = replace(EXACT, name="late", comparisons=(figure("late", 100, 99),))
SAME_SUM = replace(
    EXACT, name="swapped", comparisons=(figure("lost", 7, agrees=False),)
)
BUSY = replace(EXACT, name="busy", trouble="this machine was too busy")
SEVERAL = replace(
    EXACT,
    name="lost here and there",
    comparisons=(
        figure("lost", 100),
        figure("lost", 145, consumer="v1"),
        figure("lost by it alone", 45, consumer="v1"),
        figure("lost by all", 100, consumer=""),
    ),
    states={**STATES, "v1": STATES["rlp"]},
)
UPGRADE = replace(EXACT, name="upgrade", cost="25 of 1,925 lost")


def calibration(*trials: Trial, **more: object) -> Calibration:
    """Trials made within a minute."""
    facts = {"exact_up_to": None, **more}
    return Calibration(
        started_at_ns=1_800_000_000 * 10**9,
        ended_at_ns=1_800_000_060 * 10**9,
        seed=0,
        trials=trials,
        **facts,  # type: ignore[arg-type]
    )


def shown(made: Calibration, width: int, *, terminal: bool = True) -> list[str]:
    """What stands on a screen of that width, line by line."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None)
    told.render(made, console, explain=True)
    return out.getvalue().splitlines()


def test_injected_and_measured_stand_side_by_side() -> None:
    """Only what is not nought is said, in the same words on both sides."""
    assert ("100 lost", "100 lost") == (told.injected(EXACT), told.measured(EXACT))
    assert "30 lost, some cycles uncounted" == told.injected(ASIDE)
    assert "30 lost, 17 cycles uncounted" == told.measured(ASIDE)
    assert "rlp: 100 lost; v1: 145 lost, 45 by it alone; all: 100 lost by all" == (
        told.measured(SEVERAL)
    )


def test_exactness_ends_with_the_rate_up_to_which_it_holds() -> None:
    """The last sentence is the bench's, or says how to get one."""
    assert (
        "EXACT: 2 of 2 trials agree, message by message."
        == (told.answer(calibration(EXACT, ASIDE))[0])
    )
    assert (
        "This instrument is exact on this machine up to 45,000 messages/s, by its last "
        "bench."
    ) == told.answer(calibration(EXACT, exact_up_to=45_000.0))[-1]
    assert "prober bench tells" in told.answer(calibration(EXACT))[-1]


def test_a_disagreement_comes_first_and_no_rate_is_promised() -> None:
    """It names the trials, and below each the figure."""
    made = calibration(EXACT, WRONG, SAME_SUM, exact_up_to=45_000.0)

    [sentence] = told.answer(made)
    assert sentence.startswith("NOT EXACT: 2 of 3 trials disagree: late, swapped.")
    assert ["late at rlp: injected 100, measured 99"] == [*told.disagreements(WRONG)]
    assert ["lost at rlp: injected 7, measured 7, but not of the same messages"] == [
        *told.disagreements(SAME_SUM)
    ]


def test_a_busy_machine_is_blamed_for_itself() -> None:
    """Nothing is claimed of a trial that could not be told, or was never made."""
    sentences = told.answer(calibration(EXACT, BUSY, partial=True))

    assert sentences[0].startswith("EXACT: 1 of 2 trials agree")
    assert sentences[1].startswith("CANNOT TELL of 1 trial: this machine was too busy")
    assert "INTERRUPTED: not every trial was made." == sentences[2]
    assert "this machine was too busy" == told.measured(BUSY)


@pytest.mark.parametrize("width", [80, 50, 30])
def test_a_screen_of_any_width_holds_it(width: int) -> None:
    """No line is longer than the screen, and every word is there."""
    made = calibration(EXACT, ASIDE, WRONG, BUSY, SEVERAL, UPGRADE)

    lines = shown(made, width)

    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).replace("│", " ").split())
    for word in ("reader cut off", "NOT EXACT", "upgrade", "COST"):
        assert word in text


def test_elsewhere_it_is_plain_lines_one_a_trial() -> None:
    """For logs and pipes: the mark is a word, and nothing is folded."""
    lines = shown(calibration(EXACT, WRONG), 40, terminal=False)

    assert "exact each tenth dropped injected 100 lost measured 100 lost" == (
        " ".join(lines[0].split())
    )
    assert any(each.startswith("WRONG   late") for each in lines)


def test_the_document_holds_to_its_schema() -> None:
    """Injected and measured by consumer; null where any number would do."""
    made = calibration(EXACT, ASIDE, WRONG, BUSY, SEVERAL, UPGRADE)

    document = json.loads(told.document(made))

    jsonschema.validate(document, SCHEMA)
    exact, aside, wrong, busy, several, upgrade = document["scenarios"]
    assert {"accepted": 1000, "lost": 100, "late": 0} == exact["injected"]["rlp"]
    assert (None, 17) == (
        aside["injected"]["rlp"]["cycles_aside"],
        aside["measured"]["rlp"]["cycles_aside"],
    )
    assert (True, False, None) == (exact["agrees"], wrong["agrees"], busy["agrees"])
    assert 100 == several["measured"]["all"]["lost_by_all"]
    assert "25 of 1,925 lost" == upgrade["cost"]
    assert document["exact"] is False
    assert "2027-01-15T08:00:00Z" == document["started_at"]


@pytest.mark.parametrize(
    ("trials", "exact"), [((EXACT,), True), ((EXACT, BUSY), None), ((WRONG,), False)]
)
def test_exact_is_said_only_when_all_of_it_was(
    *, trials: tuple[Trial, ...], exact: bool | None
) -> None:
    """One word for scripts."""
    assert exact is json.loads(told.document(calibration(*trials)))["exact"]


def test_a_report_can_include_it_as_a_section() -> None:
    """The same sentences, and a table of what stands side by side."""
    section = told.section(calibration(EXACT, WRONG))

    [table] = section.parts
    assert isinstance(table, Table)
    assert ("trial", "agrees", "injected", "measured") == table.header
    assert ("each tenth dropped", "exact", "100 lost", "100 lost") == table.rows[0]
    assert ("late", "WRONG", "100 late", "99 late") == table.rows[1]
    assert "violated" == section.state
    assert "\n".join(section.answer) in "\n".join(plain(section))


def test_some_trials_tell_of_no_others() -> None:
    """Where only some were asked for, nothing is claimed of the instrument."""
    made = calibration(EXACT, exact_up_to=45_000.0, left_out=33)

    assert [
        "EXACT: 1 of 1 trial agree, message by message.",
        "ONLY SOME: 33 further trials would tell whether all is exact.",
    ] == told.answer(made)
    assert json.loads(told.document(made))["exact"] is None
    assert calibration_of(json.loads(told.document(made))).left_out == 33
