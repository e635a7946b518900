"""What is fuzzed: everything that reads bytes from outside, and what must hold of it.

A target takes any bytes. It fails by an assertion, or by any error that is not one of
those its subject is documented to raise.
"""

import asyncio
import base64
import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from prober.cli import moments
from prober.config import load
from prober.egress import contents, contents_json, contents_v1, platform, tokens
from prober.egress.export import sightings
from prober.egress.sse import Events, EventTooLarge
from prober.errors import InternalError, UsageError
from prober.histogram import Histogram
from prober.history import Annotation, Live
from prober.legs import wire
from prober.plan import Plan, Sizes
from prober.probe.groups import Group
from prober.probe.proving import Proof
from prober.records import Arrival, Kind, PlanFacts
from prober.stamp import Scanner, Sightings
from prober.store import codecs
from prober.watch.alerts.keeper import State
from tests.fuzz import documents
from tests.stamp.slow import scan as slow_scan

RUN = "k3v9x2m4q7a"
PLAN = Plan(
    messages=3_000,
    cycles=10,
    rate=None,
    sizes=Sizes(low=81, high=100),
    kinds=tuple(Kind),
    source_id="probe",
    seed=7,
)
NOW_NS = 1_795_418_514 * 1_000_000_000
MOST_FOUND = 1 << 16
"""Nothing of what is fuzzed is so long that more than this could be in it."""


def stamps(data: bytes) -> None:
    """The bulk scan finds what a scan of one token after the other finds."""
    expected = slow_scan(RUN, PLAN.cycle_of, data)
    found = Scanner(RUN, PLAN.cycle_of).scan(data)

    assert expected == found
    assert (expected.places, expected.ends) == (found.places, found.ends)
    assert len(found.sequences) == len(set(found.places))


def protobuf(data: bytes) -> None:
    """A batch of envelopes is looked into without an error, whatever it is."""
    survivors = contents.contents([data])
    found = Scanner(RUN, PLAN.cycle_of).scan(data, lambda: survivors)

    assert slow_scan(RUN, PLAN.cycle_of, data, lambda: survivors) == found
    _readings(platform.readings(_arrival(data)))
    _proven("rlp", data, found)


def sse(data: bytes) -> None:
    """Events are the same, however the bytes of a body are cut into chunks."""
    try:
        whole = Events().feed(data)
        events, pieces = Events(), []
        width = 1 + sum(data[:2]) % 97
        for at in range(0, len(data), width):
            pieces += events.feed(data[at : at + width])
    except EventTooLarge:
        return

    assert whole == pieces


def gateway_json(data: bytes) -> None:
    """What an RLP gateway sends is looked into without an error, whatever it is."""
    survivors = contents_json.contents([data])
    assert len(survivors) <= MOST_FOUND
    _readings(platform.readings_json(_arrival(data)))
    _proven(
        "rlp gateway",
        data,
        Scanner(RUN, PLAN.cycle_of).scan(data, lambda: survivors),
    )


def dropsonde(data: bytes) -> None:
    """A frame of version 1 is looked into without an error, whatever it is."""
    survivors = contents_v1.contents([data])
    found = Scanner(RUN, PLAN.cycle_of).scan(data, lambda: survivors)

    assert slow_scan(RUN, PLAN.cycle_of, data, lambda: survivors) == found
    _proven("v1 firehose", data, found)


def _proven(transport: str, data: bytes, found: Sightings) -> None:
    """What a parse does not confirm came damaged: nothing is lost or added by that."""
    before = sorted(found.sequences), len(found.damaged)
    Proof(transport, every=1).hold(Group((_arrival(data),)), found)
    taken_back = found.damaged[before[1] :]

    assert sorted([*found.sequences, *(each or 0 for each in taken_back)]) == before[0]
    assert len(found.places) == len(found.sequences)


def configuration(data: bytes) -> None:
    """A file is a configuration, or refused with its mistakes, a line each."""
    words = _refusal(data)

    assert "planted-secret" not in words
    assert all(line.isprintable() for line in words.split("\n"))


def _refusal(data: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "prober.yaml")
        file.write_bytes(data)
        try:
            load(file, environ={"SECRET": "planted-secret"})
        except UsageError as error:
            return str(error)
    return ""


def export(data: bytes) -> None:
    """An export is searched piece by piece, and gives what the whole of it gives."""
    scanner = Scanner(RUN, PLAN.cycle_of)
    try:
        found = _summed(sightings(io.BytesIO(data), "export", scanner, 100))
    except UsageError:
        return
    if not data.startswith((b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff")):
        text = data.replace(b"\\/", b"/") if b"\\\\" not in data else None
        if text is not None:
            assert scanner.scan(text).sequences.tolist() == found


def token(data: bytes) -> None:
    """A token tells what it tells of itself, or nothing, whatever it is."""
    claims = tokens._claims(f"e30.{base64.urlsafe_b64encode(data).decode()}.e30")

    assert claims.expires_ns is None or 0 <= claims.expires_ns < 1 << 67
    tokens._claims(data.decode(errors="replace"))


def stored(data: bytes) -> None:
    """What stands in a history is read and used, or refused, whatever it is."""
    with contextlib.suppress(ValueError):
        latency = Histogram.thaw(codecs.unpack_latency(data))
        assert latency.quantile(0.99) is None or latency.count > 0
    with contextlib.suppress(ValueError):
        gaps = codecs.unpack_gaps(data)
        assert all(gap.count > 0 <= gap.first for gap in gaps)
        assert len(gaps) <= MOST_FOUND
    with contextlib.suppress(ValueError):
        assert len(codecs.unpack_platform(data)) <= MOST_FOUND
    for kind in (Live, State, Annotation, PlanFacts):
        with contextlib.suppress(ValueError):
            codecs.from_document(data.decode(errors="surrogateescape"), kind)


def leg(data: bytes) -> None:
    """What a leg tells is taken in, or refused in one sentence, whatever it is."""

    async def take_in() -> None:
        stream = asyncio.StreamReader()
        stream.feed_data(wire.framed(data))
        stream.feed_eof()
        async for told in wire.from_leg(stream):
            if isinstance(told, wire.Found):
                sighted = told.sighted()
                assert len(sighted.each_ns) == len(sighted.found.sequences)

    with contextlib.suppress(InternalError):
        asyncio.run(take_in())


def times(data: bytes) -> None:
    """A time that somebody writes is one, or refused in one sentence."""
    text = data.decode(errors="replace")
    for read in (moments.moment, moments.since, moments.span):
        try:
            found = read(text, NOW_NS)
        except UsageError:
            continue
        first, last = found if isinstance(found, tuple) else (0, found)
        assert 0 <= first <= last < 1 << 63


def _summed(pieces: Iterator[Sightings]) -> list[int]:
    return [sequence for piece in pieces for sequence in piece.sequences]


def _arrival(data: bytes) -> Arrival:
    return Arrival(batches=(data,), at_ns=1, epoch=1)


def _readings(found: Iterator[object]) -> None:
    assert len(list(found)) <= MOST_FOUND


Target = Callable[[bytes], None]
TARGETS: Mapping[str, Target] = {
    "stamps": stamps,
    "protobuf": protobuf,
    "sse": sse,
    "gateway_json": gateway_json,
    "dropsonde": dropsonde,
    "configuration": configuration,
    "export": export,
    "token": token,
    "stored": stored,
    "leg": leg,
    "times": times,
    "scenario": documents.scenario,
    "compared": documents.compared,
    "pushed": documents.pushed,
    "told": documents.told,
    "annotated": documents.annotated,
}
