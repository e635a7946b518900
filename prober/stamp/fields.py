"""Whether a text fills the field that it stands in, as its neighbours tell, in bulk.

A scan sees a payload's bytes, and not where the field ends that they stand in: nothing
in them tells of what was appended behind. What stands around them does:

    protobuf   … 0a 64 prober/1 …               the length in front: 0x64 are 100 bytes
               … 0a c8 01 prober/1 …            0xc8 0x01 are 0x48 | 0x01 << 7, so 200
    JSON       … "payload":"cHJvYmVy…IA==" …    a quote on either side

This is a suspicion, and no verdict: whoever is told of it has the envelope parsed.
"""

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Mask = NDArray[np.bool_]
_MORE, _SEVEN = 0x80, 7
_QUOTE = ord('"')


def alone(raw: bytes, starts: Places, ends: Places) -> Mask:
    """Tell of each text, from its start up to before its end, if it fills a field."""
    there = np.frombuffer(raw, dtype=np.uint8)
    told = _told(there, starts, ends - starts)
    if told.all():
        return told
    before = there.take(starts - 1, mode="wrap") == _QUOTE
    quoted: Mask = before & (there.take(ends, mode="clip") == _QUOTE)
    return told | quoted


def _told(there: NDArray[np.uint8], starts: Places, widths: Places) -> Mask:
    """Tell which have their width in front of them, by its first and its last byte."""
    if (widths == widths[0]).all():
        widths = widths[:1]  # as good as all, and nothing is worked out for each
    more = sum((widths >> bits > 0).astype(np.int64) for bits in (7, 14, 21))
    last = there.take(starts - 1, mode="wrap") == widths >> _SEVEN * more
    first = widths & 0x7F | _MORE * (more > 0)
    told: Mask = last & (there.take(starts - 1 - more, mode="wrap") == first)
    return told
