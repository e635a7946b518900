"""Where stamps belong in what a way out brought: by a full parse, a batch at a time.

A scan looks for stamps wherever they stand, which is what makes it fast. This is what
it is held against: the fields themselves, as whoever reads them has them.
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec
from google.protobuf.message import DecodeError

from prober.egress.contents import envelopes
from prober.rpc.dropsonde.events_pb2 import Envelope
from prober.stamp import MARK, TAG, TAGGED


def fields(transport: str, raw: bytes) -> Iterator[bytes]:
    """Yield each log's payload, and each stamp in a tag, just as they stand in a batch.

    In JSON that is base64. A batch that cannot be decoded has none.
    """
    return _FIELDS[transport](raw)


def _of_batch(raw: bytes) -> Iterator[bytes]:
    for envelope in envelopes(raw):
        if payload := envelope.log.payload:
            yield payload
        elif TAG in envelope.tags:
            yield from _tagged(envelope.tags[TAG])
        elif TAG in envelope.deprecated_tags:
            yield from _tagged(envelope.deprecated_tags[TAG].text)


def _tagged(stamp: str) -> Iterator[bytes]:
    """Yield a tag's stamp, if it is one that belongs there."""
    text = stamp.encode()
    if text[MARK] in TAGGED:
        yield text


class _Log(msgspec.Struct):
    payload: str = ""


class _Envelope(msgspec.Struct):
    tags: dict[str, str] = {}
    log: _Log | None = None


class _Batch(msgspec.Struct):
    batch: list[_Envelope] = []


_DECODER = msgspec.json.Decoder(_Batch)


def _of_json(raw: bytes) -> Iterator[bytes]:
    try:
        batch = _DECODER.decode(raw).batch
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return
    for envelope in batch:
        if envelope.log is not None:
            yield envelope.log.payload.encode()
        else:
            yield from _tagged(envelope.tags.get(TAG, ""))


def _of_frame(raw: bytes) -> Iterator[bytes]:
    try:
        envelope = Envelope.FromString(raw)
    except DecodeError:
        return
    if envelope.eventType == Envelope.LogMessage:
        yield envelope.logMessage.message
    else:
        yield from _tagged(envelope.tags.get(TAG, ""))


_FIELDS: Mapping[str, Callable[[bytes], Iterator[bytes]]] = {
    # By the name of the way out.
    "rlp": _of_batch,
    "rlp gateway": _of_json,
    "v1 firehose": _of_frame,
    # That of `prober.testing`, which brings what was written.
    "memory": _of_batch,
}
