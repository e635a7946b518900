"""Cycles that there was no room for: noted as ranges, recorded as missed later."""

from collections.abc import Iterator
from dataclasses import dataclass

from prober.history import CycleRecord, Mode
from prober.records import State

REASON = (
    "measured, and not recorded: history could not be written, "
    "and more results waited than fit in memory"
)


@dataclass(slots=True)
class _Range:
    """Consecutive cycles of one run and consumer, as regular as a cadence is."""

    environment: str
    mode: Mode
    run_id: str
    consumer: str
    planned: int
    first: int
    last: int
    first_due_ns: int
    last_due_ns: int
    took_ns: int

    def cycles(self) -> Iterator[CycleRecord]:
        steps = max(self.last - self.first, 1)
        for index in range(self.first, self.last + 1):
            past_ns = (self.last_due_ns - self.first_due_ns) * (index - self.first)
            due_ns = self.first_due_ns + past_ns // steps
            yield CycleRecord(
                environment=self.environment,
                mode=self.mode,
                run_id=self.run_id,
                index=index,
                consumer=self.consumer,
                scheduled_ns=due_ns,
                first_sent_ns=None,
                last_sent_ns=None,
                final_ns=due_ns + self.took_ns,
                planned=self.planned,
                state=State.MISSED,
                reason=REASON,
            )


class Overflow:
    """Notes final cycles in a few numbers for each run and consumer."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], _Range] = {}
        self._closed: list[_Range] = []

    def add(self, cycle: CycleRecord) -> None:
        """Note a cycle; one behind the last of its run takes no further memory."""
        key = (cycle.run_id, cycle.consumer)
        known = self._open.get(key)
        follows = known is not None and cycle.index == known.last + 1
        if known is not None and follows and cycle.planned == known.planned:
            known.last, known.last_due_ns = cycle.index, cycle.scheduled_ns
            return
        if known is not None:
            self._closed.append(known)
        final_ns = cycle.final_ns or cycle.scheduled_ns
        self._open[key] = _Range(
            environment=cycle.environment,
            mode=cycle.mode,
            run_id=cycle.run_id,
            consumer=cycle.consumer,
            planned=cycle.planned,
            first=cycle.index,
            last=cycle.index,
            first_due_ns=cycle.scheduled_ns,
            last_due_ns=cycle.scheduled_ns,
            took_ns=final_ns - cycle.scheduled_ns,
        )

    def cycles(self) -> Iterator[CycleRecord]:
        """Yield what is recorded instead: the same cycles, missed."""
        for each in (*self._closed, *self._open.values()):
            yield from each.cycles()
