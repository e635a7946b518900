"""What changes in an envelope on its way, besides its place: tags, source, totals.

Everything changes the envelope in place. In an agent: `map_origin` on receipt, then
`add_tags`, then `CounterAggregator`, whose counters are told apart by those tags too.
In the reverse log proxy: `converge_tags`, then `serialized`.
"""

import functools
import math
import random
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, Value

MAX_COUNTERS = 10_000
"""Distinct counters that an agent sums up before it forgets all of them."""

_UINT64 = 1 << 64

_WRITTEN_OUT = range(-4, 6)
"""Powers of ten of a first digit for which Go's shortest form has no exponent."""

_CounterId: TypeAlias = tuple[str, str, frozenset[tuple[str, str]]]


def map_origin(envelope: Envelope) -> bool:
    """Fill an empty source_id from the tag `origin`; tell whether there was one.

    The tag is looked for in `tags`, then in `deprecated_tags`, where only text counts.
    """
    if envelope.source_id:
        return False
    if "origin" in envelope.tags:
        envelope.source_id = envelope.tags["origin"]
    elif "origin" in envelope.deprecated_tags:
        envelope.source_id = envelope.deprecated_tags["origin"].text
    else:
        return False
    return True


def add_tags(envelope: Envelope, agent_tags: Mapping[str, str]) -> None:
    """Tag an envelope as an agent does.

    Deprecated tags are copied into `tags`, where they win, and stay where they are.
    The agent's own tags are added only where there is none of that name.
    """
    tags = envelope.tags
    if envelope.deprecated_tags:  # seldom, and to look is dear
        for name, value in envelope.deprecated_tags.items():
            tags[name] = _agent_text(value)
    for name, text in agent_tags.items():
        if name not in tags:
            tags[name] = text


class CounterAggregator:
    """Fills in the totals of counters, as an agent does.

    A counter that comes with a delta alone gets the running sum of its like: same name,
    source_id and tags. Any other sets that sum to the total it carries, so that one
    with neither delta nor total sets it to 0.
    """

    def __init__(self) -> None:
        self._sums: dict[_CounterId, int] = {}

    def process(self, envelope: Envelope) -> None:
        """Fill in the total, if this is a counter."""
        if not envelope.HasField("counter"):
            return
        if len(self._sums) > MAX_COUNTERS:
            self._sums.clear()
        counter = envelope.counter
        key = (counter.name, envelope.source_id, frozenset(envelope.tags.items()))
        if counter.delta and not counter.total:
            counter.total = (self._sums.get(key, 0) + counter.delta) % _UINT64
        self._sums[key] = counter.total


def converge_tags(envelope: Envelope, *, use_preferred_tags: bool) -> None:
    """Put all tags where the consumer wants them, as the reverse log proxy does.

    Preferred: deprecated values, as text, overwrite `tags` and are gone. Otherwise:
    `tags` overwrite `deprecated_tags`, as text, and are gone.
    """
    if use_preferred_tags:
        if envelope.deprecated_tags:
            for name, value in envelope.deprecated_tags.items():
                if value.WhichOneof("data"):
                    envelope.tags[name] = _proxy_text(value)
            envelope.ClearField("deprecated_tags")
    else:
        for name, text in envelope.tags.items():
            envelope.deprecated_tags[name].text = text
        envelope.ClearField("tags")


def serialized(envelope: Envelope, lots: random.Random | None) -> bytes:
    """Return an envelope as bytes, its tags in an order drawn if there are lots.

    So Go writes maps; Python always writes the same map in the same order.
    """
    if lots is None:
        return envelope.SerializeToString()
    tags = envelope.tags
    entries = [_entry(name, tags[name]) for name in tags]
    if envelope.deprecated_tags:  # seldom
        for name, value in envelope.deprecated_tags.items():
            entries.append(Envelope(deprecated_tags={name: value}).SerializeToString())
        envelope.ClearField("deprecated_tags")
    entries.sort(key=lambda _: lots.random())  # twice as fast as to shuffle them
    envelope.ClearField("tags")
    # A message that is cut in two and put together is the same message.
    return envelope.SerializeToString() + b"".join(entries)


@functools.lru_cache(maxsize=1024)
def _entry(name: str, text: str) -> bytes:
    return Envelope(tags={name: text}).SerializeToString()


def _agent_text(value: Value) -> str:
    """Return a tag's value as agents write it; 1e6 is `1000000`, no value is empty."""
    if value.HasField("decimal"):
        return _plain(value.decimal)
    return str(value.integer) if value.HasField("integer") else value.text


def _proxy_text(value: Value) -> str:
    """Return a tag's value as the reverse log proxy writes it; 1e6 is `1e+06`."""
    if value.HasField("decimal"):
        return _scientific_if_long(value.decimal)
    return str(value.integer) if value.HasField("integer") else value.text


def _plain(number: float) -> str:
    """Return the fewest digits that tell the number apart, never with an exponent."""
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else f"{number:+}".title()
    text = f"{Decimal(repr(number)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _scientific_if_long(number: float) -> str:
    """Return the same digits as Go's `%v` writes them: 123456, 1.234567e+06, 1e-05."""
    if not math.isfinite(number):
        return _plain(number)
    shortest = Decimal(repr(number))
    if shortest.adjusted() in _WRITTEN_OUT:
        return _plain(number)
    mantissa, exponent = f"{shortest.normalize():e}".split("e")
    return f"{mantissa}e{int(exponent):+03}"
