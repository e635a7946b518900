"""What the store reads: lists of what was written, the newest first or as asked."""

import contextlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, null, select

from prober.errors import StoreError
from prober.history import Annotation, CycleRecord, Live, Mode, RunRecord, adjudicated
from prober.store.codecs import (
    annotation_of,
    cycle_of,
    live_of,
    run_of,
)
from prober.store.marks import decisions
from prober.store.schema import annotations, cycles, environments, kept, live, runs

BARE = tuple(
    each if each.name != "latency" else null().label("latency") for each in cycles.c
)
"""The columns of a cycle without its latencies, which are most of what there is to
read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An environment that history knows."""

    name: str
    first_ns: int | None
    """When its first continuous cycle was due; None if it was never watched."""
    last_ns: int | None
    """When its newest cycle was due; None for an environment without any."""


def known_environments(connection: Connection) -> list[Known]:
    """Return every environment that was ever written, by name."""
    last = (
        select(func.max(cycles.c.scheduled_ns))
        .where(cycles.c.environment == environments.c.name)
        .scalar_subquery()
    )
    found = select(environments.c.name, environments.c.first_ns, last)
    rows = connection.execute(found.order_by(environments.c.name))
    return [
        Known(name=name, first_ns=first, last_ns=newest) for name, first, newest in rows
    ]


def find_runs(
    connection: Connection,
    environment: str | None = None,
    *,
    mode: Mode | None = None,
    from_ns: int | None = None,
    to_ns: int | None = None,
    limit: int | None = None,
) -> list[RunRecord]:
    """Return the runs that began in a time, newest first."""
    asked = select(runs).order_by(runs.c.started_ns.desc(), runs.c.run_id).limit(limit)
    if environment is not None:
        asked = asked.where(runs.c.environment == environment)
    if mode is not None:
        asked = asked.where(runs.c.mode == mode)
    if from_ns is not None:
        asked = asked.where(runs.c.started_ns >= from_ns)
    if to_ns is not None:
        asked = asked.where(runs.c.started_ns < to_ns)
    return [run_of(row) for row in connection.execute(asked)]


def runs_by_id(connection: Connection, ids: Collection[str]) -> dict[str, RunRecord]:
    """Return runs by their ids; those that there are."""
    rows = connection.execute(select(runs).where(runs.c.run_id.in_(ids)))
    return {run.run_id: run for run in map(run_of, rows)}


def find_cycles(
    connection: Connection,
    environment: str | None = None,
    *,
    mode: Mode | None = None,
    run_id: str | None = None,
    from_ns: int | None = None,
    to_ns: int | None = None,
    limit: int | None = None,
    oldest_first: bool = False,
    measured: bool = False,
) -> list[CycleRecord]:
    """Return the cycles that were due in a time, open ones too, newest first.

    They are as people judged them, or as they were `measured`. `limit` counts rows:
    one for each consumer.
    """
    asked = select(cycles).limit(limit)
    if environment is not None:
        asked = asked.where(cycles.c.environment == environment)
    if mode is not None:
        asked = asked.where(cycles.c.mode == mode)
    if run_id is not None:
        asked = asked.where(cycles.c.run_id == run_id)
    if from_ns is not None:
        asked = asked.where(cycles.c.scheduled_ns >= from_ns)
    if to_ns is not None:
        asked = asked.where(cycles.c.scheduled_ns < to_ns)
    due = cycles.c.scheduled_ns
    asked = asked.order_by(due if oldest_first else due.desc(), cycles.c.consumer)
    return _read(connection, asked, measured=measured)


def recent(connection: Connection, environment: str, from_ns: int) -> list[CycleRecord]:
    """Return the continuous cycles due since a time, open ones too, newest first.

    Without their latencies.
    """
    asked = select(*BARE).where(
        cycles.c.environment == environment,
        cycles.c.mode == "continuous",
        cycles.c.scheduled_ns >= from_ns,
    )
    asked = asked.order_by(cycles.c.scheduled_ns.desc(), cycles.c.consumer)
    return _read(connection, asked, measured=False)


def _read(
    connection: Connection, asked: Select[tuple[object, ...]], *, measured: bool
) -> list[CycleRecord]:
    found = [cycle_of(row) for row in connection.execute(asked)]
    return found if measured else judge(connection, found)


def judge(connection: Connection, found: Sequence[CycleRecord]) -> list[CycleRecord]:
    """Return cycles as people judged them."""
    made = {
        environment: decisions(connection, environment)
        for environment in {cycle.environment for cycle in found}
    }
    return [adjudicated(cycle, made[cycle.environment]) for cycle in found]


def latest(connection: Connection, environment: str) -> tuple[CycleRecord, ...]:
    """Return the newest final continuous cycle, as every consumer saw it."""
    due = cycles.c.scheduled_ns
    its = (
        cycles.c.environment == environment,
        cycles.c.mode == "continuous",
        cycles.c.state.is_not(None),
    )
    newest = select(due).where(*its).order_by(due.desc()).limit(1).scalar_subquery()
    asked = select(cycles).where(*its, due == newest).order_by(cycles.c.consumer)
    return tuple(_read(connection, asked, measured=False))


def find_annotations(
    connection: Connection,
    environment: str | None = None,
    *,
    from_ns: int | None = None,
    to_ns: int | None = None,
) -> list[Annotation]:
    """Return the annotations that touch a time, in the order of time."""
    asked = select(annotations).order_by(annotations.c.from_ns, annotations.c.number)
    if environment is not None:
        asked = asked.where(annotations.c.environment == environment)
    if from_ns is not None:
        asked = asked.where(annotations.c.to_ns >= from_ns)
    if to_ns is not None:
        asked = asked.where(annotations.c.from_ns < to_ns)
    return [annotation_of(row) for row in connection.execute(asked)]


def live_words(
    connection: Connection, names: Iterable[str] | None = None
) -> list[Live]:
    """Return what daemons said last, by environment and daemon.

    Several versions may share a history: what cannot be read of another is left out.
    """
    asked = select(live).order_by(live.c.environment, live.c.daemon)
    if names is not None:
        asked = asked.where(live.c.environment.in_(list(names)))
    found = []
    for row in connection.execute(asked):
        with contextlib.suppress(StoreError):
            found.append(live_of(row))
    return found


def kept_texts(connection: Connection, prefix: str) -> dict[str, str]:
    """Return the documents that are kept under keys with a prefix, by key."""
    its = kept.c.key.startswith(prefix, autoescape=True)
    asked = select(kept.c.key, kept.c.document).where(its).order_by(kept.c.key)
    return {row.key: row.document for row in connection.execute(asked)}
