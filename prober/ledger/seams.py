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

Mask = NDArray[np.bool_]
Sequences = NDArray[np.int64]

PROOF = 500
"""Messages, all of which the newer connection brought as the older one did, that prove
it to be attached: several of the batches in which agents spread them over routers."""
_OLDER, _NEWER = 1, 2


@dataclass(slots=True)
class _Seam:
    """Two connections since they overlap; `seen` tells over which a message came."""

    older: int
    newer: int
    seen: NDArray[np.uint8]
    low: int
    """The lowest sequence number that came over the newer one."""
    high: int = -1

    def book(self, epoch: int, sequences: Sequences) -> Mask:
        """Take in arrivals over either, and mark the copies."""
        mine = _OLDER if epoch == self.older else _NEWER
        if mine == _NEWER:
            self.low = min(self.low, int(sequences.min()))
            self.high = max(self.high, int(sequences.max()))
        first = np.zeros(len(sequences), dtype=np.bool_)
        first[np.unique(sequences, return_index=True)[1]] = True
        before = self.seen[sequences]
        self.seen[sequences] = before | mine
        marked: Mask = first & (before == _OLDER + _NEWER - mine)
        return marked

    def proves(self) -> bool:
        """Tell whether the newer one brought all that the older did, and enough."""
        window = self.seen[self.low : self.high + 1]
        both = np.flatnonzero(window == _OLDER + _NEWER)
        return both.size >= PROOF and not np.any(window[both[0] : both[-1]] == _OLDER)


class Seams:
    """The seams of one consumer, each with one byte a message while it lasts."""

    def __init__(self, messages: int) -> None:
        self._messages = messages
        self._open: set[int] = set()
        self._seams: list[_Seam] = []

    def open(self, epoch: int) -> None:
        """Note that a connection is asked for; it overlaps with all that are open."""
        if epoch not in self._open:
            self._seams += [self._between(older, epoch) for older in self._open]
            self._open.add(epoch)

    def _between(self, older: int, newer: int) -> _Seam:
        seen = np.zeros(self._messages, dtype=np.uint8)
        return _Seam(older, newer, seen, low=self._messages)

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

    def copies(self, epoch: int, sequences: Sequences) -> Mask:
        """Book arrivals over a connection, in their order, and mark the copies."""
        copies = np.zeros(len(sequences), dtype=np.bool_)
        if sequences.size:
            for seam in self._seams:
                if epoch in (seam.older, seam.newer):
                    copies |= seam.book(epoch, sequences)
        return copies

    def proven(self, epoch: int) -> bool:
        """Tell whether a connection is known to bring all that an older one brings."""
        return any(seam.newer == epoch and seam.proves() for seam in self._seams)
