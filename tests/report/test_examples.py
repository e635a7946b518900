"""The sample reports that stand in the repository."""

import json

import pytest

from tests.report import renew, samples
from tests.report.schemas import validate


@pytest.mark.parametrize("name", renew.SUBJECTS)
def test_samples_are_what_we_write(name: str) -> None:
    """The samples are, byte for byte, what would be written."""
    stored = {
        path.name: path.read_bytes() for path in (renew.EXAMPLES / name).iterdir()
    }

    written = {file: text.encode() for file, text in renew.rendered(name).items()}

    assert stored == written, "if it was meant: python -m tests.report.renew"


@pytest.mark.parametrize("name", renew.SUBJECTS)
def test_samples_follow_their_schemas(name: str) -> None:
    """The stored documents are valid, each by the schema that it names."""
    text = (renew.EXAMPLES / name / "report.json").read_text("utf-8")

    validate(json.loads(text))


@pytest.mark.parametrize("name", samples.MADE)
def test_samples_of_runs_are_called_by_their_verdicts(name: str) -> None:
    """A sample of a run is of the state that its folder names."""
    told = json.loads((renew.EXAMPLES / name / "report.json").read_text("utf-8"))

    assert name == told["verdict"]["state"]


def test_every_sample_has_its_folder() -> None:
    """No folder stays behind when a sample goes."""
    assert set(renew.SUBJECTS) == {path.name for path in renew.EXAMPLES.iterdir()}
