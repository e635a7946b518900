"""The fast path, from raw bytes to counts, says what a full parse says of the same.

The other side is written as one writes it first: protobuf objects, a set, a loop.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.egress.contents import contents
from prober.ledger import Deadlines, Ledger
from prober.plan import Plan, Sizes
from prober.probe.groups import Group
from prober.records import Arrival, Handover, Kind, Outcome, Span
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch
from prober.stamp import MARKER, TAG, WIDTH, Scanner, content, decode, filler
from tests.benchmarks import naive

RUN, OTHER = "k3v9x2m4q7a", "9qy7t0wz5hd"
SENT_NS = 1_795_418_514_123_456_789
LATE_NS, LOST_NS = 5_000, 10_000
TAGS = {
    "deployment": "cf",
    "job": f"prober/1 {RUN[:5]}",
    "index": "4b3c",
    "origin": "rep",
}
UNKNOWN = b"\xfa\x01\x09prober/1 "
"""Field 31 of an envelope, which nobody knows: bytes that begin as a stamp does."""


@dataclass(slots=True)
class Parsed:
    """What a full parse finds, message by message."""

    seen: set[int] = field(default_factory=set)
    first_ns: dict[int, int] = field(default_factory=dict)
    damaged: int = 0
    duplicates: int = 0
    reordered: int = 0
    other_runs: int = 0
    highest: int = -1

    def read(self, raw: bytes, at_ns: int) -> None:
        """Take in a batch."""
        for envelope in EnvelopeBatch.FromString(raw).batch:
            is_log = envelope.HasField("log")
            token = envelope.log.payload[:WIDTH] if is_log else _tag(envelope)
            stamp = decode(token, _survives(envelope))
            if stamp is None:
                # Of what was damaged here, at least the start is as it was.
                self.damaged += token.startswith(MARKER + RUN.encode())
            elif stamp.run != RUN:
                self.other_runs += 1
            elif is_log and envelope.log.payload[WIDTH:] != filler(stamp.size - WIDTH):
                self.damaged += 1
            else:
                self._intact(stamp.sequence, at_ns)

    def _intact(self, sequence: int, at_ns: int) -> None:
        if sequence in self.seen:
            self.duplicates += 1
        else:
            self.seen.add(sequence)
            self.first_ns[sequence] = at_ns
            self.reordered += sequence < self.highest
        self.highest = max(self.highest, sequence)


def _tag(envelope: Envelope) -> bytes:
    if TAG in envelope.deprecated_tags:
        return envelope.deprecated_tags[TAG].text.encode()
    return envelope.tags[TAG].encode() if TAG in envelope.tags else b""


def _survives(envelope: Envelope) -> bytes:
    match envelope.WhichOneof("message"):
        case "counter":
            return content("counter", envelope.counter.name, envelope.counter.delta)
        case "gauge":
            [(name, metric)] = envelope.gauge.metrics.items()
            return content("gauge", name, metric.unit, metric.value)
        case "timer":
            timer = envelope.timer
            return content("timer", timer.name, timer.start, timer.stop)
        case "event":
            return content("event", envelope.event.title, envelope.event.body)
    return b""


def stream_of(plan: Plan, rng: random.Random, damage: float) -> list[bytes]:
    """Return batches of a run as a bad pipeline might hand them out."""
    envelopes: list[Envelope] = []
    for first in range(0, plan.messages, 50):
        span = Span(first=first, count=min(50, plan.messages - first))
        run = OTHER if rng.random() < 0.1 else RUN
        raw = naive.batch(run, plan, span, plan.cycle_of(first) or 0, SENT_NS + first)
        envelopes += EnvelopeBatch.FromString(raw).batch
    kept = [each for each in envelopes if rng.random() > 0.05]
    kept += rng.sample(kept, len(kept) // 20)
    for _ in range(len(kept) // 10):
        one, other = rng.randrange(len(kept)), rng.randrange(len(kept))
        kept[one], kept[other] = kept[other], kept[one]
    pieces = [_serialised(each, rng, damage) for each in kept]
    pieces += [_framed(_lookalike(rng)) for _ in range(len(kept) // 20)]
    batches = []
    while pieces:
        count = rng.randint(1, 60)
        batches.append(b"".join(pieces[:count]))
        pieces = pieces[count:]
    return batches


def _serialised(one: Envelope, rng: random.Random, damage: float) -> bytes:
    envelope = Envelope()
    envelope.CopyFrom(one)
    for name in rng.sample(list(TAGS), rng.randrange(len(TAGS) + 1)):
        if rng.random() < 0.3:
            envelope.deprecated_tags[name].text = TAGS[name]
        else:
            envelope.tags[name] = TAGS[name]
    if TAG in envelope.tags and rng.random() < 0.2:
        envelope.deprecated_tags[TAG].text = envelope.tags.pop(TAG)
    if envelope.log.payload and rng.random() < damage:
        text = bytearray(envelope.log.payload)
        # Behind marker and run, which tell whose it is; everything else may be wrong.
        at = rng.randrange(len(MARKER) + len(RUN) + 1, len(text))
        text[at] ^= 1 << rng.randrange(8)
        envelope.log.payload = bytes(text)
    unknown = UNKNOWN if rng.random() < 0.2 else b""
    return _framed(envelope.SerializeToString() + unknown)


def _lookalike(rng: random.Random) -> bytes:
    envelope = Envelope(source_id="prober/1 ", timestamp=1)
    text = rng.choice([MARKER, b"prober", f"{RUN[:5]} ".encode(), MARKER + b"0" * 90])
    envelope.log.payload = text
    return envelope.SerializeToString()


def _framed(raw: bytes) -> bytes:
    length, head = len(raw), bytearray(b"\x0a")
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + raw


def _parts(batches: list[bytes], rng: random.Random) -> Iterator[list[bytes]]:
    while batches:
        count = rng.randint(1, 64)
        yield batches[:count]
        batches = batches[count:]


def compare(plan: Plan, seed: int, damage: float) -> int:
    """Account for a stream in both ways, assert that they agree; tell how many came."""
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    batches = stream_of(plan, rng, damage)
    parsed, scanner = Parsed(), Scanner(RUN, plan.cycle_of)
    deadlines = Deadlines(late_after_ns=LATE_NS, lost_after_ns=LOST_NS)
    ledger = Ledger(plan, deadlines, ["rlp"])
    for cycle in range(plan.cycles):
        span = plan.span_of(cycle)
        ledger.attempt(span, cycle, SENT_NS)
        ledger.hand_over(Outcome(span=span, handover=Handover.ACCEPTED))
    at_ns = SENT_NS + plan.messages
    for members in _parts(batches, rng):
        arrivals = [
            Arrival(batches=(raw,), at_ns=at_ns + 13 * number, epoch=1)
            for number, raw in enumerate(members)
        ]
        for each in arrivals:
            parsed.read(each.batches[0], each.at_ns)
        group = Group(tuple(arrivals))
        survivors = partial(contents, members)
        found = scanner.scan(group.raw, survivors, in_base64=False)
        ledger.arrive("rlp", found, group.whole.at_ns, 1, group.times(found.places))
        at_ns += 13 * len(members)
    _agree(ledger, parsed, plan)
    return len(parsed.seen)


def _agree(ledger: Ledger, parsed: Parsed, plan: Plan) -> None:
    (result,) = ledger.results({"rlp": "rlp"}, SENT_NS + 10**12)
    counts = result.counts
    sent_ns = {n: SENT_NS + n - n % 50 for n in parsed.seen}
    took = np.array([parsed.first_ns[n] - sent_ns[n] for n in parsed.seen])
    told = (counts.on_time, counts.late, counts.after_deadline, counts.reordered)

    assert (
        int((took <= LATE_NS).sum()),
        int(((took > LATE_NS) & (took <= LOST_NS)).sum()),
        int((took > LOST_NS).sum()),
        parsed.reordered,
    ) == told
    assert parsed.other_runs == counts.other_runs
    # A damaged message is one more, or a duplicate of an intact one.
    assert parsed.damaged + parsed.duplicates == (
        counts.corrupt + counts.duplicates + counts.unexplained
    )
    assert plan.messages - len(parsed.seen) - counts.corrupt == (
        counts.lost - counts.after_deadline
    )
    assert result.latency.count == len(parsed.seen)


kinds = st.sampled_from([(Kind.LOG,), (Kind.LOG, Kind.TIMER), tuple(Kind)])
sizes = st.sampled_from([Sizes(low=100, high=100), Sizes(low=81, high=300)])


def plan_of(messages: int, of: tuple[Kind, ...], size: Sizes) -> Plan:
    """Return a plan of cycles of some fifty messages."""
    return Plan(
        messages=messages,
        cycles=max(1, messages // 50),
        rate=None,
        sizes=size,
        kinds=of,
        source_id="probe",
        seed=7,
    )


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 600),
    kinds,
    sizes,
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.02, 0.3]),
)
def test_both_account_alike(
    messages: int, of: tuple[Kind, ...], size: Sizes, seed: int, damage: float
) -> None:
    """Loss, doubles, disorder, damage, lookalikes, unknown fields, tags: all agree."""
    compare(plan_of(messages, of, size), seed, damage)


def many(messages: int) -> int:
    """Compare tens of thousands at a time; return how many came."""
    return sum(
        compare(
            plan_of(20_000, (Kind.LOG,), Sizes(low=100, high=100)), seed, damage=0.001
        )
        for seed in range(0, messages, 20_000)
    )


def test_twenty_thousand_account_alike() -> None:
    """Many at once; `python -m tests.benchmarks --million` does it fifty times."""
    assert many(20_000) > 16_000
