"""A plan's messages as ready bytes: stamped envelopes in batches."""

from collections.abc import Callable, Iterator, Mapping

from prober.plan import Plan
from prober.records import Kind, Span
from prober.rpc.loggregator_v2.envelope_pb2 import (
    Counter,
    Envelope,
    EnvelopeBatch,
    Event,
    Gauge,
    GaugeValue,
    Log,
    Timer,
)
from prober.stamp import (
    AID_CYCLE,
    TAG,
    WIDTH,
    Mark,
    Stamp,
    content,
    encode,
    filler,
    payload,
    spelled,
)

INSTANCE = "0"
"""The instance_id of counted messages; primers and trailers have their own."""
_NAME = "prober"
_TIMED_NS = 1_000_000


def _counter(envelope: Envelope, _stamp: Stamp) -> bytes:
    envelope.counter.CopyFrom(Counter(name=_NAME, delta=1))
    return content("counter", _NAME, 1)


def _gauge(envelope: Envelope, stamp: Stamp) -> bytes:
    value = float(stamp.sequence)
    metrics = {_NAME: GaugeValue(unit="message", value=value)}
    envelope.gauge.CopyFrom(Gauge(metrics=metrics))
    return content("gauge", _NAME, "message", value)


def _timer(envelope: Envelope, stamp: Stamp) -> bytes:
    start, stop = stamp.sent_ns, stamp.sent_ns + _TIMED_NS
    envelope.timer.CopyFrom(Timer(name=_NAME, start=start, stop=stop))
    return content("timer", _NAME, start, stop)


def _event(envelope: Envelope, stamp: Stamp) -> bytes:
    body = filler(stamp.size).decode()
    envelope.event.CopyFrom(Event(title=_NAME, body=body))
    return content("event", _NAME, body)


_TAGGED: dict[Kind, Callable[[Envelope, Stamp], bytes]] = {
    # Fills the envelope in, and returns what of it survives the path.
    Kind.COUNTER: _counter,
    Kind.GAUGE: _gauge,
    Kind.TIMER: _timer,
    Kind.EVENT: _event,
}


class AsSent(Mapping[bytes, bytes]):
    """The surviving content of any tagged envelope by its stamp, taken to be as sent.

    For where only stamps are left: they are checked, and what they vouch for is not.
    """

    def __getitem__(self, token: bytes) -> bytes:
        stamp = spelled(token)
        if stamp is None or stamp.mark.name not in Kind.__members__:
            raise KeyError(token)
        return _TAGGED[Kind[stamp.mark.name]](Envelope(), stamp)

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Encoder:
    """Makes the batches of one run; `size` counts for logs and bodies of events."""

    def __init__(self, run: str, plan: Plan) -> None:
        self._run = run
        self._plan = plan

    def messages(self, span: Span, cycle: int, sent_ns: int) -> bytes:
        """Return a batch with the messages of a span, all stamped with one time."""
        sequences = range(span.first, span.end)
        batch = [self._message(each, cycle, sent_ns) for each in sequences]
        return EnvelopeBatch(batch=batch).SerializeToString()

    def aid(self, mark: Mark, number: int, sent_ns: int) -> bytes:
        """Return a batch with one primer or trailer: a log of our own source."""
        stamp = Stamp(
            run=self._run,
            cycle=AID_CYCLE,
            sequence=number,
            sent_ns=sent_ns,
            mark=mark,
            size=WIDTH,
        )
        envelope = self._envelope(sent_ns, mark.name.lower())
        envelope.log.payload = payload(stamp)
        return EnvelopeBatch(batch=[envelope]).SerializeToString()

    def _message(self, sequence: int, cycle: int, sent_ns: int) -> Envelope:
        kind = self._plan.kind_of(sequence)
        sized = kind in (Kind.LOG, Kind.EVENT)
        stamp = Stamp(
            run=self._run,
            cycle=cycle,
            sequence=sequence,
            sent_ns=sent_ns,
            mark=Mark.of(kind),
            size=self._plan.size_of(sequence) if sized else 0,
        )
        envelope = self._envelope(sent_ns, INSTANCE)
        if kind is Kind.LOG:
            envelope.log.CopyFrom(Log(payload=payload(stamp), type=Log.OUT))
        else:
            survives = _TAGGED[kind](envelope, stamp)
            envelope.tags[TAG] = encode(stamp, survives).decode()
        return envelope

    def _envelope(self, sent_ns: int, instance: str) -> Envelope:
        return Envelope(
            timestamp=sent_ns, source_id=self._plan.source_id, instance_id=instance
        )
