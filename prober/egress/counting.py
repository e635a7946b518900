"""How many envelopes a batch has, by its outermost form alone: nothing is parsed."""

from collections.abc import Callable, Mapping

_BATCH = 0x0A
"""The tag of `EnvelopeBatch.batch`, of which there is one before each envelope."""
_MORE = 0x80


def envelopes(transport: str, raw: bytes) -> int:
    """Return how many envelopes a way out brought in one batch."""
    return _COUNT[transport](raw)


def _of_batch(raw: bytes) -> int:
    """Walk from one length to the next; what is no batch ends the count."""
    count = at = 0
    end = len(raw)
    while at < end and raw[at] == _BATCH:
        length = shift = 0
        at += 1
        while at < end and raw[at] & _MORE:
            length |= (raw[at] & ~_MORE) << shift
            shift += 7
            at += 1
        if at >= end:
            break
        at += 1 + (length | raw[at] << shift)
        count += 1
    return count


_COUNT: Mapping[str, Callable[[bytes], int]] = {
    "rlp": _of_batch,
    # Within a text of JSON a quote is escaped, so that only keys look like this.
    "rlp gateway": lambda raw: raw.count(b'"timestamp":'),
    # A frame is an envelope.
    "v1 firehose": lambda _: 1,
}
