"""`prober status` over a history, as people and scripts run it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from prober.cli import cli
from prober.clock import NS, SystemClock
from prober.errors import UsageError
from prober.history import CycleRecord, Live, RunRecord
from prober.store import open_store
from prober.watch.alerts.facts import Alert
from prober.watch.alerts.keeper import Entry, State
from tests.report.now import samples


def now() -> int:
    """The time that the command goes by."""
    return SystemClock().now_ns()


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A history in which one environment loses, and one is well."""
    path = tmp_path / "history.sqlite"
    with open_store(path) as opened:
        for name, lost in (("prod_eu", 30), ("prod_us", 0)):
            opened.put_run(run(name))
            opened.put_cycles([cycle(name, lost)])
            opened.put_live(word(name))
    return str(path)


def run(name: str) -> RunRecord:
    """How it is measured."""
    return replace(
        samples.run("99.9"), environment=name, run_id=name, started_ns=now() - 90 * NS
    )


def cycle(name: str, lost: int) -> CycleRecord:
    """A cycle that was final half a minute ago."""
    final_ns = now() - 30 * NS
    return replace(
        samples.cycle("03:00:00", lost=lost),
        environment=name,
        run_id=name,
        scheduled_ns=final_ns - 60 * NS,
        first_sent_ns=final_ns - 60 * NS,
        last_sent_ns=final_ns - NS,
        final_ns=final_ns,
    )


def word(name: str) -> Live:
    """A daemon that was just heard."""
    return replace(
        samples.live(samples.consumer("rlp")),
        environment=name,
        at_ns=now(),
        last_cycle_ns=now() - 30 * NS,
    )


def status(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(cli, ["status", *arguments], catch_exceptions=False)


def test_screen(store: str) -> None:
    """What loses stands first and in full, the rest shares a line; it leaves with 0."""
    done = status("--store", store)

    lines = done.output.splitlines()
    assert 0 == done.exit_code
    assert lines[0].startswith("prod_eu  LOSING since ")
    assert (
        "  now      30 of 300 lost on rlp in 1 cycle, the last of them final" in lines
    )
    assert "  budget   99.9 %/30 d: spent 100.0 times over" in lines
    assert lines[-1].startswith("1 other within budget; last cycle 3")


def test_one_environment(store: str) -> None:
    """Who names one sees that one alone, with all its lines."""
    done = status("--store", store, "prod_us")

    assert "prod_eu" not in done.output
    assert done.output.startswith("prod_us  OK, last cycle 3")
    assert "  mine?    no: streams up" in done.output


def test_no_word_is_cut(store: str) -> None:
    """Off a terminal a long line is wrapped between words, and none of it is lost."""
    words = (
        "no connection to the agent at 127.0.0.1:19997: nothing listens there; is it"
    )
    with open_store(store) as opened:
        away = replace(word("away"), measuring=False, why_not=f"{words} running?")
        opened.put_live(away)
    told = " ".join(
        CliRunner().invoke(cli, ["status", "--store", store]).stdout.split()
    )

    assert f"{words} running?" in told


def test_whom_alerts_wake(store: str) -> None:
    """The alerts that a daemon keeps are told; those of one that left are not."""
    alert = Alert(
        name="Burn",
        severity="ticket",
        labels={"env": "prod_eu"},
        summary="",
        description="",
    )
    state = State(entries=(Entry(alert=alert, starts_ns=now()),))
    with open_store(store) as opened:
        opened.keep("alerts/host/127.0.0.1:9610", state, now())
        told = CliRunner().invoke(cli, ["status", "--store", store]).stdout
        opened.put_live(replace(word("prod_eu"), ended=True, at_ns=now() + NS))
        left = CliRunner().invoke(cli, ["status", "--store", store]).stdout

    assert "ticket, no page" in told
    assert "ticket" not in left


def test_document(store: str) -> None:
    """With --json nothing else stands on standard output."""
    done = status("--store", store, "--json")

    told = json.loads(done.output)
    assert "prober.status/v1" == told["schema"]
    assert ["losing", "ok"] == [each["condition"] for each in told["environments"]]


def test_nagios(store: str) -> None:
    """A line, and the exit code of the worst."""
    done = status("--store", store, "--nagios")

    assert 2 == done.exit_code
    assert done.output.startswith("PROBER CRITICAL - prod_eu LOSING since ")
    assert 0 == status("--store", store, "--nagios", "prod_us").exit_code


def test_unknown_environment(store: str) -> None:
    """What history has is named, so that a slip of the pen is seen."""
    with pytest.raises(UsageError, match="nothing is known of prod_ue") as caught:
        status("--store", store, "prod_ue")

    assert str(caught.value).endswith("has prod_eu, prod_us")


def test_no_history(tmp_path: Path) -> None:
    """Looking makes no history: where there is none, that is said."""
    path = tmp_path / "nothing.sqlite"
    with pytest.raises(UsageError, match="there is no history yet"):
        status("--store", str(path))

    assert not path.exists()


def test_empty_history(tmp_path: Path) -> None:
    """A history without environments is a sentence."""
    path = tmp_path / "history.sqlite"
    open_store(path).close()

    done = status("--store", str(path))
    assert "nothing was watched yet: prober watch begins\n" == done.output


def test_follow_is_a_screen(store: str) -> None:
    """It goes with no document and no line."""
    with pytest.raises(UsageError, match="leave out --json and --nagios"):
        status("--store", store, "--follow", "--json")
