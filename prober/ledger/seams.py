"""Connections of one consumer that overlap: there each message rightly comes twice.

A reader whose peer ends every connection opens the next one before that. While both are
open, each message comes over both. Over the other one it is a *copy*, no duplicate:

    copy         the first arrival over its own connection of what came over another
                 one too, both while the two overlapped
    duplicate    any further arrival over one connection, or of what the other had
                 brought before there was an overlap
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prober.ledger.tally import first_of_each
from prober.ledger.window import Window
from prober.records import Span

Mask = NDArray[np.bool_]
Sequences = NDArray[np.int64]

PROOF = 500
"""Messages in a row, all of which the newer connection brought as the older one did,
that prove it to be attached: several of the batches in which agents spread them over
routers. Before and behind them one of the two may be ahead, as batches overtake."""
_OLDER, _NEWER = 1, 2


KEPT = 1 << 20
"""Messages of closed cycles, of which it is still known over what they came. What comes
twice and later still is taken for a duplicate."""


@dataclass(slots=True)
class _Seam:
    """Two connections since they overlap; `seen` tells over which a message came."""

    older: int
    newer: int
    seen: Window
    low: int = -1
    """The lowest sequence number that came over the newer one."""
    high: int = -1

    def book(self, epoch: int, sequences: Sequences) -> Mask:
        """Take in arrivals over either, and mark the copies."""
        mine = _OLDER if epoch == self.older else _NEWER
        marked = np.zeros(len(sequences), dtype=np.bool_)
        kept = sequences >= self.seen.first
        sequences = sequences[kept]
        if not sequences.size:
            return marked
        low, high = int(sequences.min()), int(sequences.max())
        self.seen.reach(high + 1)
        if mine == _NEWER:
            self.low = low if self.low < 0 else min(self.low, low)
            self.high = max(self.high, high)
        at = sequences - self.seen.first
        before = self.seen.values[at]
        self.seen.values[at] = before | mine
        copies = before == _OLDER + _NEWER - mine
        if copies.any():
            copies &= first_of_each(sequences)
        marked[kept] = copies
        return marked

    def proves(self) -> bool:
        """Tell whether the newer one brought enough of what the older did in a row."""
        first = max(self.low, self.seen.first)
        window = self.seen.of(Span(first=first, count=max(0, self.high + 1 - first)))
        both = np.cumsum(window == _OLDER + _NEWER)
        before = np.maximum.accumulate(np.where(window == _OLDER, both, 0))
        return both.size > 0 and int(np.max(both - before)) >= PROOF


class Seams:
    """The seams of one consumer, each with one byte an open message while it lasts."""

    def __init__(self) -> None:
        self._first = 0
        self._open: set[int] = set()
        self._seams: list[_Seam] = []

    def open(self, epoch: int) -> None:
        """Note that a connection is asked for; it overlaps with all that are open."""
        if epoch not in self._open:
            self._seams += [
                _Seam(older, epoch, Window(np.uint8, self._first))
                for older in self._open
            ]
            self._open.add(epoch)

    def close(self, epoch: int) -> None:
        """Note that a connection is gone.

        The other one of a seam may still bring what the two share.
        """
        self._open.discard(epoch)
        self._seams = [
            seam
            for seam in self._seams
            if seam.newer in self._open or (seam.older in self._open and seam.high >= 0)
        ]

    def release(self, end: int) -> None:
        """Note that all cycles before a message are closed."""
        self._first = max(0, end - KEPT)
        for seam in self._seams:
            seam.seen.release(self._first)

    def copies(self, epoch: int, sequences: Sequences) -> Mask | None:
        """Book arrivals over a connection, in their order, and mark the copies.

        None if the connection shares nothing with another, as most do.
        """
        copies = None
        for seam in self._seams:
            if epoch in (seam.older, seam.newer):
                found = seam.book(epoch, sequences)
                copies = found if copies is None else copies | found
        return copies

    def proven(self, epoch: int) -> bool:
        """Tell whether a connection is known to bring all that an older one brings."""
        return any(seam.newer == epoch and seam.proves() for seam in self._seams)
