"""What became of messages by the way in that they took: is one path worse than others?

Batches go to the writers in turn, so what one path loses are whole batches of one
writer. Cycles are told of when nothing can change them any more, and what was noted of
their batches is then forgotten.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prober.records import CycleResult, Reached, Span, State

_COUNTED = (State.PASS, State.LOSS)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Consecutive messages that went to one writer."""

    leg: int
    span: Span


@dataclass(slots=True)
class _Sums:
    """What one consumer got so far of what one writer was given; see `Reached`."""

    sent: int = 0
    lost: int = 0
    corrupt: int = 0
    lossy_batches: int = 0


class Paths:
    """Keeps which writer was given which messages, and what was lost of those."""

    def __init__(self) -> None:
        self._batches: deque[_Batch] = deque()
        self._sums: defaultdict[tuple[int, str], _Sums] = defaultdict(_Sums)

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
                self._add(name, result, batches)

    def _add(
        self, consumer: str, result: CycleResult, batches: Iterable[_Batch]
    ) -> None:
        lost, corrupt = _in(batches, result.gaps), _in(batches, result.damaged)
        for batch, missing, broken in zip(batches, lost, corrupt, strict=True):
            sums = self._sums[batch.leg, consumer]
            sums.sent += batch.span.count
            sums.lost += missing
            sums.corrupt += broken
            sums.lossy_batches += bool(missing or broken)

    def reached(self, leg: int) -> tuple[Reached, ...]:
        """Return what each consumer got of what one writer was given."""
        return tuple(
            Reached(
                consumer=consumer,
                sent=sums.sent,
                lost=sums.lost,
                corrupt=sums.corrupt,
                lossy_batches=sums.lossy_batches,
            )
            for (at, consumer), sums in self._sums.items()
            if at == leg
        )


def _in(batches: Iterable[_Batch], spans: Iterable[Span]) -> Iterator[int]:
    """Yield how many messages of each batch lie in spans; both are in order."""
    waiting = deque(spans)
    for batch in batches:
        first, end, found = batch.span.first, batch.span.end, 0
        while waiting and waiting[0].first < end:
            span = waiting[0]
            found += max(0, min(span.end, end) - max(span.first, first))
            if span.end > end:
                break
            waiting.popleft()
        yield found
