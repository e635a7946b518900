"""How many messages are late just now, at each consumer: counted as it changes.

Messages are sent in order, so what is older than the deadline lies before a line that
only moves on. What it moves over is looked at once; from then on, what comes is taken
off.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from prober.ledger.intake import Intake, Word
from prober.ledger.tally import Fate, Tally
from prober.records import Span


@dataclass(slots=True)
class _Late:
    """Of one consumer: what is missing before its line."""

    line: int = 0
    missing: int = 0


@dataclass(slots=True)
class Overdue:
    """Counts, for each tally, what was not rejected and has not come in time."""

    intake: Intake
    late_after_ns: int
    _late: dict[int, _Late] = field(default_factory=dict)
    """By the tally's identity."""

    def at(self, tally: Tally, now_ns: int) -> int:
        """Return how many messages are late at a consumer."""
        line = self.intake.sent_before(now_ns - self.late_after_ns)
        late = self._of(tally)
        first = max(late.line, self.intake.words.first)
        if first < line:
            span = Span(first=first, count=line - first)
            late.missing += self._missing(tally, span)
            late.line = line
        return late.missing

    def arrive(self, tally: Tally, sequences: NDArray[np.int64]) -> None:
        """Note what is about to be booked, in cycles that are open."""
        late = self._of(tally)
        if not late.missing or sequences.min(initial=late.line) >= late.line:
            return
        numbers = np.unique(sequences[sequences < late.line])
        words = self.intake.words.values[numbers - self.intake.words.first]
        tally.reach(int(numbers[-1]) + 1)
        fates = tally.fates.values[numbers - tally.fates.first]
        awaited = (fates == Fate.UNSEEN) & (words >= Word.PENDING)
        late.missing -= int(np.count_nonzero(awaited))

    def close(self, span: Span, tallies: Sequence[Tally]) -> None:
        """Note that a cycle is about to be closed: what is missing in it is lost."""
        for tally in tallies:
            late = self._of(tally)
            count = min(span.end, late.line) - span.first
            if late.missing and count > 0:
                part = Span(first=span.first, count=count)
                late.missing -= self._missing(tally, part)

    def doubt(self, first: int) -> None:
        """Note that what is known of messages from one on may be wrong: count anew."""
        for late in self._late.values():
            if first < late.line:
                late.line, late.missing = 0, 0

    def _missing(self, tally: Tally, span: Span) -> int:
        tally.reach(span.end)
        unseen = tally.fates.of(span) == Fate.UNSEEN
        words = self.intake.words.of(span)
        return int(np.count_nonzero(unseen & (words >= Word.PENDING)))

    def _of(self, tally: Tally) -> _Late:
        return self._late.setdefault(id(tally), _Late())
