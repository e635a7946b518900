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
import functools
import itertools
import re
import string
from collections.abc import Callable, Iterator, Mapping
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
_HIGH = slice(60, 68)
_LOW = slice(68, 71)
_LOW_CHECK = slice(72, 76)
_HIGH_CHECK = slice(76, 80)
_CHECK = slice(72, 80)
_MARK = slice(51, 52)
_FORM = re.compile(
    # A time beyond 63 bits (the year 2255) is nobody's: sums with it would overflow.
    rb"prober/1 ([0-9a-z]{11}) (\d{8}) (0[0-8]\d{18}) ([a-z])(\d{7}) (\d{11}) "
    rb"([0-9a-f]{8})\."
)
_FILLER = b"the quick brown fox jumps over the lazy dog 0123456789 "
_MAX_RUN_DAMAGE = 3
"""Bytes of the run's field that may differ before it is taken for another run's."""
_MAX_AID_DAMAGE = 2
"""Bytes of mark and cycle that may differ from an aid's before it is a message's."""
# What a damaged token has against it that its sequence number be a given one.
_BYTE = 2
"""A byte that differs from what it would have been."""
_ELSEWHERE = 3
"""A second check that does not fit, whatever in it: the time or the content may be
damaged, which nobody can put right. A little more than a byte, so that a number wins
which makes the check fit at the price of one."""
_MAX_AGAINST = 5 * _BYTE
_MAX_UNVOUCHED = 1
"""Digits of the first check that may differ: the other three vouch for the number."""


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
_AIDS = frozenset({b"p", b"z"})
AID_CYCLE = 99_999_999
"""The cycle of primers and trailers, which belong to none."""
_BASE64 = (string.ascii_letters + string.digits + "+/").encode()
_READABLE = bytes(byte if byte in _BASE64 else ord("/") for byte in range(256))
"""Translates what is not base64 into a character that no payload of ours has in it:
six bits that are all one make a byte of 192 or more, a question mark, or a delete."""


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
    return _low_check(head[_LOW]) + _high_check(head[: _LOW.start], seed)


def _low_check(digits: bytes) -> bytes:
    return b"%04x" % binascii.crc_hqx(digits, 0xFFFF)


def _high_check(head: bytes, seed: int) -> bytes:
    return b"%04x" % binascii.crc_hqx(head, seed)


def decode(token: bytes, survives: bytes = b"") -> Stamp | None:
    """Return the stamp of an intact token, None for anything else."""
    stamp = spelled(token)
    if stamp is None or token[_CHECK] != _check(token[: _LOW.stop], survives):
        return None
    return stamp


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
        self._plain = (MARKER, self._run + b" ")
        self._base64 = (
            base64.b64encode(MARKER),
            base64.b64encode(self._run + b" "),
        )

    def scan(
        self, raw: bytes, contents: Contents = dict, *, until: int | None = None
    ) -> Sightings:
        """Return every stamp in `raw`; foreign bytes and lookalikes are passed over.

        With `until` only those that start before that place: what lies behind it helps
        to read them, and is scanned with what comes next.
        """
        found = Sightings()
        end = len(raw) if until is None else until
        survivors: Mapping[bytes, bytes] | None = None
        tokens = itertools.chain(self._tokens(raw, end), self._tokens64(raw, end))
        for token, rest in tokens:
            survives = b""
            if token[_MARK] in _TAGGED:
                survivors = contents() if survivors is None else survivors
                survives = survivors.get(token, b"")
            self._classify(found, token, survives, rest)
        return found

    def _tokens(self, raw: bytes, end: int) -> Iterator[tuple[bytes, Rest]]:
        for start in _starts(raw, *self._plain, end):
            token = raw[start : start + WIDTH]
            yield token, lambda size, at=start: raw[at + WIDTH : at + size]  # type: ignore[misc]

    def _tokens64(self, raw: bytes, end: int) -> Iterator[tuple[bytes, Rest]]:
        for start in _starts(raw, *self._base64, end):

            def payload(size: int, at: int = start) -> bytes:
                return _from_base64(raw[at : at + (size + 2) // 3 * 4])

            yield payload(WIDTH), lambda size, of=payload: of(size)[WIDTH:size]  # type: ignore[misc]

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
        sequence = self._nearest(token, survives)
        if sequence is None and (_like_aid(token) or not self._marked(token)):
            return  # nothing depends on an aid, and a run's name alone is no stamp
        found.damaged.append(sequence)

    def _marked(self, token: bytes) -> bool:
        anchor = MARKER + self._run
        return _distance(token[: len(anchor)], anchor) <= _MAX_RUN_DAMAGE

    def _nearest(self, token: bytes, survives: bytes) -> int | None:
        """Return the sequence number that a damaged token had, if it can be told.

        The fields vouch for each other. For every number near the one read it is asked
        what the token then has against it; the least wins, if it is little, and alone.

            token   … 00000012 … 00000009234 e1c70b2d
            9234    a digit of the cycle, which were 92, and the second check
            1234    a digit of its own, and nothing else: this one
        """
        ranked = sorted(self._against(token, binascii.crc_hqx(survives, 0xFFFF)))
        if not ranked or ranked[0][0] > _MAX_AGAINST:
            return None
        alone = len(ranked) == 1 or ranked[0][0] < ranked[1][0]
        return ranked[0][1] if alone else None

    def _against(self, token: bytes, seed: int) -> Iterator[tuple[int, int]]:
        """Yield what a token has against the numbers that it may have had."""
        for number, digits in _near(token[_SEQUENCE], token[_LOW_CHECK]):
            low = _distance(_low_check(digits[-3:]), token[_LOW_CHECK])
            cycle = self._cycle_of(number)
            if low <= _MAX_UNVOUCHED and cycle is not None:
                wrong = low + _distance(digits, token[_SEQUENCE])
                head = self._against_head(token, cycle, digits, seed)
                yield _BYTE * wrong + head, number

    def _against_head(self, token: bytes, cycle: int, digits: bytes, seed: int) -> int:
        renewed = bytearray(token[: _LOW.start])
        renewed[: len(MARKER)], renewed[_RUN] = MARKER, self._run
        renewed[_CYCLE], renewed[_HIGH] = b"%08d" % cycle, digits[:-3]
        head = bytes(renewed)
        check = _distance(_high_check(head, seed), token[_HIGH_CHECK])
        wrong = _distance(head[_CYCLE], token[_CYCLE])
        return _BYTE * wrong + min(_BYTE * check, _ELSEWHERE)


def _starts(raw: bytes, marker: bytes, run: bytes, end: int) -> list[int]:
    """Return where tokens start before some place, by either of their anchors."""
    # Many times faster than a pattern of both: most of what is scanned has neither.
    behind = (at - len(marker) for at in _places(raw, run))
    return sorted(at for at in {*_places(raw, marker), *behind} if 0 <= at < end)


def _places(raw: bytes, anchor: bytes) -> Iterator[int]:
    at = raw.find(anchor)
    while at >= 0:
        yield at
        at = raw.find(anchor, at + len(anchor))


def _from_base64(text: bytes) -> bytes:
    """Decode what may be cut off or damaged: what cannot be read is some other byte."""
    readable = text.translate(_READABLE)
    return base64.b64decode(readable + b"/" * (-len(readable) % 4))


def _distance(one: bytes, other: bytes) -> int:
    """How many bytes differ; what one is shorter by, differs."""
    same = sum(a == b for a, b in zip(one, other, strict=False))
    return max(len(one), len(other)) - same


def _like_aid(token: bytes) -> bool:
    """Tell whether mark and cycle are those of a primer or trailer, or nearly."""
    wrong = _distance(token[_CYCLE], b"%08d" % AID_CYCLE)
    return wrong + (token[_MARK] not in _AIDS) <= _MAX_AID_DAMAGE


def _near(digits: bytes, check: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the numbers that eleven digits, not all as they were, may have been.

    They are the number read, all that differ from it in one digit, and each with its
    low digits taken from their check.
    """
    high, low = digits[:-3], digits[-3:]
    told = _low_by_check().get(check, low)
    forms = {high + each for each in (low, told, *_one_digit_off(low))}
    forms |= {each + end for each in _one_digit_off(high) for end in (low, told)}
    for form in forms:
        if form.isdigit():
            yield int(form), form


@functools.cache
def _low_by_check() -> dict[bytes, bytes]:
    """Return the three digits of each first check: no two of the thousand are alike."""
    every = (b"%03d" % low for low in range(1000))
    return {_low_check(digits): digits for digits in every}


def _one_digit_off(digits: bytes) -> Iterator[bytes]:
    """Yield all that differ from what was read in one place, and have a digit there."""
    for place, read in enumerate(digits):
        for digit in b"0123456789":
            if digit != read:
                yield digits[:place] + bytes([digit]) + digits[place + 1 :]
