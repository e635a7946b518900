"""What fuzzing begins with: bytes as they rightly come, for each target."""

import base64
import gzip
import json
from array import array
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from prober.config import sample
from prober.histogram import Frozen, Histogram
from prober.ingress.envelopes import Encoder
from prober.legs import wire
from prober.plan import Plan
from prober.probe.reading import Sighted
from prober.records import Evidence, Sign, Span
from prober.rpc.dropsonde import events_pb2
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch
from prober.stamp import Mark, Sightings
from prober.store import Waiting
from prober.store.codecs import pack_gaps, pack_latency
from prober.watch import snapshot
from tests.fuzz.targets import PLAN, RUN
from tests.store.words import live

_SENT_NS = 1_795_418_514_123_456_789
_CORPUS = Path(__file__).with_name("corpus")
_DOCUMENT = Path(__file__).parents[2] / "reports" / "examples" / "met" / "report.json"
_INVALID = Path(__file__).parents[1] / "config" / "invalid"


def seeds(target: str) -> list[bytes]:
    """Return what a target begins with, the cases once found among it."""
    made = _MADE.get(target, [])
    kept = sorted((_CORPUS / target).glob("*"))
    return [*made, *(each.read_bytes() for each in kept)]


def _batch(plan: Plan) -> bytes:
    return Encoder(RUN, plan).messages(Span(first=0, count=12), 0, _SENT_NS)


def _aids() -> bytes:
    encoder = Encoder(RUN, PLAN)
    return b"".join(
        encoder.aid(mark, 3, _SENT_NS) for mark in (Mark.PRIMER, Mark.TRAILER)
    )


def _counter() -> bytes:
    envelope = Envelope(
        source_id="doppler", timestamp=_SENT_NS, tags={"direction": "egress"}
    )
    envelope.counter.name, envelope.counter.delta, envelope.counter.total = (
        "dropped",
        1_000,
        9_000,
    )
    return EnvelopeBatch(batch=[envelope]).SerializeToString()


_JSON = (
    b'{"batch":[{"timestamp":"1795418514123456789","source_id":"doppler",'
    b'"tags":{"direction":"egress"},"counter":{"name":"dropped","delta":"1000",'
    b'"total":"9000"}},{"timestamp":"1","source_id":"p","tags":{"prober/1":"x"},'
    b'"gauge":{"metrics":{"cpu":{"unit":"%","value":0.5}}}},{"timestamp":"1",'
    b'"source_id":"p","tags":{},"timer":{"name":"t","start":"1","stop":"2"}}]}'
)


def _log_json() -> bytes:
    payload = EnvelopeBatch.FromString(_batch(PLAN)).batch[0].log.payload
    return b'{"batch":[{"log":{"payload":"%b"}}]}' % base64.b64encode(payload)


def _frame() -> bytes:
    frame = events_pb2.Envelope(
        origin="o", eventType=events_pb2.Envelope.CounterEvent, timestamp=_SENT_NS
    )
    frame.counterEvent.name, frame.counterEvent.delta = "prober", 1
    frame.tags["prober/1"] = "x" * 81
    return frame.SerializeToString()


_GAPS = (Span(first=5, count=3), Span(first=1_000, count=1_000))


def _latency() -> Frozen:
    latency = Histogram()
    latency.add([1, 1_000_000, 5_000_000_000])
    return latency.freeze()


def _leg() -> bytes:
    """Return what a leg tells of two messages that it found."""
    found = Sightings(sequences=array("q", [3, 4]), sent_ns=array("q", [1, 2]))
    sighted = Sighted(
        found=found, each_ns=np.array([5, 6]), first_ns=5, at_ns=6, epoch=1
    )
    return msgspec.msgpack.encode(wire.Found.of(sighted))


_SCENARIO = b"""seed: 7
faults:
- {fault: drop, where: rlp, every: 10, after: 10s}
- {fault: kill, where: router-1, after: 1m, lasts: 5s}
- {fault: step-clock, step: -1h}
- {fault: foreign, rate: 100}
"""


def _document() -> bytes:
    """Return a report of a run, with the three first of its cycles."""
    document = json.loads(_DOCUMENT.read_bytes())
    document["cycles"] = document["cycles"][:3]
    return json.dumps(document).encode()


def _pushed() -> bytes:
    waiting = Waiting(
        results=0, bytes=0, since_ns=None, why="", overflowed=0, refused=0
    )
    return snapshot.frame(
        snapshot.Snapshot(
            at_ns=_SENT_NS,
            daemon="host:1",
            version="0.1.0",
            lives=(live(),),
            neighbours=(),
            silent=(),
            store=waiting,
            metrics="# EOF\n",
        )
    )


def _told_to() -> bytes:
    send = wire.Send(first=0, count=12, cycle=0, at_ns=_SENT_NS)
    return wire.frame(send) + wire.frame(wire.Aid(b"x")) + wire.frame(wire.Flush(1.0))


def _told_by() -> bytes:
    column = (7).to_bytes(8, "little")
    found = wire.Found(
        column, column, column, [1], [2], [None], 1, 1, 2, 1, ((b"dropped", 1),)
    )
    cut = Evidence(sign=Sign.CUT, at_ns=_SENT_NS, epoch=1, detail="gone")
    told: tuple[wire.FromLeg, ...] = (
        wire.Ready(),
        found,
        wire.Known(cut),
        wire.Until(1),
    )
    return b"".join(wire.frame(each) for each in told)


_MADE: Mapping[str, list[bytes]] = {
    "stamps": [_batch(PLAN), _aids(), _log_json()],
    "protobuf": [_batch(PLAN), _aids(), _counter()],
    "sse": [
        b"data: " + _JSON + b"\n\nevent: heartbeat\ndata: 1795418514\n\n",
        b"event: closing\r\ndata: closing due to stream timeout\r\n\r\n: x\n",
    ],
    "gateway_json": [_JSON, _log_json()],
    "dropsonde": [_frame()],
    "configuration": [
        sample().encode(),
        *(each.read_bytes() for each in sorted(_INVALID.glob("*.yaml"))),
    ],
    "token": [
        b'{"exp":1795418514,"scope":["doppler.firehose"]}',
        b'{"exp":1e300,"scope":"logs.admin"}',
    ],
    "stored": [
        *filter(None, (pack_latency(_latency()), pack_gaps(_GAPS))),
        b'{"entries":[],"burning":[]}',
    ],
    "leg": [_leg()],
    "times": [b"2026-07-01T14:02", b"14:00..+90m", b"10m ago", b"now..00:00"],
    "scenario": [
        _SCENARIO,
        b"delay:where=router-1,by=50ms,jitter=10ms,probability=0.5",
        b"restart:where=agent,lasts=1s",
    ],
    "compared": [_document()],
    "pushed": [_pushed()],
    "told": [_told_to(), _told_by()],
    "annotated": [b"deploy v41\"'>ada", b"<script>x</script>]]>=1+1\n\x1b[31m"],
    "export": [_log_json(), gzip.compress(_batch(PLAN), mtime=0), _batch(PLAN)],
}
