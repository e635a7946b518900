"""Where tokens start in megabytes of raw bytes, and what stands there, in bulk."""

import base64
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from prober.stamp.token import MARKER, READABLE

Places = NDArray[np.int64]
"""Offsets in raw bytes."""
Rows = NDArray[np.uint8]
"""A row of bytes each."""
Words = NDArray[np.uint32]
Mask = NDArray[np.bool_]
Width = TypeVar("Width", int, NDArray[np.int64])
_WORD = 4
_PART = 1 << 16
"""Words that are looked through together: 256 kB."""
_SURE = 2 * _WORD - 1
"""So many bytes hold one aligned word, wherever they stand."""


class Needle:
    """Bytes that are looked for by comparing aligned words, four bytes at a time.

    Seven bytes cover a whole aligned word, wherever they stand; it is one of four:

        raw       ....|..pr|ober|/1 k|3v9x     the word `ober` tells that a marker
        marker          pr ober /1             starts two bytes before it
        its last seven     |ober|  b|er/1|  be|r/1 |     o be|r/1 |

    So four comparisons find all, at a fraction of a nanosecond a byte, and hardly
    anything else: what they find is then compared whole.
    """

    def __init__(self, text: bytes) -> None:
        self._text = np.frombuffer(text, dtype=f"V{len(text)}")
        ends = range(len(text) - _SURE, len(text) - _SURE + _WORD)
        self._words = [
            (at, np.frombuffer(text, dtype=np.uint32, count=1, offset=at)[0])
            for at in ends
        ]
        self._telling, self._before = _telling(text[ends[0] :])

    def words_in(self, words: Words, marks: Mask, more: Mask) -> Places:
        """Return which words are one of its own; two masks are given to be used."""
        np.equal(words, self._words[0][1], out=marks)
        for _, word in self._words[1:]:
            np.equal(words, word, out=more)
            np.logical_or(marks, more, out=marks)
        return np.flatnonzero(marks)

    def near(self, words: Words, hits: Places) -> Places:
        """Return where it may start, ascending, given the words that are its own."""
        told = words[hits]
        if self._telling is not None:
            telling = told.view(np.uint8)[self._telling :: _WORD]
            places = hits * _WORD - self._words[0][0] - self._before.take(telling)
        else:
            near = [hits[told == word] * _WORD - at for at, word in self._words]
            places = np.concatenate(near)
        return places if (places[1:] > places[:-1]).all() else np.sort(places)

    def stands(self, raw: bytes, places: Places) -> Places:
        """Return those of ascending places where it stands, whole."""
        last = len(raw) - self._text.itemsize
        if places.size and (places[0] < 0 or places[-1] > last):
            places = places[(places >= 0) & (places <= last)]
        alike = taken(raw, places, self._text.itemsize) == self._text
        return places if alike.all() else places[alike]


def _telling(end: bytes) -> tuple[int | None, Places]:
    """Return which byte of the words in seven bytes tells them apart, and how.

    That is, by that byte, how far its word stands behind the first of the four:

        ober/1_      ober ber/ er/1 r/1_      by the first: o 0, b 1, e 2, r 3

    None if no byte does, as in a text that repeats itself.
    """
    before = np.zeros(256, dtype=np.int64)
    for at in range(_WORD):
        told = end[at : at + _WORD]
        if len(set(told)) == _WORD:
            before[list(told)] = range(_WORD)
            return at, before
    return None, before


class Search:
    """Looks for needles in megabytes, part by part.

    A part stays in the processor's cache while one needle after the other is compared,
    and so do the masks: that is three times as fast as all of it for each needle.
    """

    def __init__(self, *needles: Needle) -> None:
        self._needles = needles
        self._masks = np.empty((2, _PART), dtype=np.bool_)

    def find(self, raw: bytes) -> list[Places]:
        """Return where each needle may start, ascending: most often it does."""
        words = np.frombuffer(raw, dtype=np.uint32, count=len(raw) // _WORD)
        hits: list[list[Places]] = [[] for _ in self._needles]
        for first in range(0, words.size, _PART):
            part = words[first : first + _PART]
            marks, more = self._masks[:, : part.size]
            for needle, found in zip(self._needles, hits, strict=True):
                here = needle.words_in(part, marks, more)
                if here.size:
                    found.append(here + first if first else here)
        none = np.empty(0, dtype=np.int64)
        return [
            needle.near(words, np.concatenate(found) if found else none)
            for needle, found in zip(self._needles, hits, strict=True)
        ]


def taken(raw: bytes, places: Places, width: int) -> NDArray[np.void]:
    """Return `width` bytes from each place on as one item, all within `raw`.

    Items are compared whole, which is much faster than to compare their bytes.
    """
    if not places.size:  # the bytes may be fewer than the width
        return np.empty(0, dtype=f"V{width}")
    # One item for each offset, overlapping: taking some copies just their bytes.
    windows = np.ndarray(len(raw) - width + 1, f"V{width}", raw, strides=(1,))
    items: NDArray[np.void] = windows[places]
    return items


def gather(raw: bytes, places: Places, width: int) -> Rows:
    """Return `width` bytes from each place on as a row, all within `raw`."""
    if not width:
        return np.empty((places.size, 0), dtype=np.uint8)
    return taken(raw, places, width).view(np.uint8).reshape(-1, width)


class Wrapping:
    """How a transport wraps what stands in an envelope, and what to look for in it."""

    def __init__(
        self,
        run: bytes,
        wrap: Callable[[bytes], bytes],
        unwrap: Callable[[bytes], bytes],
        turns: tuple[int, int] = (1, 1),
    ) -> None:
        """`turns` are so many bytes, of which each begun makes so many wrapped ones."""
        self._bytes, self._into = turns
        # Two chances to find a damaged token: by the marker, and by the run behind it.
        self.needles = Needle(wrap(MARKER)), Needle(wrap(run + b" "))
        self._run_at = self.span(len(MARKER))
        self._unwrap = unwrap

    def span(self, width: Width) -> Width:
        """Return how many bytes, wrapped, a number of bytes takes."""
        return -(-width // self._bytes) * self._into

    def starts(self, raw: bytes, marker_near: Places, run_near: Places) -> Places:
        """Return where a token starts, or what may be one, ascending.

        Told where the marker may stand, and where the run.
        """
        marker, run = self.needles
        by_marker = marker.stands(raw, marker_near)
        if np.array_equal(by_marker, run_near - self._run_at):
            return by_marker
        by_run = run.stands(raw, run_near) - self._run_at
        both = np.sort(np.concatenate((by_marker, by_run)))
        return both[(both >= 0) & (np.diff(both, prepend=-1) > 0)]

    def read(self, raw: bytes, at: int, width: int) -> bytes:
        """Return what is wrapped from a place on, less if the raw bytes end before."""
        return self._unwrap(raw[at : at + self.span(width)])[:width]

    def rows(self, raw: bytes, places: Places, width: int) -> Rows:
        """Return what is wrapped from each place on, all of it within `raw`."""
        wrapped = gather(raw, places, self.span(width))
        if self._bytes == self._into:
            return wrapped  # as it stands
        if not wrapped.size:
            return np.empty((places.size, width), dtype=np.uint8)
        text = self._unwrap(wrapped.tobytes())
        rows = np.frombuffer(text, dtype=np.uint8).reshape(places.size, -1)
        return rows[:, :width]


def wrappings(run: bytes) -> tuple[Wrapping, ...]:
    """Return those that a run's tokens are looked for in, by any transport.

    As they are, first; then in base64.
    """
    return (
        Wrapping(run, lambda text: text, lambda text: text),
        # Three bytes are four characters; a token's fields begin where such three do.
        Wrapping(run, base64.b64encode, _from_base64, turns=(3, 4)),
    )


def _from_base64(text: bytes) -> bytes:
    """Decode what may be cut off or damaged: what cannot be read is some other byte."""
    readable = text.translate(READABLE)
    return base64.b64decode(readable + b"/" * (-len(readable) % 4))
