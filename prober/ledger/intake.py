"""The producer's side of the ledger: what was handed in, and the writer's words."""

import enum
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from prober.ledger.window import Window
from prober.plan import Plan
from prober.records import Handover, Outcome, Span


class Word(enum.IntEnum):
    """What the writer told of a message."""

    NOT_YET = 0  # not even sent
    WITHHELD = 1  # never sent, on purpose: it has to be found missing
    REJECTED = 2
    PENDING = 3  # sent, and not yet acknowledged; from here on it may come
    AMBIGUOUS = 4
    ACCEPTED = 5


_WORDS = {
    Handover.ACCEPTED: Word.ACCEPTED,
    Handover.REJECTED: Word.REJECTED,
    Handover.AMBIGUOUS: Word.AMBIGUOUS,
}
_MOST_MARKS = 10_000
"""Times of which it is remembered what had been sent by then."""


@dataclass(slots=True)
class _Mark:
    """Everything before `end` had been sent at `at_ns`."""

    since_ns: int
    at_ns: int
    end: int


@dataclass(slots=True)
class Sent:
    """What was sent of an open cycle, and when the first and the last of it."""

    count: int = 0
    left_out: int = 0
    """How many will never be sent."""
    end: int = 0
    """Before which message all was sent, that is not withheld or left out."""
    first_ns: int = 0
    last_ns: int = 0


@dataclass(slots=True)
class Intake:
    """The writer's words on the messages of open cycles: one byte each."""

    plan: Plan
    words: Window = field(default_factory=lambda: Window(np.uint8))
    """`Word`, by sequence number."""
    cycles: dict[int, Sent] = field(default_factory=dict)
    """The open ones, in order."""
    attempted: int = 0
    mark_ns: int = 0
    """How finely it is remembered what had been sent by when."""
    _marks: deque[_Mark] = field(default_factory=lambda: deque(maxlen=_MOST_MARKS))
    _line: int = 0

    def attempt(self, span: Span, cycle: int, at_ns: int) -> None:
        """Register messages of one cycle that are about to be sent."""
        sent = self._open(cycle)
        sent.first_ns = sent.first_ns if sent.count else at_ns
        sent.last_ns = at_ns
        sent.count += span.count
        sent.end = span.end
        self.words.reach(span.end)
        self.words.of(span).fill(Word.PENDING)
        self.attempted += span.count
        if not self._marks or at_ns - self._marks[-1].since_ns > self.mark_ns:
            self._marks.append(_Mark(at_ns, at_ns, span.end))
        else:
            mark = self._marks[-1]
            mark.at_ns, mark.end = at_ns, span.end

    def withhold(self, numbers: NDArray[np.int64], cycle: int) -> None:
        """Register the messages of a cycle that are withheld: as sent, by nobody."""
        self.words.reach(self.plan.span_of(cycle).end)
        self.words.values[numbers - self.words.first] = Word.WITHHELD
        self._open(cycle).count += len(numbers)

    def leave_out(self, span: Span, cycle: int) -> None:
        """Register messages of one cycle that will not be sent."""
        self.words.reach(span.end)
        self._open(cycle).left_out += span.count

    def _open(self, cycle: int) -> Sent:
        sent = self.cycles.get(cycle)
        if sent is None:
            self.words.reserve(self.plan.span_of(cycle).end)
            sent = self.cycles[cycle] = Sent()
        return sent

    def hand_over(self, outcome: Outcome) -> None:
        """Book a writer's word on messages that were attempted."""
        end = min(outcome.span.end, self.words.end)
        first = max(outcome.span.first, self.words.first)
        if first < end:
            span = Span(first=first, count=end - first)
            self.words.of(span).fill(_WORDS[outcome.handover])

    def sent_by(self, cycle: int, span: Span, at_ns: int) -> Span:
        """Return about what had been sent of an open cycle at a time.

        Exactly for one that was sent by then, else by its even pace so far.
        """
        sent = self.cycles[cycle]
        count, first_ns, last_ns = sent.end - span.first, sent.first_ns, sent.last_ns
        if first_ns <= at_ns < last_ns:
            count = 1 + (count - 1) * (at_ns - first_ns) // (last_ns - first_ns)
        return Span(first=span.first, count=count)

    def sent_before(self, at_ns: int) -> int:
        """Return before which message everything had been sent at a time.

        Times may only go on. As finely as is remembered.
        """
        while self._marks and self._marks[0].at_ns <= at_ns:
            self._line = self._marks.popleft().end
        return self._line

    def were_sent(self, sequences: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell of each number whether a message of it was sent."""
        words, first = self.words.values, self.words.first
        if sequences.min() >= first and sequences.max() < self.words.end:
            sent: NDArray[np.bool_] = words[sequences - first] != Word.NOT_YET
            return sent
        known = (sequences >= 0) & (sequences < self.words.end)
        open_ = known & (sequences >= first)
        known[open_] = words[sequences[open_] - first] != Word.NOT_YET
        return known

    def sent(self, cycle: int) -> int:
        """Return how many messages of an open cycle were sent so far."""
        sent = self.cycles.get(cycle)
        return 0 if sent is None else sent.count

    def left_out(self, cycle: int) -> int:
        """Return how many messages of an open cycle will not be sent."""
        sent = self.cycles.get(cycle)
        return 0 if sent is None else sent.left_out

    def times(self, cycle: int) -> tuple[int, int]:
        """Return when the first and the last of an open cycle were sent; 0 if not."""
        sent = self.cycles.get(cycle)
        return (0, 0) if sent is None else (sent.first_ns, sent.last_ns)

    def release(self, end: int, cycle: int) -> None:
        """Forget a cycle, the first open one, and the messages before its end."""
        self.words.release(end)
        self.cycles.pop(cycle, None)
