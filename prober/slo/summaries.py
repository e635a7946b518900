"""Hours of history summed up: what a window of one environment comes to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prober.history import Annotation, HourRecord, RunRecord
from prober.records import State
from prober.slo.cycles import Evidence
from prober.slo.tallies import add, tally

_STATES = tuple(State)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A window without its course: no hour by itself, no latencies, no incidents.

    Enough to tell how an environment stands, and read in a fraction of the time.
    """

    environment: str
    from_ns: int
    to_ns: int
    """Not itself in the window."""
    run: RunRecord | None
    """The latest continuous run that began before `to_ns`: how it was measured."""
    evidence: tuple[Evidence, ...]
    """What each consumer's cycles say, an hour a block."""
    annotations: tuple[Annotation, ...]
    """Those that touch the window, in the order of time."""
    first_ns: int | None
    """When the first cycle ever was due; None for an environment without any."""


Figures = tuple[str, Sequence[int]]
"""What evidence needs of an hour: its consumer, and these, then its states in order:"""
FIGURES = ("accepted", "lost", "corrupt", "unseen", "unsure", "uncounted")


def evidence_of_hours(hours: Iterable[HourRecord]) -> tuple[Evidence, ...]:
    """Sum up the hours that history keeps, by consumer, each hour a block."""
    return evidence_of_figures(map(figures_of, hours))


def figures_of(hour: HourRecord) -> Figures:
    """Return what evidence needs of an hour."""
    counts = hour.counts
    fates = (counts.accepted, counts.lost, counts.corrupt)
    beside = (hour.unseen, hour.unsure, hour.uncounted)
    states = (hour.states[state] for state in _STATES)
    return hour.consumer, (*fates, *beside, *states)


def evidence_of_figures(hours: Iterable[Figures]) -> tuple[Evidence, ...]:
    """Sum up the figures of hours, given in the order of time."""
    by_consumer: dict[str, list[Sequence[int]]] = {}
    for consumer, figures in hours:
        by_consumer.setdefault(consumer, []).append(figures)
    return tuple(_of_one(name, those) for name, those in by_consumer.items())


def _of_one(consumer: str, hours: Sequence[Sequence[int]]) -> Evidence:
    accepted, lost, corrupt, *beside = zip(*hours, strict=True)
    unseen, unsure, uncounted, *states = beside
    counted = zip(lost, corrupt, accepted, strict=True)
    return Evidence(
        consumer=consumer,
        blocks=tuple(tally(one + other, of) for one, other, of in counted if of),
        states=dict(zip(_STATES, map(sum, states), strict=True)),
        unsure=add(zip(unseen, unsure, strict=True)),
        uncounted=sum(uncounted),
    )
