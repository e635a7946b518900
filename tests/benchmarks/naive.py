"""The client that one writes first: an object for each envelope, a set of what came.

It lives here only: yardstick of the benchmarks, and oracle of what bytes have to say.
"""

from prober.plan import Plan
from prober.records import Kind, Span
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch
from prober.stamp import TAG, Mark, Stamp, content, decode, encode, filler, payload
from prober.stamp.token import WIDTH

_SIZED = (Kind.LOG, Kind.EVENT)


def batch(run: str, plan: Plan, span: Span, cycle: int, sent_ns: int) -> bytes:
    """Return a batch with the messages of a span."""
    envelopes = EnvelopeBatch()
    for sequence in range(span.first, span.end):
        kind = plan.kind_of(sequence)
        stamp = Stamp(
            run=run,
            cycle=cycle,
            sequence=sequence,
            sent_ns=sent_ns,
            mark=Mark.of(kind),
            size=plan.size_of(sequence) if kind in _SIZED else 0,
        )
        envelope = envelopes.batch.add()
        envelope.timestamp = sent_ns
        envelope.source_id, envelope.instance_id = plan.source_id, "0"
        _fill(envelope, kind, stamp)
    return envelopes.SerializeToString()


def _fill(envelope: Envelope, kind: Kind, stamp: Stamp) -> None:
    survives = b""
    match kind:
        case Kind.LOG:
            envelope.log.payload = payload(stamp)
            return
        case Kind.COUNTER:
            envelope.counter.name, envelope.counter.delta = "prober", 1
            survives = content("counter", "prober", 1)
        case Kind.GAUGE:
            metric, value = envelope.gauge.metrics["prober"], float(stamp.sequence)
            metric.unit, metric.value = "message", value
            survives = content("gauge", "prober", "message", value)
        case Kind.TIMER:
            start, stop = stamp.sent_ns, stamp.sent_ns + 1_000_000
            envelope.timer.name = "prober"
            envelope.timer.start, envelope.timer.stop = start, stop
            survives = content("timer", "prober", start, stop)
        case Kind.EVENT:
            body = filler(stamp.size).decode()
            envelope.event.title, envelope.event.body = "prober", body
            survives = content("event", "prober", body)
    envelope.tags[TAG] = encode(stamp, survives).decode()


class Account:
    """What came of one run's logs, with the same exactness as the ledger's."""

    def __init__(self, run: str, late_after_ns: int) -> None:
        self._run, self._late_after_ns = run, late_after_ns
        self.seen: set[int] = set()
        self.duplicates = self.late = self.damaged = self.reordered = 0
        self.latencies_ns: list[int] = []
        self._highest = -1

    def read(self, raw: bytes, at_ns: int) -> None:
        """Take in a batch, parsed whole."""
        for envelope in EnvelopeBatch.FromString(raw).batch:
            body = envelope.log.payload
            stamp = decode(body[:WIDTH])
            if stamp is None or stamp.run != self._run:
                continue
            if body[WIDTH:] != filler(stamp.size - WIDTH):
                self.damaged += 1
            elif stamp.sequence in self.seen:
                self.duplicates += 1
            else:
                self._first(stamp, at_ns - stamp.sent_ns)

    def _first(self, stamp: Stamp, latency_ns: int) -> None:
        self.seen.add(stamp.sequence)
        self.latencies_ns.append(latency_ns)
        self.late += latency_ns > self._late_after_ns
        self.reordered += stamp.sequence < self._highest
        self._highest = max(self._highest, stamp.sequence)
