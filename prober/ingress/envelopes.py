"""A plan's messages as ready bytes: stamped envelopes in batches.

An envelope is encoded by protobuf once for its kind and size, as a template; a batch
is templates with a few bytes filled in. What can be, is as wide in all of them: the
stamp, and times, which are nine bytes from 1972 until 2262.

    0a 7c  08 95…18  12 05 probe  22 66 0a 64 prober/1 … 00000001 234 4148 d4b8.the … 0
           time       source_id   log, payload  stamp             LOWS     filler
    └─ before, filled in once for a run ────────────────────────┘          └ behind ───┘

A run is consecutive messages of one kind, size and thousand: a whole batch, mostly. It
is its low digits, each with their check, joined by what is behind one and before the
next.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

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
    LOWS,
    TAG,
    WIDTH,
    Mark,
    Stamp,
    content,
    encode,
    filler,
    frame,
    opening,
    payload,
    seed_of,
    spelled,
)

INSTANCE = "0"
"""The instance_id of counted messages; primers and trailers have their own."""
MAX_TEMPLATE_BYTES = 16 << 20
"""What all templates may take: those of sizes beyond that are made again and again."""
_NAME = "prober"
_TIMED_NS = 1_000_000
_SAMPLE_NS = 1 << 56
"""The first time of nine bytes, eight of them 0x80: no text has that."""
_LAST_NS = (1 << 63) - 1 - _TIMED_NS


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
    return _timed(start)


def _timed(start: int) -> bytes:
    return content("timer", _NAME, start, start + _TIMED_NS)


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
_SIZED = (Kind.LOG, Kind.EVENT)


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


def _varint(number: int) -> bytes:
    """Return a number of 57 to 63 bits, as times are, in its nine bytes."""
    low = [number >> shift & 0x7F | 0x80 for shift in range(0, 56, 7)]
    return bytes([*low, number >> 56])


_SAMPLE, _SAMPLE_STOP = _varint(_SAMPLE_NS), _varint(_SAMPLE_NS + _TIMED_NS)


class _Run(NamedTuple):
    """Messages of one kind, size and thousand, from `first` up to before `end`."""

    kind: Kind
    size: int
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class _Template:
    """A batch of one envelope of some kind and size, without its stamp."""

    before: bytes
    """What stands before the stamp, with sample times."""
    behind: bytes
    seed: int
    """What the stamp's second check begins with, unless the time tells."""


class _Batch:
    """What the envelopes of one batch share: cycle and time."""

    def __init__(self, run: str, cycle: int, sent_ns: int) -> None:
        self._run, self._cycle, self._sent_ns = run, cycle, sent_ns
        self._time = _varint(sent_ns)
        self._openings: dict[Kind, bytes] = {}

    def _opening(self, kind: Kind) -> bytes:
        if kind not in self._openings:
            mark = Mark.of(kind)
            begin = opening(self._run, self._cycle, self._sent_ns, mark)
            self._openings[kind] = begin
        return self._openings[kind]

    def fill(self, template: _Template, like: _Run) -> bytes:
        """Return a run of envelopes."""
        before, seed = template.before, template.seed
        if like.kind is Kind.TIMER:
            stop = _varint(self._sent_ns + _TIMED_NS)
            before = before.replace(_SAMPLE_STOP, stop)
            seed = seed_of(_timed(self._sent_ns))
        thousand, low = divmod(like.first, 1000)
        begin = self._opening(like.kind)
        stamp, check = frame(begin, like.size, thousand, seed)
        head = before.replace(_SAMPLE, self._time) + stamp
        behind = check + template.behind
        lows = LOWS[low : low + like.end - like.first]
        return b"%b%b%b" % (head, (behind + head).join(lows), behind)


class Encoder:
    """Makes the batches of one run; `size` counts for logs and bodies of events."""

    def __init__(self, run: str, plan: Plan) -> None:
        self._run = run
        self._plan = plan
        self._templates: dict[tuple[Kind, int], _Template] = {}
        self._held = 0
        """Bytes in templates."""
        alike = plan.sizes.low == plan.sizes.high or plan.kinds[0] not in _SIZED
        self._uniform = len(plan.kinds) == 1 and alike

    def messages(self, span: Span, cycle: int, sent_ns: int) -> bytes:
        """Return a batch with the messages of a span, all stamped with one time."""
        if not _SAMPLE_NS <= sent_ns <= _LAST_NS:
            return b"".join(
                self._whole(run, cycle, sent_ns) for run in self._runs(span)
            )
        batch = _Batch(self._run, cycle, sent_ns)
        return b"".join(
            self._whole(run, cycle, sent_ns)
            if run.kind is Kind.GAUGE  # its content is another in each message
            else batch.fill(self._template(run.kind, run.size), run)
            for run in self._runs(span)
        )

    def _runs(self, span: Span) -> Iterator[_Run]:
        """Yield a span in parts of one kind, size and thousand."""
        first = span.first
        if self._uniform:
            kind, size = self._plan.kinds[0], self._plan.sizes.low
            size = size if kind in _SIZED else 0
            while first < span.end:
                end = min(span.end, first - first % 1000 + 1000)
                yield _Run(kind, size, first, end)
                first = end
            return
        kinds, sizes = self._plan.kinds_of(span), self._plan.sizes_of(span)
        for kind, size in zip(kinds, sizes, strict=True):
            yield _Run(kind, size if kind in _SIZED else 0, first, first + 1)
            first += 1

    def _template(self, kind: Kind, size: int) -> _Template:
        template = self._templates.get((kind, size))
        if template is None:
            template = self._make(kind, size)
            self._held += (takes := len(template.before) + len(template.behind))
            if self._held > MAX_TEMPLATE_BYTES:
                self._templates.clear()
                self._held = takes
            self._templates[kind, size] = template
        return template

    def _make(self, kind: Kind, size: int) -> _Template:
        envelope, token, survives = self._envelope_of(kind, size, 0, 0, _SAMPLE_NS)
        raw = EnvelopeBatch(batch=[envelope]).SerializeToString()
        before, _, behind = raw.partition(token)
        return _Template(before, behind, seed_of(survives))

    def _whole(self, run: _Run, cycle: int, sent_ns: int) -> bytes:
        """Return a run of envelopes that are encoded by protobuf, each by itself."""
        batch = [
            self._envelope_of(run.kind, run.size, each, cycle, sent_ns)[0]
            for each in range(run.first, run.end)
        ]
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

    def _envelope_of(
        self, kind: Kind, size: int, sequence: int, cycle: int, sent_ns: int
    ) -> tuple[Envelope, bytes, bytes]:
        """Return a message's envelope, its stamp, and what of it survives the path."""
        stamp = Stamp(
            run=self._run,
            cycle=cycle,
            sequence=sequence,
            sent_ns=sent_ns,
            mark=Mark.of(kind),
            size=size,
        )
        envelope = self._envelope(sent_ns, INSTANCE)
        if kind is Kind.LOG:
            envelope.log.CopyFrom(Log(payload=payload(stamp), type=Log.OUT))
            return envelope, encode(stamp), b""
        survives = _TAGGED[kind](envelope, stamp)
        token = encode(stamp, survives)
        envelope.tags[TAG] = token.decode()
        return envelope, token, survives

    def _envelope(self, sent_ns: int, instance: str) -> Envelope:
        return Envelope(
            timestamp=sent_ns, source_id=self._plan.source_id, instance_id=instance
        )
