"""Reports as files that are no text: a picture, paper, and a table for notebooks."""

import io
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import resvg_py
from PIL import Image
from pyarrow import parquet

from prober.errors import UsageError
from prober.report import csv, html
from prober.report.formats import FORMATS
from prober.report.styles import palette
from tests import tools
from tests.report import renew
from tests.report.test_formats import named

EXTRAS = {name: each.extra for name, each in FORMATS.items() if each.extra}


def written(name: str, subject: str) -> bytes:
    """Return a sample in a format that is no text."""
    found = FORMATS[name].render(renew.SUBJECTS[subject]())
    assert isinstance(found, bytes)
    return found


@pytest.mark.parametrize("name", ["violated", "month", "foundations", "upgrade"])
def test_a_picture(name: str) -> None:
    """A PNG is sharp, as wide as a page, on paper, and shows marks in their colours."""
    picture = Image.open(io.BytesIO(written("png", name))).convert("RGB")

    pixels = np.asarray(picture).reshape(-1, 3)
    colours = {f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.unique(pixels, axis=0)}

    assert 1_600 == picture.width
    assert {palette()["--paper"], palette()["--red"]} <= colours


def test_a_picture_without_words_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no font, nothing is written that would lack its words."""
    bare = partial(resvg_py.svg_to_bytes, skip_system_fonts=True)
    monkeypatch.setattr(resvg_py, "svg_to_bytes", bare)

    with pytest.raises(UsageError, match="no font was found"):
        FORMATS["png"].render(renew.SUBJECTS["met"]())


@pytest.mark.parametrize("name", ["no_data", "month", "foundations", "upgrade"])
def test_paper(name: str, tmp_path: Path) -> None:
    """A PDF holds the answer as text, is tagged for readers, and breaks into pages."""
    file = tmp_path / "report.pdf"
    file.write_bytes(written("pdf", name))

    told = _run("pdftotext", str(file), "-")
    about = _run("pdfinfo", str(file))

    for page in html.pages(renew.SUBJECTS[name]()):
        assert " ".join(page.answer[0][1].split()) in " ".join(told.split())
    assert "Tagged:          yes" in about
    assert "A4" in about


def _run(name: str, *arguments: str) -> str:
    path = tools.program(f"/usr/bin/{name}", "apt-get install poppler-utils")
    command = (path, *arguments)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.mark.parametrize("name", ["violated", "month", "upgrade"])
def test_a_table(name: str) -> None:
    """A Parquet file holds the rows of the CSV file, with the types of the frame."""
    table = parquet.read_table(io.BytesIO(written("parquet", name)))

    expected = csv.frame(renew.SUBJECTS[name]())
    pd.testing.assert_frame_equal(expected, table.to_pandas(), check_dtype=False)


@pytest.mark.parametrize("name", EXTRAS)
def test_what_is_not_installed_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its extra, a format says in one sentence how to get it."""
    modules = {"png": "resvg_py", "pdf": "weasyprint", "parquet": "pyarrow"}
    monkeypatch.delitem(sys.modules, f"prober.report.{name}", raising=False)
    monkeypatch.setitem(sys.modules, modules[name], None)

    with pytest.raises(UsageError) as caught:
        FORMATS[name].render(renew.SUBJECTS["met"]())

    expected = (
        f".{name} files need {modules[name]}: "
        f"pip install 'loggregator-prober[{EXTRAS[name]}]'"
    )
    assert expected == str(caught.value)


@pytest.mark.parametrize("name", EXTRAS)
def test_hostile_strings(name: str) -> None:
    """Markup, control characters and marks that turn text around stop no format."""
    for subject in named('"><svg onload=x>]]>\x00\x1b[2J\u202e\ud800'):
        assert FORMATS[name].render(subject)
