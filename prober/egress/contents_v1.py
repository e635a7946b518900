"""What of an envelope's content survived its conversion to version 1."""

from collections.abc import Callable, Iterable

from google.protobuf.message import DecodeError

from prober.rpc.dropsonde.events_pb2 import Envelope
from prober.stamp import TAG, content


def _counter(envelope: Envelope) -> bytes:
    counter = envelope.counterEvent
    return content("counter", counter.name, counter.delta)


def _gauge(envelope: Envelope) -> bytes:
    # A gauge of one metric, as ours are: of several, each comes by itself.
    value = envelope.valueMetric
    return content("gauge", value.name, value.unit, value.value)


_SURVIVING: dict[int, Callable[[Envelope], bytes]] = {
    Envelope.CounterEvent: _counter,
    Envelope.ValueMetric: _gauge,
}


def contents(frames: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return, by stamp, the surviving content of every tagged envelope in frames.

    A frame that cannot be decoded has none: its stamp is then found damaged.
    """
    found = {}
    for raw in frames:
        if TAG.encode() not in raw:
            continue
        try:
            envelope = Envelope.FromString(raw)
        except DecodeError:
            continue
        surviving = _SURVIVING.get(envelope.eventType)
        stamp = envelope.tags.get(TAG, "")
        if surviving is not None and stamp:
            found[stamp.encode()] = surviving(envelope)
    return found
