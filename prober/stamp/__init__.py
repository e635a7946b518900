"""The mark that every message carries, made and found again in raw bytes.

A stamp is one ASCII token of 81 bytes. It stands at the start of a log's payload, where
a person reads it in `cf logs`, and in the tag `TAG` of every other kind:

    prober/1 k3v9x2m4q7a 00000012 01795418514123456789 l0000100 00000001234 9f3c07b1.
    marker   run         cycle    sent (Unix ns)       │size    sequence    check
                                                       mark
    0        9           21       30                   51       60          72     81

Every field with its separator has a width that is a multiple of three, so that each is
found and read inside base64 as well, where three bytes are always the same four
characters as long as the token starts the payload.

The check is two CRC-16/CCITT, four hexadecimal digits each: the first over the last
three digits of the sequence number, the second over everything before them and over
what survives the path of the envelope's content. So within a batch all of a token but
`low digits, first check` is constant, which is what makes bulk encoding cheap. A log's
payload beyond the token is a filler known in advance, and is compared.
"""

from prober.stamp.scanner import Contents, Scanner, Sightings
from prober.stamp.token import (
    AID_CYCLE,
    LOWS,
    MARK,
    MARKER,
    MAX_SIZE,
    RUN_ALPHABET,
    RUN_WIDTH,
    TAG,
    TAGGED,
    WIDTH,
    Mark,
    Stamp,
    content,
    decode,
    encode,
    filler,
    frame,
    opening,
    payload,
    seed_of,
    spelled,
)

__all__ = [
    "AID_CYCLE",
    "LOWS",
    "MARK",
    "MARKER",
    "MAX_SIZE",
    "RUN_ALPHABET",
    "RUN_WIDTH",
    "TAG",
    "TAGGED",
    "WIDTH",
    "Contents",
    "Mark",
    "Scanner",
    "Sightings",
    "Stamp",
    "content",
    "decode",
    "encode",
    "filler",
    "frame",
    "opening",
    "payload",
    "seed_of",
    "spelled",
]
