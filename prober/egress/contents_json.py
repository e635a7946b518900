"""What of an envelope's content survived the path, as the RLP gateway's JSON tells."""

from collections.abc import Iterable

import msgspec

from prober.stamp import TAG, content

Integer = str | int
"""Integers of 64 bits are text in this JSON."""


class _Counter(msgspec.Struct):
    name: str
    delta: Integer


class _Metric(msgspec.Struct):
    unit: str
    value: float | str


class _Gauge(msgspec.Struct):
    metrics: dict[str, _Metric]


class _Timer(msgspec.Struct):
    name: str
    start: Integer
    stop: Integer


class _Event(msgspec.Struct):
    title: str
    body: str


class _Envelope(msgspec.Struct):
    tags: dict[str, str] = {}
    counter: _Counter | None = None
    gauge: _Gauge | None = None
    timer: _Timer | None = None
    event: _Event | None = None

    def surviving(self) -> bytes | None:
        """Return the content; None for an envelope that carries no tagged stamp."""
        if self.counter is not None:
            return content("counter", self.counter.name, int(self.counter.delta))
        if self.gauge is not None:
            facts: list[str | float] = []
            for name, metric in sorted(self.gauge.metrics.items()):
                facts += [name, metric.unit, float(metric.value)]
            return content("gauge", *facts)
        if self.timer is not None:
            times = int(self.timer.start), int(self.timer.stop)
            return content("timer", self.timer.name, *times)
        if self.event is not None:
            return content("event", self.event.title, self.event.body)
        return None


class _Batch(msgspec.Struct):
    batch: list[_Envelope] = []


_DECODER = msgspec.json.Decoder(_Batch)


def contents(batches: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return, by stamp, the surviving content of every tagged envelope in batches.

    A batch that cannot be decoded has none: its stamps are then found damaged.
    """
    found = {}
    for raw in batches:
        try:
            envelopes = _DECODER.decode(raw).batch
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        for envelope in envelopes:
            stamp = envelope.tags.get(TAG, "")
            if stamp and (surviving := _surviving(envelope)) is not None:
                found[stamp.encode()] = surviving
    return found


def _surviving(envelope: _Envelope) -> bytes | None:
    try:
        return envelope.surviving()
    except ValueError:  # a number that is none
        return None
