"""The bulk scan finds what a scan of one token after the other finds, and no more."""

import base64
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.egress.contents import contents
from prober.ingress.envelopes import Encoder
from prober.plan import Plan, Sizes
from prober.records import Kind, Span
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch
from prober.stamp import MARKER, WIDTH, Mark, Scanner, Sightings
from tests.stamp.slow import scan as slow_scan

RUN, OTHER = "k3v9x2m4q7a", "k3v9x2m4q7b"
SENT_NS = 1_795_418_514_123_456_789
TAGS = {
    "deployment": "cf",
    "job": "router/prober/1 ",
    "index": "4b3c1a1e-2b7e",
    "prober/1": RUN,
    "origin": f"gorouter {RUN} ",
}


def plan_of(messages: int, sizes: Sizes, kinds: tuple[Kind, ...]) -> Plan:
    """Return a plan of which every three hundred messages are a cycle."""
    return Plan(
        messages=messages,
        cycles=max(1, messages // 300),
        rate=None,
        sizes=sizes,
        kinds=kinds,
        source_id="probe",
        seed=7,
    )


def both(plan: Plan, raw: bytes, until: int | None = None) -> Sightings:
    """Scan in bulk and one by one, and return what both found."""
    survivors = contents(raw.split(BETWEEN)) if BETWEEN in raw else contents([raw])
    expected = slow_scan(RUN, plan.cycle_of, raw, lambda: survivors, until)
    found = Scanner(RUN, plan.cycle_of).scan(raw, lambda: survivors, until=until)

    assert expected == found
    assert (expected.places, expected.ends) == (found.places, found.ends)
    return found


BETWEEN = b"\n\n\n\n"
"""Between the batches of these tests, which have to be told apart again."""


class Stream:
    """Envelopes of a plan as they may come out of a pipeline, by seeded chance."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self._plan = plan
        self._rng = random.Random(seed)  # noqa: S311 - nothing secret
        self.envelopes: list[Envelope] = []
        for first in range(0, plan.messages, 100):
            run = OTHER if self._rng.random() < 0.1 else RUN
            span = Span(first=first, count=min(100, plan.messages - first))
            raw = Encoder(run, plan).messages(
                span, plan.cycle_of(first) or 0, SENT_NS + first
            )
            self.envelopes += EnvelopeBatch.FromString(raw).batch
        self.envelopes += self._aids()

    def _aids(self) -> list[Envelope]:
        encoder = Encoder(RUN, self._plan)
        raw = b"".join(encoder.aid(m, 3, SENT_NS) for m in (Mark.PRIMER, Mark.TRAILER))
        return list(EnvelopeBatch.FromString(raw).batch)

    def disturb(self) -> None:
        """Lose some, double some, exchange some, and mix lookalikes in."""
        rng = self._rng
        kept = [each for each in self.envelopes if rng.random() > 0.05]
        kept += [each for each in kept if rng.random() < 0.05]
        for _ in range(len(kept) // 10):
            one, other = rng.randrange(len(kept)), rng.randrange(len(kept))
            kept[one], kept[other] = kept[other], kept[one]
        for _ in range(len(kept) // 20):
            foreign = Envelope(source_id="prober/1 ", timestamp=1)
            foreign.log.payload = rng.choice([MARKER, b"prober", f"{RUN} ".encode()])
            kept.insert(rng.randrange(len(kept)), foreign)
        self.envelopes = kept

    def tag(self) -> None:
        """Add tags in any order, as routers do, some of them deprecated."""
        for envelope in self.envelopes:
            names = list(TAGS)
            self._rng.shuffle(names)
            for name in names[: self._rng.randrange(len(names) + 1)]:
                if self._rng.random() < 0.2:
                    envelope.deprecated_tags[name].text = TAGS[name]
                else:
                    envelope.tags[name] = TAGS[name]

    def protobuf(self) -> bytes:
        """Return all as batches of any length, with fields that nobody knows."""
        batches, rest = [], self.envelopes
        while rest:
            length = self._rng.randint(1, 100)
            batches.append(EnvelopeBatch(batch=rest[:length]).SerializeToString())
            rest = rest[length:]
        unknown = b"\xfa\x01\x09prober/1 "  # field 31 of a batch: bytes
        return BETWEEN.join(batch + unknown for batch in batches)

    def json(self) -> bytes:
        """Return all as lines with payloads in base64."""
        line = b'{"source_id":"probe","log":{"payload":"%b","type":"OUT"}}\n'
        logs = [each.log.payload for each in self.envelopes if each.log.payload]
        return b"".join(line % base64.b64encode(each) for each in logs)

    def corrupt(self, raw: bytes, places: int) -> bytes:
        """Return bytes of which a few are others."""
        damaged = bytearray(raw)
        for _ in range(places):
            damaged[self._rng.randrange(len(raw))] = self._rng.randrange(256)
        return bytes(damaged)


sizes = st.sampled_from(
    [Sizes(low=100, high=100), Sizes(low=81, high=81), Sizes(low=81, high=400)]
)
mixtures = st.sampled_from([(Kind.LOG,), (Kind.LOG, Kind.COUNTER), tuple(Kind)])


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 350),
    sizes,
    mixtures,
    st.integers(0, 2**32),
    st.sampled_from([0, 3, 100]),
)
def test_any_stream_is_found_alike(
    messages: int, size: Sizes, kinds: tuple[Kind, ...], seed: int, places: int
) -> None:
    """Losses, doubles, disorder, lookalikes, tags, damage: both scans agree exactly."""
    plan = plan_of(messages, size, kinds)
    stream = Stream(plan, seed)
    stream.disturb()
    stream.tag()
    for wrap in (stream.protobuf, stream.json):
        raw = wrap()
        if raw:
            both(plan, stream.corrupt(raw, places), until=seed % (2 * len(raw)))
            both(plan, stream.corrupt(raw, places))


@pytest.mark.parametrize("wrap", [Stream.protobuf, Stream.json], ids=["plain", "json"])
def test_cut_at_every_byte(wrap: Callable[[Stream], bytes]) -> None:
    """Wherever bytes end or begin, both scans find the same of what is left."""
    plan = plan_of(2, Sizes(low=100, high=100), (Kind.LOG,))
    raw = wrap(Stream(plan, 1))
    for at in range(len(raw)):
        both(plan, raw[:at])
        both(plan, raw[at:])


@pytest.mark.parametrize("wrap", [Stream.protobuf, Stream.json], ids=["plain", "json"])
def test_every_byte_damaged(wrap: Callable[[Stream], bytes]) -> None:
    """Whatever byte is another, among intact messages, both scans tell the same."""
    plan = plan_of(2, Sizes(low=100, high=100), (Kind.LOG,))
    raw = wrap(Stream(plan, 1))
    for at in range(len(raw)):
        for byte in b"\x001z":
            both(plan, raw[:at] + bytes([byte]) + raw[at + 1 :])


@given(st.binary(max_size=400), st.integers(0, WIDTH), st.integers(0, WIDTH))
def test_pieces_of_tokens_amid_anything(junk: bytes, one: int, other: int) -> None:
    """Marker, run and what is cut out of a token, side by side, are found alike."""
    plan = plan_of(4, Sizes(low=100, high=100), (Kind.LOG,))
    raw = Encoder(RUN, plan).messages(Span(first=0, count=1), 0, SENT_NS)
    at = raw.index(MARKER)
    token = raw[at : at + WIDTH]

    both(plan, token[one:] + junk + token[:other] + token + token[one:other] + token)


@pytest.mark.parametrize("run", ["0" * 11, "z" * 11, "prober1prob", "00000000001"])
def test_runs_that_repeat_themselves(run: str) -> None:
    """A run's name of one letter, or one like the marker, is found once a token."""
    plan = plan_of(30, Sizes(low=100, high=100), (Kind.LOG,))
    raw = Encoder(run, plan).messages(Span(first=0, count=30), 0, SENT_NS)
    for text in (raw, raw.replace(MARKER, b"prober/2 ")):
        found = Scanner(run, plan.cycle_of).scan(text)

        assert slow_scan(run, plan.cycle_of, text) == found
        assert 30 == len(found.sequences) + len(found.damaged)


@pytest.mark.parametrize("places", [0, 200])
def test_complete_disorder(places: int) -> None:
    """Thousands of tokens none of which is like the one before are read alike."""
    plan = plan_of(5_000, Sizes(low=100, high=100), (Kind.LOG,))
    stream = Stream(plan, 3)
    random.Random(3).shuffle(stream.envelopes)  # noqa: S311 - nothing secret
    found = both(plan, stream.corrupt(stream.protobuf(), places))

    assert len(found.sequences) > 4_000


def test_a_place_for_each() -> None:
    """Each intact message is told with the place where its stamp starts."""
    plan = plan_of(250, Sizes(low=100, high=100), (Kind.LOG,))
    raw = Stream(plan, 2).protobuf()
    found = both(plan, raw)

    assert {MARKER} == {raw[at : at + len(MARKER)] for at in found.places}
    assert len(found.sequences) == len(found.places)


def compare(messages: int) -> int:
    """Compare both scans on some tens of thousands at a time; return how many came."""
    found = 0
    for first in range(0, messages, 20_000):
        plan = plan_of(20_000, Sizes(low=100, high=100), (Kind.LOG,))
        stream = Stream(plan, first)
        stream.disturb()
        stream.tag()
        found += len(both(plan, stream.corrupt(stream.protobuf(), 200)).sequences)
    return found


def test_twenty_thousand_messages() -> None:
    """Many messages, some lost, doubled, exchanged and damaged: all agree.

    `python -m tests.benchmarks --million` compares a million, for some minutes.
    """
    assert compare(20_000) > 16_000
