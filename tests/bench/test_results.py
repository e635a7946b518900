"""The document of a bench, and where the last one is kept."""

import dataclasses
import json
from pathlib import Path

import jsonschema
import pytest

from prober.bench import memory
from prober.bench.results import Bench, Latency, Result, parse, render

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "reports/schema/bench.v1.json").read_text("utf-8")
)


def result(name: str = "both", reader: str = "rlp", **changes: object) -> Result:
    """A measurement."""
    made = Result(
        name=name,
        reader=reader,
        tls=True,
        envelopes_per_second=900_000,
        cpu_seconds_per_million=1.02,
        rss_mb=120.5,
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def bench(*results: Result) -> Bench:
    """A bench on this machine."""
    return Bench(
        machine=memory.machine(),
        measured_at="2026-11-27T04:00:00Z",
        seconds=2.0,
        pinned=None,
        partial=False,
        results=results,
    )


FLOOR = Latency(p50=0.0003, p99=0.001, at_rate=100_000.0)
WHOLE = bench(
    result("send"),
    result("receive"),
    result(latency_seconds=FLOOR, trust_up_to=400_000.0),
    result(reader="firehose", latency_seconds=FLOOR, trust_up_to=50_000.0),
    result("skim"),
)


@pytest.mark.parametrize("made", [WHOLE, bench()], ids=["whole", "nothing"])
def test_the_document_follows_its_schema(made: Bench) -> None:
    """A whole bench, and one that was interrupted before it had anything."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    jsonschema.validate(json.loads(render(made)), SCHEMA)


def test_a_property_that_nobody_described_is_refused() -> None:
    """The schema knows every property, at the top and in results."""
    told = json.loads(render(WHOLE))
    for place in (told, told["results"][0], told["machine"]):
        place["surprise"] = 1
        with pytest.raises(jsonschema.ValidationError, match="surprise"):
            jsonschema.validate(told, SCHEMA)
        del place["surprise"]


def test_a_document_is_read_as_it_was_written() -> None:
    """Nothing is lost on the way to the disk and back."""
    assert WHOLE == parse(render(WHOLE).encode())


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"schema": "prober.bench/v2"}',
        b'{"schema": "prober.bench/v1"}',
        b'{"schema": "prober.bench/v1", "results": 3}',
        b"\xff\xfe",
    ],
)
def test_what_is_damaged_is_no_bench(damaged: bytes) -> None:
    """A file that somebody cut or changed is as good as none."""
    assert parse(damaged) is None


def test_each_reader_is_trusted_by_itself() -> None:
    """What was measured of one way out says nothing of another."""
    expected = (400_000.0, 50_000.0, None)
    assert expected == tuple(
        WHOLE.trust_up_to(reader) for reader in ("rlp", "firehose", "rlp_gateway")
    )


def test_the_last_bench_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept in the user's data directory, and replaced by the next."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert memory.last() is None

    for made in (bench(), WHOLE):
        memory.remember(made)
        assert made == memory.last()

    assert [tmp_path / "prober" / "bench.json"] == list(tmp_path.rglob("*.*"))


def test_another_machines_bench_is_not_gone_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home directory may be carried from machine to machine."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    elsewhere = dataclasses.replace(memory.machine(), cpu="of another kind")

    memory.remember(dataclasses.replace(WHOLE, machine=elsewhere))

    assert memory.last() is None


def test_without_xdg_it_is_kept_below_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative directory is no directory, says the standard."""
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert tmp_path / ".local/share/prober/bench.json" == memory.place()
