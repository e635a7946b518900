"""What is done to envelopes as they pass: dropped, doubled, held back, damaged."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from prober.clock import NS, Clock
from prober.pipeline.component import Tasks
from prober.pipeline.faults.items import (
    Item,
    copied,
    corrupted,
    from_future,
    is_message,
    of_new_kind,
    truncated,
)
from prober.pipeline.faults.scenario import Fault, FaultKind

Onward: TypeAlias = Callable[[Sequence[Item]], None]
"""Passes items on that were held back, past the other effects of the place."""
Record: TypeAlias = Callable[[Item, Item | None], None]
"""Notes an item that a fault touched, and what it was made if it was damaged."""

_FLUSH_SECONDS = 0.25
"""How long a window that does not fill is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What an effect works with."""

    fault: Fault
    lots: random.Random
    clock: Clock
    tasks: Tasks
    record: Record


class Effect(Protocol):
    """What one fault does to the items of one stream."""

    def apply(self, items: Sequence[Item], onward: Onward) -> Sequence[Item]:
        """Return what is passed on now; what is held back goes `onward` later."""
        ...

    def end(self, onward: Onward) -> None:
        """Let go what is held back, as the fault is over."""
        ...


class Chooser:
    """Which items a fault is for: each k-th, at random, or the first so many."""

    def __init__(self, fault: Fault, lots: random.Random) -> None:
        self._fault, self._lots = fault, lots
        self._all = fault.only == "all"
        self._seen = 0

    def chooses(self, item: Item) -> bool:
        """Count an item, and tell whether it is one."""
        if not (self._all or is_message(item)):
            return False
        self._seen += 1
        fault = self._fault
        if fault.every is not None:
            return self._seen % fault.every == 0
        if fault.probability is not None:
            return self._lots.random() < fault.probability
        return fault.lap is None or self._seen <= fault.lap


class _Each:
    """Puts other items in the place of each that is chosen."""

    def __init__(
        self, bench: Bench, change: Callable[[Bench, Item], Sequence[Item]]
    ) -> None:
        self._bench, self._change = bench, change
        self._chooser = Chooser(bench.fault, bench.lots)

    def apply(self, items: Sequence[Item], onward: Onward) -> Sequence[Item]:
        del onward
        passed: list[Item] = []
        for item in items:
            chosen = self._chooser.chooses(item)
            passed += self._change(self._bench, item) if chosen else (item,)
        return passed

    def end(self, onward: Onward) -> None:
        del onward  # nothing is held back


def _drop(bench: Bench, item: Item) -> Sequence[Item]:
    bench.record(item, None)
    return ()


def _duplicate(bench: Bench, item: Item) -> Sequence[Item]:
    bench.record(item, None)
    return item, copied(item)


def _corrupt(bench: Bench, item: Item) -> Sequence[Item]:
    damaged = corrupted(item, bench.lots, bench.fault.bytes)
    bench.record(item, damaged)
    return (damaged,)


def _truncate(bench: Bench, item: Item) -> Sequence[Item]:
    damaged = truncated(item, bench.fault.keep or 0)
    bench.record(item, damaged)
    return (damaged,)


def _future(bench: Bench, item: Item) -> Sequence[Item]:
    bench.record(item, None)
    return from_future(item), of_new_kind(item)


class _Reorder:
    """Gathers a window of items, and passes them on shuffled."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._chooser = Chooser(bench.fault, bench.lots)
        self._window: list[Item] = []

    def apply(self, items: Sequence[Item], onward: Onward) -> Sequence[Item]:
        passed: list[Item] = []
        for item in items:
            if not self._chooser.chooses(item):
                passed.append(item)
                continue
            if not self._window:
                self._bench.tasks.start(self._flush(onward))
            self._window.append(item)
            if len(self._window) == self._bench.fault.window:
                passed += self._shuffled()
        return passed

    def end(self, onward: Onward) -> None:
        if self._window:
            onward(self._shuffled())

    def _shuffled(self) -> list[Item]:
        window, self._window = self._window, []
        self._bench.lots.shuffle(window)
        for item in window:
            self._bench.record(item, None)
        return window

    async def _flush(self, onward: Onward) -> None:
        mine = self._window
        await self._bench.clock.sleep(_FLUSH_SECONDS)
        if self._window is mine:
            self.end(onward)


class _Delay:
    """Passes items on later, each by itself if there is jitter."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._chooser = Chooser(bench.fault, bench.lots)

    def apply(self, items: Sequence[Item], onward: Onward) -> Sequence[Item]:
        chosen = [self._chooser.chooses(item) for item in items]
        held = [item for item, ours in zip(items, chosen, strict=True) if ours]
        alone = bool(self._bench.fault.jitter_ns)
        for group in [[item] for item in held] if alone else [held]:
            if group:
                self._bench.tasks.start(self._later(group, onward))
        return [item for item, ours in zip(items, chosen, strict=True) if not ours]

    def end(self, onward: Onward) -> None:
        del onward  # each still takes its time

    async def _later(self, items: Sequence[Item], onward: Onward) -> None:
        fault = self._bench.fault
        wait_ns = fault.by_ns or 0
        if fault.jitter_ns:
            wait_ns += self._bench.lots.randrange(fault.jitter_ns + 1)
        for item in items:
            self._bench.record(item, None)
        await self._bench.clock.sleep(wait_ns / NS)
        onward(items)


EFFECTS: Mapping[FaultKind, Callable[[Bench], Effect]] = {
    FaultKind.DROP: lambda bench: _Each(bench, _drop),
    FaultKind.DUPLICATE: lambda bench: _Each(bench, _duplicate),
    FaultKind.CORRUPT: lambda bench: _Each(bench, _corrupt),
    FaultKind.TRUNCATE: lambda bench: _Each(bench, _truncate),
    FaultKind.FUTURE: lambda bench: _Each(bench, _future),
    FaultKind.REORDER: _Reorder,
    FaultKind.DELAY: _Delay,
}
"""What makes each fault's effect on the items of one stream."""
