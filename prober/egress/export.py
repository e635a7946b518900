"""The way out behind a way out: what an archive exported, as bytes from files.

Nothing is assumed of an export but that a log's payload, or a tag, stands in it as
text, JSON-escaped or not, or in base64. It is read in pieces, so that neither its size
nor what a small packed file unfolds to decides how much memory that takes.
"""

import codecs
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

from prober.errors import UsageError
from prober.stamp import WIDTH, Contents, Scanner, Sightings

PIECE_BYTES = 1 << 20
"""Bytes that are read, or unfolded, at a time."""
_GZIP = b"\x1f\x8b"
_PACKED = {
    # How files begin that have to be unpacked by somebody else.
    b"PK\x03\x04": "a zip archive",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"\xfd7zXZ": "packed with xz",
    b"BZh": "packed with bzip2",
    b"7z\xbc\xaf": "a 7z archive",
}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ESCAPED = re.compile(rb"\\+/")
_MOST_ESCAPES = 8
"""Backslashes before a slash: JSON within JSON within JSON has seven."""


class Source(Protocol):
    """Whatever bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Return some bytes, at most so many; none at the end."""
        ...


def sightings(
    file: Source,
    name: str,
    scanner: Scanner,
    largest: int,
    contents: Contents = dict,
) -> Iterator[Sightings]:
    """Yield what is found in an export, piece by piece, every stamp once.

    `largest` is the size of the run's largest payload, in bytes. Raises UsageError with
    the export's name when it is packed in a way that is not known, or damaged.
    """
    # What has to stand behind a stamp's first byte to read it to its end, in base64.
    reach = (max(largest, WIDTH) + 2) // 3 * 4
    buffer = b""
    for piece in _pieces(file, name, max(PIECE_BYTES, 4 * reach)):
        buffer += piece
        if len(buffer) > reach:
            until = len(buffer) - reach
            yield scanner.scan(buffer, contents, until=until)
            buffer = buffer[until:]
    yield scanner.scan(buffer, contents)


def _pieces(file: Source, name: str, size: int) -> Iterator[bytes]:
    """Yield an export as text: unpacked, and without escapes."""
    raw = iter(lambda: file.read(size), b"")
    first = next(raw, b"")
    for magic, packing in _PACKED.items():
        if first.startswith(magic):
            raise UsageError(
                f"{name} is {packing}: unpack it, and pipe what is in it to prober "
                "audit"
            )
    pieces = _chain(first, raw)
    if first.startswith(_GZIP):
        pieces = _unpacked(pieces, name, size)
        first = next(pieces, b"")
        pieces = _chain(first, pieces)
    if first.startswith(_UTF_16):
        pieces = _as_utf_8(pieces)
    return _unescaped(pieces)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _unpacked(pieces: Iterable[bytes], name: str, size: int) -> Iterator[bytes]:
    """Yield what gzip packed, in pieces of bounded size, one member after the other."""
    member, begun = zlib.decompressobj(wbits=31), False
    for piece in pieces:
        rest = piece
        while rest:
            if not begun:
                rest = rest.lstrip(b"\0")  # what fills up a block on some media
            if not rest:
                break
            begun = True
            try:
                unfolded = member.decompress(rest, size)
            except zlib.error as error:
                raise UsageError(
                    f"{name} is damaged: {error}; export it again"
                ) from error
            if unfolded:
                yield unfolded
            rest = member.unconsumed_tail
            if member.eof:
                rest = member.unused_data
                member, begun = zlib.decompressobj(wbits=31), False
    if begun:
        raise UsageError(f"{name} is cut off within what gzip packed: export it again")


def _as_utf_8(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what was written in two bytes a letter, as a shell's redirection may."""
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for piece in pieces:
        yield decoder.decode(piece).encode(errors="replace")


def _unescaped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    r"""Yield pieces with `\/` as the `/` that it stands for, however often escaped."""
    held = b""
    for piece in pieces:
        text = held + piece
        kept = text.rstrip(b"\\")
        held = text[len(kept) :][-_MOST_ESCAPES:]
        text = text[: len(text) - len(held)]
        yield _ESCAPED.sub(b"/", text) if b"\\/" in text else text
    yield held
