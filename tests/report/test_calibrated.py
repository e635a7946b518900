"""A calibration that stands in a report."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from prober.records import Calibration
from prober.report import calibration as told
from prober.report.calibrated import calibration_of
from prober.report.environments import Environments
from prober.report.formats import FORMATS
from prober.report.model import Report
from tests.cli.histories import called
from tests.report import histories, renew, samples
from tests.report.schemas import validate
from tests.report.test_calibration import (
    ASIDE,
    BUSY,
    EXACT,
    SAME_SUM,
    SEVERAL,
    UPGRADE,
    WRONG,
    calibration,
)

MADE = calibration(EXACT, ASIDE, SEVERAL, UPGRADE, exact_up_to=45_000.0)


@pytest.mark.parametrize(
    "made",
    [
        MADE,
        calibration(EXACT, WRONG, SAME_SUM),
        calibration(EXACT, BUSY, partial=True),
        calibration(),
    ],
    ids=["exact", "wrong", "busy", "none"],
)
def test_the_document_tells_the_same_again(made: Calibration) -> None:
    """What is read of a document is told as it was when it was made."""
    again = calibration_of(json.loads(told.document(made)))

    assert told.section(made) == told.section(again)


SUBJECTS: dict[str, Report | Environments] = {
    "run": replace(samples.sample("met"), calibration=MADE),
    "window": replace(renew.window([histories.month()]), calibration=MADE),
    "several": replace(renew.window(histories.foundations()), calibration=MADE),
}
SENTENCE = "4 of 4 trials agree, message by message."


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("form", ["text", "html", "markdown"])
def test_reports_for_people_hold_it(name: str, form: str) -> None:
    """What the instrument is worth stands in the report, and its trials in a table."""
    text = FORMATS[form].render(SUBJECTS[name])

    assert isinstance(text, str)
    assert (True, True) == ("lost here and there" in text, SENTENCE in text)


@pytest.mark.parametrize("name", SUBJECTS)
def test_documents_hold_it(name: str) -> None:
    """A program reads whether it is exact, and up to which rate."""
    found = json.loads(str(FORMATS["json"].render(SUBJECTS[name])))

    validate(found)
    assert {
        "made_at": "2027-01-15T08:00:00.000000Z",
        "exact": True,
        "partial": False,
        "trials": 4,
        "untold": 0,
        "disagree": [],
        "exact_up_to": 45_000.0,
    } == found["calibration"]


def test_a_file_that_is_none_gets_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever gives a report of a run for a calibration is told what writes one."""
    path = tmp_path / "calibration.json"
    path.write_text(str(FORMATS["json"].render(samples.sample("met"))))

    code = called(monkeypatch, "report", "--calibration", str(path))

    assert 2 == code
    said = " ".join(capsys.readouterr().err.split())
    assert "give what prober calibrate --json wrote" in said
