"""What a request to the RLP gateway selects, told by its query."""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import parse_qs

from prober.rpc.loggregator_v2.egress_pb2 import (
    CounterSelector,
    EgressBatchRequest,
    EventSelector,
    GaugeSelector,
    LogSelector,
    Selector,
    TimerSelector,
)

Values = Mapping[str, Sequence[str]]

KINDS = ("log", "counter", "counter.name", "gauge", "gauge.name", "timer", "event")
"""Keys of which a query needs one; their presence is enough."""


def parse(query: str) -> Values:
    """Return a query's values by key; what has a `;` in it is dropped, as Go does."""
    good = [part for part in query.split("&") if ";" not in part]
    return parse_qs("&".join(good), keep_blank_values=True)


def flaw(values: Values) -> tuple[str, str] | None:
    """Return what is wrong with a query, as a name and a sentence."""
    if not values:
        return "empty_query", "query cannot be empty"
    if not any(kind in values for kind in KINDS):
        words = "query must provide at least one envelope type"
        return "missing_envelope_type", words
    return None


def request(values: Values) -> EgressBatchRequest:
    """Return what the RLP is asked for: each source's selectors, one after another."""
    return EgressBatchRequest(
        shard_id=values.get("shard_id", [""])[0],
        deterministic_name=values.get("deterministic_name", [""])[0],
        use_preferred_tags=True,
        selectors=[
            selector
            for source_id in values.get("source_id", [""])
            for selector in _selectors(source_id, values)
        ],
    )


def _selectors(source_id: str, values: Values) -> Iterator[Selector]:
    if "log" in values:
        yield Selector(source_id=source_id, log=LogSelector())
    if "counter" in values or "counter.name" in values:
        # Without a name there is one selector, of any counter; so is an empty name.
        for name in values.get("counter.name", [""]):
            yield Selector(source_id=source_id, counter=CounterSelector(name=name))
    if "gauge.name" in values:
        for names in values["gauge.name"]:
            gauge = GaugeSelector(names=names.split(","))
            yield Selector(source_id=source_id, gauge=gauge)
    elif "gauge" in values:
        yield Selector(source_id=source_id, gauge=GaugeSelector())
    if "timer" in values:
        yield Selector(source_id=source_id, timer=TimerSelector())
    if "event" in values:
        yield Selector(source_id=source_id, event=EventSelector())
