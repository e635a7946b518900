"""The JSON document and its schema."""

import dataclasses
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.histogram import Histogram
from prober.records import RunResult, State
from prober.report import Report, build, facts
from prober.report.json import render
from tests.report import samples

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "reports/schema/report.v1.json").read_text("utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(
    SCHEMA, format_checker=jsonschema.FormatChecker()
)


def document(report: Report) -> Any:  # noqa: ANN401 - as any reader of JSON has it
    """Return a report's document as a reader parses it."""
    return json.loads(render(report))


states = st.sampled_from([each for each in State if each not in samples.VALID])
texts = st.text(max_size=8)
runs = st.builds(
    lambda bad, asides, words, health: dataclasses.replace(
        samples.run(
            samples.plan(700, 7, rate_asked=None),
            samples.consumer(
                samples.cycle(
                    index,
                    100,
                    corrupt=bad,
                    consumer=words,
                    state=asides.get(index),
                    reason=words,
                )
                for index in range(7)
            ),
            environment=words,
            warnings=(words,),
        ),
        health={"loop_lag_max_seconds": health},
    ),
    st.integers(0, 100),
    st.dictionaries(st.integers(0, 6), states),
    texts,
    st.floats(),
)
targets = st.none() | st.decimals("0.0001", "0.9999", places=4)


def test_the_schema_is_a_schema() -> None:
    """The published schema is valid itself."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@given(result=runs, target=targets)
def test_any_run_gives_a_valid_document(
    result: RunResult, target: Decimal | None
) -> None:
    """Whatever was measured, the document follows its schema and is plain ASCII."""
    text = render(build(result, target))

    def refuse(word: str) -> None:
        pytest.fail(f"{word} is no JSON")

    VALIDATOR.validate(json.loads(text, parse_constant=refuse))
    assert text.isascii()


@pytest.mark.parametrize("name", samples.MADE)
def test_every_property_is_described(name: str) -> None:
    """A property that the schema does not know makes the document invalid."""
    told = document(samples.sample(name))
    VALIDATOR.validate(told)

    told["surprise"] = 1

    assert not VALIDATOR.is_valid(told)


def test_counts_and_undefined() -> None:
    """Counts are integers, and what a clean sample cannot tell is null."""
    (rlp,) = document(samples.sample("met"))["consumers"]

    expected = {
        "point": None,
        "lower95": pytest.approx(0.5234, abs=1e-4),
        "basis": {"worst_burst": 1_000, "blocks": 10, "lossy_blocks": 0},
    }
    assert expected == rlp["nines"]
    assert isinstance(rlp["valid"]["accepted"], int)


def test_as_fast_as_possible_is_null() -> None:
    """A rate that was not limited is null, beside the one that was achieved."""
    told = document(samples.sample("violated"))

    expected = {"asked": None, "achieved": 48_210.7}
    assert expected == told["run"]["plan"]["rate"]


def test_how_late_batches_were_sent_stands_with_the_rate() -> None:
    """Where it was measured: in seconds, and on the screen in its own words."""
    lag = Histogram()
    lag.add([1_000_000] * 99 + [20_000_000])
    report = build(samples.run(samples.plan(100, 1), send_lag=lag), samples.TARGET)

    told = document(report)

    VALIDATOR.validate(told)
    late = told["run"]["plan"]["rate"]["late_seconds"]
    assert {"p50", "p99", "max"} == set(late)
    assert pytest.approx(0.001, rel=0.04) == late["p99"]
    assert pytest.approx(0.02) == late["max"]
    said = dict(facts.facts(report))["rate"]
    assert ", each batch sent within 1.02 ms (p99), 20.0 ms at most;" in said


def test_could_not_probe() -> None:
    """A run that never began has a document too, without consumers and cycles."""
    nothing = samples.run(samples.plan(100, 1), rate_achieved=None)

    told = document(build(nothing, samples.TARGET, failure="no agent at 127.0.0.1:1"))

    VALIDATOR.validate(told)
    expected = ("could_not_probe", 4)
    assert expected == (told["verdict"]["state"], told["verdict"]["exit_code"])
    assert not told["cycles"]
