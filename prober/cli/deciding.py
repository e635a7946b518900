"""Ends a run early: its objective is decided, or it loses more than it should."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from prober import slo
from prober.plan import Plan
from prober.records import ConsumerResult, CycleResult, State

MOST_LOSS = Fraction(1, 5)
"""The share of a cycle that may be lost before it counts against going on."""
MOST_LOSSY_CYCLES = 3


class EarlyDecision:
    """One e-process a consumer, fed with each cycle that counts once it is final.

    The objective holds for every consumer: it is met when all say so, and violated as
    soon as one does.
    """

    def __init__(self, target: Decimal, *, worst_burst: int, cycle: int) -> None:
        self._target, self._worst_burst, self._cycle = target, worst_burst, cycle
        self._processes: dict[str, slo.Sequential] = {}
        self._taken = 0

    @property
    def processes(self) -> tuple[slo.Sequential, ...]:
        """The e-processes, one a consumer, in the order of the consumers."""
        return tuple(self._processes.values())

    @property
    def made(self) -> bool:
        """Whether the objective is proved or disproved."""
        decisions = {each.decision for each in self.processes}
        return "violated" in decisions or decisions == {"met"}

    def take(self, cycle: Mapping[str, CycleResult]) -> None:
        """Take in the next cycle, as every consumer saw it."""
        self._taken += 1
        for name, result in cycle.items():
            process = self._process(name)
            if result.state in (State.PASS, State.LOSS):
                process.add(result.counts.bad, result.counts.accepted)

    def close(self, consumers: Sequence[ConsumerResult]) -> None:
        """Take in the cycles that became final only when the run ended."""
        if consumers:
            for index in range(self._taken, len(consumers[0].cycles)):
                self.take({each.name: each.cycles[index] for each in consumers})

    def _process(self, consumer: str) -> slo.Sequential:
        if consumer not in self._processes:
            self._processes[consumer] = slo.sequential(
                self._target, worst_burst=self._worst_burst, cycle=self._cycle
            )
        return self._processes[consumer]


class LossGuard:
    """Sees to it that a run does not go on while it loses a lot, or makes others lose.

    Without a plan it watches nothing: the bundled stack is nobody else's.
    """

    def __init__(self, plan: Plan | None) -> None:
        self._plan = plan
        self._lossy = 0

    @property
    def made(self) -> bool:
        """Whether the run has to end."""
        return self._plan is not None and self._lossy >= MOST_LOSSY_CYCLES

    def take(self, cycle: Mapping[str, CycleResult]) -> None:
        """Take in the next cycle, as every consumer saw it."""
        self._lossy += any(
            result.state is State.LOSS
            and result.counts.bad > MOST_LOSS * result.counts.accepted
            for result in cycle.values()
        )

    def words(self) -> tuple[str, ...]:
        """Return what to say of it; nothing when it let the run be."""
        if not self.made:
            return ()
        many = f"{MOST_LOSSY_CYCLES} cycles lost more than {float(MOST_LOSS):.0%}"
        return (f"stopped by ourselves: {many}",)


class Follower(Protocol):
    """Takes cycles in, and knows when it is enough."""

    @property
    def made(self) -> bool:
        """Whether it is enough."""
        ...

    def take(self, cycle: Mapping[str, CycleResult]) -> None:
        """Take in the next cycle, as every consumer saw it."""
        ...


def followers(
    enough: asyncio.Event, *each: Follower
) -> Callable[[Mapping[str, CycleResult]], None]:
    """Return what hands cycles to each follower, and says when one has enough."""

    def take(cycle: Mapping[str, CycleResult]) -> None:
        for follower in each:
            follower.take(cycle)
            if follower.made:
                enough.set()

    return take
