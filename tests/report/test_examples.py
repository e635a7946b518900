"""The sample reports that stand in the repository."""

import json

import pytest

from tests.report import renew, samples
from tests.report.test_json import VALIDATOR


@pytest.mark.parametrize("name", samples.MADE)
def test_samples_are_what_we_write(name: str) -> None:
    """The samples are, byte for byte, what a run would be told as."""
    stored = {
        path.name: path.read_bytes() for path in (renew.EXAMPLES / name).iterdir()
    }

    written = {file: text.encode() for file, text in renew.rendered(name).items()}

    assert stored == written, "if it was meant: python -m tests.report.renew"


@pytest.mark.parametrize("name", samples.MADE)
def test_samples_follow_the_schema(name: str) -> None:
    """The stored documents are valid, and are of the state that their folder names."""
    text = (renew.EXAMPLES / name / "report.json").read_text("utf-8")

    told = json.loads(text)

    VALIDATOR.validate(told)
    assert name == told["verdict"]["state"]


def test_every_sample_has_its_folder() -> None:
    """No folder stays behind when a sample goes."""
    assert set(samples.MADE) == {path.name for path in renew.EXAMPLES.iterdir()}
