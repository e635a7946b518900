"""`prober plan`."""

import json

import pytest
from click.testing import CliRunner, Result

from prober.cli.plan import plan
from prober.errors import UsageError


def run(*arguments: str) -> Result:
    """Return what the command does."""
    return CliRunner().invoke(plan, arguments)


def test_tables() -> None:
    """Three tables: a run, smaller cycles, and what alerts see."""
    found = run("--slo", "99.9")

    assert 0 == found.exit_code
    assert found.output.startswith(
        "To claim 99.9 % with 95 % confidence, if one drop can cost 1,000 messages:"
    )
    rows = [line.split() for line in found.output.splitlines()]
    assert ["of", "fixed", "length", "2,995,733", "29,958", "50", "min"] in rows
    assert ["100", "299,574", "2,996", "2.1", "d"] in rows
    assert [
        "page,",
        "1",
        "h",
        "14.4",
        "1.5",
        "%",
        "5",
        "min",
        "10",
        "min",
        "never",
    ] in rows


def test_json() -> None:
    """One document, with exact counts, numbers for ratios, and null for never."""
    found = json.loads(run("--slo", "0.999", "--json").stdout)

    assert ("prober.plan/v1", 0.999) == (found["schema"], found["target"])
    assert {"messages": 2_995_733, "cycles": 29_958, "seconds": 2995.733} == (
        found["claim"]
    )
    assert 14.4 == found["detection"][0]["rule"]["factor"]
    assert [300.0, 600.0, None] == found["detection"][0]["seconds"]


def test_options() -> None:
    """Every option has its effect."""
    given = {
        "--confidence": "99%",
        "--worst-burst": "20",
        "--rate": "10/s",
        "--cycle": "300",
        "--losses": "2",
        "--every": "5m",
        "--window": "7",
    }
    flat = [each for pair in given.items() for each in pair]
    found = json.loads(run("--slo", "99", "--json", *flat).stdout)

    assert (0.99, 20, 10.0, 2) == (
        found["confidence"],
        found["worst_burst"],
        found["rate"],
        found["losses"],
    )
    assert 16_812 == found["claim"]["messages"]
    assert 300 == found["apart"][0]["cycle"]
    assert 16.8 == found["detection"][0]["rule"]["factor"]
    assert 20 * 60 + 60 == found["detection"][0]["seconds"][0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--rate", "max"], "a rate in figures"),
        (["--confidence", "100"], "the confidence '100' leaves nothing"),
        (["--confidence", "20"], "below 50 %"),
        (["--confidence", "99.99999999999999999"], "too close to 100 %"),
        (["--every", "100ms"], "--every 1s"),
        (["--window", "14"], "period of 14 days"),
    ],
)
def test_what_cannot_be(arguments: list[str], sentence: str) -> None:
    """What cannot be planned is one clear sentence."""
    error = run("--slo", "99.9", *arguments).exception

    assert isinstance(error, UsageError)
    assert sentence in str(error)


@pytest.mark.parametrize("target", ["100", "0", "1", "many"])
def test_objectives_that_cannot_be(target: str) -> None:
    """An objective that nobody could miss or meet is a wrong option."""
    assert 2 == run("--slo", target).exit_code


def test_confidence_keeps_its_digits() -> None:
    """No claim is made with a confidence of 100 %."""
    told = run("--slo", "99.9", "--confidence", "99.999999").output

    assert "To claim 99.9 % with 99.999999 % confidence" in told


def test_help_offers_no_rate_that_is_refused() -> None:
    """A plan needs figures: `max` is none."""
    assert "max" not in run("--help").output.split("--rate")[1].split("--cycle")[0]
