import base64
import random
from array import array
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.egress.contents import contents
from prober.ingress.envelopes import Encoder
from prober.plan import Plan, Sizes
from prober.records import Kind, Span
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch
from prober.stamp import (
    AID_CYCLE,
    MARKER,
    TAG,
    WIDTH,
    Mark,
    Scanner,
    Sightings,
    Stamp,
    encode,
    payload,
)

RUN = "k3v9x2m4q7a"
SENT_NS = 1_795_418_514_123_456_789
SIZE = 120
BYTES = b"\x00 019az=A\xff"
"""Some of the 256 that a byte may become: controls, digits, letters, base64's pad."""
TAIL = b"\x10\x01" * 50
"""What follows a payload in an envelope, roughly."""


def plan_of(messages: int, cycles: int, kind: Kind = Kind.LOG) -> Plan:
    """Return a plan of one kind."""
    return Plan(
        messages=messages,
        cycles=cycles,
        rate=None,
        sizes=Sizes(low=SIZE, high=SIZE),
        kinds=(kind,),
        source_id="probe",
        seed=1,
    )


DEFAULT = plan_of(10_000, 100)
LARGEST = plan_of(10**11 - 1, 1)
FINEST = plan_of(10**8 - 1, 10**8 - 1)
PLANS = [DEFAULT, plan_of(10_000, 1), plan_of(10**8, 7), LARGEST, FINEST]
all_plans = pytest.mark.parametrize(
    "plan", PLANS, ids=lambda p: f"{p.messages}/{p.cycles}"
)


def stamp_of(plan: Plan, sequence: int, mark: Mark = Mark.LOG) -> Stamp:
    """Return the stamp of a plan's message, or of an aid."""
    aid = mark in {Mark.PRIMER, Mark.TRAILER}
    return Stamp(
        run=RUN,
        cycle=AID_CYCLE if aid else plan.cycle_of(sequence) or 0,
        sequence=sequence,
        sent_ns=SENT_NS,
        mark=mark,
        size=SIZE,
    )


def scan(plan: Plan, raw: bytes) -> Sightings:
    """Scan raw bytes for the run of these tests."""
    return Scanner(RUN, plan.cycle_of).scan(raw)


def changed(raw: bytes, at: int, byte: int) -> bytes:
    """Return bytes of which one is another."""
    return raw[:at] + bytes([byte]) + raw[at + 1 :]


def damaged(*sequences: int | None) -> Sightings:
    """Return what a scan finds of damaged messages alone."""
    return Sightings(damaged=list(sequences))


# Single bytes.


@all_plans
def test_any_damaged_byte_is_laid_to_the_right_message(plan: Plan) -> None:
    """Each byte of token and filler, changed to some others, makes it corrupt."""
    sequence = plan.messages * 2 // 3
    intact = payload(stamp_of(plan, sequence))
    for at in range(len(intact)):
        for byte in BYTES:
            if intact[at] != byte:
                raw = changed(intact, at, byte) + TAIL

                assert damaged(sequence) == scan(plan, raw), (at, byte)


@all_plans
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damaged_byte_of_any_message(plan: Plan, data: st.DataObject) -> None:
    """Whatever the number, the place and the byte: corrupt, and the right one."""
    sequence = data.draw(st.integers(0, plan.messages - 1))
    intact = payload(stamp_of(plan, sequence))
    at = data.draw(st.integers(0, len(intact) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda each: each != intact[at]))

    assert damaged(sequence) == scan(plan, changed(intact, at, byte) + TAIL)


def test_a_digit_of_a_number_outside_of_the_plan_is_put_right() -> None:
    """A digit that makes the number one that was never sent is known for damage."""
    raw = payload(stamp_of(DEFAULT, 1234)).replace(b" 00000001234 ", b" 70000001234 ")

    assert damaged(1234) == scan(DEFAULT, raw)


def test_any_damaged_byte_of_an_aid_is_not_a_message() -> None:
    """Primers and trailers that came to harm count for nothing, the least for lost."""
    for mark in (Mark.PRIMER, Mark.TRAILER):
        intact = encode(stamp_of(DEFAULT, 3, mark))
        for at in range(WIDTH):
            for byte in BYTES:
                if intact[at] != byte:
                    found = scan(DEFAULT, changed(intact, at, byte) + TAIL)

                    assert not found.damaged, (mark, at, byte)
                    assert not found.sequences, (mark, at, byte)


def test_a_cycle_that_reads_much_like_an_aid_s_keeps_its_messages() -> None:
    """In a hundred million cycles no bad byte makes a message of the last a primer."""
    intact = encode(stamp_of(FINEST, 99_999_989))
    for at in range(WIDTH):
        for byte in BYTES + b"pz":
            if intact[at] != byte:
                raw = changed(intact, at, byte)

                assert damaged(99_999_989) == scan(FINEST, raw), (at, byte)


def test_an_aid_whose_number_is_gone_is_still_an_aid() -> None:
    """A primer of which nobody can tell the number is no message of nobody's."""
    raw = encode(stamp_of(DEFAULT, 3, Mark.PRIMER)).replace(b" 00000000003 ", b"?" * 13)

    assert Sightings() == scan(DEFAULT, raw)


# Several bytes, and what is left of the share that is put right.


def garble(rng: random.Random, raw: bytes, places: int) -> bytes:
    """Return bytes of which some of the token's are others, as by chance."""
    garbled = bytearray(raw)
    for at in rng.sample(range(WIDTH), places):
        garbled[at] ^= rng.randrange(1, 256)
    return bytes(garbled)


def fates(plan: Plan, places: int, trials: int) -> Counter[str]:
    """Return how often the message was told of a token with some damaged bytes."""
    rng = random.Random(places)  # noqa: S311 - nothing secret
    told = Counter[str]()
    for _ in range(trials):
        sequence = rng.randrange(plan.messages)
        raw = garble(rng, payload(stamp_of(plan, sequence)), places) + TAIL
        found = scan(plan, raw)
        assert not found.sequences
        (number,) = found.damaged or (-1,)
        words = {sequence: "right", None: "nobody's", -1: "unseen"}
        told[words.get(number, "wrong")] += 1
    return told


@pytest.mark.parametrize(
    ("places", "right", "wrong"), [(1, 1.0, 0.0), (2, 0.93, 0.005), (3, 0.85, 0.005)]
)
def test_most_messages_are_told_though_more_bytes_are_damaged(
    places: int, right: float, wrong: float
) -> None:
    """One bad byte is always put right; of 2 and 3 the larger part, and hardly wrong.

    What is not put right is mostly damage to marker and run at once, which leaves
    nothing to find the token by: such a message counts as lost.
    """
    told = fates(DEFAULT, places, 600)

    assert told["right"] >= right * told.total()
    assert told["wrong"] <= wrong * told.total()


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, WIDTH))
def test_no_damage_raises_or_passes_for_intact(seed: int, places: int) -> None:
    """Up to the whole token may be garbled: never counted as intact, never an error."""
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    raw = garble(rng, payload(stamp_of(DEFAULT, 77)), places)

    assert not scan(DEFAULT, raw + TAIL).sequences


def test_the_low_digits_are_read_from_their_check() -> None:
    """With the last three digits gone, the first check still tells them."""
    raw = payload(stamp_of(DEFAULT, 1234)).replace(b" 00000001234 ", b" 00000001??? ")

    assert damaged(1234) == scan(DEFAULT, raw)


def test_a_number_that_nothing_vouches_for_is_nobody_s() -> None:
    """With number and check gone it is damaged, and nobody's rather than another's."""
    intact = payload(stamp_of(DEFAULT, 1234))
    for number in (b"00000004321", b"00000001277"):  # the latter of the same cycle
        raw = intact[:60] + number + b" 00000000." + intact[WIDTH:]

        assert damaged(None) == scan(DEFAULT, raw)


def test_a_number_that_might_be_several_is_nobody_s() -> None:
    """Where ten numbers explain what is left equally well, none of them is taken."""
    raw = payload(stamp_of(LARGEST, 1234)).replace(b" 00000001234 ", b" 0?000001234 ")

    assert damaged(1234) == scan(LARGEST, raw)
    assert damaged(None) == scan(LARGEST, raw.replace(b" 01795", b" 02795"))


def test_a_number_that_has_too_much_against_it_is_nobody_s() -> None:
    """With number and cycle gone, no other number is made of the check that is left."""
    intact = payload(stamp_of(DEFAULT, 1234))
    raw = intact.replace(b" 00000001234 ", b" 00000015678 ")
    raw = raw.replace(b" 00000012 ", b" ???????? ")

    assert damaged(None) == scan(DEFAULT, raw)


# Truncation.


@pytest.mark.parametrize("length", range(len(MARKER) + 8, SIZE))
@pytest.mark.parametrize("tail", [b"", TAIL], ids=["at the end", "in the middle"])
def test_a_truncated_payload_is_damaged(length: int, tail: bytes) -> None:
    """A payload cut anywhere behind the run is damaged, and never another message."""
    for sequence in (1234, 9950):  # the latter of cycle 99, a little like an aid's
        found = scan(DEFAULT, payload(stamp_of(DEFAULT, sequence))[:length] + tail)

        assert not found.sequences
        assert found.damaged in ([None], [sequence])
        assert length < WIDTH or [sequence] == found.damaged


@pytest.mark.parametrize("length", [80, 81, 90, SIZE - 1])
def test_a_truncated_payload_in_base64_is_damaged(length: int) -> None:
    """A cut that leaves the number leaves the message corrupt, in base64 as well."""
    raw = base64.b64encode(payload(stamp_of(DEFAULT, 1234))[:length])

    assert damaged(1234) == scan(DEFAULT, b'{"payload":"%b","type":1}' % raw)


# Base64.


def test_a_damaged_character_of_base64_is_damage() -> None:
    """Each character, changed to some others, never hides the message or breaks us.

    One character is six bits of two bytes: where both are high digits of the number,
    or of the first check, the message is damaged, and nobody's.
    """
    intact = base64.b64encode(payload(stamp_of(DEFAULT, 1234)))
    told = Counter[str]()
    for at in range(len(intact)):
        for byte in b'A9!=" ':
            if byte != intact[at]:
                found = scan(DEFAULT, changed(intact, at, byte) + b'","type":1')
                (number,) = found.damaged

                assert not found.sequences
                assert number in {None, 1234}

                told["right" if number == 1234 else "nobody's"] += 1

    assert told["right"] >= 0.96 * told.total()


# Content of the kinds whose stamp stands in a tag.


def envelope_of(kind: Kind) -> Envelope:
    """Return message 5 of a plan of one kind, as the writer makes it."""
    raw = Encoder(RUN, plan_of(100, 1, kind)).messages(
        Span(first=5, count=1), 0, SENT_NS
    )
    (envelope,) = EnvelopeBatch.FromString(raw).batch
    return envelope


def found_of(envelope: Envelope) -> Sightings:
    """Return what a reader finds of an envelope."""
    raw = EnvelopeBatch(batch=[envelope]).SerializeToString()
    scanner = Scanner(RUN, plan_of(100, 1).cycle_of)
    return scanner.scan(raw, lambda: contents([raw]))


Change = Callable[[Envelope], object]


def rename(old: str, new: str) -> Change:
    """Return what gives a gauge's metric another name."""

    def change(envelope: Envelope) -> None:
        metrics = envelope.gauge.metrics
        metrics[new].CopyFrom(metrics.pop(old))

    return change


CHANGES: list[tuple[Kind, str, Change]] = [
    (Kind.COUNTER, "delta", lambda e: setattr(e.counter, "delta", 2)),
    (Kind.COUNTER, "name", lambda e: setattr(e.counter, "name", "other")),
    (Kind.COUNTER, "everything", lambda e: e.ClearField("counter")),
    (Kind.GAUGE, "value", lambda e: setattr(e.gauge.metrics["prober"], "value", 5.1)),
    (Kind.GAUGE, "unit", lambda e: setattr(e.gauge.metrics["prober"], "unit", "s")),
    (Kind.GAUGE, "name", rename("prober", "other")),
    (Kind.GAUGE, "everything", lambda e: e.gauge.metrics.clear()),
    (Kind.TIMER, "start", lambda e: setattr(e.timer, "start", e.timer.start + 1)),
    (Kind.TIMER, "stop", lambda e: setattr(e.timer, "stop", e.timer.stop - 1)),
    (Kind.TIMER, "name", lambda e: setattr(e.timer, "name", "other")),
    (Kind.TIMER, "everything", lambda e: e.ClearField("timer")),
    (Kind.EVENT, "body", lambda e: setattr(e.event, "body", e.event.body[:-1])),
    (Kind.EVENT, "title", lambda e: setattr(e.event, "title", "other")),
    (Kind.EVENT, "everything", lambda e: e.ClearField("event")),
]


@pytest.mark.parametrize(
    ("kind", "change"),
    [(kind, change) for kind, _, change in CHANGES],
    ids=[f"{kind.value} {words}" for kind, words, _ in CHANGES],
)
def test_changed_or_missing_content_is_damage(kind: Kind, change: Change) -> None:
    """A stamp that is intact beside content that is not makes the message corrupt."""
    envelope = envelope_of(kind)
    change(envelope)

    assert damaged(5) == found_of(envelope)


@pytest.mark.parametrize("kind", list(Kind))
def test_what_the_path_changes_is_no_damage(kind: Kind) -> None:
    """Added tags, another source and instance, and a new total leave it intact."""
    envelope = envelope_of(kind)
    envelope.source_id, envelope.instance_id = "other", "7"
    envelope.tags["deployment"] = "cf"
    if kind is Kind.COUNTER:
        envelope.counter.total = 41

    expected = Sightings(sequences=array("q", [5]), sent_ns=array("q", [SENT_NS]))

    assert expected == found_of(envelope)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.LOG])
def test_any_damaged_byte_of_a_tag_is_laid_to_the_right_message(kind: Kind) -> None:
    """A stamp in a tag of which one byte is another makes its message corrupt."""
    envelope = envelope_of(kind)
    token = envelope.tags[TAG]
    for at in range(WIDTH):
        for letter in "0aZ ":
            if letter != token[at]:
                envelope.tags[TAG] = token[:at] + letter + token[at + 1 :]

                assert damaged(5) == found_of(envelope), (at, letter)


def test_bytes_that_are_no_envelopes_make_tagged_stamps_damaged() -> None:
    """A batch that cannot be decoded vouches for no content, and raises nothing."""
    raw = (
        b"\xff\xff" + EnvelopeBatch(batch=[envelope_of(Kind.GAUGE)]).SerializeToString()
    )
    scanner = Scanner(RUN, plan_of(100, 1).cycle_of)

    assert damaged(5) == scanner.scan(raw, lambda: contents([raw]))
