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

import base64
import binascii
import enum
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prober.records import Kind

TAG = "prober"
"""Name of the tag that carries the stamp of an envelope that is not a log."""
MARKER = b"prober/1 "
WIDTH = 81
RUN_WIDTH = 11
RUN_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no letter that is mistaken for a digit."""
MAX_SIZE = 9_999_999

_RUN = slice(9, 20)
_CYCLE = slice(21, 29)
_SEQUENCE = slice(60, 71)
_LOW = slice(68, 71)
_CHECK = slice(72, 80)
_MARK = slice(51, 52)
_FORM = re.compile(
    rb"prober/1 ([0-9a-z]{11}) (\d{8}) (\d{20}) ([a-z])(\d{7}) (\d{11}) ([0-9a-f]{8})\."
)
_FILLER = b"the quick brown fox jumps over the lazy dog 0123456789 "
_MAX_DAMAGE = 12
"""Bytes of a token that may differ from what it is taken for: above, it is nobody's."""
_MAX_RUN_DAMAGE = 3
"""Bytes of the run's field that may differ before it is taken for another run's."""
_MAX_AID_DAMAGE = 2
"""Digits of `AID_CYCLE` that may differ before it is taken for a message's."""


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


_TAGGED = frozenset({b"c", b"g", b"t", b"e"})
"""Marks of stamps that stand in a tag; all others start a log's payload."""
AID_CYCLE = 99_999_999
"""The cycle of primers and trailers, which belong to none."""


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


def encode(stamp: Stamp, survives: bytes = b"") -> bytes:
    """Return the token of a stamp; `survives` comes from `content`."""
    head = (
        f"prober/1 {stamp.run} {stamp.cycle:08} {stamp.sent_ns:020} "
        f"{stamp.mark.value}{stamp.size:07} {stamp.sequence:011}"
    ).encode()
    return head + b" " + _check(head, survives) + b"."


def payload(stamp: Stamp) -> bytes:
    """Return the payload of a log: the token, then filler up to the stamp's size."""
    return encode(stamp) + filler(stamp.size - WIDTH)


def _check(head: bytes, survives: bytes) -> bytes:
    seed = binascii.crc_hqx(survives, 0xFFFF)
    low = binascii.crc_hqx(head[_LOW], 0xFFFF)
    high = binascii.crc_hqx(head[: _LOW.start], seed)
    return b"%04x%04x" % (low, high)


def decode(token: bytes, survives: bytes = b"") -> Stamp | None:
    """Return the stamp of an intact token, None for anything else."""
    form = _FORM.fullmatch(token)
    if form is None or form[7] != _check(token[: _LOW.stop], survives):
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


@dataclass(slots=True)
class Sightings:
    """What was found in some raw bytes: the material of the ledger.

    `sequences` and `sent_ns` are parallel: intact stamps of counted messages of the run
    that was looked for, in the order of the bytes.
    """

    sequences: list[int] = field(default_factory=list)
    sent_ns: list[int] = field(default_factory=list)
    primers: list[int] = field(default_factory=list)
    trailers: list[int] = field(default_factory=list)
    damaged: list[int | None] = field(default_factory=list)
    """Damaged messages of the run: the sequence number as far as it is still told."""
    other_runs: int = 0


Contents = Callable[[], Mapping[bytes, bytes]]
"""Returns, by token, what `content` makes of each tagged envelope as it arrived."""


Rest = Callable[[int], bytes]
"""Returns the bytes of a payload behind its token, given the payload's size."""


class Scanner:
    """Finds the stamps of one run in raw bytes, whatever the transport wrapped them in.

    `cycle_of` tells the cycle of a sequence number, None for one that is not in the
    plan; it decides what a damaged stamp may be taken for.
    """

    def __init__(self, run: str, cycle_of: Callable[[int], int | None]) -> None:
        self._run = run.encode()
        self._cycle_of = cycle_of
        # Two chances to find a damaged token: by the marker, and by the run behind it.
        run_field = self._run + b" "
        self._plain = re.compile(_either(MARKER, run_field))
        self._base64 = re.compile(
            _either(base64.b64encode(MARKER), base64.b64encode(run_field))
        )

    def scan(self, raw: bytes, contents: Contents = dict) -> Sightings:
        """Return every stamp in `raw`; foreign bytes and lookalikes are passed over."""
        found = Sightings()
        survivors: Mapping[bytes, bytes] | None = None
        for token, rest in itertools.chain(self._tokens(raw), self._tokens64(raw)):
            survives = b""
            if token[_MARK] in _TAGGED:
                survivors = contents() if survivors is None else survivors
                survives = survivors.get(token, b"")
            self._classify(found, token, survives, rest)
        return found

    def _tokens(self, raw: bytes) -> Iterator[tuple[bytes, Rest]]:
        for start in self._starts(self._plain, raw, len(MARKER)):
            token = raw[start : start + WIDTH]
            yield token, lambda size, at=start: raw[at + WIDTH : at + size]  # type: ignore[misc]

    def _tokens64(self, raw: bytes) -> Iterator[tuple[bytes, Rest]]:
        for start in self._starts(self._base64, raw, len(MARKER) // 3 * 4):

            def payload(size: int, at: int = start) -> bytes:
                return _from_base64(raw[at : at + (size + 2) // 3 * 4])

            yield payload(WIDTH), lambda size, of=payload: of(size)[WIDTH:size]  # type: ignore[misc]

    @staticmethod
    def _starts(form: re.Pattern[bytes], raw: bytes, width: int) -> Iterator[int]:
        """Yield where a token starts, once for each; a match may be its run field."""
        last = -1
        for match in form.finditer(raw):
            start = match.start() - (width if match.lastindex else 0)
            if start > last:
                last = start
                yield start

    def _classify(
        self, found: Sightings, token: bytes, survives: bytes, rest: Rest
    ) -> None:
        stamp = decode(token, survives)
        if stamp is None:
            self._damaged(found, token, survives)
        elif stamp.run.encode() != self._run:
            found.other_runs += 1
        elif stamp.mark is Mark.PRIMER:
            found.primers.append(stamp.sequence)
        elif stamp.mark is Mark.TRAILER:
            found.trailers.append(stamp.sequence)
        elif stamp.mark is Mark.LOG and rest(stamp.size) != filler(stamp.size - WIDTH):
            found.damaged.append(stamp.sequence)
        else:
            found.sequences.append(stamp.sequence)
            found.sent_ns.append(stamp.sent_ns)

    def _damaged(self, found: Sightings, token: bytes, survives: bytes) -> None:
        """Count a token that is not intact, if it is or was a message of this run."""
        if _distance(token[_RUN], self._run) > _MAX_RUN_DAMAGE:
            return  # another run's, or a lookalike
        if _distance(token[_CYCLE], b"%d" % AID_CYCLE) <= _MAX_AID_DAMAGE:
            return  # nothing depends on one primer or trailer
        sequence = self._nearest(token, survives)
        if sequence is not None or self._run in token:
            found.damaged.append(sequence)

    def _nearest(self, token: bytes, survives: bytes) -> int | None:
        """Return the sequence number whose token is nearest to a damaged one.

        The fields vouch for each other: for every sequence number that differs in at
        most one digit from the one read, the token is made anew and held against the
        damaged one. The nearest wins, if it is near, and alone.

            read    … 00000012 … 00000009234 e1c7…   nothing like it in cycle 12
            tried   … 00000012 … 00000001234 e1c7…   differs in one byte: this one
        """
        ranked = []
        for sequence in _one_digit_off(token[_SEQUENCE]):
            cycle = self._cycle_of(sequence)
            if cycle is not None:
                again = self._renewed(token, cycle, sequence, survives)
                ranked.append((_distance(again, token), sequence))
        ranked.sort()
        if not ranked or ranked[0][0] > _MAX_DAMAGE:
            return None
        alone = len(ranked) == 1 or ranked[0][0] < ranked[1][0]
        return ranked[0][1] if alone else None

    def _renewed(
        self, token: bytes, cycle: int, sequence: int, survives: bytes
    ) -> bytes:
        """Return the token with the fields that are known put right."""
        again = bytearray(token.ljust(WIDTH))
        again[: len(MARKER)], again[_RUN] = MARKER, self._run
        again[_CYCLE], again[_SEQUENCE] = b"%08d" % cycle, b"%011d" % sequence
        again[_CHECK] = _check(bytes(again[: _LOW.stop]), survives)
        return bytes(again)


def _either(marker: bytes, run: bytes) -> bytes:
    """A pattern whose group 1 tells that it was the run field that matched."""
    return b"%b|(%b)" % (re.escape(marker), re.escape(run))


def _from_base64(text: bytes) -> bytes:
    """Decode what may be cut off or damaged: what cannot be read is empty."""
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""


def _distance(one: bytes, other: bytes) -> int:
    """How many bytes differ; what one is shorter by, differs."""
    same = sum(a == b for a, b in zip(one, other, strict=False))
    return max(len(one), len(other)) - same


def _one_digit_off(digits: bytes) -> Iterable[int]:
    """Yield the number read and all that differ from it in one digit."""
    if digits.isdigit():
        yield int(digits)
    for place in range(len(digits)):
        for digit in b"0123456789":
            if digits[place] != digit:
                other = digits[:place] + bytes([digit]) + digits[place + 1 :]
                if other.isdigit():
                    yield int(other)
