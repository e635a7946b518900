"""`prober run --while`: who starts, who ends, and whose exit code it is."""

import asyncio
import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from prober.cli import cli
from prober.cli.companion import Companion
from prober.clock import NS, SystemClock
from prober.errors import UsageError
from prober.probe.job import Phase, Progress
from prober.store import open_store
from tests.processes import started

SHORT = ("run", "lab", "--rate", "500/s", "--lost-after", "5s")
SETTINGS = """
environments:
  lab: {reference: {}, objective: {target: "99"}, probe: {late_after: 1s}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a configuration; leads and settling are short."""
    monkeypatch.chdir(tmp_path)
    Path("prober.yaml").write_text(f"store: history.sqlite\n{SETTINGS}")
    defaults = Companion.__init__.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "lead", 0.1)
    monkeypatch.setitem(defaults, "settle", 0.1)
    return tmp_path


def prober(*arguments: str) -> Result:
    """Run a command to its end; errors are raised."""
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


def _sending() -> Progress:
    return Progress(
        phase=Phase.SENDING,
        planned=100,
        sent=1,
        received={},
        overdue={},
        lag_seconds={},
        rate=None,
        seconds=0,
        seconds_left=None,
    )


async def _beside(companion: Companion, *, stop: bool = False) -> asyncio.Event:
    """Let a command run beside a probe that ends when it has had enough."""
    stopped, enough = asyncio.Event(), asyncio.Event()
    async with companion.beside(stopped, enough):
        if stop:
            stopped.set()
        companion.observing(lambda _: None)(_sending())
        if not stop:
            await enough.wait()
    return enough


async def test_the_probe_ends_after_the_command() -> None:
    """It has had enough when the command has ended, whose code is a shell's."""
    for script, code in (("exit 7", 7), ("kill -TERM $$", 143)):
        clock = SystemClock()
        companion = Companion(("sh", "-c", script), clock, lead=0, settle=0)
        enough = await _beside(companion)

        assert enough.is_set()
        assert companion.ran is not None
        assert (code, "sh", False) == (
            companion.exit_code,
            companion.ran.name,
            companion.ran.outlasted,
        )
        assert 0 < companion.ran.ended_ns - companion.ran.started_ns < 60 * NS


async def test_a_probe_that_ends_first_waits_for_the_command(tmp_path: Path) -> None:
    """Nothing is left running, and what happened is told."""
    go = tmp_path / "go"
    os.mkfifo(go)
    companion = Companion(("cat", str(go)), SystemClock(), lead=0, settle=0)
    stopped, enough = asyncio.Event(), asyncio.Event()
    async with companion.beside(stopped, enough):
        companion.observing(lambda _: None)(_sending())
        # It opens once the command does: that one runs now, and the probe ends.
        writer = await asyncio.to_thread(go.open, "w")
        asyncio.get_running_loop().call_later(0.05, writer.close)

    assert companion.ran is not None
    assert companion.ran.outlasted


async def test_a_probe_that_is_stopped_starts_no_command() -> None:
    """Ctrl-C before it began: there is nothing to wait for."""
    companion = Companion(("touch", "/nowhere/at/all"), SystemClock(), lead=0)
    await _beside(companion, stop=True)

    assert None is companion.ran
    assert "touch was not started" in companion.not_started


async def test_a_command_that_cannot_be_run_ends_the_probe(tmp_path: Path) -> None:
    """As a shell has it: 126."""
    file = tmp_path / "script"
    file.write_text("no program")
    file.chmod(0o755)
    companion = Companion((str(file),), SystemClock(), lead=0, settle=0)
    await _beside(companion)

    assert 126 == companion.exit_code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--while"], "--while needs a command"),
        (["--while", "--"], "--while needs a command"),
        (["--while", "--", "no-such-command"], "there is no command 'no-such-command'"),
        (["--", "true"], "is for --while: add that before it"),
        (["--while", "--messages", "5", "--", "true"], "bound it with --max-messages"),
        (["--while", "--json", "--", "true"], "leaves standard output to the command"),
        (["--while", "--rate", "max", "--", "true"], "--while needs a --rate"),
    ],
)
def test_what_cannot_go_together_is_told(arguments: list[str], words: str) -> None:
    """One sentence, before anything is opened."""
    with pytest.raises(UsageError, match=words):
        prober("run", *arguments)


def test_the_exit_code_is_the_commands_where_the_probe_is_fine(folder: Path) -> None:
    """A deploy is told by what it cost, and noted in history by its program's name."""
    done = prober(*SHORT, "--while", "--", "sh", "-c", "exit 7", "hunter2")

    assert 7 == done.exit_code
    assert "WITHIN BUDGET: none of" in done.stderr
    assert "meanwhile" in done.stderr
    assert "sh ran 0." in done.stderr  # tenths of a second: it did nothing
    assert "and left with 7: 0 of" in " ".join(done.stderr.split())
    assert "nothing of the budget of 30 d" in done.stderr.replace("\n", " ")
    with open_store(folder / "history.sqlite") as store:
        (note,) = store.annotations("lab")
        (run,) = store.runs("lab")
        cycles = store.cycles("lab", run_id=run.run_id)
    assert f"sh ran, and left with 7 (run {run.run_id})" == note.text
    assert note.from_ns < note.to_ns
    assert "ad_hoc" == run.mode
    assert cycles
    assert all(each.counts.lost == 0 < each.counts.accepted for each in cycles)
    assert any(each.latency.buckets for each in cycles)


def test_a_probe_that_is_not_fine_has_its_own_exit_code(folder: Path) -> None:
    """What is not proved is not hidden by a command that succeeds."""
    done = prober(*SHORT, "--prove", "--while", "--", "true")

    assert 3 == done.exit_code
    assert folder.joinpath("history.sqlite").exists()


_TOLD = """
import signal, sys, time
def told(number, _):
    print(f"got {signal.Signals(number).name}", flush=True)
    sys.exit(5)
signal.signal(signal.SIGINT, told)
signal.signal(signal.SIGTERM, told)
print("ready", flush=True)
while True:
    time.sleep(60)
"""


def _arguments() -> list[str]:
    begin = ["run", "--rate", "500/s", "--quiet"]
    return [*begin, "--while", "--", sys.executable, "-c", _TOLD]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_signals_go_to_both(sent: signal.Signals) -> None:
    """Away from a terminal the command is told what we are told; we are interrupted."""
    with started(
        *_arguments(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as probe:
        assert probe.stdout is not None
        assert "ready\n" == probe.stdout.readline()
        probe.send_signal(sent)

        assert f"got {sent.name}\n" == probe.stdout.read()
    assert 130 == probe.returncode


def test_ctrl_c_at_a_terminal_reaches_each_once() -> None:
    """The terminal tells both: it is not handed on a second time."""
    ours, theirs = pty.openpty()

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    with started(
        *_arguments(),
        stdin=theirs,
        stdout=subprocess.PIPE,
        preexec_fn=take_terminal,
    ) as probe:
        assert probe.stdout is not None
        assert "ready\n" == probe.stdout.readline()
        os.write(ours, b"\x03")

        assert "got SIGINT\n" == probe.stdout.read()
    os.close(ours)
    os.close(theirs)
    assert 130 == probe.returncode
