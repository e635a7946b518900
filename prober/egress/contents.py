"""What of an envelope's content survived the path, for stamps that stand in a tag."""

from collections.abc import Callable, Iterable

from google.protobuf.message import DecodeError

from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch
from prober.stamp import TAG, content


def _counter(envelope: Envelope) -> bytes:
    return content("counter", envelope.counter.name, envelope.counter.delta)


def _gauge(envelope: Envelope) -> bytes:
    facts: list[str | float] = []
    for name, metric in sorted(envelope.gauge.metrics.items()):
        facts += [name, metric.unit, metric.value]
    return content("gauge", *facts)


def _timer(envelope: Envelope) -> bytes:
    timer = envelope.timer
    return content("timer", timer.name, timer.start, timer.stop)


def _event(envelope: Envelope) -> bytes:
    return content("event", envelope.event.title, envelope.event.body)


_SURVIVING: dict[str, Callable[[Envelope], bytes]] = {
    # By the name of the field of the envelope's oneof.
    "counter": _counter,
    "gauge": _gauge,
    "timer": _timer,
    "event": _event,
}


def contents(batches: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return, by stamp, the surviving content of every tagged envelope in batches.

    A batch that cannot be decoded has none: its stamps are then found damaged.
    """
    found = {}
    for raw in batches:
        for envelope in envelopes(raw):
            surviving = _SURVIVING.get(envelope.WhichOneof("message") or "")
            stamp = envelope.tags.get(TAG, "")
            if not stamp and TAG in envelope.deprecated_tags:
                stamp = envelope.deprecated_tags[TAG].text
            if surviving is not None and stamp:
                found[stamp.encode()] = surviving(envelope)
    return found


def envelopes(raw: bytes) -> Iterable[Envelope]:
    """Return the envelopes of a batch, none of one that cannot be decoded."""
    try:
        return EnvelopeBatch.FromString(raw).batch
    except DecodeError:
        return ()
