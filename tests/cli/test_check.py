"""`prober check` as people and scripts call it."""

import io
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from rich.console import Console

from prober.checks import Step
from prober.cli import checklist, cli
from prober.errors import UsageError
from tests.cli.test_run import prober, reference

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "reports/schema/check.v1.json").read_text()
)


def document(text: str) -> dict[str, Any]:
    """Read a document, and hold it to the schema."""
    told: dict[str, Any] = json.loads(text)
    jsonschema.validate(told, SCHEMA)
    return told


def step(**changes: Any) -> Step:  # noqa: ANN401
    """Return a step that went well, but for what is changed."""
    facts = {
        "name": "tls",
        "target": "consumer rlp",
        "ok": True,
        "seconds": 0.01,
        "words": "TLSv1.3, metron",
        "remedy": "",
    }
    return Step(**{**facts, **changes})


def screen(*steps: Step, width: int = 80, terminal: bool = True) -> str:
    """Return what is shown of some steps."""
    console = Console(
        file=io.StringIO(), width=width, force_terminal=terminal, color_system=None
    )
    checklist.show("prod", steps, 1.5, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_bundled_stack_is_well() -> None:
    """Without anything else the bundled stack is checked, by all its doors."""
    done = prober("check", "--json")

    told = document(done.stdout)
    assert (0, True, "reference") == (done.returncode, told["ok"], told["environment"])
    trips = [each for each in told["steps"] if each["name"] == "round_trip"]
    assert ["consumer rlp", "consumer gateway", "consumer v1"] == [
        each["target"] for each in trips
    ]
    assert all("a message came back in" in each["words"] for each in trips)
    assert "reference: READY" in done.stderr


def test_two_ends_without_configuration() -> None:
    """An agent and an RLP are checked by their addresses; a wrong name is exit 4."""
    with reference() as ends:
        done = prober("check", *ends, "--rlp-server-name", "doppler")

    assert 4 == done.returncode
    assert "does not bear the name doppler: it has reverselogproxy" in done.stdout
    assert "-> set --rlp-server-name to the name it has, if that is it" in done.stdout
    assert "NOT READY: 1 of " in done.stdout


def test_environment_with_one_dead_consumer(tmp_path: Path) -> None:
    """One consumer that fails does not hide the other; the document goes to a file."""
    with reference("--write-config", str(tmp_path / "prober.yaml")):
        file = tmp_path / "prober.yaml"
        content = yaml.safe_load(file.read_text())
        consumers = content["environments"]["reference"]["consumers"]
        rlp = consumers["rlp"]["rlp"]
        content["environments"]["reference"]["consumers"] = {
            "gateway": consumers["gateway"],
            "dead": {"rlp": {**rlp, "address": "127.0.0.1:1"}},
        }
        other = tmp_path / "other.yaml"
        other.write_text(yaml.safe_dump(content))
        out = tmp_path / "check.json"
        done = prober(
            *("check", "reference", "--config", str(other), "--json", str(out))
        )

    told = document(out.read_text())
    states = {(each["target"], each["name"]): each["ok"] for each in told["steps"]}
    assert (4, False) == (done.returncode, told["ok"])
    assert states[str(other), "configuration"]
    assert states["consumer gateway", "round_trip"]
    assert states["consumer dead", "tcp"] is False
    assert "FAIL" in done.stdout


def test_mistakes_in_the_configuration_are_exit_2(tmp_path: Path) -> None:
    """They are told as everywhere, and in the document for who reads that."""
    (tmp_path / "prober.yaml").write_text("environments: {prod: {ingres: {}}}\n")

    done = prober("check", "prod", "--json", cwd=tmp_path)

    told = document(done.stdout)
    assert (2, False) == (done.returncode, told["ok"])
    (only,) = told["steps"]
    assert ("configuration", False) == (only["name"], only["ok"])
    assert "did you mean ingress" in only["words"]
    assert "did you mean ingress" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--agent", "127.0.0.1:1"), "--agent, --rlp and --tls-dir go together"),
        (("--config", "x.yaml"), "--config needs an environment of it"),
        (("here", "--json", "/nowhere/at/all"), "cannot write /nowhere/at/all"),
    ],
)
def test_what_cannot_be_asked(arguments: tuple[str, ...], sentence: str) -> None:
    """Options that do not go together are refused before anything is tried."""
    with pytest.raises(UsageError, match=re.escape(sentence)):
        cli.main(["check", *arguments], standalone_mode=False)


def test_list_is_grouped_and_shows_remedies_beneath() -> None:
    """One line a step, its target above, what mends it below."""
    shown = screen(
        step(name="tcp", words="10.0.0.7 port 8082"),
        step(ok=False, words="it does not speak TLS there", remedy="correct the port"),
        step(target="consumer v1", ok=None, words="not tried"),
        terminal=False,
    )

    assert [
        "consumer rlp",
        "  ok   TCP           10.0.0.7 port 8082",
        "  FAIL TLS           it does not speak TLS there",
        "                     -> correct the port",
        "consumer v1",
        "  -    TLS           not tried",
        "prod: NOT READY: 1 of 3 steps failed (1.50 s)",
    ] == shown.splitlines()


def test_warning_is_no_failure() -> None:
    """A step that went well with a remedy is a warning, and all is ready."""
    shown = screen(step(remedy="renew it"), terminal=False)

    assert "  warn TLS           TLSv1.3, metron" in shown
    assert "prod: READY: 1 step well, 1 warning (1.50 s)" in shown


@pytest.mark.parametrize("width", [30, 60, 200])
def test_list_fits_a_terminal(width: int) -> None:
    """Long words wrap beside their mark, on narrow screens and on wide ones."""
    words = "its certificate does not bear the name metron: it has doppler" * 2
    shown = screen(step(ok=False, words=words, remedy=words), width=width)

    lines = shown.splitlines()
    assert all(len(line) <= min(width, 100) for line in lines)
    assert "✗ TLS" in shown


def test_hostile_names_are_harmless() -> None:
    """What a certificate says cannot colour, hide or move anything."""
    evil = "it has \x1b[2Jevil\r\nok\u202e [bold]x[/bold]"

    for terminal in (True, False):
        shown = screen(step(ok=False, words=evil), terminal=terminal, width=200)
        assert "\x1b" not in shown
        assert "\r" not in shown
        assert "\u202e" not in shown
        assert "it has \\x1b[2Jevil\\r\\nok\\u202e [bold]x[/bold]" in shown
