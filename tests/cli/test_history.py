"""`prober history` and `prober annotate` as people and scripts call them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from prober.cli import cli
from prober.clock import NS
from prober.errors import UsageError
from prober.records import State
from prober.store import open_store
from prober.testing import ManualClock
from tests.store.samples import MINUTE_NS, START_NS, annotation, cycle, run

DAY_NS = 86_400 * NS
SCHEMA = Path(__file__).parents[2] / "reports/schema/history.v1.json"


def prober(*arguments: str) -> Result:
    """Run a command to its end; errors are raised."""
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A history of an hour of cycles of two environments, and an ad hoc run."""
    monkeypatch.chdir(tmp_path)
    path = str(tmp_path / "history.sqlite")
    with open_store(path) as store:
        store.put_run(run())
        states = {5: State.LOSS, 6: State.LOSS, 9: State.INCONCLUSIVE}
        for consumer in ("gateway", "rlp"):
            store.put_cycles(
                cycle(index, states.get(index, State.PASS), consumer=consumer)
                for index in range(60)
            )
        store.put_cycles([cycle(60, None), cycle(60, None, consumer="gateway")])
        ad_hoc = {"mode": "ad_hoc", "run_id": "DDDDEEEEFFFF", "environment": "staging"}
        store.put_run(run(**ad_hoc, ended_ns=START_NS + 90 * NS))
        store.put_cycles(cycle(index, State.LOSS, **ad_hoc) for index in range(2))
        store.annotate(annotation())
        store.annotate(annotation(environment="staging", text="\x1b[31m\u202ehidden"))
    return path


def _times(text: str) -> list[str]:
    return [line for line in text.splitlines() if re.match(r"\d{4}-", line)]


def test_cycles_that_ended_alike_are_one_line(file: str) -> None:
    """The newest first: what is under way, what passed, what was lost, and why not."""
    told = _times(prober("history", "production", "--store", file).output)

    words = [line.partition("  ")[2] for line in told]
    assert [
        "1 cycle under way",
        "50 cycles passed, until 09:00:00",
        "1 cycle cannot tell: why inconclusive",
        "2 cycles passed, until 08:09:00",
        "2 cycles lossy, 6 of 200 lost or damaged, until 08:07:00",
        "5 cycles passed, until 08:05:00",
    ] == words[:6]


def test_every_environment_is_listed(file: str) -> None:
    """Without a name all of them; an ad hoc run is one line; nothing moves a cursor."""
    told = prober("history", "--store", file).output

    assert "run DDDDEEEEFFFF, 90.0 s: rlp 6 of 200 lost or damaged" in told
    assert "watched from then on, by host:1, run AAAABBBBCCCC" in told
    assert "\\x1b[31m\\u202ehidden (ada@example)" in told
    assert "\x1b" not in told


def test_a_time_narrows_the_list(file: str) -> None:
    """Only what was due between --since and --to; a limit says that there is more."""
    told = prober("history", "production", "--store", file, "--limit", "4").output
    assert "the newest 2 cycles since" in told

    none = prober("history", "production", "--store", file, "--to", "now").output
    assert "no cycle in this time" in none
    with pytest.raises(UsageError, match="--to is not after --since"):
        prober("history", "--store", file, "--since", "1m ago", "--to", "1h ago")


def test_the_document_has_everything_by_itself(file: str) -> None:
    """It is valid, and holds each cycle of each consumer, each run and annotation."""
    document = json.loads(prober("history", "--store", file, "--json").output)

    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.FormatChecker()
    )
    assert [] == list(validator.iter_errors(document))
    assert "prober.history/v1" == document["schema"]
    assert (124, 2, 2) == tuple(
        len(document[name]) for name in ("cycles", "runs", "annotations")
    )
    lossy = [each for each in document["cycles"] if each["state"] == "loss"]
    assert [{"first": 607, "count": 3}] == lossy[0]["gaps"]


def test_an_empty_history_says_how_to_get_one(tmp_path: Path) -> None:
    """Nothing is made by asking."""
    file = tmp_path / "none.sqlite"

    with pytest.raises(
        UsageError, match=r"no history in .*none\.sqlite yet: `prober w"
    ):
        prober("history", "--store", str(file))
    assert not file.exists()


@pytest.mark.parametrize("command", [("history",), ("report",), ("status",)])
def test_who_reads_fills_no_file(tmp_path: Path, command: tuple[str, ...]) -> None:
    """A file without a byte is no history yet, and stays as it is."""
    file = tmp_path / "none.sqlite"
    file.touch()

    with pytest.raises(UsageError, match=r"there is no history .*yet"):
        prober(*command, "--store", str(file))
    assert [file] == list(tmp_path.iterdir())
    assert 0 == file.stat().st_size


def test_a_history_of_no_environment_is_a_sentence(tmp_path: Path) -> None:
    """It says who adds one; the document stays a document."""
    file = str(tmp_path / "empty.sqlite")
    open_store(file).close()

    told = prober("history", "--store", file).output
    document = json.loads(prober("history", "--store", file, "--json").output)

    assert f"the history in {file} has no environment yet: `prober watch`" in told
    assert [] == document["cycles"]


def test_an_unknown_environment_names_the_nearest(file: str) -> None:
    """Who misspells one is told which there are."""
    with pytest.raises(UsageError, match=r"did you mean production.*production, stag"):
        prober("history", "produktion", "--store", file)


def test_the_configuration_says_where_history_is(file: str) -> None:
    """`store:` is found without an option; an option wins over it."""
    Path("prober.yaml").write_text(
        f"store: {file}\nenvironments: {{lab: {{reference: {{}}}}}}\n"
    )

    assert "production" in prober("history").output
    with pytest.raises(UsageError, match="no history"):
        prober("history", "--store", "elsewhere.sqlite")


def test_a_note_is_added_with_its_author(file: str) -> None:
    """A moment, now unless it is told, and who says so."""
    done = prober(
        "annotate",
        "production",
        "deploy v42",
        "--at",
        "2027-01-15T08:00",
        "--store",
        file,
    )

    assert "noted at 2027-01-15 08:00:00 UTC in production" in done.output
    with open_store(file) as store:
        added = store.annotations("production")[-1]
    assert ("note", "deploy v42") == (added.kind, added.text)
    assert re.fullmatch(r".+@.+", added.author)


def test_an_exclusion_changes_what_counts(file: str) -> None:
    """Excluded cycles are shown as such, with what they were, why and by whom."""
    first, last = (_iso(START_NS + minute * MINUTE_NS) for minute in (5, 7))
    done = prober(
        *("annotate", "production", "--exclude", f"{first}..{last}"),
        *("--reason", "maintenance", "--author", "ada", "--store", file),
    )

    assert "excluded from" in done.output
    told = prober("history", "production", "--store", file).output
    assert "2 cycles excluded: maintenance (ada); was loss, until" in told


@pytest.mark.parametrize("times", ["22:00..+90m", "14:00..13:00"])
def test_an_exclusion_of_two_days_is_refused(
    file: str, monkeypatch: pytest.MonkeyPatch, times: str
) -> None:
    """Last night's, or tonight's: it is irrevocable, so nothing is added, and 2."""
    clock = ManualClock(START_NS // DAY_NS * DAY_NS + 10 * 3_600 * NS)
    monkeypatch.setattr("prober.cli.moments.SystemClock", lambda: clock)
    asked = ("annotate", "production", "--exclude", times, "--reason", "x")

    done = CliRunner().invoke(cli, [*asked, "--store", file])

    assert 2 == done.exit_code
    with open_store(file) as store:
        assert 1 == len(store.annotations("production"))


def test_a_reclassification_decides(file: str) -> None:
    """What could not be told becomes a loss."""
    first, last = (_iso(START_NS + minute * MINUTE_NS) for minute in (9, 10))
    prober(
        *("annotate", "production", "it was the platform"),
        *("--reclassify", "loss", f"{first}..{last}", "--store", file),
        *("--reason", "gorouter logs"),
    )

    with open_store(file) as store:
        found = store.cycles("production", from_ns=START_NS + 9 * MINUTE_NS, limit=200)
    assert State.LOSS is found[-1].state
    assert found[-1].reason.startswith("it was the platform: gorouter logs")


def _iso(ns: int) -> str:
    from prober.units import write_time

    return write_time(ns)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "what happened\\? Give a text"),
        (["x", "--reason", "y"], "--reason goes with"),
        (["--exclude", "1h ago..now"], "--exclude needs a --reason"),
        (["x", "--at", "now", "--exclude", "1h ago..now"], "--at or --exclude, one"),
        (["x" * 3_000], "at most 2,000 characters"),
    ],
)
def test_what_does_not_go_together_is_told(
    file: str, arguments: list[str], words: str
) -> None:
    """One sentence, and nothing is added."""
    with pytest.raises(UsageError, match=words):
        prober("annotate", "production", *arguments, "--store", file)
    with open_store(file) as store:
        assert 1 == len(store.annotations("production"))


def test_errors_are_one_sentence_on_standard_error(tmp_path: Path) -> None:
    """A file that is no history leaves with 4, and without a traceback."""
    file = tmp_path / "notes.sqlite"
    file.write_text("dear diary, " * 1_000)
    done = subprocess.run(
        [sys.executable, "-m", "prober", "history", "--store", str(file)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )

    assert (4, "") == (done.returncode, done.stdout)
    assert 1 == len(done.stderr.splitlines())
    assert "file is not a database" in done.stderr
