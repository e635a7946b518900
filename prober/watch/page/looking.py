"""What there is to show now: the last snapshot over what the store holds.

The store is read in one thread of its own, so that a slow one holds up no answer: who
asks meanwhile gets what was seen last, with words that say so. A window is read anew
when a cycle became final in it, and once a minute.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from typing import Generic, Protocol, TypeVar

from prober import slo
from prober.clock import NS, Clock
from prober.errors import ProberError
from prober.history import Live
from prober.report.environment import WORST_BURST, EnvironmentReport, build_environment
from prober.report.now import Known, Now, now, worst_first
from prober.store import Store, open_store
from prober.watch.knowing import known
from prober.watch.snapshot import Snapshot

PATIENCE_SECONDS = 5.0
"""So long an answer waits for the store; then it tells what was seen last."""
SILENT_SECONDS = 10.0
"""A measuring process that has pushed nothing for so long is told of."""
_FRESH_NS = NS // 2
_MINUTE_NS = 60 * NS
_MOST_WINDOWS = 64

T = TypeVar("T")


class Board(Protocol):
    """Where the last snapshot is, and the store."""

    clock: Clock
    store: str | None

    @property
    def snapshot(self) -> Snapshot | None:
        """The last snapshot; None before the first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One environment: how it stands now, and over the window of its objective."""

    known: Known
    now: Now
    worth: "Worth | None"
    """None while no cycle of the window counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a window comes to on the consumer that lost the largest share."""

    bad: int
    total: int
    upper95: float
    """The most that is lost, with 95 % confidence, one-sided."""
    coverage: Fraction | None
    """Cycles that count, of those that could have; None when there were none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Everything at one time, worst first."""

    at_ns: int
    snapshot: Snapshot | None
    """None before the first."""
    seen: tuple[Seen, ...]
    away: str
    """Why the store could not be read; empty when it was."""
    read_ns: int | None
    """When it was read last."""

    @property
    def silent_ns(self) -> int | None:
        """When the measuring process was heard last, if that is too long ago."""
        last = self.snapshot
        if last is None or self.at_ns - last.at_ns <= SILENT_SECONDS * NS:
            return None
        return last.at_ns

    def environment(self, name: str) -> Seen | None:
        """Return one by its name; None if there is none."""
        return next((each for each in self.seen if each.now.environment == name), None)


class Eyes:
    """Looks at the store when somebody asks, and never twice at once."""

    def __init__(
        self, board: Board, opening: Callable[[], Store] | None = None
    ) -> None:
        self._board = board
        self._opening = opening or partial(open_store, board.store)
        self._store: Store | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._look: Look | None = None
        self._looking: asyncio.Future[Look] | None = None
        self._standing: _Windows[_Standing] = _Windows()
        self._courses: _Windows[EnvironmentReport] = _Windows()

    def close(self) -> None:
        """Read no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._store is not None:
            self._store.close()

    async def look(self) -> Look:
        """Return how everything stands; never later than the patience."""
        at_ns, last = self._board.clock.now_ns(), self._look
        fresh = last is not None and last.snapshot is self._board.snapshot
        if last is not None and fresh and at_ns - last.at_ns < _FRESH_NS:
            return last
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().run_in_executor(
                self._thread, self._see, self._board.snapshot, at_ns
            )
        done, _ = await asyncio.wait({self._looking}, timeout=PATIENCE_SECONDS)
        if done:
            self._look = self._looking.result()
            return self._look
        return self._blind(self._board.snapshot, at_ns, "it does not answer")

    async def window(self, name: str, length_ns: int) -> EnvironmentReport:
        """Return an environment over the time up to now.

        Raises StoreError when it cannot be read, TimeoutError when it does not answer.
        """

        def read() -> EnvironmentReport:
            at_ns = self._board.clock.now_ns()
            store, from_ns, to_ns = self._opened(), at_ns + 1 - length_ns, at_ns + 1
            return self._courses.get(
                (name, length_ns),
                _mark(store, name, at_ns),
                lambda: build_environment(
                    store.history(name, from_ns, to_ns), kind="rolling"
                ),
            )

        return await self.read(read)

    async def ask(self, question: Callable[[Store], T]) -> T:
        """Ask the store something else; raises as `window` does."""
        return await self.read(lambda: question(self._opened()))

    async def read(self, do: Callable[[], T]) -> T:
        """Do something in the store's thread."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(2 * PATIENCE_SECONDS):
            return await loop.run_in_executor(self._thread, do)

    # In the store's thread.

    def _opened(self) -> Store:
        if self._store is None:
            self._store = self._opening()
        return self._store

    def _see(self, snapshot: Snapshot | None, at_ns: int) -> Look:
        try:
            store = self._opened()
            found = known(
                store,
                at_ns,
                lives=_lives(snapshot),
                window=lambda *window: self._stand(store, *window).summary,
                recent=lambda name, from_ns: store.cycles(
                    name, mode="continuous", from_ns=from_ns
                ),
            )
        except ProberError as error:
            return self._blind(snapshot, at_ns, str(error))
        return Look(
            at_ns=at_ns,
            snapshot=snapshot,
            seen=self._all(found),
            away="",
            read_ns=at_ns,
        )

    def _blind(self, snapshot: Snapshot | None, at_ns: int, why: str) -> Look:
        """Return what was seen last, with what daemons say now."""
        last = self._look
        before = {} if last is None else {s.now.environment: s.known for s in last.seen}
        lives = _lives(snapshot)
        names = dict.fromkeys([*before, *(each.environment for each in lives)])
        found = [
            replace(
                before.get(name) or _nothing(name, at_ns),
                at_ns=at_ns,
                lives=_newest(before.get(name), lives, name),
            )
            for name in names
        ]
        return Look(
            at_ns=at_ns,
            snapshot=snapshot,
            seen=self._all(found),
            away=why,
            read_ns=last.read_ns if last else None,
        )

    def _all(self, found: Sequence[Known]) -> tuple[Seen, ...]:
        each_ = {each.environment: each for each in found}
        return tuple(
            Seen(known=each_[one.environment], now=one, worth=self._worth(one))
            for one in worst_first(map(now, found))
        )

    def _worth(self, one: Now) -> Worth | None:
        kept = self._standing.last((one.environment, one.window_ns))
        return kept.worth if kept else None

    def _stand(self, store: Store, name: str, from_ns: int, to_ns: int) -> "_Standing":
        return self._standing.get(
            (name, to_ns - from_ns),
            _mark(store, name, to_ns - 1),
            lambda: _Standing(summary=store.summary(name, from_ns, to_ns)),
        )


_Mark = tuple[int, int]
"""When the last cycle of an environment was final, and the minute of the reading."""


def _mark(store: Store, name: str, at_ns: int) -> _Mark:
    final = (cycle.final_ns or 0 for cycle in store.latest(name))
    return max(final, default=0), at_ns // _MINUTE_NS


class _Windows(Generic[T]):
    """What was read of windows, by environment and length, while it is still right."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], tuple[_Mark, T]] = OrderedDict()

    def get(self, key: tuple[str, int], mark: _Mark, read: Callable[[], T]) -> T:
        """Return what was read under the same mark, or read it."""
        kept = self._kept.get(key)
        found = kept[1] if kept is not None and kept[0] == mark else read()
        self._kept[key] = mark, found
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_WINDOWS:
            self._kept.popitem(last=False)
        return found

    def last(self, key: tuple[str, int]) -> T | None:
        """Return what was read last, right or not."""
        kept = self._kept.get(key)
        return None if kept is None else kept[1]


@dataclass(frozen=True, kw_only=True)
class _Standing:
    """What tells how an environment stands."""

    summary: slo.Summary

    @cached_property
    def worth(self) -> Worth | None:
        """What its window comes to: all that the first screen shows of it."""
        return worth_of(self.summary)


def worth_of(window: slo.Summary) -> Worth | None:
    """Return what a window comes to; None when nothing of it counts."""
    counted = [each for each in window.evidence if each.counted.total]
    if not counted:
        return None
    worst = max(counted, key=lambda e: Fraction(e.counted.bad, e.counted.total))
    burst = window.run.worst_burst if window.run else WORST_BURST
    return Worth(
        bad=worst.counted.bad,
        total=worst.counted.total,
        upper95=slo.claim([worst], None, worst_burst=burst).upper95,
        coverage=worst.coverage,
    )


def _lives(snapshot: Snapshot | None) -> tuple[Live, ...]:
    return () if snapshot is None else (*snapshot.neighbours, *snapshot.lives)


def _nothing(name: str, at_ns: int) -> Known:
    return Known(environment=name, at_ns=at_ns, lives=(), recent=(), window=None)


def _newest(before: Known | None, lives: Sequence[Live], name: str) -> list[Live]:
    told = {each.daemon: each for each in (before.lives if before else ())}
    told |= {each.daemon: each for each in lives if each.environment == name}
    return list(told.values())
