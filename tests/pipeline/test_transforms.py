import math
import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.pipeline.transforms import (
    MAX_COUNTERS,
    CounterAggregator,
    add_tags,
    converge_tags,
    map_origin,
    serialized,
)
from prober.rpc.loggregator_v2.envelope_pb2 import Counter, Envelope, Log, Value

TEXT = Value(text="old")

# What Go's strconv and fmt print, side by side: the agent's form and the proxy's.
DECIMALS = [
    (0.0, "0", "0"),
    (-0.0, "-0", "-0"),
    (0.1, "0.1", "0.1"),
    (-1.5, "-1.5", "-1.5"),
    (100000.0, "100000", "100000"),
    (999999.5, "999999.5", "999999.5"),
    (1000000.0, "1000000", "1e+06"),
    (1234567.0, "1234567", "1.234567e+06"),
    (-25000000.0, "-25000000", "-2.5e+07"),
    (1e21, "1000000000000000000000", "1e+21"),
    (1e100, "1" + "0" * 100, "1e+100"),
    (0.0001, "0.0001", "0.0001"),
    (0.00001, "0.00001", "1e-05"),
    (5e-324, "0." + "0" * 323 + "5", "5e-324"),
    (math.inf, "+Inf", "+Inf"),
    (-math.inf, "-Inf", "-Inf"),
    (math.nan, "NaN", "NaN"),
]


def tagged(
    tags: Mapping[str, str] | None = None, deprecated: Mapping[str, Value] | None = None
) -> Envelope:
    """Return an envelope with these tags."""
    return Envelope(tags=tags, deprecated_tags=deprecated)


@pytest.mark.parametrize(
    ("envelope", "expected", "mapped"),
    [
        (Envelope(source_id="app", tags={"origin": "o"}), "app", False),
        (Envelope(tags={"origin": "o"}), "o", True),
        (Envelope(deprecated_tags={"origin": TEXT}), "old", True),
        (Envelope(tags={"origin": "o"}, deprecated_tags={"origin": TEXT}), "o", True),
        (Envelope(deprecated_tags={"origin": Value(integer=7)}), "", True),
        (Envelope(tags={"job": "j"}), "", False),
    ],
    ids=["has one", "tag", "deprecated", "both", "no text", "no origin"],
)
def test_an_empty_source_id_becomes_the_origin(
    envelope: Envelope, expected: str, *, mapped: bool
) -> None:
    """The tag origin is used, deprecated or not, and only where there is no source."""
    assert mapped == map_origin(envelope)
    assert expected == envelope.source_id


def test_looking_for_an_origin_adds_no_tag() -> None:
    """An envelope without source and tags stays as it is."""
    envelope = Envelope(log=Log(payload=b"hello"))
    map_origin(envelope)

    assert Envelope(log=Log(payload=b"hello")) == envelope


def test_deprecated_tags_are_copied_and_win() -> None:
    """An agent writes them over tags of the same name and leaves them in place."""
    deprecated = {"a": TEXT, "n": Value(integer=-7), "none": Value()}
    envelope = tagged({"a": "new", "b": "kept"}, deprecated)
    add_tags(envelope, {})

    assert {"a": "old", "b": "kept", "n": "-7", "none": ""} == envelope.tags
    assert deprecated == envelope.deprecated_tags


def test_an_agents_tags_fill_gaps_only() -> None:
    """Where the producer set a tag, in either way, the agent's own is not used."""
    envelope = tagged({"job": "mine"}, {"index": TEXT})
    add_tags(envelope, {"job": "agent", "index": "agent", "ip": "10.0.0.1"})

    assert {"job": "mine", "index": "old", "ip": "10.0.0.1"} == envelope.tags


def test_preferred_tags_are_all_in_tags() -> None:
    """The proxy writes deprecated values over them once more, and drops those."""
    deprecated = {"a": TEXT, "n": Value(integer=-7), "none": Value()}
    envelope = tagged({"a": "new", "b": "kept", "none": "kept"}, deprecated)
    converge_tags(envelope, use_preferred_tags=True)

    assert tagged({"a": "old", "b": "kept", "none": "kept", "n": "-7"}) == envelope


def test_otherwise_tags_are_all_deprecated_text() -> None:
    """The proxy writes tags over deprecated values, and drops the tags."""
    deprecated = {"a": Value(decimal=1e6), "c": Value(decimal=1e6)}
    envelope = tagged({"a": "new", "b": ""}, deprecated)
    converge_tags(envelope, use_preferred_tags=False)

    expected = {"a": Value(text="new"), "b": Value(text=""), "c": Value(decimal=1e6)}
    assert tagged(None, expected) == envelope


@pytest.mark.parametrize(("number", "agents", "proxys"), DECIMALS)
def test_decimals_are_written_as_go_writes_them(
    number: float, agents: str, proxys: str
) -> None:
    """The agent writes all digits out, the proxy takes the shorter form."""
    by_agent, by_proxy = (tagged(None, {"n": Value(decimal=number)}) for _ in range(2))
    add_tags(by_agent, {})
    converge_tags(by_proxy, use_preferred_tags=True)

    assert agents == by_agent.tags["n"]
    assert proxys == by_proxy.tags["n"]


@given(st.floats(allow_nan=False))
def test_no_decimal_loses_a_digit(number: float) -> None:
    """Either text read back is the number that it was made of."""
    by_agent, by_proxy = (tagged(None, {"n": Value(decimal=number)}) for _ in range(2))
    add_tags(by_agent, {})
    converge_tags(by_proxy, use_preferred_tags=True)

    assert number == float(by_agent.tags["n"])
    assert number == float(by_proxy.tags["n"])


def totals(
    aggregator: CounterAggregator, *counters: tuple[int, int], **facts: str
) -> list[int]:
    """Process counters of these (delta, total) one by one; return their totals."""
    found = []
    for delta, total in counters:
        envelope = counter(delta, total, **facts)
        aggregator.process(envelope)
        found.append(envelope.counter.total)
    return found


def counter(
    delta: int, total: int, name: str = "c", source_id: str = "app", job: str = "j"
) -> Envelope:
    """Return a counter."""
    return Envelope(
        source_id=source_id,
        tags={"job": job, "index": "0"},
        counter=Counter(name=name, delta=delta, total=total),
    )


@pytest.mark.parametrize(
    ("counters", "expected"),
    [
        ([(5, 0), (5, 0), (0, 0), (5, 0)], [5, 10, 0, 5]),  # measured
        ([(5, 0), (0, 100), (5, 0)], [5, 100, 105]),
        ([(5, 0), (7, 100), (5, 0)], [5, 100, 105]),
        ([(2**64 - 1, 0), (3, 0)], [2**64 - 1, 2]),
    ],
    ids=["none of both", "total", "total and delta", "overflow"],
)
def test_deltas_add_up_and_totals_start_anew(
    counters: list[tuple[int, int]], expected: list[int]
) -> None:
    """A delta alone is added to the running sum, anything else is the new sum."""
    assert expected == totals(CounterAggregator(), *counters)


@pytest.mark.parametrize("fact", ["name", "source_id", "job"])
def test_counters_differ_by_name_source_and_tags(fact: str) -> None:
    """Each has its own sum."""
    aggregator = CounterAggregator()
    totals(aggregator, (5, 0))

    assert [3] == totals(aggregator, (3, 0), **{fact: "other"})
    assert [6] == totals(aggregator, (1, 0))


def test_the_order_of_tags_does_not_matter() -> None:
    """The same tags are the same counter."""
    aggregator = CounterAggregator()
    totals(aggregator, (5, 0))
    envelope = Envelope(source_id="app", counter=Counter(name="c", delta=2))
    envelope.tags["index"] = "0"
    envelope.tags["job"] = "j"
    aggregator.process(envelope)

    assert 7 == envelope.counter.total


def test_all_sums_restart_behind_too_many_counters() -> None:
    """Ten thousand and one are kept; the next of any kind finds nothing."""
    aggregator = CounterAggregator()
    for number in range(MAX_COUNTERS):
        totals(aggregator, (5, 0), name=f"c{number}")

    assert [10] == totals(aggregator, (5, 0), name="c0")
    assert [5] == totals(aggregator, (5, 0), name="one too many")
    assert [5] == totals(aggregator, (5, 0), name="c0")
    assert [10] == totals(aggregator, (5, 0), name="c0")


def test_other_envelopes_pass_untouched() -> None:
    """Only counters have totals."""
    envelope = Envelope(log=Log(payload=b"hello"))
    CounterAggregator().process(envelope)

    assert Envelope(log=Log(payload=b"hello")) == envelope


def test_tags_are_written_in_any_order() -> None:
    """As Go writes maps: the same envelope, in each of the orders that there are."""
    envelope = Envelope(
        source_id="app", log=Log(payload=b"x"), tags={"a": "1", "b": "2", "c": "3"}
    )
    envelope.deprecated_tags["old"].decimal = 1.5
    lots = random.Random(1)  # noqa: S311 - seeded

    found = set()
    for _ in range(300):
        again = Envelope()
        again.CopyFrom(envelope)
        found.add(serialized(again, lots))

    assert len(found) == 24
    assert all(Envelope.FromString(raw) == envelope for raw in found)
    assert Envelope.FromString(serialized(envelope, None)) == envelope
