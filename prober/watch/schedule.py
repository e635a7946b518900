"""When cycles are due: a cadence aligned to its period, and who missed it.

The same period has the same ticks for every daemon, before and after a restart: tick n
is due n periods after 1970 began. No time is ever added to a time that was late.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """Ticks of one period, numbered from 1970 on; each is one cycle."""

    every_ns: int

    def due_ns(self, tick: int) -> int:
        """Return when a tick is due."""
        return tick * self.every_ns

    def at(self, at_ns: int) -> int:
        """Return the tick in whose time a moment lies."""
        return at_ns // self.every_ns

    def next(self, at_ns: int) -> int:
        """Return the first tick that is due then, or later."""
        return -(-at_ns // self.every_ns)


class Roll:
    """Which ticks began, in order; those passed over were missed.

    A tick is missed when its whole time is over and nothing of it began: a cycle that
    begins late is a late cycle.
    """

    def __init__(self, cadence: Cadence, first: int) -> None:
        """Expect tick `first` and all that follow it."""
        self._cadence = cadence
        self._next = first

    def begin(self, tick: int) -> Iterator[int]:
        """Note that a tick began, and yield those before it that never will."""
        passed_over = range(self._next, tick)
        self._next = max(self._next, tick + 1)
        yield from passed_over

    def missed(self, now_ns: int) -> Iterator[int]:
        """Yield the ticks whose time went by without them, each once."""
        over = self._cadence.at(now_ns)
        passed_over = range(self._next, over)
        self._next = max(self._next, over)
        yield from passed_over
