"""One environment in a window: whole hours from their sums, the ends from cycles."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select

from prober.history import (
    HOUR_NS,
    Annotation,
    CycleRecord,
    EnvironmentHistory,
    HourRecord,
    RunRecord,
    Stretch,
    adjudicated,
    hours_of,
)
from prober.records import PlatformIncrease, State
from prober.slo.summaries import (
    FIGURES,
    Summary,
    evidence_of_figures,
    figures_of,
)
from prober.store.codecs import cycle_of, figures_of_row, hour_of
from prober.store.marks import decisions
from prober.store.missed import UNOWNED
from prober.store.reading import BARE, find_annotations, find_runs
from prober.store.retention import cycles_from_ns
from prober.store.schema import STATES, cycles, environments, hours, runs
from prober.store.vitals import vitals

_FIGURES = (
    *(hours.c[name] for name in FIGURES),
    *(hours.c[f"in_{state}"] for state in STATES),
)


def history(
    connection: Connection, environment: str, from_ns: int, to_ns: int
) -> EnvironmentHistory:
    """Return what is known of the continuous cycles that became final in a window."""
    made = decisions(connection, environment)
    return EnvironmentHistory(
        environment=environment,
        from_ns=from_ns,
        to_ns=to_ns,
        run=_latest_run(connection, environment, to_ns),
        hours=tuple(_hours(connection, environment, from_ns, to_ns, made)),
        stretches=tuple(_stretches(connection, environment, from_ns, to_ns, made)),
        annotations=tuple(
            find_annotations(connection, environment, from_ns=from_ns, to_ns=to_ns)
        ),
        first_ns=_first_ns(connection, environment),
        health=vitals(connection, environment, from_ns, to_ns),
        ad_hoc=_ad_hoc(connection, environment),
    )


def summary(
    connection: Connection, environment: str, from_ns: int, to_ns: int
) -> Summary:
    """Return what the same window comes to, without its course."""
    made = decisions(connection, environment)
    whole, ends = _parts(connection, environment, (from_ns, to_ns), made, BARE)
    asked = select(hours.c.start_ns, hours.c.consumer, *_FIGURES).where(whole)
    found = [*map(figures_of_row, connection.execute(asked).all())]
    found += [(hour.start_ns, *figures_of(hour)) for hour in ends]
    found.sort(key=itemgetter(1, 0))
    return Summary(
        environment=environment,
        from_ns=from_ns,
        to_ns=to_ns,
        run=_latest_run(connection, environment, to_ns),
        evidence=evidence_of_figures(each[1:] for each in found),
        annotations=tuple(
            find_annotations(connection, environment, from_ns=from_ns, to_ns=to_ns)
        ),
        first_ns=_first_ns(connection, environment),
    )


def _latest_run(
    connection: Connection, environment: str, to_ns: int
) -> RunRecord | None:
    runs = find_runs(connection, environment, mode="continuous", to_ns=to_ns, limit=1)
    return runs[0] if runs else None


def _ad_hoc(connection: Connection, environment: str) -> int:
    its = (runs.c.environment == environment, runs.c.mode == "ad_hoc")
    return connection.execute(select(func.count()).where(*its)).scalar_one()


def _first_ns(connection: Connection, environment: str) -> int | None:
    first = select(environments.c.first_ns).where(environments.c.name == environment)
    return connection.execute(first).scalar()


def _hours(
    connection: Connection,
    environment: str,
    from_ns: int,
    to_ns: int,
    made: Sequence[Annotation],
) -> list[HourRecord]:
    """Return the hours of a window."""
    whole, ends = _parts(connection, environment, (from_ns, to_ns), made)
    rows = connection.execute(select(hours).where(whole))
    found = [*map(hour_of, rows.all()), *ends]
    return sorted(found, key=lambda hour: (hour.consumer, hour.start_ns))


def _parts(
    connection: Connection,
    environment: str,
    window: tuple[int, int],
    made: Sequence[Annotation],
    columns: Sequence[Any] = tuple(cycles.c),
) -> tuple[ColumnElement[bool], list[HourRecord]]:
    """Return which hours are whole in a window, and what it holds of others.

    from         whole hours from their sums           to
    |····|═══════════|═══════════|═══════════|═════|····|
     cycles                                         cycles
    """
    from_ns, to_ns = window
    whole_from = -(-from_ns // HOUR_NS) * HOUR_NS
    whole_to = to_ns // HOUR_NS * HOUR_NS
    kept_ns = cycles_from_ns(connection)
    if whole_from <= kept_ns:
        from_ns = whole_from = from_ns // HOUR_NS * HOUR_NS
    if whole_to < kept_ns:
        to_ns = whole_to = -(-to_ns // HOUR_NS) * HOUR_NS
    whole = and_(
        hours.c.environment == environment,
        hours.c.start_ns >= whole_from,
        hours.c.start_ns < whole_to,
    )
    if whole_from > whole_to:  # both ends are in one hour: none is whole
        parts = [(from_ns, to_ns)]
    else:
        parts = [(from_ns, whole_from), (whole_to, to_ns)]
    cut = (_final_in(connection, environment, part, made, columns) for part in parts)
    return whole, hours_of(chain.from_iterable(cut))


def _final_in(
    connection: Connection,
    environment: str,
    part: tuple[int, int],
    made: Sequence[Annotation],
    columns: Sequence[Any],
) -> list[CycleRecord]:
    from_ns, to_ns = part
    if from_ns >= to_ns:
        return []
    asked = select(*columns).where(*_in_window(environment, from_ns, to_ns))
    return [adjudicated(cycle_of(row), made) for row in connection.execute(asked)]


def _in_window(environment: str, from_ns: int, to_ns: int) -> tuple[Any, ...]:
    return (
        cycles.c.environment == environment,
        cycles.c.mode == "continuous",
        cycles.c.state.is_not(None),
        cycles.c.final_ns >= from_ns,
        cycles.c.final_ns < to_ns,
    )


def _stretches(
    connection: Connection,
    environment: str,
    from_ns: int,
    to_ns: int,
    made: Sequence[Annotation],
) -> list[Stretch]:
    """Return everything that was not a PASS, by time."""
    where = (*_in_window(environment, from_ns, to_ns), cycles.c.judged != "pass")
    asked = select(cycles).where(*where)
    asked = asked.order_by(cycles.c.consumer, cycles.c.scheduled_ns)
    every_ns = _cadence(find_runs(connection, environment, mode="continuous"))
    open_: _Growing | None = None
    found: list[_Growing] = []
    for row in connection.execute(asked):
        cycle = adjudicated(cycle_of(row), made)
        if open_ is None or not open_.takes(cycle, every_ns):
            open_ = _Growing(cycle)
            found.append(open_)
        open_.add(cycle)
    return sorted(
        (each.stretch() for each in found), key=lambda s: (s.from_ns, s.consumer)
    )


def _cadence(runs: Iterable[RunRecord]) -> Mapping[str, int]:
    """Return the time from one cycle to the next, by run."""
    return {run.run_id: run.every_ns for run in runs if run.every_ns is not None}


def _step_ns(cycle: CycleRecord, every_ns: Mapping[str, int]) -> int:
    """Return the time to the next cycle; one that no run began lasted just so long."""
    if cycle.run_id == UNOWNED and cycle.final_ns is not None:
        return cycle.final_ns - cycle.scheduled_ns
    return every_ns.get(cycle.run_id, 0)


@dataclass(slots=True)
class _Growing:
    """A stretch that grows by one cycle at a time."""

    first: CycleRecord
    last: CycleRecord = field(init=False)
    cycles: int = 0
    bad: int = 0
    total: int = 0
    largest: int = 0
    gaps: dict[int, int] = field(default_factory=dict)
    platform: list[PlatformIncrease] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.last = self.first

    def takes(self, cycle: CycleRecord, every_ns: Mapping[str, int]) -> bool:
        """Tell whether a cycle goes on where this stretch ends, and ended alike."""
        if (cycle.consumer, cycle.state) != (self.first.consumer, self.first.state):
            return False
        if cycle.state is not State.LOSS and cycle.reason != self.first.reason:
            return False
        if cycle.run_id == self.last.run_id and cycle.index == self.last.index + 1:
            return True
        step_ns = max(_step_ns(each, every_ns) for each in (cycle, self.last))
        return cycle.scheduled_ns - self.last.scheduled_ns <= step_ns * 3 // 2

    def add(self, cycle: CycleRecord) -> None:
        self.last = cycle
        self.cycles += 1
        self.bad += cycle.bad
        self.total += cycle.total
        self.largest = max(self.largest, cycle.bad)
        for gap in cycle.gaps:
            self.gaps[gap.count] = self.gaps.get(gap.count, 0) + 1
        self.platform.extend(cycle.platform)

    def stretch(self) -> Stretch:
        state, final_ns = self.first.state, self.last.final_ns
        assert state is not None and final_ns is not None  # noqa: S101, PT018 - final
        return Stretch(
            consumer=self.first.consumer,
            state=state,
            reason=self.first.reason,
            from_ns=self.first.scheduled_ns,
            to_ns=final_ns,
            cycles=self.cycles,
            bad=self.bad,
            total=self.total,
            largest_loss=self.largest,
            gap_sizes=dict(sorted(self.gaps.items())),
            platform=_summed(self.platform),
        )


def _summed(increases: Iterable[PlatformIncrease]) -> tuple[PlatformIncrease, ...]:
    """Return increases by counter: summed, over the time of all of them."""
    found: dict[tuple[str, str, str, str], PlatformIncrease] = {}
    for each in increases:
        key = (each.component, each.instance, each.counter, each.direction)
        before = found.get(key, each)
        found[key] = PlatformIncrease(
            component=each.component,
            instance=each.instance,
            counter=each.counter,
            direction=each.direction,
            increase=each.increase + (before.increase if key in found else 0),
            from_ns=min(before.from_ns, each.from_ns),
            to_ns=max(before.to_ns, each.to_ns),
            silent_ns=max(before.silent_ns, each.silent_ns),
        )
    return tuple(found.values())
