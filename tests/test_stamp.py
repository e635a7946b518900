import base64
import dataclasses
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.egress.contents import contents
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch, Log
from prober.stamp import (
    AID_CYCLE,
    MARKER,
    MAX_SIZE,
    RUN_ALPHABET,
    RUN_WIDTH,
    TAG,
    WIDTH,
    Mark,
    Scanner,
    Sightings,
    Stamp,
    content,
    decode,
    encode,
    filler,
    payload,
)

RUN = "k3v9x2m4q7a"
OTHER = "00000000000"
SENT_NS = 1_795_418_514_123_456_789
MESSAGES, CYCLES = 10_000, 100
FIELDS = {  # by the drawing in the module: where a field starts, its separator included
    "marker": (0, 9),
    "run": (9, 12),
    "cycle": (21, 9),
    "sent": (30, 21),
    "mark and size": (51, 9),
    "sequence": (60, 12),
    "check": (72, 9),
}
COUNTED = [Mark.LOG, Mark.COUNTER, Mark.GAUGE, Mark.TIMER, Mark.EVENT]
AIDS = [Mark.PRIMER, Mark.TRAILER]
junk = st.binary(max_size=300)
runs = st.text(RUN_ALPHABET, min_size=RUN_WIDTH, max_size=RUN_WIDTH)
stamps = st.builds(
    Stamp,
    run=runs,
    cycle=st.integers(0, 10**8 - 1),
    sequence=st.integers(0, 10**11 - 1),
    sent_ns=st.integers(0, 2**62),
    mark=st.sampled_from(Mark),
    size=st.integers(0, MAX_SIZE),
)


def cycle_of(sequence: int) -> int | None:
    """Return the cycle of a sequence number in the plan of these tests."""
    each = MESSAGES // CYCLES
    return sequence // each if 0 <= sequence < MESSAGES else None


def stamp_of(
    sequence: int = 1234, mark: Mark = Mark.LOG, /, **changed: object
) -> Stamp:
    """Return the stamp of a message of the plan; of an aid if the mark is one's."""
    stamp = Stamp(
        run=RUN,
        cycle=AID_CYCLE if mark in AIDS else sequence // (MESSAGES // CYCLES),
        sequence=sequence,
        sent_ns=SENT_NS,
        mark=mark,
        size=120,
    )
    return dataclasses.replace(stamp, **changed)  # type: ignore[arg-type]


def scan(raw: bytes) -> Sightings:
    """Scan raw bytes without any tagged content for the run of these tests."""
    return Scanner(RUN, cycle_of).scan(raw)


def received(*stamps: Stamp) -> Sightings:
    """Return what a scan finds of intact messages."""
    return Sightings(
        sequences=array("q", [stamp.sequence for stamp in stamps]),
        sent_ns=array("q", [stamp.sent_ns for stamp in stamps]),
    )


def log(stamp: Stamp, **tags: str) -> Envelope:
    """Return the envelope of a stamped log, as a router passes it on."""
    return Envelope(
        timestamp=stamp.sent_ns,
        source_id="probe",
        tags=tags,
        log=Log(payload=payload(stamp), type=Log.OUT),
    )


# The token itself.


@given(stamps, st.binary(max_size=50))
def test_a_token_tells_what_was_stamped(stamp: Stamp, survives: bytes) -> None:
    """Whatever the fields and the content, decoding gives them back, in 81 bytes."""
    token = encode(stamp, survives)

    assert WIDTH == len(token)
    assert token.isascii()
    assert stamp == decode(token, survives)


@given(stamps, st.binary(max_size=50), st.binary(max_size=50))
def test_a_token_vouches_for_its_content(
    stamp: Stamp, survives: bytes, other: bytes
) -> None:
    """With other content the token is not intact, but for one case in 65,536."""
    token = encode(stamp, survives)
    seeds = [encode(stamp, each) for each in (survives, other)]

    assert (seeds[0] == seeds[1]) == (decode(token, other) is not None)


def test_the_drawn_token_is_the_token_that_is_made() -> None:
    """A person reads in `cf logs` what the documentation draws."""
    stamp = stamp_of(cycle=12, size=100)
    expected = (
        b"prober/1 k3v9x2m4q7a 00000012 01795418514123456789 l0000100 00000001234 "
    )

    assert encode(stamp).startswith(expected)
    assert encode(stamp).endswith(b".")


def test_every_field_can_be_found_inside_base64() -> None:
    """Offsets and widths of all fields are multiples of three, and leave no hole."""
    ends = [start + width for start, width in FIELDS.values()]

    assert [0, *ends] == [*(start for start, _ in FIELDS.values()), WIDTH]
    assert {0} == {n % 3 for field in FIELDS.values() for n in field}


@pytest.mark.parametrize(
    ("field", "changed", "width"),
    [
        ("run", {"run": OTHER}, 11),
        ("cycle", {"cycle": 99_999_998}, 8),
        ("sent", {"sent_ns": 8_888_888_888_888_888_888}, 20),
        ("mark and size", {"mark": Mark.EVENT, "size": 9_999_999}, 8),
        ("sequence", {"sequence": 99_999_999_999}, 11),
    ],
)
def test_a_field_stands_where_it_is_drawn(
    field: str, changed: dict[str, object], width: int
) -> None:
    """Changing one field changes bytes there and in the check, and nowhere else."""
    one, other = encode(stamp_of(0)), encode(stamp_of(0, **changed))
    start, _ = FIELDS[field]
    differing = {at for at in range(WIDTH) if one[at] != other[at]}

    assert differing & set(range(start, start + width))
    assert differing <= {*range(start, start + width), *range(72, 80)}


@given(st.integers(0, 400))
def test_a_log_s_payload_has_the_size_it_names(size: int) -> None:
    """Token and filler make up the size, and no payload is shorter than a token."""
    stamp = stamp_of(size=size)

    assert max(size, WIDTH) == len(payload(stamp))
    assert encode(stamp) == payload(stamp)[:WIDTH]
    assert filler(500).startswith(payload(stamp)[WIDTH:])


@given(st.lists(st.text() | st.integers() | st.floats(allow_nan=False)))
def test_content_is_the_same_for_the_same_facts(facts: list[str | float]) -> None:
    """Writer and reader who name the same facts in the same order agree."""
    assert content(*facts) == content(*facts)


def test_content_keeps_facts_and_their_order_apart() -> None:
    """Facts in another order, or cut elsewhere, are other content."""
    contents = [content("a", "b"), content("b", "a"), content("ab"), content("a", "b ")]

    assert 4 == len(set(contents))


@given(junk)
def test_what_is_no_token_decodes_to_nothing(raw: bytes) -> None:
    """Bytes that are no token are told as such, and raise nothing."""
    assert decode(raw) is None
    assert decode(raw[:WIDTH].ljust(WIDTH, b"0")) is None


def test_a_time_that_no_sum_can_hold_is_no_token() -> None:
    """A sending time of 64 bits or more is nobody's, though its check be right."""
    assert decode(encode(stamp_of(sent_ns=9 * 10**18))) is None
    assert decode(encode(stamp_of(sent_ns=10**20 - 1))) is None


# Found in raw bytes.


@given(st.lists(st.tuples(junk, st.integers(0, MESSAGES - 1)), max_size=5), junk)
def test_stamps_are_found_amid_junk(
    messages: list[tuple[bytes, int]], tail: bytes
) -> None:
    """Every payload in raw bytes is found, in order, whatever stands between them."""
    stamps = [stamp_of(sequence) for _, sequence in messages]
    parts = [before + payload(stamp_of(sequence)) for before, sequence in messages]

    assert received(*stamps) == scan(b"".join(parts) + tail)


@given(
    st.lists(
        st.tuples(st.integers(0, MESSAGES - 1), st.integers(0, 300)),
        max_size=5,
    )
)
def test_stamps_are_found_in_base64(messages: list[tuple[int, int]]) -> None:
    """A payload of any size, encoded by itself as JSON gateways do it, is found."""
    stamps = [stamp_of(sequence, size=size) for sequence, size in messages]
    lines = [base64.b64encode(payload(stamp)) for stamp in stamps]
    raw = b'{"payload":"%b"}\n'

    assert received(*stamps) == scan(b"".join(raw % line for line in lines))


@given(
    st.lists(st.sampled_from(COUNTED), min_size=1, max_size=5), st.permutations("abcd")
)
def test_stamps_are_found_in_envelopes(marks: list[Mark], names: list[str]) -> None:
    """All kinds are found in a real batch, whatever tags stand around the stamp's."""
    stamps = [stamp_of(sequence, mark) for sequence, mark in enumerate(marks)]
    batch = EnvelopeBatch()
    for stamp in stamps:
        token = encode(stamp, content("counter", "prober", 1)).decode()
        envelope = log(stamp) if stamp.mark is Mark.LOG else Envelope()
        if stamp.mark is not Mark.LOG:
            envelope.counter.name, envelope.counter.delta = "prober", 1
        for name in [*names[:2], TAG, *names[2:]]:
            if name != TAG:
                envelope.tags[name] = "prober/ 00000"
            elif stamp.mark is not Mark.LOG:
                envelope.tags[TAG] = token
        batch.batch.append(envelope)
    raw = batch.SerializeToString()

    assert received(*stamps) == Scanner(RUN, cycle_of).scan(
        raw, lambda: contents([raw])
    )


def test_content_is_asked_for_only_where_a_tag_needs_it() -> None:
    """Bytes without a tagged stamp are never decoded, and others once."""
    asked = []
    scanner = Scanner(RUN, cycle_of)

    def survivors() -> dict[bytes, bytes]:
        asked.append(True)
        return {}

    scanner.scan(payload(stamp_of()), survivors)

    assert [] == asked

    scanner.scan(2 * encode(stamp_of(mark=Mark.EVENT)), survivors)

    assert [True] == asked


@pytest.mark.parametrize("mark", AIDS)
def test_aids_are_told_apart_from_messages(mark: Mark) -> None:
    """A primer is found as a primer, a trailer as a trailer, neither as a message."""
    found = scan(payload(stamp_of(7, mark)))
    expected = Sightings(
        primers=[7] if mark is Mark.PRIMER else [],
        trailers=[7] if mark is Mark.TRAILER else [],
    )

    assert expected == found


@given(runs.filter(lambda run: run != RUN), st.sampled_from([Mark.LOG, *AIDS]))
def test_another_run_s_stamps_are_counted_beside(run: str, mark: Mark) -> None:
    """Intact stamps of another run, however near its name, are counted as such."""
    stamp = stamp_of(7, mark, run=run)
    raw = payload(stamp) + base64.b64encode(payload(stamp))

    assert Sightings(other_runs=2) == scan(raw)


# Lookalikes.


@given(junk)
def test_a_marker_with_anything_behind_it_is_not_ours(raw: bytes) -> None:
    """A foreign log that begins like a stamp is passed over, also at the very end."""
    assert Sightings() == scan(MARKER + raw)
    assert Sightings() == scan(base64.b64encode(MARKER + raw))


@given(st.integers(0, WIDTH - 1), junk)
def test_a_damaged_stamp_of_another_run_is_not_ours(cut: int, raw: bytes) -> None:
    """What is left of another run's stamp counts for nothing."""
    assert Sightings() == scan(encode(stamp_of(run=OTHER))[:cut] + raw)


@given(st.binary(max_size=8), junk)
def test_the_run_s_name_alone_is_not_a_stamp(before: bytes, after: bytes) -> None:
    """A foreign log that names the run, as a job that runs us may, is passed over."""
    raw = before + f"started {RUN} ".encode() + after

    assert Sightings() == scan(b"id of the run: " + raw)


@pytest.mark.parametrize("shown", range(len(MARKER) + 8))
def test_a_stamp_cut_off_at_the_end_is_not_ours(shown: int) -> None:
    """A marker at the end of the bytes, too little behind it, is passed over."""
    assert Sightings() == scan(b"x" * 50 + payload(stamp_of())[:shown])


def test_a_marker_before_a_stamp_does_not_hide_it() -> None:
    """Markers in front of, or just before, an intact stamp are passed over."""
    raw = payload(stamp_of())
    nested = [MARKER + raw, MARKER * 5 + raw, b"prober/" + raw, MARKER[:5] + raw]

    assert received(*[stamp_of()] * 4) == scan(b"".join(nested))


def test_many_lookalikes_cost_little() -> None:
    """Of a thousand markers none asks for any cycle: no number is tried for them."""
    asked: list[int] = []
    scanner = Scanner(RUN, asked.append)
    scanner.scan(b"".join(MARKER + b"%011d some text" % n for n in range(1000)))

    assert [] == asked


def test_a_damaged_stamp_costs_a_bounded_number_of_trials() -> None:
    """However it is damaged, no more than some two hundred numbers are tried."""
    asked: list[int] = []

    def every(sequence: int) -> int:
        asked.append(sequence)
        return 0

    raw = payload(stamp_of()).replace(b" 01795", b" 02795")
    Scanner(RUN, every).scan(raw)

    assert len(asked) < 200


# Many at once.


@settings(deadline=None)
@given(st.lists(st.integers(0, MESSAGES - 1), max_size=300))
def test_a_batch_of_many_is_found_in_order(sequences: list[int]) -> None:
    """Three hundred envelopes in one batch give their numbers in the batch's order."""
    stamps = [stamp_of(sequence) for sequence in sequences]
    batch = EnvelopeBatch(batch=[log(each, origin="doppler") for each in stamps])

    assert received(*stamps) == scan(batch.SerializeToString())
