"""Results on their way to history: one thread writes them, in order, whatever happens.

A probe never waits for its history. What cannot be written now (locked, full, away)
waits in memory, packed, and is written when it can be. Memory has a bound: cycles
beyond it are not kept, but noted, and recorded as missed, with the reason.
"""

import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Self

from prober.errors import StoreAwayError, StoreError
from prober.history import CycleRecord, Live, RunRecord
from prober.store.queue import Do, Item, Queue
from prober.store.store import Store

LIMIT_BYTES = 32 << 20
"""About 30,000 results: two days of ten environments."""
RETRY_SECONDS = (0.5, 15.0)
"""The first and the longest pause before the next try; each is twice the last."""
_TOGETHER = 200
"""Items that are written in one transaction when many wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits for history, and why: for the page, the metrics and the log."""

    results: int
    """Final cycles that wait, one for each consumer."""
    bytes: int
    since_ns: int | None
    """Since when history cannot be written; None while it can."""
    why: str
    """Why not, in one sentence, or why the last write was refused; else empty."""
    overflowed: int
    """Final cycles that did not fit any more, ever: they are recorded as missed."""
    refused: int
    """Writes that could never succeed, ever."""


class Spool:
    """Takes writes from any thread, at once, and writes them in a thread of its own.

    Its methods are those of `Store` that write; none of them waits or fails.
    """

    def __init__(
        self,
        open_: Callable[[], Store],
        now_ns: Callable[[], int],
        *,
        limit_bytes: int = LIMIT_BYTES,
        retry_seconds: tuple[float, float] = RETRY_SECONDS,
    ) -> None:
        """Begin to write.

        Args:
            open_: Opens the history, in the thread, and again until it succeeds.
            now_ns: Tells the time.
            limit_bytes: How much may wait in memory.
            retry_seconds: The first and the longest pause between two tries.

        """
        self._open, self._now_ns, self._retry = open_, now_ns, retry_seconds
        self._store: Store | None = None
        self._changed = threading.Condition()
        self._queue = Queue(limit_bytes=limit_bytes)
        self._busy = self._closing = False
        self._since_ns: int | None = None
        self._why = ""
        self._refused = 0
        self._thread = threading.Thread(target=self._work, name="history", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close(0)

    # What is to be written.

    def put_run(self, run: RunRecord) -> None:
        """Write a run when it begins, and again when it has ended."""
        self.submit(lambda store: store.put_run(run))

    def put_cycles(self, cycles: Iterable[CycleRecord]) -> None:
        """Write a cycle as it opens, and again when it is final."""
        given = list(cycles)
        with self._changed:
            self._queue.add_cycles(given)
            self._changed.notify_all()

    def record_missed(
        self,
        environment: str,
        from_ns: int,
        to_ns: int,
        *,
        every_ns: int,
        planned: int,
        consumers: Collection[str],
        reason: str,
    ) -> None:
        """Write MISSED cycles for the ticks from `from_ns` on, before `to_ns`."""
        self.submit(
            lambda store: store.record_missed(
                environment,
                from_ns,
                to_ns,
                every_ns=every_ns,
                planned=planned,
                consumers=consumers,
                reason=reason,
            )
        )

    def put_live(self, word: Live) -> None:
        """Write what a daemon does with an environment; only the last word waits."""
        key = f"live/{word.environment}/{word.daemon}"
        self._supersede(key, lambda store: store.put_live(word))

    def keep(self, key: str, record: object, updated_ns: int) -> None:
        """Keep a record under a key; only the last one waits."""
        self._supersede(
            f"kept/{key}", lambda store: store.keep(key, record, updated_ns)
        )

    def forget(self, key: str) -> None:
        """Keep the record under a key no longer."""
        self._supersede(f"kept/{key}", lambda store: store.forget(key))

    def submit(self, do: Do) -> None:
        """Do something else with the store, in its turn; perhaps twice."""
        with self._changed:
            self._queue.add(Item(do=do))
            self._changed.notify_all()

    def _supersede(self, key: str, do: Do) -> None:
        with self._changed:
            self._queue.latest[key] = do
            self._changed.notify_all()

    # How it goes.

    def waiting(self) -> Waiting:
        """Return what waits now, and why."""
        with self._changed:
            return Waiting(
                results=self._queue.results,
                bytes=self._queue.bytes,
                since_ns=self._since_ns,
                why=self._why,
                overflowed=self._queue.overflowed,
                refused=self._refused,
            )

    def flush(self, seconds: float) -> bool:
        """Wait until everything is written, but not longer; tell whether it is."""
        with self._changed:
            return self._changed.wait_for(self._idle, timeout=seconds)

    def close(self, seconds: float) -> int:
        """Write what waits, for some time at most; return how many results remain."""
        self.flush(seconds)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout=max(seconds, 1.0))
        return self.waiting().results

    def _idle(self) -> bool:
        return not (self._queue.items or self._queue.latest or self._busy)

    # The thread.

    def _work(self) -> None:
        """Write until closed; after a failure the same again, a while later."""
        first, longest = self._retry
        pause = first
        while self._wait_for_work():
            try:
                self._write_some()
            except StoreError as error:
                self._is_away(str(error))
                self._rest(pause)
                pause = min(2 * pause, longest)
            else:
                pause = first
        if self._store is not None:
            self._store.close()

    def _wait_for_work(self) -> bool:
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closing or not self._idle())
            self._busy = not self._closing
            return self._busy

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, timeout=seconds)

    def _is_away(self, why: str) -> None:
        with self._changed:
            self._why = why
            if self._since_ns is None:
                self._since_ns = self._now_ns()

    def _write_some(self) -> None:
        """Write the first items, then last words; give back what fails for now."""
        store = self._store = self._store or self._open()
        with self._changed:
            items = self._queue.take(_TOGETHER)
            latest, self._queue.latest = self._queue.latest, {}
        try:
            while items:
                many = self._first_of(store, items)
                with self._changed:
                    for item in items[:many]:
                        self._queue.settled(item)
                    self._is_back()
                del items[:many]
            for key in list(latest):
                self._try(latest[key], store)
                del latest[key]
        finally:
            with self._changed:
                self._queue.give_back(items)
                self._queue.latest = latest | self._queue.latest
        with self._changed:
            self._is_back()

    def _first_of(self, store: Store, items: list[Item]) -> int:
        """Write the first item, with the cycles behind it; return how many items."""
        together: list[CycleRecord] = []
        many = 0
        for item in items:
            cycles = item.cycles()
            if cycles is None:
                break
            together += cycles
            many += 1
        if many <= 1:
            do = items[0].do or (lambda store: store.put_cycles(together))
            self._try(do, store)
            return 1
        try:
            store.put_cycles(together)
        except StoreAwayError:
            raise
        except StoreError:  # one of them cannot be written: the others can
            return self._first_of(store, items[:1])
        return many

    def _try(self, do: Do, store: Store) -> None:
        """Do one write; what can never succeed is counted, and keeps nobody waiting."""
        try:
            do(store)
        except StoreAwayError:
            raise
        except Exception as error:  # noqa: BLE001 - the thread has to live
            with self._changed:
                self._refused += 1
                self._why = str(error) or type(error).__name__

    def _is_back(self) -> None:
        if self._since_ns is not None:
            self._since_ns, self._why = None, ""
