"""`prober compare`: runs of history and of files, and the exit code."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from prober.report import build
from prober.report import json as documents
from tests.cli import histories
from tests.cli.histories import AFTER, BEFORE, SHORT
from tests.report import samples
from tests.report.schemas import validate

Prober = Callable[..., int]


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a history with runs."""
    path = tmp_path_factory.mktemp("history") / "history.sqlite"
    histories.make(path)
    return path


@pytest.fixture
def compare(history: Path, monkeypatch: pytest.MonkeyPatch) -> Prober:
    """Return what runs `prober compare` on that history."""

    def run(*arguments: str) -> int:
        return histories.called(
            monkeypatch, "compare", *arguments, "--store", str(history)
        )

    return run


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ((BEFORE, AFTER), 5, "WORSE on rlp: 11,500 of 200,000 lost or damaged"),
        ((AFTER, BEFORE), 0, "BETTER on rlp: 0 of 200,000 lost or damaged"),
        ((BEFORE, BEFORE), 0, "NO WORSE on rlp: 0 of 200,000 lost or damaged"),
        ((BEFORE, SHORT), 5, "WORSE on rlp: 1,500 of 3,000 lost or damaged"),
        ((SHORT, SHORT), 3, "CANNOT TELL on rlp"),
        ((AFTER, "--baseline", "prod_eu"), 5, "WORSE on rlp: 11,500 of 200,000"),
        ((BEFORE, "--baseline", "prod_eu"), 0, "NO WORSE on rlp"),
    ],
)
def test_runs_of_history(
    compare: Prober,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    sentence: str,
) -> None:
    """Two runs, or one and its environment's history, and a sentence with the exit."""
    found = compare(*arguments)

    shown = " ".join(capsys.readouterr().out.split())
    assert sentence in shown
    assert code == found


def test_runs_of_files(
    compare: Prober, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `prober run --json` wrote is a side, too; the comparison has a document."""
    for name, lossy in (("old", {}), ("new", dict.fromkeys(range(0, 200, 9), 500))):
        told = build(samples.upgraded(lossy), samples.TARGET)
        (tmp_path / f"{name}.json").write_text(documents.render(told))
    paths = [str(tmp_path / f"{name}.json") for name in ("old", "new")]

    code = compare(*paths, "--json")

    found = json.loads(capsys.readouterr().out)
    validate(found)
    assert (5, "worse", 5) == (code, found["state"], found["exit_code"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((BEFORE,), "give two runs, A and B, or one run and --baseline ENV"),
        ((BEFORE, AFTER, "--baseline", "prod_eu"), "give two runs, A and B, or one"),
        ((BEFORE, AFTER, "--window", "1d"), "--window is of the history of --baseline"),
        ((BEFORE, "GONE"), "has no run 'GONE', and no file is called so"),
        ((BEFORE, "gone.json"), "cannot read gone.json: No such file or directory"),
        ((BEFORE, "--baseline", "nowhere"), "knows no environment 'nowhere'"),
        (
            (BEFORE, "--baseline", "prod_eu", "--window", "1m"),
            "nothing to compare: history of prod_eu has no cycle that is final",
        ),
    ],
)
def test_what_cannot_be_compared(
    compare: Prober,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    """What is no run, or none that can be compared, is refused in one sentence."""
    code = compare(*arguments)

    assert 2 == code
    assert sentence in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": "other"}', "\xff"])
def test_files_that_are_no_reports(
    compare: Prober, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """A file that prober did not write is refused."""
    path = tmp_path / "other.json"
    path.write_bytes(text.encode("latin-1"))

    code = compare(str(path), str(path))

    assert 2 == code
    assert "is not a report of prober: give what --json wrote" in " ".join(
        capsys.readouterr().err.split()
    )
