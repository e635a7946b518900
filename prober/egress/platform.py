"""Loggregator's word on itself: what to ask for, and what a reader makes of it.

Its counters, and its events of consumers that were too slow, travel in the same
Firehose as everything else, so a subscription of its own, of a few envelopes a minute,
is enough to see them.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlencode

import msgspec

from prober.egress.contents import envelopes
from prober.ledger.platform import SOURCES, Reading, SlowConsumer
from prober.records import Arrival
from prober.rpc.loggregator_v2.egress_pb2 import (
    CounterSelector,
    EgressBatchRequest,
    EventSelector,
    Selector,
)
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope

CONTROLLER = "traffic_controller"
_SLOW = "Traffic Controller has disconnected slow consumer"
_PATH = re.compile(r"^Path: /firehose/([^/?\s]+)", re.MULTILINE)
"""The line of such an event's body that names the connection; above it stand the
addresses, which somebody else on this machine, or behind the same proxy, may share."""


def request(shard_id: str) -> bytes:
    """Return the subscription to the platform's counters of loss, and its events."""
    selectors = [
        Selector(source_id=source_id, counter=CounterSelector(name=name))
        for source_id, source in SOURCES.items()
        for name in source.counters
    ]
    selectors.append(Selector(source_id=CONTROLLER, event=EventSelector()))
    return EgressBatchRequest(
        shard_id=shard_id, use_preferred_tags=True, selectors=selectors
    ).SerializeToString()


def query() -> str:
    """Return the same for an RLP gateway, which joins every source with every name."""
    names = dict.fromkeys(name for each in SOURCES.values() for name in each.counters)
    return urlencode(
        [
            *(("counter.name", name) for name in names),
            ("event", ""),
            *(("source_id", source_id) for source_id in SOURCES),
        ]
    )


def _slow(
    source_id: str, title: str, body: str, stamped_ns: int, at_ns: int
) -> SlowConsumer | None:
    """Return what an event tells of a consumer that was cut off, if it does."""
    path = _PATH.search(body) if (source_id, title) == (CONTROLLER, _SLOW) else None
    if path is None:
        return None
    return SlowConsumer(shard_id=unquote(path[1]), stamped_ns=stamped_ns, at_ns=at_ns)


def readings(arrival: Arrival) -> Iterator[Reading | SlowConsumer]:
    """Yield every counter and event of interest; what cannot be decoded has none."""
    for raw in arrival.batches:
        for envelope in envelopes(raw):
            if (told := _told(envelope, arrival.at_ns)) is not None:
                yield told


def _told(envelope: Envelope, at_ns: int) -> Reading | SlowConsumer | None:
    if envelope.HasField("event"):
        title, body = envelope.event.title, envelope.event.body
        return _slow(envelope.source_id, title, body, envelope.timestamp, at_ns)
    if not envelope.HasField("counter"):
        return None
    return Reading(
        source_id=envelope.source_id,
        name=envelope.counter.name,
        tags=frozenset(envelope.tags.items()),
        delta=envelope.counter.delta,
        total=envelope.counter.total,
        stamped_ns=envelope.timestamp,
        at_ns=at_ns,
    )


class _Counter(msgspec.Struct):
    """As the gateway writes it: integers of 64 bits are text."""

    name: str
    delta: str | int
    total: str | int


class _Event(msgspec.Struct):
    title: str
    body: str


class _Envelope(msgspec.Struct):
    timestamp: str | int
    source_id: str
    tags: dict[str, str]
    counter: _Counter | None = None
    event: _Event | None = None

    def told(self, at_ns: int) -> Reading | SlowConsumer | None:
        """Return what it says, None if nothing of interest; may raise ValueError."""
        stamped_ns = _within(int(self.timestamp), _INT64)
        if self.event is not None:
            title, body = self.event.title, self.event.body
            return _slow(self.source_id, title, body, stamped_ns, at_ns)
        if self.counter is None:
            return None
        return Reading(
            source_id=self.source_id,
            name=self.counter.name,
            tags=frozenset(self.tags.items()),
            delta=_within(int(self.counter.delta), _UINT64),
            total=_within(int(self.counter.total), _UINT64),
            stamped_ns=stamped_ns,
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


def readings_json(arrival: Arrival) -> Iterator[Reading | SlowConsumer]:
    """Yield the same of what came from an RLP gateway."""
    for raw in arrival.batches:
        try:
            found = _DECODER.decode(raw).batch
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        for each in found:
            try:
                told = each.told(arrival.at_ns)
            except ValueError:  # a number that is none
                continue
            if told is not None:
                yield told
