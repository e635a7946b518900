"""What our writer sends, in the shape in which it comes out: for a null pipeline.

A real RLP parses every envelope, adds what its agent and router know, and serialises
it anew. That is too slow for a pipeline that must never be the bottleneck, so here it
is done to whole batches: protobuf makes one envelope of each shape, as a mould; the
envelopes of a batch, which are equally wide, are a table of bytes, and the columns that
differ from one to the next, time and payload, are pressed into the mould:

    in     0a c7 01 | 08 9595…18 12 06 prober … 22 66 0a 64 prober/1 … | … 100 rows
                         time                            payload
    RLP    0a c5 02 | all of it                        | 4a 0c 0a … eight tags
    JSON   {"timestamp":" time ", … "payload":" base64 of the payload ","type":"OUT"}}
    v1     08 05 10 | time | 1a … 0a | payload | … 20 | time | …   one frame each
"""

import base64
import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prober.pipeline.dropsonde import convert
from prober.pipeline.protojson import batch_json
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch
from prober.stamp import MARKER

TAGS: Mapping[str, str] = {
    # As agents and routers add them: a real envelope has about as many bytes of them.
    "deployment": "cf",
    "job": "diego-cell",
    "index": "4b3c1a1e-2b7e-4b1a-9a0e-1b2c3d4e5f60",
    "ip": "10.0.16.14",
    "origin": "rep",
    "source_type": "APP/PROC/WEB",
    "instance_group": "diego-cell",
    "__v1_type": "LogMessage",
}
_ORDERS = 64
"""How many orders of the tags there are: Go writes a map in another one each time."""
_TIME = 9
"""Bytes of a time as a varint, from 1972 until 2262."""
_BEFORE_TIME = 1
_DECIMALS = slice(31, 50)
"""Where a payload tells its time in nineteen digits, within its stamp."""
_SAMPLE_NS, _SAMPLE_TIME = 1 << 56, b"\x80" * 8 + b"\x01"

Rows = NDArray[np.uint8]
Shape = Callable[[bytes], bytes]
"""Turns a batch of equally wide envelopes, as sent, into the bytes that come out."""


def tagged() -> Shape:
    """Return what turns batches into those of an RLP."""
    orders = [_tags(order) for order in _orders()]
    extra = np.array([list(each) for each in orders], dtype=np.uint8)

    def shape(raw: bytes) -> bytes:
        batch = _Batch.of(raw)
        body = batch.rows[:, batch.head :]
        width = body.shape[1] + extra.shape[1]
        turns = np.arange(len(body)) % _ORDERS
        return _side_by_side(_row(b"\x0a" + _varint(width)), body, extra[turns])

    return shape


def events() -> Shape:
    """Return what turns batches into the server-sent events of an RLP gateway."""

    def make(envelope: Envelope, payload: bytes, order: Sequence[str]) -> list[bytes]:
        text = base64.b64encode(payload)
        return _cut(_event(envelope, order), str(_SAMPLE_NS).encode(), text)

    moulds = _Moulds(make)

    def shape(raw: bytes) -> bytes:
        batch = _Batch.of(raw)
        begin, between, end = moulds.next(batch)
        payloads = batch.payloads()
        times = payloads[:, _DECIMALS]  # the stamp tells the time as text does
        rows = _side_by_side(begin, times, between, _base64(payloads), end)
        return b'data: {"batch":[' + rows[:-1] + b"]}\n\n"

    return shape


def frames() -> Shape:
    """Return what turns batches into websocket frames of a traffic controller."""

    def make(envelope: Envelope, payload: bytes, order: Sequence[str]) -> list[bytes]:
        return _cut(_frame(envelope, order), _SAMPLE_TIME, payload, _SAMPLE_TIME)

    moulds = _Moulds(make)

    def shape(raw: bytes) -> bytes:
        batch = _Batch.of(raw)
        begin, before, behind, end = moulds.next(batch)
        times = batch.times()
        return _side_by_side(begin, times, before, batch.payloads(), behind, times, end)

    return shape


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch as a table: a row an envelope, of which the first bytes are a head."""

    raw: bytes
    rows: Rows
    head: int

    @classmethod
    def of(cls, raw: bytes) -> "_Batch":
        """Return the table; all envelopes have to be equally wide, as we send them."""
        length, at, shift = 0, 1, 0
        while True:
            length |= (raw[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if raw[at - 1] < 0x80:  # noqa: PLR2004 - a varint's last byte
                break
        rows = np.frombuffer(raw, dtype=np.uint8).reshape(-1, at + length)
        assert (rows[:, :at] == rows[0, :at]).all()  # noqa: S101 - as we send them
        return cls(raw, rows, at)

    @property
    def width(self) -> int:
        return int(self.rows.shape[1])

    def first(self) -> Envelope:
        return Envelope.FromString(self.raw[self.head : self.width])

    def times(self) -> Rows:
        at = self.head + _BEFORE_TIME
        return self.rows[:, at : at + _TIME]

    def payloads(self) -> Rows:
        at = self.raw.index(MARKER)
        behind = len(self.first().log.payload)
        return self.rows[:, at : at + behind]


class _Moulds:
    """What envelopes are pressed into, one in each order of tags, for each width."""

    def __init__(
        self, make: Callable[[Envelope, bytes, Sequence[str]], list[bytes]]
    ) -> None:
        self._make = make
        self._made: dict[int, Iterator[list[Rows]]] = {}

    def next(self, batch: _Batch) -> list[Rows]:
        """Return a mould that fits a batch, as rows of one."""
        if batch.width not in self._made:
            envelope = batch.first()
            envelope.timestamp = _SAMPLE_NS
            made = [
                self._make(envelope, envelope.log.payload, order) for order in _orders()
            ]
            self._made[batch.width] = itertools.cycle(
                [[_row(part) for part in mould] for mould in made]
            )
        return next(self._made[batch.width])


def _base64(payloads: Rows) -> Rows:
    """Return the payloads in base64, in bulk: three bytes make four, padded at last."""
    count, width = payloads.shape
    whole = width - width % 3
    text = base64.b64encode(payloads[:, :whole].tobytes())
    columns = [np.frombuffer(text, dtype=np.uint8).reshape(count, -1)]
    if whole < width:
        tails = (base64.b64encode(row.tobytes()) for row in payloads[:, whole:])
        tail = np.frombuffer(b"".join(tails), dtype=np.uint8)
        columns.append(tail.reshape(count, -1))
    return np.concatenate(columns, axis=1)


def _side_by_side(*columns: Rows) -> bytes:
    """Return rows made of columns; what is but one row is repeated for each."""
    count = max(len(each) for each in columns if each.ndim > 1)
    full = [
        each if each.ndim > 1 else np.broadcast_to(each, (count, len(each)))
        for each in columns
    ]
    return np.concatenate(full, axis=1).tobytes()


def _row(text: bytes) -> Rows:
    return np.frombuffer(text, dtype=np.uint8)


def _orders() -> list[Sequence[str]]:
    rng = random.Random(1)
    return [rng.sample(list(TAGS), len(TAGS)) for _ in range(_ORDERS)]


def _with_tags(envelope: Envelope, order: Sequence[str]) -> Envelope:
    full = Envelope()
    full.CopyFrom(envelope)
    for name in order:
        full.tags[name] = TAGS[name]
    return full


def _tags(order: Sequence[str]) -> bytes:
    """Return tags as they stand in an envelope, in an order."""
    each = (Envelope(tags={name: TAGS[name]}) for name in order)
    return b"".join(envelope.SerializeToString() for envelope in each)


def _event(envelope: Envelope, order: Sequence[str]) -> bytes:
    batch = EnvelopeBatch(batch=[_with_tags(envelope, order)])
    return (
        batch_json(batch).encode().removeprefix(b'{"batch":[').removesuffix(b"]}")
        + b","
    )


def _frame(envelope: Envelope, order: Sequence[str]) -> bytes:
    """Return an envelope of version 1 in a binary frame, which no server masks."""
    [item] = convert(_with_tags(envelope, order))
    return b"\x82\x7e" + len(item.raw).to_bytes(2, "big") + item.raw


def _cut(text: bytes, *places: bytes) -> list[bytes]:
    """Return what stands before, between and behind some texts, in their order."""
    parts = []
    for each in places:
        part, found, text = text.partition(each)
        assert found  # noqa: S101 - what was put in stands there
        parts.append(part)
    return [*parts, text]


def _varint(number: int) -> bytes:
    return Envelope(timestamp=number).SerializeToString()[1:]
