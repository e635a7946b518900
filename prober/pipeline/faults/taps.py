"""Where faults meet envelopes in a component, and a witness of what passed there."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from prober.clock import Clock
from prober.pipeline.faults.effects import Effect
from prober.pipeline.faults.items import Item, carried, is_intact, stamp_of
from prober.stamp import Mark
from prober.stamp.token import AIDS

Take: TypeAlias = Callable[[Sequence[Any]], None]
"""Takes items in, without waiting."""

_AIDS = frozenset(Mark(mark.decode()) for mark in AIDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One stamped message that passed a place."""

    run: str
    sequence: int
    intact: bool
    sent_ns: int
    at_ns: int


class Witness:
    """Remembers each message that passed, by place and stream, in its order.

    It knows nothing of how the prober accounts: it looks at one envelope at a time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._damaged: dict[bytes, tuple[str, int, int]] = {}
        self.passed: dict[tuple[str, str], list[Passed]] = defaultdict(list)
        """By place (the agent's intake is `writer`) and stream."""

    def note_damage(self, before: Item, after: Item) -> None:
        """Remember whose bytes those of a damaged item are."""
        stamp = stamp_of(before)
        if stamp is not None:
            known = (stamp.run, stamp.sequence, stamp.sent_ns)
            self._damaged[carried(after)] = known

    def see(self, place: str, stream: str, items: Iterable[Item]) -> None:
        """Note what passes now."""
        now_ns = self._clock.now_ns()
        passed = self.passed[place, stream]
        for item in items:
            whose = self._damaged.get(carried(item))
            if whose is not None:
                run, sequence, sent_ns = whose
            else:
                stamp = stamp_of(item)
                if stamp is None or stamp.mark in _AIDS:
                    continue
                run, sequence, sent_ns = stamp.run, stamp.sequence, stamp.sent_ns
            passed.append(
                Passed(
                    run=run,
                    sequence=sequence,
                    intact=whose is None and is_intact(item),
                    sent_ns=sent_ns,
                    at_ns=now_ns,
                )
            )


class Active:
    """One fault's effect on one stream, while the fault lasts."""

    def __init__(self, effect: Effect, is_on: Callable[[], bool]) -> None:
        self._effect, self._is_on = effect, is_on
        self._was_on = False

    def apply(self, items: Sequence[Item], onward: Take) -> Sequence[Item]:
        """Return what is passed on now."""
        if self._is_on():
            self._was_on = True
            return self._effect.apply(items, onward)
        if self._was_on:
            self._was_on = False
            self._effect.end(onward)
        return items


class Tap:
    """Stands before a component's intake, and lets its faults have their way."""

    def __init__(
        self,
        effects: Sequence[Active],
        see: Callable[[Sequence[Item]], None] | None,
        take: Take,
    ) -> None:
        self._effects = effects
        self._see = see
        self._take = take

    def __call__(self, items: Sequence[Item]) -> None:
        """Take in what comes."""
        self._pass(items, 0)

    def _pass(self, items: Sequence[Item], first: int) -> None:
        for place in range(first, len(self._effects)):

            def onward(held: Sequence[Item], after: int = place + 1) -> None:
                self._pass(held, after)

            items = self._effects[place].apply(items, onward)
        if items:
            if self._see is not None:
                self._see(items)
            self._take(items)
