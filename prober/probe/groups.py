"""Arrivals that are scanned and booked together, each keeping its own time.

Looking for stamps costs much for each call and little for each byte, so what came while
the last arrivals were booked is joined. Times of arrival were taken at the socket:
waiting for each other changes none of them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prober.records import Arrival, Evidence

MAX_ARRIVALS = 64
MAX_BYTES = 4 << 20
"""What a group may have; it is booked in one go, and nothing else goes on meanwhile."""
BETWEEN = b"\n"
"""One byte, as `times` counts on."""


@dataclass(frozen=True, slots=True)
class Group:
    """Some arrivals over one connection, in their order."""

    members: tuple[Arrival, ...]

    @property
    def whole(self) -> Arrival:
        """All batches, as if they had come with the last of them."""
        last = self.members[-1]
        return Arrival(batches=self.batches, at_ns=last.at_ns, epoch=last.epoch)

    @property
    def batches(self) -> tuple[bytes, ...]:
        """All batches, in their order."""
        return tuple(batch for each in self.members for batch in each.batches)

    @property
    def raw(self) -> bytes:
        """All batches, with a byte between any two."""
        return BETWEEN.join(self.batches)

    def times(self, places: Iterable[int]) -> NDArray[np.int64]:
        """Return when that came which stands at some places in `raw`, ascending."""
        sizes = [sum(map(len, m.batches)) + len(m.batches) for m in self.members]
        at_ns = np.array([each.at_ns for each in self.members], dtype=np.int64)
        where = np.asarray(places, dtype=np.int64)
        before = np.searchsorted(where, np.cumsum(sizes))
        return np.repeat(at_ns, np.diff(before, prepend=0))

    def having(self, text: bytes) -> list[int]:
        """Return when members came that have some text in them."""
        return [m.at_ns for m in self.members if any(text in b for b in m.batches)]


def grouped(
    items: Iterable[Arrival | Evidence], together: Callable[[], bool] = lambda: True
) -> Iterator[Group | Evidence]:
    """Yield what a reader handed over, in its order, with arrivals in groups.

    `together` is asked for each arrival whether it may join those before.
    """
    members: list[Arrival] = []
    size = 0
    for item in items:
        if members and not (
            isinstance(item, Arrival)
            and item.epoch == members[-1].epoch
            and len(members) < MAX_ARRIVALS
            and size < MAX_BYTES
            and together()
        ):
            yield Group(tuple(members))
            members, size = [], 0
        if isinstance(item, Arrival):
            members.append(item)
            size += sum(map(len, item.batches))
        else:
            yield item
    if members:
        yield Group(tuple(members))
