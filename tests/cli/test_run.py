"""`prober run` as people and scripts call it: a process, its output, its exit code."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from prober import slo
from prober.cli import outlet, output
from prober.records import Tls
from tests.processes import PIPES, line_with, started

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "reports/schema/report.v1.json").read_text()
)
SHORT = ("--messages", "200", "--cycles", "10")


def prober(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "prober", *arguments],
        text=True,
        check=False,
        timeout=50,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def document(text: str) -> dict[str, Any]:
    """Read a document, and hold it to the schema."""
    told: dict[str, Any] = json.loads(text)
    jsonschema.validate(told, SCHEMA)
    return told


@contextmanager
def reference(*arguments: str) -> Iterator[list[str]]:
    """Run `prober reference`, and yield the options that probe it."""
    with started("reference", "--json", *arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        ends = json.loads(process.stdout.readline())["environments"]["reference"]
        agent, rlp = ends["ingress"]["agent"], ends["consumers"]["rlp"]["rlp"]
        tls_dir = str(Path(agent["ca_file"]).parent)
        yield [
            *("--agent", agent["address"]),
            *("--rlp", rlp["address"]),
            *("--tls-dir", tls_dir),
        ]
        process.terminate()
        process.communicate(timeout=50)
    assert 0 == process.returncode


def test_clean_run_exits_0_and_shows_the_answer_first() -> None:
    """Without an objective, a run that could measure succeeds."""
    done = prober("run", *SHORT)

    assert 0 == done.returncode
    assert "ALL ARRIVED: 200 of 200 messages." in done.stdout
    assert "priming" in done.stderr


def test_json_alone_has_standard_output_for_itself() -> None:
    """`--json` without a file prints the document, and nothing else, to stdout."""
    done = prober("run", *SHORT, "--slo", "99", "--json")

    told = document(done.stdout)
    counts = told["consumers"][0]["counts"]
    assert (200, 0) == (counts["accepted"], counts["lost"])
    assert ("met", 0) == (told["verdict"]["state"], done.returncode)
    bound = slo.interval([], 200, worst_burst=1000)
    assert told["consumers"][0]["nines"]["point"] is None
    assert bound.upper_one_sided == told["claim"]["upper95"]


def test_json_file_is_written_beside_the_screen(tmp_path: Path) -> None:
    """`--json FILE` writes the document and still shows the screen."""
    path = tmp_path / "out.json"
    done = prober("run", *SHORT, "--json", str(path))

    assert 200 == document(path.read_text())["consumers"][0]["counts"]["on_time"]
    assert "ALL ARRIVED" in done.stdout
    assert [path] == list(tmp_path.iterdir())


def test_quiet_says_nothing() -> None:
    """`--quiet` leaves only the exit code."""
    done = prober("run", *SHORT, "--quiet")

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_stack_in_a_process_of_its_own() -> None:
    """The bundled stack also runs as a child, which goes when we go."""
    done = prober("run", *SHORT, "--stack-process", "--json", "-")

    told = document(done.stdout)
    assert 200 == told["consumers"][0]["counts"]["accepted"]
    assert 0 == told["reference_stack"]["dropped"]


def test_loss_beyond_the_objective_exits_1() -> None:
    """An overflow is told to the message, and the exit code follows the count."""
    plan = ("--messages", "3000", "--rate", "max", "--lost-after", "3s", "--yes")
    with reference("--agent-buffer", "100") as ends:
        done = prober(
            "run", *plan, "--late-after", "2s", "--slo", "99.9", "--json", *ends
        )

    told = document(done.stdout)
    counts = told["consumers"][0]["counts"]
    assert 0 < counts["lost"] == 3000 - counts["on_time"]
    assert 0 == counts["lost"] % 100
    assert ("violated", 1) == (told["verdict"]["state"], done.returncode)
    assert "OVER BUDGET" in told["verdict"]["reason"]
    assert slo.nines(counts["lost"], 3000) == told["consumers"][0]["nines"]["point"]


def test_few_losses_print_the_nines_that_the_sample_carries() -> None:
    """One lap of a small ring costs as many messages, and as many nines, as it has."""
    plan = ("--messages", "4000", "--rate", "4000/s", "--late-after", "1s", "--yes")
    with reference("--subscription-buffer", "200") as ends:
        done = prober("run", *plan, "--lost-after", "2s", "--json", *ends)

    told = document(done.stdout)["consumers"][0]
    lost, accepted = told["counts"]["lost"], told["counts"]["accepted"]
    assert 0 < lost < accepted
    assert 0 == lost % 200
    assert slo.nines(lost, accepted) == told["nines"]["point"]
    assert (accepted - lost) / accepted == told["sli"]


def test_bundled_stack_agrees_with_the_ledger() -> None:
    """What the stack's own diodes dropped of the probe's messages is what is lost."""
    done = prober(
        *("run", "--messages", "20000", "--rate", "max", "--slo", "99.9", "--json"),
        *("--late-after", "2s", "--lost-after", "4s"),
    )

    told = document(done.stdout)
    counts = told["consumers"][0]["counts"]
    assert told["reference_stack"]["dropped"] == counts["lost"]
    assert 20_000 == counts["accepted"] == counts["on_time"] + counts["lost"]
    assert (1 if counts["lost"] > 20 else 0) == done.returncode


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_interruption_leaves_a_partial_result(
    tmp_path: Path, sign: signal.Signals
) -> None:
    """Who is stopped drains shortly, writes what it knows, and exits with 130."""
    path = tmp_path / "out.json"
    with started("run", "--json", str(path), **PIPES) as process:
        line_with("sending", process.stderr)
        process.send_signal(sign)
        out, _ = process.communicate(timeout=50)

    told = document(path.read_text())
    assert 130 == process.returncode
    assert told["run"]["partial"]
    assert "PARTIAL" in out
    assert told["consumers"][0]["counts"]["attempted"] < 10_000


def test_two_interruptions_abort() -> None:
    """A second interruption ends the run at once."""
    with started("run", "--messages", "100000", **PIPES) as process:
        line_with("sending", process.stderr)
        process.send_signal(signal.SIGINT)
        line_with("waiting", process.stderr)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=50)

    assert 130 == process.returncode


def test_closed_port_exits_4_and_says_where(tmp_path: Path) -> None:
    """Where nobody listens nothing is measured: one sentence, and the document too."""
    with reference() as ends, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        path = tmp_path / "out.json"
        done = prober("run", *ends, "--agent", address, "--json", str(path))

    assert (4, "") == (done.returncode, done.stdout)
    assert done.stderr.splitlines()[-1] == (
        f"prober: no connection to the agent at {address}: nothing listens there; is "
        "it running, and the port right?"
    )
    told = document(path.read_text())
    assert ("could_not_probe", 4) == (
        told["verdict"]["state"],
        told["verdict"]["exit_code"],
    )


def test_wrong_certificate_exits_4_and_names_it(tmp_path: Path, stranger: Tls) -> None:
    """A client certificate that is refused is told by its file."""
    with reference() as ends:
        (tmp_path / "ca.crt").write_bytes(Path(ends[-1], "ca.crt").read_bytes())
        (tmp_path / "client.crt").write_bytes(Path(stranger.cert_file).read_bytes())
        (tmp_path / "client.key").write_bytes(Path(stranger.key_file).read_bytes())
        done = prober("run", *ends, "--tls-dir", str(tmp_path))

    assert 4 == done.returncode
    assert str(tmp_path / "client.crt") in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--rate", "5x"), "'5x' is not a rate: write 2000/s, 0.5/s or max"),
        (("--messages", "none"), "'none' is not a whole number, 1 or more"),
        (("--inconclusive-exit", "300"), "an exit code lies from 0 to 255"),
        (("--source-id", ""), "'' is not a source_id of printable ASCII"),
        (("--source-id", "a b"), "'a b' is not a source_id of printable ASCII"),
        (("--size", "50"), "--size 50 cannot be: a stamp takes 81 bytes"),
        (("--cycles", "20", "--messages", "10"), "cannot cut 10 messages into 20"),
        (("--late-after", "fast"), "'fast' is not a duration: write 500ms, 10s"),
        (("--late-after", "20s", "--lost-after", "10s"), "--lost-after cannot be"),
        (("--slo", "100"), "leaves nothing to measure"),
        (("--agent", "here"), "'here' is not HOST:PORT, as 127.0.0.1:3458 is"),
        (("--agent", "localhost:1"), "--agent, --rlp and --tls-dir go together"),
        (("--size", "200-100"), "--size 200-100 runs backwards: write 100-200"),
        (("--report", "out.xyz"), "no format has files like out.xyz: end it in one of"),
        (("--colour",), "No such option"),
        (("--json", "/nowhere/out.json"), "cannot write /nowhere/out.json: No such"),
    ],
)
def test_bad_option_exits_2_with_one_sentence(
    arguments: tuple[str, ...], sentence: str
) -> None:
    """What cannot be done is refused before anything is opened, and told plainly."""
    done = prober("run", *arguments)

    assert 2 == done.returncode
    assert done.stderr.startswith("prober: ")
    assert sentence in done.stderr
    assert "priming" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "--format" not in done.stderr


def test_saturating_someone_elses_pipeline_takes_consent(tmp_path: Path) -> None:
    """`--rate max` against a deployed Loggregator wants `--yes`."""
    ends = ("--agent", "127.0.0.1:1", "--rlp", "127.0.0.1:2", "--tls-dir", "x")
    done = prober("run", *ends, "--rate", "max", cwd=tmp_path)

    assert 2 == done.returncode
    assert "add --yes to agree" in done.stderr


def test_result_survives_a_full_disk(tmp_path: Path) -> None:
    """A document that cannot be written any more is written somewhere else."""
    (tmp_path / "full.json").symlink_to("/dev/full")
    done = prober(
        *("run", *SHORT, "--json", "full.json", "--quiet"),
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )

    words = "cannot write full.json: No space left on device; it is in "
    assert words in done.stderr
    (aside,) = tmp_path.glob("prober-*.json")
    assert f"{words}{aside} instead" in done.stderr
    accepted = document(aside.read_text())["consumers"][0]["counts"]["accepted"]
    assert (200, "", 2) == (accepted, done.stdout, done.returncode)


def test_result_for_which_there_is_no_place_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing can be written at all, text stands on standard output."""
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    monkeypatch.setattr(outlet, "unwritten", [])
    output.write_document("measured", "/dev/full")
    output.write_document(b"a picture", "/dev/full")

    out, told = capsys.readouterr()
    assert "measured" == out
    begin = "cannot write /dev/full: No space left on device, nor to the temporary "
    first, second = told.splitlines()
    assert first.startswith(begin)
    assert first.endswith("; it is on standard output")
    assert second.startswith(begin)
    assert second.endswith("No such file or directory")
    assert ["/dev/full"] * 2 == outlet.unwritten


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", *SHORT),
        ("run", *SHORT, "--json"),
        ("plan", "--slo", "99.9"),
        ("config", "schema"),
        ("run", "--help"),
        ("calibrate", "--list"),
    ],
)
def test_full_standard_output_is_told_at_the_end(arguments: tuple[str, ...]) -> None:
    """It is no fault of ours, and what was measured is nobody's violation."""
    with Path("/dev/full").open("w") as full:
        done = prober(*arguments, stdout=full)

    assert 2 == done.returncode
    last = done.stderr.splitlines()[-1]
    assert "prober: cannot write standard output: No space left on device" == last


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("run", *SHORT), 0),
        (("run", *SHORT, "--rate", "max", "--slo", "99.999", "--prove"), 3),
        (("plan", "--slo", "99.9"), 0),
        (("calibrate", "--list"), 0),
    ],
)
def test_reader_that_left_changes_no_exit_code(
    arguments: tuple[str, ...], code: int
) -> None:
    """Whoever reads the first line only is told by the code what came of it."""
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        done = prober(*arguments, stdout=theirs)
        silent = prober(*arguments, stdout=theirs, stderr=theirs)
    finally:
        os.close(theirs)

    assert (code, code) == (done.returncode, silent.returncode)
    assert "Broken" not in done.stderr


def test_help_is_there_without_the_heavy_parts() -> None:
    """Help imports neither gRPC nor scipy nor pandas."""
    code = (
        "import sys; from prober.cli import cli\n"
        "cli.main(['run', '--help'], standalone_mode=False)\n"
        "assert not {'grpc', 'scipy', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert "--messages" in done.stdout


def test_bare_command_prints_help() -> None:
    """`prober` alone lists its commands, and succeeds."""
    done = prober()

    assert 0 == done.returncode
    for command in ("run", "reference", "plan"):
        assert command in done.stdout


def test_closed_pipe_is_no_error() -> None:
    """Who reads only the first line of the screen does not get a traceback."""
    done = subprocess.run(  # noqa: S602 - the shell's pipe is what is tested
        f"{sys.executable} -m prober run {' '.join(SHORT)} | true",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Traceback" not in done.stderr
