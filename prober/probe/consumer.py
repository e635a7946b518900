"""One consumer, and whether its reader is known to be attached."""

from collections.abc import Callable
from dataclasses import dataclass, field

from prober.egress import Reader

OpenReader = Callable[[], Reader]
"""Makes a reader with a subscription of its own each time."""

PRIMERS = 10
"""Primers in a row that have to come back: one each would not cover every path."""


@dataclass(slots=True)
class Consumer:
    """What the probe remembers of one reader."""

    reader: Reader
    open: OpenReader
    primers_from: int = 0
    """The first primer sent since the reader last subscribed."""
    primers: set[int] = field(default_factory=set)
    primed: bool = False
    trailed: bool = False
    """A trailer came, which was sent after all messages."""
    cut: str = ""
    """The words of the last cut, until something arrives again."""
    lag: float = 0.0
    """Seconds between the last arrival and its booking."""

    def prime(self, numbers: list[int]) -> bool:
        """Take in primers; tell whether that made ten in a row for the first time."""
        self.primers.update(each for each in numbers if each >= self.primers_from)
        if self.primed or not numbers:
            return False
        last = numbers[-1]
        low = high = last
        while low - 1 in self.primers:
            low -= 1
        while high + 1 in self.primers:
            high += 1
        self.primed = last in self.primers and high - low + 1 >= PRIMERS
        return self.primed

    def resubscribe(self, next_primer: int) -> None:
        """Begin anew: what was primed before says nothing of a new subscription."""
        self.primers_from = next_primer
        self.primers.clear()
        self.primed = False
