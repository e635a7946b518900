"""Loggregator's own counters: what to ask for, and what a reader makes of it.

They travel in the same Firehose as everything else, so a subscription of its own, of a
few envelopes a minute, is enough to see them.
"""

from collections.abc import Iterator

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
