"""Letters against a full parse: whatever their order and likeness, labels are right."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from prober.pipeline import dropsonde
from prober.pipeline.letters import Label, Post, opened, sealed, tracked
from prober.rpc.loggregator_v2.envelope_pb2 import (
    Counter,
    Envelope,
    EnvelopeBatch,
    Gauge,
    GaugeValue,
    Log,
    Value,
)
from tests.pipeline.clients import logs

TIME_NS = 1_795_418_514_123_456_789

words = st.sampled_from(["", "a", "prober", "x" * 130])
times = st.sampled_from([0, -1, 1, 1 << 55, 1 << 56, TIME_NS, TIME_NS + 1])
tags = st.dictionaries(st.sampled_from(["ip", "job", "origin"]), words, max_size=2)
payloads = st.sampled_from([b"", b"x", b"y", b"prober", b"\n\x06prober", b"z" * 200])


@st.composite
def envelopes(draw: st.DrawFn) -> Envelope:
    """Envelopes of all kinds, many of them alike."""
    envelope = Envelope(
        timestamp=draw(times), source_id=draw(words), instance_id=draw(words)
    )
    for name, text in draw(tags).items():
        envelope.tags[name] = text
    if draw(st.integers(0, 5)) == 5:
        envelope.deprecated_tags["old"].CopyFrom(Value(text="x"))
    kind = draw(st.sampled_from(["", "log", "log", "log", "counter", "gauge"]))
    if kind == "log":
        log = Log(
            payload=draw(payloads), type=draw(st.sampled_from([Log.OUT, Log.ERR]))
        )
        envelope.log.CopyFrom(log)
    elif kind == "counter":
        envelope.counter.CopyFrom(Counter(name=draw(words), delta=1))
    elif kind == "gauge":
        metrics = draw(st.lists(words, max_size=2))
        values = {name: GaugeValue(unit="u", value=1) for name in metrics}
        envelope.gauge.CopyFrom(Gauge(metrics=values))
    return envelope


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """Envelopes as clients may write them: whole, or in pieces in any order."""
    several = draw(st.lists(envelopes(), min_size=1, max_size=2))
    pieces = [each.SerializeToString() for each in several]
    if draw(st.booleans()):
        pieces.insert(draw(st.integers(0, len(pieces))), b"\xc2\x3e\x03new")
    return b"".join(pieces)


def facts(label: Label) -> tuple[object, ...]:
    """What a label says."""
    return (
        *(label.source_id, label.instance_id, label.kind, label.names),
        *(label.tags, label.deprecated, label.results, label.tracked),
    )


def parsed(raw: bytes) -> tuple[object, ...]:
    """What it has to say, by a full parse."""
    envelope = Envelope.FromString(raw)
    kind = envelope.WhichOneof("message") or ""
    names = {
        "counter": (envelope.counter.name,),
        "gauge": tuple(sorted(envelope.gauge.metrics)),
    }
    return (
        *(envelope.source_id, envelope.instance_id, kind, names.get(kind, ())),
        *(frozenset(envelope.tags), bool(envelope.deprecated_tags)),
        dropsonde.count(envelope),
        (envelope.source_id, envelope.instance_id) == ("prober", "a"),
    )


@given(st.lists(st.lists(written(), max_size=8), max_size=8))
def test_labels_say_what_a_full_parse_says(batches: list[list[bytes]]) -> None:
    """Of envelopes in any order of fields, twice the same field too; bytes stay."""
    post = Post(("prober", "a"))
    for pieces in batches:
        empty = Envelope().SerializeToString()
        raw = sealed([*pieces, empty])
        letters = post.open(raw)

        assert EnvelopeBatch.FromString(raw).batch == list(map(opened, letters))
        assert [*pieces, empty] == [piece for piece, _ in letters]
        assert list(map(parsed, pieces)) == [facts(label) for _, label in letters[:-1]]


@given(written(), st.integers(0, 300), st.integers(0, 255))
def test_what_is_broken_is_refused_after_what_is_like_it(
    raw: bytes, place: int, byte: int
) -> None:
    """One byte of an envelope changed: letters take what a parse takes."""
    post = Post(None)
    post.letter(raw)
    broken = bytearray(raw or b"\0")
    broken[place % len(broken)] = byte
    try:
        expected = parsed(bytes(broken))[:-1]
    except DecodeError:
        with pytest.raises(DecodeError):
            post.letter(bytes(broken))
    else:
        assert expected == facts(post.letter(bytes(broken))[1])[:-1]


def test_likes_are_not_parsed_again() -> None:
    """Of a writer's logs, which differ in time and payload, one is looked into."""
    post = Post(None)
    first, *others = logs(range(TIME_NS, TIME_NS + 100), payload=b"hello")
    post.letter_of(first)
    label = post.letter(first.SerializeToString())[1]
    post._label_of = None  # type: ignore[assignment,method-assign]

    for each in others:
        assert label is post.letter(each.SerializeToString())[1]


def test_what_a_hop_wrote_is_known_to_the_next() -> None:
    """The same letters come out, once; bytes that are others are looked at."""
    post = Post(None)
    letters = [post.letter_of(each) for each in logs(range(3))]
    raw = post.seal(letters)

    assert post.open(raw) is letters
    assert post.open(raw) == letters
    assert post.open(raw) is not letters

    post.seal(letters)
    other = raw[:-1] + b"1"

    assert post.open(other)[-1][1].instance_id == "1"


def test_what_is_remembered_is_bounded() -> None:
    """Batches that nobody reads, and labels that never come again, are forgotten."""
    post = Post(None)
    for number in range(200):
        payload = number.to_bytes(1) * 100_000
        post.seal([post.letter_of(each) for each in logs([number], payload=payload)])
    for number in range(10_000):
        (envelope,) = logs([TIME_NS], payload=b"x", source_id=f"{number}")
        post.letter(envelope.SerializeToString())

    assert post._written_bytes <= 8 << 20
    assert post._written_bytes == sum(len(raw) for raw, _ in post._written.values())
    assert len(post._labels) <= 4096
    assert len(post._likes) <= 4096


def test_a_tagged_label_is_that_of_the_tagged() -> None:
    """Bytes of more tags behind an envelope, and the label that says so."""
    post = Post(("prober", "0"))
    (envelope,) = logs([1], payload=b"x")
    raw, label = post.letter_of(envelope)
    more = {"job": "agent", "ip": "127.0.0.1"}

    found = post.tagged(label, more)

    behind = Envelope(tags=more).SerializeToString()
    assert found is post.letter(raw + behind)[1]
    assert tracked([(raw, label), (raw, found)]) == 2
