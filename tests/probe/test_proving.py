"""What a scan takes for intact is held against a full parse, whatever the way out."""

import base64
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.egress import contents, contents_json, contents_v1
from prober.ledger import Deadlines, Ledger
from prober.pipeline.dropsonde import convert
from prober.pipeline.protojson import batch_json
from prober.plan import Plan, Sizes
from prober.probe.groups import Group
from prober.probe.proving import EVERY, Proof
from prober.records import Arrival, Kind, Span
from prober.rpc.dropsonde.events_pb2 import Envelope as Envelope1
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch
from prober.stamp import TAG, WIDTH, Scanner, Sightings, content, decode, filler
from tests.benchmarks import naive

RUN = "k3v9x2m4q7a"
SENT_NS = 1_795_418_514_123_456_789
PLAN = Plan(
    messages=640,
    cycles=4,
    rate=None,
    sizes=Sizes(low=81, high=300),
    kinds=(Kind.LOG, Kind.COUNTER, Kind.GAUGE),
    source_id="probe",
    seed=7,
)
LOGS = Plan(
    messages=640,
    cycles=4,
    rate=None,
    sizes=Sizes(low=100, high=100),
    kinds=(Kind.LOG,),
    source_id="probe",
    seed=7,
)


def sent(plan: Plan, first: int, count: int) -> list[Envelope]:
    """Return some messages as they were sent."""
    span = Span(first=first, count=count)
    raw = naive.batch(RUN, plan, span, plan.cycle_of(first) or 0, SENT_NS)
    return list(EnvelopeBatch.FromString(raw).batch)


# What may become of an envelope on its way.


def append(envelope: Envelope) -> None:
    """Put bytes behind a payload."""
    if envelope.HasField("log"):
        envelope.log.payload += b"\nXY"


def copy(envelope: Envelope) -> None:
    """Put what stands in a payload into a tag, too."""
    if envelope.HasField("log"):
        envelope.tags["copy"] = envelope.log.payload.decode()


def mirror(envelope: Envelope) -> None:
    """Put a stamp into a tag, and spoil the payload that it came from."""
    if envelope.HasField("log"):
        copy(envelope)
        envelope.log.payload = b"-" + envelope.log.payload[1:-1] + b"-"


def move(envelope: Envelope) -> None:
    """Put a log's stamp where those of others stand."""
    if envelope.HasField("log"):
        envelope.tags[TAG] = envelope.log.payload.decode()
        envelope.counter.name = "prober"


def spoil(envelope: Envelope) -> None:
    """Change a byte of a payload."""
    if envelope.HasField("log"):
        text = bytearray(envelope.log.payload)
        text[70] ^= 1
        envelope.log.payload = bytes(text)


def nothing(_envelope: Envelope) -> None:
    """Leave it as it is."""


MISHAPS = (append, copy, mirror, move, spoil)


# Ways out, each with a parse that is as simple as it can be.


@dataclass(frozen=True, slots=True)
class Way:
    """A way out: how it brings a batch, and what stands in that by a full parse."""

    bring: Callable[[list[Envelope]], tuple[bytes, ...]]
    parse: Callable[[bytes], Iterator[int]]
    contents: Callable[[tuple[bytes, ...]], Mapping[bytes, bytes]]


def sequence(text: bytes, survives: bytes, *, log: bool) -> Iterator[int]:
    """Yield the number of an intact message that is all of a field."""
    stamp = decode(text[:WIDTH], survives)
    if stamp is None or stamp.run != RUN:
        return
    width = stamp.size if log else WIDTH
    if log == (stamp.mark.name == "LOG") and text[WIDTH:] == filler(width - WIDTH):
        yield stamp.sequence


def by_rlp(raw: bytes) -> Iterator[int]:
    """Parse a batch of protobuf."""
    try:
        batch = EnvelopeBatch.FromString(raw).batch
    except Exception:  # noqa: BLE001 - whatever it is, nothing came
        return
    for each in batch:
        tag = each.tags[TAG].encode() if TAG in each.tags else b""
        if each.HasField("log"):
            yield from sequence(each.log.payload, b"", log=True)
        elif each.HasField("counter"):
            facts = content("counter", each.counter.name, each.counter.delta)
            yield from sequence(tag, facts, log=False)
        elif each.HasField("gauge"):
            [(name, metric)] = each.gauge.metrics.items()
            facts = content("gauge", name, metric.unit, metric.value)
            yield from sequence(tag, facts, log=False)


def by_gateway(raw: bytes) -> Iterator[int]:
    """Parse a batch of JSON."""
    try:
        batch = json.loads(raw)["batch"]
    except ValueError:
        return
    for each in batch:
        tag = each["tags"].get(TAG, "").encode()
        if "log" in each:
            payload = base64.b64decode(each["log"]["payload"])
            yield from sequence(payload, b"", log=True)
        elif "counter" in each:
            facts = content("counter", each["counter"]["name"], 1)
            yield from sequence(tag, facts, log=False)
        elif "gauge" in each:
            [(name, metric)] = each["gauge"]["metrics"].items()
            facts = content("gauge", name, metric["unit"], float(metric["value"]))
            yield from sequence(tag, facts, log=False)


def by_frame(raw: bytes) -> Iterator[int]:
    """Parse a frame of version 1."""
    try:
        each = Envelope1.FromString(raw)
    except Exception:  # noqa: BLE001 - whatever it is, nothing came
        return
    tag = each.tags[TAG].encode() if TAG in each.tags else b""
    if each.HasField("logMessage"):
        yield from sequence(each.logMessage.message, b"", log=True)
    elif each.HasField("counterEvent"):
        counter = each.counterEvent
        facts = content("counter", counter.name, counter.delta)
        yield from sequence(tag, facts, log=False)
    elif each.HasField("valueMetric"):
        value = each.valueMetric
        facts = content("gauge", value.name, value.unit, value.value)
        yield from sequence(tag, facts, log=False)


def frames(batch: list[Envelope]) -> tuple[bytes, ...]:
    """Return a frame for each envelope, as a traffic controller converts it."""
    return tuple(item.raw for each in batch for item in convert(each))


WAYS = {
    "rlp": Way(
        lambda batch: (EnvelopeBatch(batch=batch).SerializeToString(),),
        by_rlp,
        contents.contents,
    ),
    "rlp gateway": Way(
        lambda batch: (batch_json(EnvelopeBatch(batch=batch)).encode(),),
        by_gateway,
        contents_json.contents,
    ),
    "v1 firehose": Way(frames, by_frame, contents_v1.contents),
}


def held(
    transport: str, proof: Proof, batches: tuple[bytes, ...]
) -> tuple[Sightings, int]:
    """Scan a group of arrivals and hold it against a parse; tell what was found."""
    group = Group(tuple(Arrival(batches=(b,), at_ns=1, epoch=1) for b in batches))
    found = Scanner(RUN, LOGS.cycle_of).scan(
        group.raw,
        lambda: WAYS[transport].contents(batches),
        in_base64=transport == "rlp gateway",
    )
    before = len(found.sequences) + len(found.damaged)
    proof.hold(group, found)
    return found, before


def stream(transport: str, rng: random.Random, bad: float) -> tuple[bytes, ...]:
    """Return what a bad way brings: changed, doubled and cut off, in any order."""
    envelopes = sent(PLAN, 0, 100)
    for each in envelopes:
        rng.choice(MISHAPS if rng.random() < bad else (nothing,))(each)
    envelopes += rng.sample(envelopes, rng.randrange(4))
    if rng.random() < 0.5:
        rng.shuffle(envelopes)
    batches: list[bytes] = []
    while envelopes:
        count = rng.randint(1, 30)
        batches += WAYS[transport].bring(envelopes[:count])
        envelopes = envelopes[count:]
    return tuple(
        raw[: -rng.randint(1, 9)] if rng.random() < bad / 10 else raw for raw in batches
    )


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(list(WAYS)),
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.01, 0.3]),
)
def test_a_proof_says_what_a_full_parse_says(
    transport: str, seed: int, bad: float
) -> None:
    """All that is left is intact by a parse; nothing is dropped, and nothing added."""
    batches = stream(transport, random.Random(seed), bad)  # noqa: S311 - no secret
    intact = Counter(n for raw in batches for n in WAYS[transport].parse(raw))

    found, before = held(transport, Proof(transport, every=1), batches)
    sampled, _ = held(transport, Proof(transport), batches)

    assert intact == Counter(found.sequences)
    assert before == len(found.sequences) + len(found.damaged)
    if sampled.damaged or sampled.odd:
        assert found == sampled


@pytest.mark.parametrize("transport", WAYS)
@pytest.mark.parametrize("mishap", [append, copy, mirror, spoil])
def test_one_in_hundreds_is_found(
    transport: str, mishap: Callable[[Envelope], None]
) -> None:
    """One message of many that is not what was sent is not taken for it."""
    envelopes = sent(LOGS, 0, 640)
    mishap(envelopes[432])
    batches = tuple(
        raw
        for first in range(0, 640, 10)
        for raw in WAYS[transport].bring(envelopes[first : first + 10])
    )
    intact = Counter(n for raw in batches for n in WAYS[transport].parse(raw))

    found, _ = held(transport, Proof(transport), batches)

    assert intact == Counter(found.sequences)
    assert {432} == set(found.damaged)


@pytest.mark.parametrize("transport", ["rlp", "rlp gateway"])
def test_a_batch_cut_off_is_found_by_the_sample(transport: str) -> None:
    """What no byte of a payload tells: then the whole group is parsed, and the next."""
    (whole,) = WAYS[transport].bring(sent(LOGS, 0, 100))
    (cut,) = WAYS[transport].bring(sent(LOGS, 100, 100))
    cut = cut[:-1]
    proof = Proof(transport)

    first, _ = held(transport, proof, (cut, whole, cut))
    second, _ = held(transport, proof, (whole, cut))
    third, _ = held(transport, proof, (whole,))
    fourth, _ = held(transport, proof, (whole, cut))

    assert list(range(100)) == first.sequences.tolist()
    assert [*range(100, 200)] * 2 == first.damaged
    assert list(range(100)) == second.sequences.tolist()
    assert list(range(100)) == third.sequences.tolist()
    assert list(range(200)) == fourth.sequences.tolist()  # nobody looked


def test_one_batch_in_so_many_is_looked_at() -> None:
    """The sample goes on from group to group, however few batches each has."""
    (cut,) = (raw[:-1] for raw in WAYS["rlp"].bring(sent(LOGS, 0, 1)))
    (whole,) = WAYS["rlp"].bring(sent(LOGS, 1, 1))
    looked = []
    for number in (0, 1, EVERY - 1, EVERY, EVERY + 1, 2 * EVERY):
        proof = Proof("rlp")
        for _ in range(number):
            held("rlp", proof, (whole,))
        found, _ = held("rlp", proof, (cut,))
        looked += [number] * len(found.damaged)

    assert [0, EVERY, 2 * EVERY] == looked


def test_each_message_has_one_fate() -> None:
    """What was taken back is booked as corrupt once, or as a copy of an intact one."""
    envelopes = sent(LOGS, 0, 100)
    append(envelopes[3])
    copy(envelopes[5])
    append(envelopes[7])
    envelopes += [envelopes[7], envelopes[9]]
    ledger = Ledger(LOGS, Deadlines(late_after_ns=9, lost_after_ns=99), ["rlp"])
    ledger.attempt(Span(first=0, count=100), 0, SENT_NS)

    found, _ = held("rlp", Proof("rlp"), WAYS["rlp"].bring(envelopes))
    ledger.arrive("rlp", found, SENT_NS + 1)
    counts = ledger.results({"rlp": "rlp"}, SENT_NS + 2)[0].counts

    assert 98 == ledger.received("rlp")
    assert (98, 2, 3) == (counts.on_time, counts.corrupt, counts.duplicates)
    assert [3, 5, 7, 7] == found.damaged
