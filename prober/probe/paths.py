"""What became of messages by the way in that they took: is one path worse than others?

Batches go to the writers in turn, so what one path loses are whole batches of one
writer. Cycles are told of when nothing can change them any more, and what was noted of
their batches is then forgotten.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from prober.records import CycleResult, Reached, Span, State

_COUNTED = (State.PASS, State.LOSS)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Consecutive messages that went to one writer."""

    leg: int
    span: Span


class Paths:
    """Keeps which writer was given which messages, and what was lost of those."""

    def __init__(self) -> None:
        self._batches: deque[_Batch] = deque()
        self._reached: dict[tuple[int, str], Reached] = {}

    def take(self, leg: int, span: Span) -> None:
        """Note that a writer was given the next messages."""
        self._batches.append(_Batch(leg, span))

    def close(self, judged: Mapping[str, CycleResult]) -> None:
        """Take in how a cycle ended for each consumer; cycles come in their order."""
        end = max((each.span.end for each in judged.values()), default=0)
        batches: list[_Batch] = []
        while self._batches and self._batches[0].span.end <= end:
            batches.append(self._batches.popleft())
        for name, result in judged.items():
            if result.state in _COUNTED:
                for batch, lost in _losses(batches, result.gaps):
                    self._add(batch, name, lost)

    def _add(self, batch: _Batch, consumer: str, lost: int) -> None:
        key = (batch.leg, consumer)
        known = self._reached.get(key, Reached(consumer=consumer))
        self._reached[key] = replace(
            known,
            sent=known.sent + batch.span.count,
            lost=known.lost + lost,
            lossy_batches=known.lossy_batches + bool(lost),
        )

    def reached(self, leg: int) -> tuple[Reached, ...]:
        """Return what each consumer got of what one writer was given."""
        return tuple(each for (at, _), each in self._reached.items() if at == leg)


def _losses(
    batches: Sequence[_Batch], gaps: Iterable[Span]
) -> Iterator[tuple[_Batch, int]]:
    """Yield how many messages of each batch lie in gaps; both are in order."""
    waiting = deque(gaps)
    for batch in batches:
        first, end, lost = batch.span.first, batch.span.end, 0
        while waiting and waiting[0].first < end:
            gap = waiting[0]
            lost += max(0, min(gap.end, end) - max(gap.first, first))
            if gap.end > end:
                break
            waiting.popleft()
        yield batch, lost
