"""What a scan found, held against a full parse: of a sample, and of all that is odd.

A scan proves bytes, and not where they stand: a payload that somebody appended to, a
batch whose end is cut off, or a stamp that was copied into another tag has all that it
looks for. So an intact message is believed if its bytes are a whole field of its batch:

    found in the bytes       prober/1 … 00000000234 … the quick brown    100 bytes
    a field, by a parse      prober/1 … 00000000234 … the quick brownXY  102: another

What is none, came damaged: that is what is told of it.
"""

import bisect
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from prober.egress.parsing import fields
from prober.ledger.tally import first_of_each
from prober.probe.groups import BETWEEN, Group
from prober.stamp import Sightings

EVERY = 64
"""One batch of so many is parsed, whatever was found in it."""


class Proof:
    """Holds groups of one way out, one after the other, against a parse of them.

    Parsed is one batch of `every`, one of those in which a message came again, and the
    whole group where anything is damaged, does not seem to fill its field, or was not
    confirmed: in this group, or in the last one.
    """

    def __init__(self, transport: str, every: int = EVERY) -> None:
        self._transport, self._every = transport, every
        self._batches = 0
        self._doubtful = False
        """The last group had what was not confirmed."""

    def hold(self, group: Group, found: Sightings) -> None:
        """Take for damaged what was found in a group, and a parse does not confirm."""
        parts = _Parts(group.batches, found)
        every = range(len(parts.batches))
        due: Collection[int] = every[-self._batches % self._every :: self._every]
        self._batches += len(every)
        if not found.sequences:
            return
        if self._doubtful or found.odd or found.damaged:
            due = every
        elif (again := parts.again()) is not None:
            due = {*due, again}
        doubts = self._doubts(parts, due)
        if doubts and due is not every:
            doubts = self._doubts(parts, every)
        self._doubtful = bool(doubts)
        if doubts:
            found.damaged += [found.sequences[row] for row in doubts]
            found.keep(np.delete(np.arange(len(found.sequences)), doubts))

    def _doubts(self, parts: "_Parts", some: Collection[int]) -> list[int]:
        """Return which messages of some batches are no field; two have to be two."""
        doubts = []
        for number in some:
            texts = parts.texts(number)
            if not texts:
                continue
            found = [*fields(self._transport, parts.batches[number])]
            if found == [text for _, text in texts]:
                continue  # just these, in order: nothing has to be counted
            left = Counter(found)
            for row, text in texts:
                if left[text] > 0:
                    left[text] -= 1
                else:
                    doubts.append(row)
        return doubts


class _Parts:
    """Which of the intact messages of a group stand in which of its batches."""

    def __init__(self, batches: Sequence[bytes], found: Sightings) -> None:
        self.batches, self._found = batches, found
        ends = np.cumsum([len(raw) + len(BETWEEN) for raw in batches])
        self._ends: list[int] = ends.tolist()
        self._rows: list[int] = [0, *np.searchsorted(found.places, ends).tolist()]

    def texts(self, number: int) -> list[tuple[int, bytes]]:
        """Return the messages in a batch: the row of each, and its bytes."""
        raw, found = self.batches[number], self._found
        start = self._ends[number] - len(raw) - len(BETWEEN)
        return [
            (row, raw[found.places[row] - start : found.ends[row] - start])
            for row in range(self._rows[number], self._rows[number + 1])
        ]

    def again(self) -> int | None:
        """Return the first batch in which a message comes that came before."""
        numbers = np.asarray(self._found.sequences)
        if (numbers[1:] > numbers[:-1]).all() or (
            first := first_of_each(numbers)
        ).all():
            return None
        row = int(np.argmin(first))
        return bisect.bisect_right(self._rows, row) - 1
