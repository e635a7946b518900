"""Values of consecutive numbers, of which only some at the front are still needed.

    held     [ gone | gone | 40 | 41 | 42 | 43 | room | room ]
                             first               end

Room is made behind, what was released is taken over from in front: so a run without an
end is held in as much memory as what is open of it.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from prober.records import Span

_LEAST = 1 << 14
"""Values by which room grows at least."""
_SLACK = 16
"""What was released is moved over when it is this part of what is held, or more."""


class Window:
    """Values of the numbers from `first` on, before `end`; zero until they are set.

    `values` and what `of` returns are views: they hold until the next `reach`.
    """

    __slots__ = ("_head", "_held", "end", "first")

    def __init__(self, dtype: DTypeLike, first: int = 0) -> None:
        self._held: NDArray[Any] = np.zeros(0, dtype)
        self._head = 0
        self.first = self.end = first

    @property
    def values(self) -> NDArray[Any]:
        """The values of all numbers; that of number n stands at n - first."""
        return self._held[self._head : self._head + self.end - self.first]

    def of(self, span: Span) -> NDArray[Any]:
        """Return the values of a span."""
        at = self._head + span.first - self.first
        return self._held[at : at + span.count]

    def reach(self, end: int, soon: int = 0) -> None:
        """Have values for all numbers before `end`, with room up to `soon` at once."""
        if end > self.end:
            if end > self.first + len(self._held) - self._head:
                self._make_room(max(end, soon))
            self.end = end

    def reserve(self, end: int) -> None:
        """Have room for all numbers before `end`, and no values yet."""
        if end > self.first + len(self._held) - self._head:
            self._make_room(end)

    def release(self, first: int) -> None:
        """Forget what stands before a number."""
        step = min(first, self.end) - self.first
        if step > 0:
            self._head += step
            self.first += step

    def _make_room(self, end: int) -> None:
        if self._head * _SLACK >= len(self._held):
            self._move()
        size = self._head + end - self.first
        if size > len(self._held):
            self._grow(-(-size // _LEAST) * _LEAST)

    def _move(self) -> None:
        live, behind = self.end - self.first, self._head + self.end - self.first
        self._held[:live] = self._held[self._head : behind]
        self._held[live:behind] = 0
        self._head = 0

    def _grow(self, size: int) -> None:
        if self.end == self.first:
            # Zeros that nobody has touched take no memory yet.
            self._held, self._head = np.zeros(size, self._held.dtype), 0
            return
        try:
            self._held.resize(size)  # in place where it can be: nothing is held twice
        except ValueError:  # somebody holds a view
            larger = np.zeros(size, self._held.dtype)
            larger[: len(self._held)] = self._held
            self._held = larger
