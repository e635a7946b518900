"""`prober report`: windows, files, gates, and what it says when there is nothing."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from prober.cli import report
from prober.clock import NS
from prober.errors import UsageError
from prober.report import frames
from prober.store import open_store
from tests.cli import histories
from tests.cli.histories import WINDOW
from tests.report.schemas import validate
from tests.store import samples

Prober = Callable[..., int]


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a history of two environments."""
    path = tmp_path_factory.mktemp("history") / "history.sqlite"
    histories.make(path)
    return path


@pytest.fixture
def prober(history: Path, monkeypatch: pytest.MonkeyPatch) -> Prober:
    """Return what runs `prober` on that history."""

    def run(command: str, *arguments: str) -> int:
        return histories.called(
            monkeypatch, command, *arguments, "--store", str(history)
        )

    return run


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_several_environments_are_a_table(
    prober: Prober, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without names every environment that was watched is told, the worst first."""
    code = prober("report", *WINDOW)

    shown = capsys.readouterr().out
    assert 0 == code
    assert "2 environments: 2 over budget." in shown
    rows = [line.split()[0] for line in shown.splitlines() if line.startswith("prod")]
    assert ["prod_us", "prod_eu"] == rows[:2]


def test_one_environment_is_a_screen(
    prober: Prober, capsys: pytest.CaptureFixture[str]
) -> None:
    """One environment is told with its incident, and what was noted beside it."""
    prober("report", "prod_eu", *WINDOW, "--slo", "99")

    shown = " ".join(capsys.readouterr().out.split())
    assert "WITHIN BUDGET (3 h): 500 of 179,000 probe messages" in shown
    assert "incidents 11-24 17:10, 1 min: 500 messages, 28.0% of the budget" in shown
    assert "noted deploy <b>v41</b> (ada@example, 11-24 17:09): 500 messages" in shown


def test_files_are_picked_by_their_suffixes(
    prober: Prober, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Several files are written at once, beside the screen."""
    names = ("out.json", "out.md", "out.csv", "out.xml", "out.prom", "out.txt")
    files = [tmp_path / name for name in names]
    options = [option for path in files for option in ("-o", str(path))]

    code = prober("report", "prod_us", *WINDOW, *options)

    assert 0 == code
    assert all(path.stat().st_size for path in files)
    validate(json.loads(files[0].read_text()))
    assert "**OVER BUDGET**" in files[1].read_text()
    assert "OVER BUDGET" in capsys.readouterr().out
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())


def test_a_document_takes_the_screens_place(
    prober: Prober, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--json` alone, and `--format` without a file, write to standard output."""
    prober("report", *WINDOW, "--json")
    told = json.loads(capsys.readouterr().out)
    prober("report", *WINDOW, "--format", "markdown")

    validate(told)
    assert ["prod_us", "prod_eu"] == [each["name"] for each in told["environments"]]
    assert capsys.readouterr().out.startswith("### environments, worst first\n")


def test_a_format_for_a_file_of_another_name(prober: Prober, tmp_path: Path) -> None:
    """`--format` tells what a file's name does not."""
    path = tmp_path / "summary"

    prober("report", *WINDOW, "-q", "-o", str(path), "--format", "json")

    validate(json.loads(path.read_text()))


def test_a_file_that_cannot_be_written_loses_nothing(
    prober: Prober,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the disk is full by then, each document goes to a file somewhere else."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("prober.cli.output._replace", full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    files = ("-o", str(tmp_path / "out.json"), "-o", str(tmp_path / "out.html"))
    code = prober("report", *WINDOW, "-q", *files)

    captured = capsys.readouterr()
    assert (2, "") == (code, captured.out)
    assert "No space left on device; it is in " in captured.err
    (aside,) = tmp_path.glob("prober-*.json")
    validate(json.loads(aside.read_text()))
    assert [page.stat().st_size > 1000 for page in tmp_path.glob("prober-*.html")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("-o", "out.docx"), "no format has files like out.docx: end it in one of"),
        (("--format", "docx"), "no format 'docx': there are text, html, markdown,"),
        (("-o", "-"), "no format has files like -: end it in"),
        (("--format", "csv", "--json"), "only one report can go to standard output"),
        (("-o", "a.md", "-o", "a.md"), "only one report can go to a.md"),
        (
            ("-o", "a.md", *("--format", "csv") * 2),
            "give --format once, or once for each -o",
        ),
        (("-o", "no/such/folder/a.md"), "cannot write no/such/folder/a.md"),
        (("--window", "1d", "--from", "1d"), "give --window or --from, not both"),
        (("--window", "0s"), "--window 0s has no room for a cycle"),
        (("--calendar", "month", "--window", "1d"), "give --calendar, or --window"),
        (("--from", "1h", "--to", "2h"), "--to is not after --from"),
        (("--from", "2199-01-01"), "--from lies in the future"),
        (("--inconclusive-exit", "4"), "--inconclusive-exit is for --fail-on"),
        (("nowhere",), "knows no environment and no run 'nowhere'"),
    ],
)
def test_what_cannot_be_asked(
    prober: Prober,
    capsys: pytest.CaptureFixture[str],
    nowhere: Path,
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    """Options that cannot be are refused in one sentence, and nothing is written."""
    code = prober("report", *arguments)

    assert 2 == code
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert [] == [*nowhere.iterdir()]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("prod_eu", "--slo", "99", "--fail-on", "violated"), 0),
        (("prod_eu", "--slo", "99.7", "--fail-on", "violated"), 0),
        (("prod_eu", "--slo", "99.7", "--fail-on", "at-risk"), 1),
        (("prod_eu", "--slo", "99.9", "--fail-on", "violated"), 1),
        (("--slo", "99", "--fail-on", "violated"), 1),
        (("--slo", "99"), 0),
    ],
)
def test_gates(prober: Prober, arguments: tuple[str, ...], code: int) -> None:
    """A gate fails on a missed objective, or where little of a budget is left."""
    assert code == prober("report", *WINDOW, "-q", *arguments)


def test_a_gate_without_data_is_not_open(prober: Prober) -> None:
    """Where nothing was measured lately a gate exits with 3, or as told."""
    assert 3 == prober("report", "-q", "--fail-on", "violated")
    assert 7 == prober(
        "report", "-q", "--fail-on", "violated", "--inconclusive-exit", "7"
    )


def test_the_objective_of_what_was_never_watched(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is the configuration's: nothing was measured, so that nobody can tell.

    What history has of it all the same is named.
    """
    with open_store(nowhere / "history.sqlite") as store:
        store.put_run(samples.run(mode="ad_hoc", environment="lab", target=None))
    Path("w.yaml").write_text(
        "store: history.sqlite\n"
        'environments: {lab: {reference: {}, objective: {target: "99.9"}}}\n'
    )

    gate = ("report", "lab", "--config", "w.yaml", "--fail-on", "at-risk")
    code = histories.called(monkeypatch, *gate)

    shown = " ".join(capsys.readouterr().out.split())
    assert 3 == code
    assert "NO DATA (30 d): no message was accepted in a cycle that counts" in shown
    assert "NEVER WATCHED: prober watch measures windows" in shown
    assert "has 1 ad hoc run of it alone: prober history lab" in shown
    Path("w.yaml").write_text(
        "store: history.sqlite\nenvironments: {lab: {reference: {}}}\n"
    )
    assert 2 == histories.called(monkeypatch, *gate)
    assert "--fail-on needs an objective of lab" in capsys.readouterr().err


def test_without_a_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is none, or nobody watched, it says how to get one."""
    path = tmp_path / "history.sqlite"
    missing = histories.called(monkeypatch, "report", "--store", str(path))
    first = capsys.readouterr().err
    with open_store(path) as store:
        store.put_run(samples.run(mode="ad_hoc"))
    empty = histories.called(monkeypatch, "report", "--store", str(path))

    assert (2, 2) == (missing, empty)
    assert "there is no history in" in first
    assert "`prober watch` keeps one" in first
    assert "no environment that was watched yet: `prober watch`" in " ".join(
        capsys.readouterr().err.split()
    )


NOW_NS = round(datetime(2026, 7, 14, 12, tzinfo=UTC).timestamp()) * NS


def asked(**others: object) -> report.Asked:
    """Return what the command line asks for, by default nothing."""
    nothing: dict[str, object] = dict.fromkeys(
        ("window_ns", "from_ns", "to_ns", "calendar", "slo", "worst_burst")
    )
    return report.Asked(**(nothing | others))  # type: ignore[arg-type]


def test_the_window_is_the_objectives() -> None:
    """Without options it is the last so long as the latest run's objective is for."""
    run = samples.run(window_ns=7 * 86_400 * NS)

    ours = report.stretch_of(asked(), run, NOW_NS)
    other = report.stretch_of(asked(), None, NOW_NS)

    assert ("rolling", 7 * 86_400 * NS) == (ours.kind, ours.to_ns - ours.from_ns)
    assert 30 * 86_400 * NS == other.to_ns - other.from_ns
    assert NOW_NS + 1 == ours.to_ns


def test_calendar_months_end_in_the_future() -> None:
    """A calendar's month is whole, whatever part of it has passed."""
    found = report.stretch_of(asked(calendar="month"), None, NOW_NS)

    assert ("calendar", 31 * 86_400 * NS) == (found.kind, found.to_ns - found.from_ns)
    assert NOW_NS < found.to_ns


def test_a_past_month_is_named_by_any_time_of_it() -> None:
    """`--calendar month --to` tells of the month that the time is in."""
    to_ns = round(datetime(2026, 2, 10, tzinfo=UTC).timestamp()) * NS
    found = report.stretch_of(asked(calendar="month", to_ns=to_ns), None, NOW_NS)

    assert datetime(2026, 2, 1, tzinfo=UTC) == datetime.fromtimestamp(
        found.from_ns / NS, UTC
    )


def test_the_future_is_refused() -> None:
    """Nothing is known of a time that begins after now."""
    with pytest.raises(UsageError, match="--from lies in the future"):
        report.stretch_of(asked(from_ns=NOW_NS + 1), None, NOW_NS)


def test_a_run_is_told_again(
    prober: Prober, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run's id takes the place of an environment: what it measured, in any format."""
    out = tmp_path / "run.json"

    code = prober("report", histories.AFTER, "--slo", "99", "-o", str(out))

    told = json.loads(out.read_text())
    validate(told)
    assert 0 == code
    assert histories.AFTER == told["run"]["id"]
    assert 200 == len(told["cycles"])
    assert "OVER BUDGET: 11,500 of 200,000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((histories.AFTER, "--window", "1d"), "a run has no other time than its own"),
        ((histories.AFTER, "prod_eu"), "give environments, or one run"),
        (("PROD_EU00000",), "is a daemon's run, of which windows tell: `prober report"),
        (("NOSUCHRUN000",), "knows no environment and no run 'NOSUCHRUN000': It has"),
        (
            (histories.AFTER, "--fail-on", "violated"),
            f"--fail-on needs an objective of run {histories.AFTER}: add --slo",
        ),
    ],
)
def test_what_cannot_be_asked_of_a_run(
    prober: Prober,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    """A run has its own time, and is told alone; who is neither gets one sentence."""
    assert 2 == prober("report", *arguments)
    assert sentence in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("slo", "condition", "code"),
    [
        ("99", "violated", 1),
        ("94", "violated", 0),
        ("94", "at-risk", 1),  # 11,500 of 12,000 are spent
        ("90", "at-risk", 0),
    ],
)
def test_gates_of_a_run(prober: Prober, slo: str, condition: str, code: int) -> None:
    """A run that is told again is a gate, too."""
    assert code == prober(
        "report", histories.AFTER, "-q", "--slo", slo, "--fail-on", condition
    )


def test_rows_are_hours_days_or_cycles(prober: Prober, tmp_path: Path) -> None:
    """Each way the same messages are told, cycles as the window has them."""
    found = {}
    for kind in ("hours", "days", "cycles"):
        path = tmp_path / f"{kind}.csv"
        prober("report", *WINDOW, "-q", "--rows", kind, "-o", str(path))
        found[kind] = pd.read_csv(path)

    rows = {kind: len(frame) for kind, frame in found.items()}
    assert {"hours": 6, "days": 2, "cycles": 358} == rows
    assert 1 == len({frame["lost"].sum() for frame in found.values()})
    assert list(frames.CYCLES) == list(found["cycles"].columns)
    assert ["loss", "pass"] == sorted(found["cycles"]["state"].unique())


def test_rows_for_which_the_disk_was_full_are_written_whole(
    prober: Prober, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cycles are written in pieces, and begin anew in the other file."""

    def full(_: Path, document: Iterable[str]) -> None:
        next(iter(document))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("prober.cli.output._replace", full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = str(tmp_path / "out.csv")
    code = prober("report", *WINDOW, "-q", "--rows", "cycles", "-o", path)

    (aside,) = tmp_path.glob("prober-*.csv")
    found = pd.read_csv(aside)
    assert (2, 358) == (code, len(found))
    assert list(frames.CYCLES) == list(found.columns)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--rows", "days"), "--rows is of CSV and Parquet: add -o FILE.csv"),
        (
            (histories.AFTER, "--rows", "hours", "--format", "csv"),
            "a run has rows of cycles alone: leave out --rows",
        ),
    ],
)
def test_rows_that_cannot_be(
    prober: Prober,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    """Rows are of tables, and a run has no hours."""
    assert 2 == prober("report", *arguments)
    assert sentence in " ".join(capsys.readouterr().err.split())
