"""One stamp: its fields, written as a token and read back.

See `prober.stamp` for how a token is laid out, and why.
"""

import binascii
import enum
import re
import string
from dataclasses import dataclass

from prober.records import Kind

TAG = "prober"
"""Name of the tag that carries the stamp of an envelope that is not a log."""
MARKER = b"prober/1 "
WIDTH = 81
RUN_WIDTH = 11
RUN_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no letter that is mistaken for a digit."""
MAX_SIZE = 9_999_999
AID_CYCLE = 99_999_999
"""The cycle of primers and trailers, which belong to none."""

# Where the fields stand.
RUN = slice(9, 20)
CYCLE = slice(21, 29)
SENT = slice(30, 50)
MARK = slice(51, 52)
SIZE = slice(52, 59)
SEQUENCE = slice(60, 71)
HIGH = slice(60, 68)
LOW = slice(68, 71)
CHECK = slice(72, 80)
LOW_CHECK = slice(72, 76)
HIGH_CHECK = slice(76, 80)

CRC_START = 0xFFFF
_FORM = re.compile(
    # A time beyond 63 bits (the year 2255) is nobody's: sums with it would overflow.
    rb"prober/1 ([0-9a-z]{11}) (\d{8}) (0[0-8]\d{18}) ([a-z])(\d{7}) (\d{11}) "
    rb"([0-9a-f]{8})\."
)
_FILLER = b"the quick brown fox jumps over the lazy dog 0123456789 "
_BASE64 = (string.ascii_letters + string.digits + "+/").encode()
READABLE = bytes(byte if byte in _BASE64 else ord("/") for byte in range(256))
"""Translates what is not base64 into a character that no payload of ours has in it:
six bits that are all one make a byte of 192 or more, a question mark, or a delete."""


class Mark(enum.Enum):
    """What a stamped envelope is: a counted message of some kind, or an aid."""

    LOG = "l"
    COUNTER = "c"
    GAUGE = "g"
    TIMER = "t"
    EVENT = "e"
    PRIMER = "p"  # sent before a run, to learn that the reader is attached
    TRAILER = "z"  # sent after it, to learn that the reader still is

    @classmethod
    def of(cls, kind: Kind) -> "Mark":
        """Return the mark of a counted message."""
        return cls[kind.name]


TAGGED = frozenset({b"c", b"g", b"t", b"e"})
"""Marks of stamps that stand in a tag; all others start a log's payload."""
AIDS = frozenset({b"p", b"z"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The fields of a token: `size` is the payload's, token included, in bytes."""

    run: str
    cycle: int
    sequence: int
    sent_ns: int
    mark: Mark
    size: int


def content(*facts: str | float) -> bytes:
    """Return what survives of an envelope's content, in the form that is checked.

    Writer and reader pass the same facts in the same order: a counter's name and delta
    (agents rewrite its total), a gauge's names, units and values, and so on.
    """
    return "\x1f".join(map(str, facts)).encode()


def filler(size: int) -> bytes:
    """Return what fills `size` bytes behind a token; any two start alike."""
    return (_FILLER * (size // len(_FILLER) + 1))[:size] if size > 0 else b""


def low_check(digits: bytes) -> bytes:
    """Return the first check, of the last three digits of the sequence number."""
    return b"%04x" % binascii.crc_hqx(digits, CRC_START)


def seed_of(survives: bytes) -> int:
    """Return what the second check begins with: what `content` made, checked."""
    return binascii.crc_hqx(survives, CRC_START)


def high_check(head: bytes, seed: int) -> bytes:
    """Return the second check, of a token's first 68 bytes and of its content."""
    return b"%04x" % binascii.crc_hqx(head, seed)


LOWS = tuple(b"%b %b" % (d, low_check(d)) for d in (b"%03d" % n for n in range(1000)))
"""All that changes from one token to the next of a thousand: `234 e1c7`."""


def opening(run: str, cycle: int, sent_ns: int, mark: Mark) -> bytes:
    """Return how the tokens of one kind in a batch begin, up to the size."""
    head = f"prober/1 {run} {cycle:08} {sent_ns:020} {mark.value}"
    return head.encode()


def frame(begin: bytes, size: int, thousand: int, seed: int) -> tuple[bytes, bytes]:
    """Return what a thousand tokens share, before and behind their one of `LOWS`.

    `begin` is their `opening`, `thousand` the sequence number without its last three
    digits, `seed` comes from `seed_of`.
    """
    head = b"%b%07d %08d" % (begin, size, thousand)
    return head, b"%b." % high_check(head, seed)


def encode(stamp: Stamp, survives: bytes = b"") -> bytes:
    """Return the token of a stamp; `survives` comes from `content`."""
    begin = opening(stamp.run, stamp.cycle, stamp.sent_ns, stamp.mark)
    thousand, low = divmod(stamp.sequence, 1000)
    before, behind = frame(begin, stamp.size, thousand, seed_of(survives))
    return before + LOWS[low] + behind


def payload(stamp: Stamp) -> bytes:
    """Return the payload of a log: the token, then filler up to the stamp's size."""
    return encode(stamp) + filler(stamp.size - WIDTH)


def decode(token: bytes, survives: bytes = b"") -> Stamp | None:
    """Return the stamp of an intact token, None for anything else."""
    stamp = spelled(token)
    check = low_check(token[LOW]) + high_check(token[: LOW.start], seed_of(survives))
    return stamp if token[CHECK] == check else None


def spelled(token: bytes) -> Stamp | None:
    """Return what a token's fields spell, whether or not its check vouches for them."""
    form = _FORM.fullmatch(token)
    if form is None:
        return None
    try:
        mark = Mark(form[4].decode())
    except ValueError:
        return None
    return Stamp(
        run=form[1].decode(),
        cycle=int(form[2]),
        sent_ns=int(form[3]),
        mark=mark,
        size=int(form[5]),
        sequence=int(form[6]),
    )
