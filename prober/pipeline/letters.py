"""Envelopes on their way: their bytes, and what can be told of them from outside.

A hop carries an envelope as the bytes that it came in, and opens it only to change it.
To learn where it goes it need not be parsed, mostly: a writer's logs are alike.

    08 95…18   12 05 probe  22 66 0a 64   prober/1 k3v9…   42 01 0 …
    time       head                       payload          tail
    10 bytes   the same in all of them    100 bytes        the same in all of them

Of two envelopes as long as each other, with the same head and tail, each a time of
nine bytes, one is what the other is, valid too: in what differs there is no structure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from prober.pipeline import dropsonde
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope
from prober.rpc.plumbing.doppler_pb2 import BatchResponse

Track: TypeAlias = tuple[str, str]
"""The source_id and instance_id of the envelopes that are counted apart."""

_MAX_KNOWN = 4096
"""Labels, and likes, that are known at a time: then they are learnt anew."""
_MAX_WRITTEN_BYTES = 8 << 20
"""Of batches that are under way from hop to hop."""
_KEY_BYTES = 64

_TIME_BYTES = 10
_TIME_FIELD = b"\x08"
_IS_HIGH = bytes(128) + b"\1" * 128
"""Which bytes say that the varint goes on."""
_HIGH_OF_TIME = b"\0" + b"\1" * 8 + b"\0"
_LOG_FIELD, _PAYLOAD_FIELD = 0x22, 0x0A
_WIRE_TYPE, _BYTES = 7, 2
_GOES_ON = 0x80


class _Facts(NamedTuple):
    """What a label says."""

    source_id: str
    instance_id: str
    kind: str
    names: tuple[str, ...]
    tags: frozenset[str]
    deprecated: bool
    results: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Label:
    """What hops go by; equal ones are the same object, as long as they are known."""

    source_id: str
    instance_id: str
    kind: str
    """The field of its message; empty for none."""
    names: tuple[str, ...]
    """By which a counter or a gauge can be selected, sorted."""
    tags: frozenset[str]
    """The names of its tags."""
    deprecated: bool
    """It has tags of the old sort."""
    results: int
    """How many envelopes of version 1 it makes."""
    tracked: bool


Letter: TypeAlias = tuple[bytes, Label]
"""An envelope as bytes, and its label."""


class _Like(NamedTuple):
    """What envelopes of one label have in common; a size of -1 fits none."""

    size: int
    head: bytes
    tail: bytes
    label: Label


class Post:
    """Labels what comes in, and remembers what hops have written to each other.

    One for a stack: the next hop reads what the last one wrote in this very process,
    and then needs to look at nothing. Raises DecodeError for what is no envelope.
    """

    def __init__(self, track: Track | None) -> None:
        self._track = track
        self._labels: dict[_Facts, Label] = {}
        self._likes: dict[tuple[int, bytes], _Like] = {}
        self._written: dict[bytes, tuple[bytes, list[Letter]]] = {}
        self._written_bytes = 0

    def open(self, raw: bytes) -> list[Letter]:
        """Return the letters of an EnvelopeBatch."""
        known = self._written.get(raw[:_KEY_BYTES])
        if known is not None and known[0] == raw:
            self._forget(raw[:_KEY_BYTES])
            return known[1]
        # The same on the wire, and it leaves the envelopes closed.
        pieces = BatchResponse.FromString(raw).payload[:]
        return list(zip(pieces, self._look_at(pieces), strict=True))

    def seal(self, letters: list[Letter]) -> bytes:
        """Return letters as an EnvelopeBatch that another hop will open."""
        raw = sealed([piece for piece, _ in letters])
        key = raw[:_KEY_BYTES]
        self._forget(key)
        self._written[key] = raw, letters
        self._written_bytes += len(raw)
        while self._written_bytes > _MAX_WRITTEN_BYTES:
            self._forget(next(iter(self._written)))
        return raw

    def _forget(self, key: bytes) -> None:
        if known := self._written.pop(key, None):
            self._written_bytes -= len(known[0])

    def letter(self, raw: bytes) -> Letter:
        """Return one envelope as a letter."""
        return raw, self._look_at([raw])[0]

    def letter_of(self, envelope: Envelope) -> Letter:
        """Return an envelope that was changed as a letter."""
        return envelope.SerializeToString(), self._label_of(envelope)

    def tagged(self, label: Label, tags: Mapping[str, str]) -> Label:
        """Return the label of what is like another, with more tags."""
        facts = _Facts(
            source_id=label.source_id,
            instance_id=label.instance_id,
            kind=label.kind,
            names=label.names,
            tags=label.tags.union(tags),
            deprecated=label.deprecated,
            results=label.results,
        )
        return self._known(facts)

    def _look_at(self, pieces: Sequence[bytes]) -> list[Label]:
        times = b"".join([piece[:_TIME_BYTES] for piece in pieces])
        usual = times.translate(_IS_HIGH) == _HIGH_OF_TIME * len(pieces)
        if not usual or times[::_TIME_BYTES] != _TIME_FIELD * len(pieces):
            return [self._label_of(Envelope.FromString(piece)) for piece in pieces]
        labels = []
        size, head, tail, label = -1, b"", b"", None
        for piece in pieces:
            if (
                len(piece) != size
                or label is None
                or not piece.startswith(head, _TIME_BYTES)
                or not piece.endswith(tail)
            ):
                size, head, tail, label = self._like(piece)
            labels.append(label)
        return labels

    def _like(self, piece: bytes) -> _Like:
        """Return what an envelope with a time of nine bytes is like."""
        # Nearly always the source_id: who it is from and how long it is tells most.
        key = len(piece), piece[_TIME_BYTES : _TIME_BYTES + 2 + sum(piece[11:12])]
        like = self._likes.get(key)
        if (
            like is None
            or not piece.startswith(like.head, _TIME_BYTES)
            or not piece.endswith(like.tail)
        ):
            label = self._label_of(Envelope.FromString(piece))
            payload = _payload(piece) if label.kind == "log" else None
            if payload is None:
                return _Like(-1, b"", b"", label)
            head, tail = piece[_TIME_BYTES : payload.start], piece[payload.stop :]
            like = _Like(len(piece), head, tail, label)
            if len(self._likes) >= _MAX_KNOWN:
                self._likes.clear()
            self._likes[key] = like
        return like

    def _label_of(self, envelope: Envelope) -> Label:
        kind = envelope.WhichOneof("message") or ""
        names: tuple[str, ...] = ()
        if kind == "counter":
            names = (envelope.counter.name,)
        elif kind == "gauge":
            names = tuple(sorted(envelope.gauge.metrics))
        facts = _Facts(
            source_id=envelope.source_id,
            instance_id=envelope.instance_id,
            kind=kind,
            names=names,
            tags=frozenset(envelope.tags),
            deprecated=bool(envelope.deprecated_tags),
            results=dropsonde.count(envelope),
        )
        return self._known(facts)

    def _known(self, facts: _Facts) -> Label:
        label = self._labels.get(facts)
        if label is None:
            whose = facts.source_id, facts.instance_id
            label = Label(**facts._asdict(), tracked=whose == self._track)
            if len(self._labels) >= _MAX_KNOWN:
                self._labels.clear()
            self._labels[facts] = label
        return label


def sealed(pieces: Sequence[bytes]) -> bytes:
    """Return envelopes as an EnvelopeBatch."""
    return BatchResponse(payload=pieces).SerializeToString()


def opened(letter: Letter) -> Envelope:
    """Return the envelope of a letter."""
    return Envelope.FromString(letter[0])


def tracked(letters: Sequence[Letter]) -> int:
    """Return how many letters are to be counted apart."""
    return sum([label.tracked for _, label in letters])


def _payload(piece: bytes) -> range | None:
    """Return where the payload of a valid log is; None where that is not plain."""
    at = _TIME_BYTES
    while at < len(piece) and piece[at] & (_GOES_ON | _WIRE_TYPE) == _BYTES:
        tag = piece[at]
        size, at = _varint(piece, at + 1)
        if tag == _LOG_FIELD:
            if not size or piece[at] != _PAYLOAD_FIELD:
                return None
            size, at = _varint(piece, at + 1)
            return range(at, at + size)
        at += size
    return None


def _varint(piece: bytes, at: int) -> tuple[int, int]:
    """Return a number, and where it ends."""
    number = shift = 0
    while True:
        byte = piece[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < _GOES_ON:
            return number, at
