"""`prober bench` as people and scripts call it."""

import io
import json
import signal
from fractions import Fraction
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from prober.bench import memory
from prober.cli import benched, trusted
from prober.records import RunResult
from tests.bench.test_results import SCHEMA, WHOLE, bench, result
from tests.cli.test_run import prober
from tests.processes import PIPES, started
from tests.report import samples

SHORT = ("bench", "--quick", "--seconds", "0.2")


def run(
    rate: float | None, *transports: str, achieved: float | None = None
) -> tuple[Fraction | None, RunResult]:
    """A run at some rate, through some ways out."""
    consumers = [
        samples.consumer([samples.cycle(0, 100, consumer=f"c{n}")], transport=each)
        for n, each in enumerate(transports)
    ]
    plan = samples.plan(100, 1, rate_asked=rate)
    made = samples.run(plan, *consumers, rate_achieved=achieved or rate)
    return None if rate is None else Fraction(rate), made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of our own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


def test_a_bench_is_told_written_and_remembered(home: Path) -> None:
    """A table with the rate to trust, a document, and a file that `run` goes by."""
    done = prober(*SHORT, "--json", str(home / "bench.json"))

    assert 0 == done.returncode
    assert "trust readings up to " in done.stdout
    told = json.loads((home / "bench.json").read_text())
    jsonschema.validate(told, SCHEMA)
    names = [each["name"] for each in told["results"]]
    assert ["send", "receive", "both", "skim"] == names
    assert told == json.loads(memory.place().read_text())
    assert 4 == len(done.stderr.splitlines())  # one calm line a measurement


@pytest.mark.usefixtures("home")
def test_json_alone_has_standard_output_for_itself() -> None:
    """`--json` without a file prints the document, and the table beside it."""
    done = prober(*SHORT, "--json")

    jsonschema.validate(json.loads(done.stdout), SCHEMA)
    assert "trust readings up to " in done.stderr


@pytest.mark.usefixtures("home")
def test_ctrl_c_tells_what_was_measured() -> None:
    """A partial bench is told and written, leaves with 130, and is not remembered."""
    with started(
        *("bench", "--quick", "--json"),
        **PIPES,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("send, TLS: ")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=50)

    assert 130 == process.returncode
    told = json.loads(out)
    jsonschema.validate(told, SCHEMA)
    assert told["partial"]
    assert "send" == told["results"][0]["name"]
    assert "interrupted" in err
    assert not memory.place().exists()


def test_a_data_directory_that_cannot_be_is_a_warning(tmp_path: Path) -> None:
    """The figures are told all the same: what is kept is only a convenience."""
    taken = tmp_path / "file"
    taken.write_text("")
    env = {"XDG_DATA_HOME": str(taken), "PATH": ""}

    done = prober(*SHORT, env=env)

    assert 0 == done.returncode
    assert "the figures are not remembered: " in done.stderr
    assert "trust readings up to " in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--seconds", "0"), "0.1<=x<=3600"),
        (("--pin", "999"), "there is no CPU 999 for us here: choose from 0"),
        (("--json", "/nonexistent/x"), "cannot write /nonexistent/x"),
    ],
)
def test_what_cannot_be_is_one_sentence(options: tuple[str, str], words: str) -> None:
    """Nothing is measured, and the sentence says what to do."""
    done = prober("bench", *options)

    assert 2 == done.returncode
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("width", [80, 40])
def test_the_table_fits(width: int) -> None:
    """On a usual screen, and on a narrow one, where less is told."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False)

    benched.show(WHOLE, console)

    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert width >= max(map(len, lines))
    assert "trust readings up to 400,000 messages/s" in lines
    assert (width == 80) == any("120 MB" in line for line in lines)


@pytest.mark.parametrize(
    ("rate", "achieved", "transports", "words"),
    [
        (300_000, None, ["rlp"], ""),
        (400_001, None, ["rlp"], "400,001/s were asked for"),
        (None, 500_000, ["rlp"], "500,000/s were sent"),
        (None, 300_000, ["rlp"], ""),
        (30_000, None, ["v1 firehose"], ""),
        (48_000, None, ["v1 firehose", "rlp"], "48,000/s to 2 consumers were asked"),
        (900_000, None, ["rlp gateway"], ""),  # nothing is known of that one
        (900_000, None, ["something new"], ""),
    ],
)
@pytest.mark.usefixtures("home")
def test_a_run_beyond_the_last_bench_is_warned_of(
    rate: float | None,
    achieved: float | None,
    transports: list[str],
    words: str,
) -> None:
    """Consumers add up; what was never measured is not guessed."""
    memory.remember(WHOLE)

    [told] = trusted.warnings(*run(rate, *transports, achieved=achieved)) or [""]

    assert bool(words) == bool(told)
    assert told.startswith(words)


@pytest.mark.usefixtures("home")
def test_a_rate_of_nothing_is_trusted_nothing() -> None:
    """A bench that found no rate at which readings hold warns of every rate."""
    memory.remember(bench(result(trust_up_to=0.0)))

    [told] = trusted.warnings(*run(1, "rlp"))

    assert "trusts its readings up to 0/s" in told


@pytest.mark.usefixtures("home")
def test_without_a_bench_nothing_is_said() -> None:
    """Nobody is told to measure what he did not ask about."""
    assert () == trusted.warnings(*run(10_000_000, "rlp"))


def test_the_warning_stands_in_the_report(home: Path) -> None:
    """Beside the losses that it may explain, on the screen and in the document."""
    memory.remember(bench(result(trust_up_to=10.0)))

    done = prober("run", "--messages", "200", "--json", str(home / "run.json"))

    told = json.loads((home / "run.json").read_text())
    assert any("trusts its readings up to 10/s" in each for each in told["warnings"])
    assert "up to 10/s" in " ".join(done.stdout.split())
