"""What a run decides, and the exit code: by count, by proof, by history."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_run import document, prober, reference

CLEAN = ("--messages", "300", "--cycles", "10", "--rate", "1000/s")
LOSSY = ("--rate", "max", "--late-after", "500ms", "--lost-after", "1s", "--yes")


def decide(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run with a document on standard output."""
    done = prober("run", *arguments, "--json")
    return done.returncode, document(done.stdout)


def test_clean_stack_is_proved_early() -> None:
    """A clean pipeline proves an objective after 3.64 worst bursts over the budget."""
    code, told = decide(
        *("--until-decided", "--slo", "95", "--worst-burst", "10", "--rate", "2000/s")
    )

    sent = told["consumers"][0]["counts"]["attempted"]
    assert (0, "proved", "met") == (
        code,
        told["claim"]["state"],
        told["verdict"]["state"],
    )
    assert 728 <= sent < 4000


def test_lossy_stack_is_disproved_early() -> None:
    """A pipeline that loses most of it is disproved long before the limit."""
    with reference("--agent-buffer", "100") as ends:
        code, told = decide(
            *("--until-decided", "--slo", "90", "--worst-burst", "100"),
            *("--max-messages", "200000", "--late-after", "1s", "--lost-after", "2s"),
            *("--rate", "5000/s", "--yes", *ends),
        )

    assert (1, "disproved") == (code, told["claim"]["state"])
    assert told["consumers"][0]["counts"]["attempted"] < 100_000


def test_limit_leaves_the_decision_open() -> None:
    """At the limit, the run says how much more it would take, and exits with 3."""
    done = prober(
        *("run", "--until-decided", "--slo", "99.9", "--max-messages", "500", "-q"),
        *("--json", "-"),
    )

    told = document(done.stdout)
    assert (3, "undecided") == (done.returncode, told["claim"]["state"])
    assert 500 == told["consumers"][0]["counts"]["accepted"]


def test_time_limit_leaves_the_decision_open() -> None:
    """The same holds for a limit of time."""
    done = prober(
        *("run", "--until-decided", "--slo", "99.9", "--max-duration", "500ms")
    )

    assert 3 == done.returncode
    assert "UNDECIDED" in done.stdout
    assert "all of them arriving" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        (("--nagios",), 0),
        (("--prove",), 3),
        (("--prove", "--inconclusive-exit", "0"), 0),
        (("--prove", "--worst-burst", "1", "--slo", "90"), 0),
    ],
)
def test_clean_run_is_judged_as_asked(extra: tuple[str, ...], code: int) -> None:
    """Within budget is 0 by count; as proof it depends on how much was sent."""
    done = prober("run", *CLEAN, "--slo", "99", *extra, "--quiet")

    assert code == done.returncode


def test_lossy_run_is_critical_to_a_monitor() -> None:
    """Over budget is 2, CRITICAL, for a monitoring plug-in."""
    with reference("--agent-buffer", "100") as ends:
        plan = ("--messages", "1000", "--slo", "99", *LOSSY)
        done = prober("run", *plan, *ends, "--nagios", "--quiet")

    assert 2 == done.returncode


def test_unreachable_is_unknown_to_a_monitor() -> None:
    """Could not probe is 3, UNKNOWN, for a monitoring plug-in."""
    with reference() as ends:
        done = prober("run", *ends, "--agent", "127.0.0.1:1", "--nagios", "-q")

    assert 3 == done.returncode


def test_run_that_lost_more_than_its_baseline_exits_5(tmp_path: Path) -> None:
    """A run is held against an earlier one, cycle by cycle, and says what it found."""
    before = tmp_path / "before.json"
    cycles = ("--messages", "300", "--cycles", "20", "--worst-burst", "15")
    plan = (*cycles, *LOSSY[2:])
    with reference("--agent-buffer", "100") as ends:
        prober("run", *plan, "--rate", "300/s", *ends, "--json", str(before), "-q")
        done = prober("run", *plan, *LOSSY, *ends, "--baseline", str(before))
        same = prober("run", *plan, "--rate", "300/s", *ends, "--baseline", str(before))

    assert (5, 0) == (done.returncode, same.returncode)
    assert "WORSE on rlp: " in " ".join(done.stderr.split())
    assert "NO WORSE on rlp: " in " ".join(same.stderr.split())


def test_baseline_that_is_too_short_tells_nothing(tmp_path: Path) -> None:
    """Runs of fewer messages than one drop can cost cannot be told apart: exit 3."""
    before = tmp_path / "before.json"
    prober("run", *CLEAN, "--json", str(before), "-q")

    done = prober("run", *CLEAN, "--baseline", str(before))

    assert 3 == done.returncode
    assert "CANNOT TELL on rlp: 0 of 300 lost or damaged" in " ".join(
        done.stderr.split()
    )


def test_files_of_a_run(tmp_path: Path) -> None:
    """`--report` and `--junit` write what history's reports are written as, too."""
    files = [tmp_path / name for name in ("a.md", "b.csv", "c.json", "d.xml")]
    options = [word for path in files[:3] for word in ("--report", str(path))]

    done = prober("run", *CLEAN, *options, "--junit", str(files[3]), "--slo", "99")

    assert 0 == done.returncode
    assert "ALL ARRIVED" in done.stdout or "WITHIN BUDGET" in done.stdout
    assert (
        files[0].read_text().startswith("### reference\n\n**WITHIN BUDGET**: none of")
    )
    assert 11 == len(files[1].read_text().splitlines())
    assert "prober.report/v1" == json.loads(files[2].read_text())["schema"]
    assert '<testcase name="delivery 99 %"' in files[3].read_text()


def test_files_of_a_run_are_tried_before_it(tmp_path: Path) -> None:
    """A file that cannot be is refused before anything is sent."""
    done = prober("run", *CLEAN, "--report", str(tmp_path / "out.docx"))

    assert 2 == done.returncode
    assert "no format has files like" in done.stderr


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": "other"}'])
def test_baseline_that_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    """A file that prober did not write is refused before anything is sent."""
    path = tmp_path / "before.json"
    path.write_text(text)

    done = prober("run", "--baseline", str(path))

    assert 2 == done.returncode
    assert f"{path} is not a report of prober: give what --json wrote" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--prove",), "--prove needs an objective: add --slo"),
        (("--until-decided",), "--until-decided needs an objective: add --slo"),
        (("--max-messages", "5"), "--max-messages belongs to --until-decided"),
        (
            ("--until-decided", "--slo", "99", "--messages", "5"),
            "bound it with --max-messages, not with --messages",
        ),
        (("--worst-burst", "0"), "'0' is not a whole number, 1 or more"),
        (("--inconclusive-exit", "300"), "an exit code lies from 0 to 255"),
    ],
)
def test_questions_that_cannot_be_asked(
    arguments: tuple[str, ...], sentence: str
) -> None:
    """Options that make no sense together are refused in one sentence."""
    done = prober("run", *arguments)

    assert 2 == done.returncode
    assert sentence in done.stderr


def test_own_fault_never_looks_like_a_verdict() -> None:
    """An error that should not have been exits with 4, and a hint how to report it."""
    code = (
        "import sys; from unittest import mock\n"
        "from prober.__main__ import main\n"
        "sys.argv = ['prober', 'run']\n"
        "with mock.patch('prober.cli.jobs.job_of', side_effect=KeyError('oops')):\n"
        "    main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert 4 == done.returncode
    assert "prober: a fault of ours: KeyError: 'oops'" in done.stderr
    assert "Traceback" not in done.stderr


def test_explanation_is_shown_when_asked_for() -> None:
    """`--explain` shows the diagnostics, and nothing else does."""
    shown = prober("run", *CLEAN, "--explain").stdout
    hidden = prober("run", *CLEAN).stdout

    assert "k_eff" in shown
    assert "k_eff" not in hidden


def test_documents_are_valid_json(tmp_path: Path) -> None:
    """No figure of a document is NaN or infinite, even when nothing arrived."""
    path = tmp_path / "out.json"
    prober("run", "--messages", "1", "--json", str(path), "-q", "--slo", "99")

    assert json.loads(path.read_text(), parse_constant=pytest.fail)
