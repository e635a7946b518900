"""What waits for history in memory: in order, packed, and within a bound."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from prober.history import CycleRecord
from prober.store.codecs import storable
from prober.store.overflow import Overflow
from prober.store.store import Store

_SMALL = 200
"""Bytes that are reckoned for what is no cycle."""

_pack = msgspec.msgpack.Encoder(enc_hook=dict).encode  # buckets at rest are no dict
_unpack = msgspec.msgpack.Decoder(list[CycleRecord]).decode

Do = Callable[[Store], object]


@dataclass(slots=True, eq=False)
class Item:
    """One write: packed cycles, what overflowed, or something else to do."""

    size: int = _SMALL
    packed: bytes | None = None
    results: int = 0
    overflow: Overflow | None = None
    do: Do | None = None

    def cycles(self) -> list[CycleRecord] | None:
        """Return the cycles that are to be written; None for something else."""
        if self.packed is not None:
            return _unpack(self.packed)
        return None if self.overflow is None else list(self.overflow.cycles())


@dataclass(slots=True)
class Queue:
    """Items in order, and last words, of which only the newest of each key counts.

    Whoever uses it holds a lock.
    """

    limit_bytes: int
    items: deque[Item] = field(default_factory=deque)
    latest: dict[str, Do] = field(default_factory=dict)
    bytes: int = 0
    results: int = 0
    overflowed: int = 0

    def add_cycles(self, cycles: Sequence[CycleRecord]) -> None:
        """Add cycles, packed; where there is no room, only that there were some."""
        packed = _pack([replace(c, reason=storable(c.reason)) for c in cycles])
        final = [cycle for cycle in cycles if cycle.state is not None]
        if self.bytes + len(packed) <= self.limit_bytes:
            self.add(Item(size=len(packed), packed=packed, results=len(final)))
        elif final:  # that one opened needs no record of its own
            self._overflow(final)

    def add(self, item: Item) -> None:
        """Add an item behind the others."""
        self.items.append(item)
        self.bytes += item.size
        self.results += item.results

    def _overflow(self, final: Sequence[CycleRecord]) -> None:
        """Note cycles that do not fit, in one place whatever their number."""
        self.overflowed += len(final)
        last = self.items[-1] if self.items else None
        if last is None or last.overflow is None:
            last = Item(overflow=Overflow())
            self.add(last)
        assert last.overflow is not None  # noqa: S101 - it was just made
        for cycle in final:
            last.overflow.add(cycle)

    def take(self, most: int) -> list[Item]:
        """Take the first items out; they count until they are `settled`."""
        return [self.items.popleft() for _ in range(min(most, len(self.items)))]

    def give_back(self, items: Sequence[Item]) -> None:
        """Put items in front again, in their order; what overflowed is one again."""
        before = items[-1].overflow if items else None
        since = self.items[0].overflow if self.items else None
        if before is not None and since is not None:
            for cycle in since.cycles():
                before.add(cycle)
            self.settled(self.items.popleft())
        self.items.extendleft(reversed(items))

    def settled(self, item: Item) -> None:
        """Count an item no longer."""
        self.bytes -= item.size
        self.results -= item.results
