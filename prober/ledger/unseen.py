"""What had not come when its cycle was closed: the only messages still to come."""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prober.ledger.tally import spans_of
from prober.records import Span

MOST_SPANS = 100_000
"""Spans that are kept; beyond them the oldest are forgotten, and what still comes of
those is taken for a duplicate."""


class Unseen:
    """Spans of messages that never came, in order: one that comes is taken out."""

    __slots__ = ("_ends", "_firsts")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        """How many spans are kept."""
        return len(self._firsts)

    def add(self, spans: Sequence[Span]) -> None:
        """Keep spans that lie behind all that were added before."""
        if spans and self._ends and self._ends[-1] == spans[0].first:
            self._ends[-1], spans = spans[0].end, spans[1:]
        self._firsts += [span.first for span in spans]
        self._ends += [span.end for span in spans]
        excess = len(self._firsts) - MOST_SPANS
        if excess > 0:
            del self._firsts[:excess], self._ends[:excess]

    def take(self, sequences: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Take messages out; mark those that were in, each where it comes first."""
        numbers, places = np.unique(sequences, return_index=True)
        taken = np.zeros(len(sequences), dtype=np.bool_)
        for span in spans_of(numbers) if self._firsts else ():
            for part in self._cut(span):
                low, high = np.searchsorted(numbers, [part.first, part.end])
                taken[places[low:high]] = True
        return taken

    def _cut(self, span: Span) -> list[Span]:
        """Take a span out; return what of it was in."""
        low = high = bisect_right(self._ends, span.first)
        taken, firsts, ends = [], [], []
        while high < len(self._firsts) and self._firsts[high] < span.end:
            first, end = self._firsts[high], self._ends[high]
            begin, until = max(first, span.first), min(end, span.end)
            taken.append(Span(first=begin, count=until - begin))
            if first < begin:
                firsts.append(first)
                ends.append(begin)
            if until < end:
                firsts.append(until)
                ends.append(end)
            high += 1
        self._firsts[low:high], self._ends[low:high] = firsts, ends
        return taken
