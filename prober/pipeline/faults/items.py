"""What passes a component, an envelope or the bytes of one: its stamp, and damage."""

import random
from typing import TypeAlias

from prober.rpc.loggregator_v2.envelope_pb2 import Envelope
from prober.stamp import Mark, Stamp
from prober.stamp.token import AIDS, MARKER, TAG, WIDTH, payload, spelled

Item: TypeAlias = Envelope | bytes
"""An envelope of version 2, or what is already bytes."""

_AIDS = frozenset(Mark(mark.decode()) for mark in AIDS)
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
# Field 1000 with eleven bytes, and field 20, which is where a sixth kind might be.
_FUTURE_FIELD = b"\xc2\x3e\x0bfrom-future"
_FUTURE_KIND = b"\xa2\x01\x04new!"


def stamp_of(item: Item) -> Stamp | None:
    """Return the stamp that an item spells, intact or not; None for none."""
    return spelled(_carrier(item)[:WIDTH])


def is_message(item: Item) -> bool:
    """Tell whether a prober counts it: neither foreign nor a primer nor a trailer."""
    stamp = stamp_of(item)
    return stamp is not None and stamp.mark not in _AIDS


def is_intact(item: Item) -> bool:
    """Tell whether a stamped log is as it was written, byte for byte.

    Of other kinds, only that they spell a stamp.
    """
    stamp = stamp_of(item)
    if stamp is None or stamp.mark is not Mark.LOG:
        return stamp is not None
    whole = payload(stamp)
    return _carrier(item)[: len(whole)] == whole and not _is_short(item, len(whole))


def carried(item: Item) -> bytes:
    """Return the bytes by which a damaged item is known again further on."""
    return _carrier(item)


def copied(item: Item) -> Item:
    """Return an item that can be changed while others still hold the first."""
    if isinstance(item, bytes):
        return item
    copy = Envelope()
    copy.CopyFrom(item)
    return copy


def corrupted(item: Item, lots: random.Random, count: int) -> Item:
    """Return an item with so many bytes of what carries its stamp changed."""
    carrier = _carrier(item)
    stamp = spelled(carrier[:WIDTH])
    is_log = isinstance(item, Envelope) and item.HasField("log")
    is_log = is_log or (stamp is not None and stamp.mark in {Mark.LOG, *_AIDS})
    size = min(len(carrier), stamp.size if stamp and is_log else WIDTH)
    # Bytes are found by their marker, also when they are damaged.
    places = range(len(MARKER) if isinstance(item, bytes) else 0, size)
    changed = bytearray(carrier)
    for place in lots.sample(places, min(count, len(places))):
        changed[place] = _other(changed[place], lots, text=not is_log)
    return _with_carrier(item, bytes(changed))


def truncated(item: Item, keep: int) -> Item:
    """Return a log with so many bytes of its payload; anything else as it is."""
    if isinstance(item, bytes) or not item.HasField("log"):
        return item
    return _with_carrier(item, item.log.payload[:keep])


def from_future(item: Item) -> Item:
    """Return an item with a field that nobody knows."""
    if isinstance(item, bytes):
        return item + _FUTURE_FIELD
    return Envelope.FromString(item.SerializeToString() + _FUTURE_FIELD)


def of_new_kind(like: Item) -> Item:
    """Return an envelope of a kind that nobody knows, from the same source."""
    if isinstance(like, bytes):
        return Envelope(source_id="future").SerializeToString() + _FUTURE_KIND
    bare = Envelope(
        timestamp=like.timestamp,
        source_id=like.source_id,
        instance_id=like.instance_id,
    )
    return Envelope.FromString(bare.SerializeToString() + _FUTURE_KIND)


def _carrier(item: Item) -> bytes:
    """Return what carries an item's stamp, which is at its beginning."""
    if isinstance(item, bytes):
        at = item.find(MARKER)
        return b"" if at < 0 else item[at:]
    if item.HasField("log"):
        return item.log.payload
    return item.tags[TAG].encode() if TAG in item.tags else b""


def _is_short(item: Item, size: int) -> bool:
    return isinstance(item, Envelope) and len(item.log.payload) != size


def _with_carrier(item: Item, carrier: bytes) -> Item:
    if isinstance(item, bytes):
        return item[: item.find(MARKER)] + carrier
    changed = Envelope()
    changed.CopyFrom(item)
    if changed.HasField("log"):
        changed.log.payload = carrier
    elif TAG in changed.tags:
        changed.tags[TAG] = carrier.decode()
    return changed


def _other(byte: int, lots: random.Random, *, text: bool) -> int:
    """Return another byte; in a text, another letter."""
    if not text:
        return byte ^ lots.randrange(1, 256)
    return ord(lots.choice(_LETTERS.replace(chr(byte), "")))
