"""Loggregator's own counters: what to ask for, and what a reader makes of it.

They travel in the same Firehose as everything else, so a subscription of its own, of a
few envelopes a minute, is enough to see them.
"""

from collections.abc import Iterator
from urllib.parse import urlencode

import msgspec

from prober.egress.contents import envelopes
from prober.ledger.platform import SOURCES, Reading
from prober.records import Arrival
from prober.rpc.loggregator_v2.egress_pb2 import (
    CounterSelector,
    EgressBatchRequest,
    Selector,
)


def request(shard_id: str) -> bytes:
    """Return the subscription to the platform's own counters of loss."""
    selectors = [
        Selector(source_id=source_id, counter=CounterSelector(name=name))
        for source_id, source in SOURCES.items()
        for name in source.counters
    ]
    return EgressBatchRequest(
        shard_id=shard_id, use_preferred_tags=True, selectors=selectors
    ).SerializeToString()


def query() -> str:
    """Return the same for an RLP gateway, which joins every source with every name."""
    names = dict.fromkeys(name for each in SOURCES.values() for name in each.counters)
    return urlencode(
        [
            *(("counter.name", name) for name in names),
            *(("source_id", source_id) for source_id in SOURCES),
        ]
    )


def readings(arrival: Arrival) -> Iterator[Reading]:
    """Yield every counter in what arrived; what cannot be decoded has none."""
    for raw in arrival.batches:
        for envelope in envelopes(raw):
            if envelope.HasField("counter"):
                yield Reading(
                    source_id=envelope.source_id,
                    name=envelope.counter.name,
                    tags=frozenset(envelope.tags.items()),
                    delta=envelope.counter.delta,
                    total=envelope.counter.total,
                    stamped_ns=envelope.timestamp,
                    at_ns=arrival.at_ns,
                )


class _Counter(msgspec.Struct):
    """As the gateway writes it: integers of 64 bits are text."""

    name: str
    delta: str | int
    total: str | int


class _Envelope(msgspec.Struct):
    timestamp: str | int
    source_id: str
    tags: dict[str, str]
    counter: _Counter | None = None


class _Batch(msgspec.Struct):
    batch: list[_Envelope]


_DECODER = msgspec.json.Decoder(_Batch)


def readings_json(arrival: Arrival) -> Iterator[Reading]:
    """Yield the same of what came from an RLP gateway."""
    for raw in arrival.batches:
        try:
            found = _DECODER.decode(raw).batch
        except msgspec.MsgspecError:
            continue
        for each in found:
            if each.counter is not None:
                yield Reading(
                    source_id=each.source_id,
                    name=each.counter.name,
                    tags=frozenset(each.tags.items()),
                    delta=int(each.counter.delta),
                    total=int(each.counter.total),
                    stamped_ns=int(each.timestamp),
                    at_ns=arrival.at_ns,
                )
