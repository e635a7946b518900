"""Evidence made by hand, for tests."""

from collections.abc import Iterable

from prober import slo
from prober.records import State

Row = tuple[State, int, int]


def evidence(*rows: tuple[int, Row], consumer: str = "rlp") -> slo.Evidence:
    """Return evidence of so many cycles each, given as (state, bad, total)."""
    return slo.evidence(consumer, cycles(*rows))


def cycles(*rows: tuple[int, Row], every_s: int = 60) -> Iterable[slo.Cycle]:
    """Return so many cycles of each kind, one after the other."""
    flat = [row for count, row in rows for _ in range(count)]
    return [
        slo.Cycle(
            final_ns=(index + 1) * every_s * 10**9,
            state=state,
            bad=bad,
            total=total,
            planned=total,
        )
        for index, (state, bad, total) in enumerate(flat)
    ]
