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

    def reading(self, at_ns: int) -> Reading | None:
        """Return what its counter says, None if it has none; may raise ValueError."""
        if self.counter is None:
            return None
        return Reading(
            source_id=self.source_id,
            name=self.counter.name,
            tags=frozenset(self.tags.items()),
            delta=_within(int(self.counter.delta), _UINT64),
            total=_within(int(self.counter.total), _UINT64),
            stamped_ns=_within(int(self.timestamp), _INT64),
            at_ns=at_ns,
        )


class _Batch(msgspec.Struct):
    batch: list[_Envelope]


_DECODER = msgspec.json.Decoder(_Batch)
_UINT64 = range(1 << 64)
_INT64 = range(-1 << 63, 1 << 63)


def _within(number: int, bounds: range) -> int:
    if number not in bounds:
        raise ValueError("wider than 64 bits")
    return number


def readings_json(arrival: Arrival) -> Iterator[Reading]:
    """Yield the same of what came from an RLP gateway."""
    for raw in arrival.batches:
        try:
            found = _DECODER.decode(raw).batch
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        for each in found:
            try:
                reading = each.reading(arrival.at_ns)
            except ValueError:  # a number that is none
                continue
            if reading is not None:
                yield reading
