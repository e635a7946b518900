"""`prober calibrate` as a user meets it: a process, its output and its end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import psutil
import pytest

from prober.calibration import TRIALS
from prober.cli import calibrate
from prober.records import Calibration, Comparison, Trial
from tests.processes import PIPES, started

COMMAND = [sys.executable, "-m", "prober", "calibrate"]
SCHEMA = Path(__file__, "../../../reports/schema/calibration.v1.json").resolve()
ALONE = ("--workers", "0", "--only", "each tenth dropped")


def run(*options: str) -> subprocess.CompletedProcess[str]:
    """The command, to its end."""
    return subprocess.run(
        [*COMMAND, *options], capture_output=True, text=True, check=False
    )


def test_one_trial_is_made_told_and_written(tmp_path: Path) -> None:
    """Plain lines elsewhere than on a terminal, a document beside, and exit code 0."""
    file = tmp_path / "calibration.json"
    done = run(*ALONE, "--json", str(file))

    document = json.loads(file.read_text())
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    [scenario] = document["scenarios"]
    if scenario["agrees"] is None:
        pytest.skip(f"{scenario['trouble']}, three times")
    assert (0, "") == (done.returncode, done.stderr)
    assert "injected 100 lost" in done.stdout
    assert "EXACT: 1 of 1 trial agree" in done.stdout
    assert 100 == scenario["measured"]["rlp"]["lost"]


def test_the_document_alone_goes_to_standard_output() -> None:
    """With --json - nothing else is there, and the screen is on standard error."""
    done = run("--workers", "1", "--only", "nothing", "--json", "-")

    assert "nothing" == json.loads(done.stdout)["scenarios"][0]["name"]
    assert "measured" in done.stderr


def test_it_ends_when_all_its_processes_are_told_to() -> None:
    """As a supervisor does that signals the group, even while they begin."""
    only = [f"--only={plan.name}" for plan in TRIALS[:8]]
    with started(
        *("--workers", "4", *only, "--json", "-"),
        command=COMMAND,
        **PIPES,
        start_new_session=True,
    ) as process:
        conductor = psutil.Process(process.pid)
        while len(conductor.children()) < 3:  # of four, and who tracks what they share
            assert process.poll() is None
        children = conductor.children()
        os.killpg(process.pid, signal.SIGTERM)
        told, _ = process.communicate(timeout=50)

    scenarios = json.loads(told)["scenarios"]
    assert {scenario["agrees"] for scenario in scenarios} <= {True, None}
    assert process.returncode > 0
    assert [] == psutil.wait_procs(children, timeout=10)[1]


def test_trials_are_listed() -> None:
    """Name and what is done, a line each."""
    lines = run("--list").stdout.splitlines()

    assert [plan.name for plan in TRIALS] == [line[:22].strip() for line in lines]
    assert max(map(len, lines)) <= 100


def test_an_unknown_trial_is_told() -> None:
    """With the one that was meant, if it is near."""
    done = run("--only", "reader cutoff")

    assert 2 == done.returncode
    assert "there is no trial 'reader cutoff': did you mean 'reader cut off'?" in (
        done.stderr
    )


@pytest.mark.parametrize(
    ("agreeing", "partial", "code"),
    [(True, False, 0), (False, True, 1), (None, False, 3), (True, True, 130)],
)
def test_the_exit_code_says_what_it_came_to(
    *, agreeing: bool | None, partial: bool, code: int
) -> None:
    """A disagreement is told above all; then that it was interrupted; then doubt."""
    figure = Comparison(
        what="lost", consumer="rlp", injected=0, measured=0, agrees=bool(agreeing)
    )
    trouble = "busy" if agreeing is None else ""
    trial = Trial(name="", words="", faults=(), comparisons=(figure,), trouble=trouble)
    made = Calibration(
        started_at_ns=0, ended_at_ns=0, seed=0, trials=(trial,), partial=partial
    )

    assert code == calibrate._code(made)
