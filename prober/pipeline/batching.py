"""Gathers items into batches, in the rhythm of Loggregator's own batchers."""

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from prober.clock import NS, Clock

T = TypeVar("T")


class Batcher(Generic[T]):
    """Batches of at most `size` items, sent at least `interval_seconds` apart or full.

    A batch falls due by being handed to the caller, who sends it; each method returns
    the batch that fell due, or None. Nothing happens between calls, so whoever runs
    out of items calls `flush` from time to time.

    An item that finds the interval over leaves at once and alone, and the rest wait for
    the next: hence the rhythm "1, then 99" of a steady stream that is read in bursts.
    """

    def __init__(self, size: int, interval_seconds: float, clock: Clock) -> None:
        if size < 1:
            raise ValueError(f"a batch needs room for at least one item, not {size}")
        self._size = size
        self._interval_ns = round(interval_seconds * NS)
        self._clock = clock
        self._batch: list[T] = []
        self._last_ns = clock.now_ns()

    def __len__(self) -> int:
        return len(self._batch)

    def write(self, item: T) -> list[T] | None:
        """Add an item; the batch falls due if full, or if the interval is over."""
        self._batch.append(item)
        if len(self._batch) >= self._size:
            return self.forced_flush()
        return self.flush()

    def write_all(self, items: Sequence[T]) -> Iterator[list[T]]:
        """Add items, and yield each batch as it falls due: `write` of one by one.

        Whoever sends a batch before asking for the next lets time pass in between.
        """
        done = 0
        while done < len(items):
            due = self._is_due()
            room = 1 if due else self._size - len(self._batch)
            self._batch += items[done : done + room]
            done += room
            if due or len(self._batch) >= self._size:
                yield self._take()

    def flush(self) -> list[T] | None:
        """Let the batch fall due if the interval since the last one is over."""
        return self.forced_flush() if self._is_due() else None

    def forced_flush(self) -> list[T] | None:
        """Let the batch fall due at once; an empty batch never does."""
        return self._take() if self._batch else None

    def _is_due(self) -> bool:
        return self._clock.now_ns() - self._last_ns >= self._interval_ns

    def _take(self) -> list[T]:
        batch, self._batch = self._batch, []
        self._last_ns = self._clock.now_ns()
        return batch
