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
    """The newest connection is known to bring everything."""
    connections: dict[int, bool] = field(default_factory=dict)
    """Those that are open, by epoch, and whether each is known to bring everything."""
    trailed: bool = False
    """A trailer came, which was sent after all messages."""
    cut: str = ""
    """The words of the last cut, until something arrives again."""
    lag: float = 0.0
    """Seconds between the last arrival and its booking."""

    @property
    def newest(self) -> int:
        """The connection that was opened last, of those that are open."""
        return max(self.connections, default=0)

    def connect(self, epoch: int, next_primer: int) -> None:
        """Note that a connection is asked for, beside any that is open."""
        self.connections[epoch] = False
        self.resubscribe(next_primer)

    def disconnect(self, epoch: int, next_primer: int) -> bool:
        """Note that a connection is gone; tell whether another brings everything."""
        newest = epoch >= self.newest
        self.connections.pop(epoch, None)
        attached = any(self.connections.values())
        if newest:
            self.resubscribe(next_primer)
            self.primed = attached
        return attached

    def attach(self) -> None:
        """Note that the newest connection brings everything."""
        self.primed = True
        if self.connections:
            self.connections[self.newest] = True

    def renews(self, epoch: int) -> bool:
        """Tell whether a connection is to take over from one that brings everything."""
        taking_over = epoch == self.newest and not self.primed
        return taking_over and any(self.connections.values())

    def prime(self, numbers: list[int], epoch: int | None = None) -> bool:
        """Take in primers; tell whether that made ten in a row for the first time.

        Over an older connection they tell nothing of the newest.
        """
        if epoch in self.connections and epoch != self.newest:
            return False
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
