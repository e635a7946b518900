"""What a null pipeline gives out is what a real one makes of the same messages."""

import json
from collections.abc import Callable

import pytest

from prober.ingress.envelopes import Encoder
from prober.pipeline import replay
from prober.pipeline.dropsonde import convert
from prober.pipeline.protojson import batch_json
from prober.records import Span
from prober.rpc.dropsonde import events_pb2
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch
from prober.stamp import Mark, Scanner
from tests.benchmarks.races import RUN, SENT_NS, plan_of

SPAN = Span(first=950, count=100)  # a batch whose stamps change their thousand


def sent(size: int = 100) -> tuple[bytes, list[Envelope]]:
    """A batch as our writer sends it, and what is in it."""
    encoder = Encoder(RUN, plan_of(sizes=(size, size)))
    raw = encoder.messages(SPAN, 0, SENT_NS)
    return raw, list(EnvelopeBatch.FromString(raw).batch)


def with_tags(envelope: Envelope) -> Envelope:
    """The same with what agents and routers add."""
    for name, text in replay.TAGS.items():
        envelope.tags[name] = text
    return envelope


@pytest.mark.parametrize("size", [81, 82, 83, 100, 2000])
def test_an_rlp_gives_out_the_same_with_tags(size: int) -> None:
    """Parsed by protobuf, nothing differs from a pipeline that parses."""
    raw, envelopes = sent(size)

    came = EnvelopeBatch.FromString(replay.tagged()(raw)).batch

    assert [with_tags(each) for each in envelopes] == list(came)


def test_tags_come_in_many_orders() -> None:
    """As Go writes maps: neither offsets nor strides can be relied on."""
    raw, _ = sent()
    out = replay.tagged()(raw)
    width = len(out) // SPAN.count

    places = {out.index(b"deployment", n * width) % width for n in range(SPAN.count)}

    assert 4 < len(places)


@pytest.mark.parametrize("size", [81, 82, 83, 100, 2000])
def test_a_gateway_gives_out_the_same_as_json(size: int) -> None:
    """The event's data is what protojson makes of the same envelopes."""
    raw, envelopes = sent(size)

    event = replay.events()(raw)

    assert (b"data: ", b"\n\n") == (event[:6], event[-2:])
    batch = EnvelopeBatch(batch=[with_tags(each) for each in envelopes])
    assert json.loads(batch_json(batch)) == json.loads(event[6:])


@pytest.mark.parametrize("size", [100, 2000])
def test_a_traffic_controller_gives_out_a_frame_each(size: int) -> None:
    """Each frame is unmasked, binary, and holds what version 1 makes of an envelope."""
    raw, envelopes = sent(size)

    out, came = replay.frames()(raw), []
    while out:
        length = int.from_bytes(out[2:4], "big")
        assert b"\x82\x7e" == out[:2]
        came.append(out[4 : 4 + length])
        out = out[4 + length :]

    expected = [convert(with_tags(each))[0].raw for each in envelopes]
    assert list(map(_plain, expected)) == list(map(_plain, came))


def _plain(raw: bytes) -> str:
    return str(events_pb2.Envelope.FromString(raw))


@pytest.mark.parametrize("make", [replay.tagged, replay.events, replay.frames])
def test_aids_and_messages_are_found(make: Callable[[], replay.Shape]) -> None:
    """Primers pass the same moulds beside messages, in any order and again."""
    plan = plan_of()
    encoder, scanner, shape = Encoder(RUN, plan), Scanner(RUN, plan.cycle_of), make()

    for number in range(3):
        primer = encoder.aid(Mark.PRIMER, number, SENT_NS)
        batch = encoder.messages(SPAN, 0, SENT_NS)
        assert [number] == scanner.scan(shape(primer)).primers
        found = scanner.scan(shape(batch))
        assert list(range(SPAN.first, SPAN.end)) == list(found.sequences)
        assert not found.damaged
