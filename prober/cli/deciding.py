"""Ends a run as soon as its objective is proved or disproved."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from prober import slo
from prober.records import ConsumerResult, CycleResult, State


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

    def watch(
        self, enough: asyncio.Event
    ) -> Callable[[Mapping[str, CycleResult]], None]:
        """Return what takes cycles in, and says when that is enough."""

        def take(cycle: Mapping[str, CycleResult]) -> None:
            self.take(cycle)
            if self.made:
                enough.set()

        return take
