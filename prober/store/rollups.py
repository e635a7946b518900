"""Hours that add: a cycle is added to its hour in the transaction that writes it."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    delete,
    insert,
    select,
    tuple_,
    update,
)

from prober.histogram import Frozen, Histogram
from prober.history import HOUR_NS, CycleRecord, HourRecord, adjudicated, hours_of
from prober.store.codecs import cycle_of, hour_of, row_of_hour
from prober.store.marks import decisions
from prober.store.schema import cycles, hours

_SUMMED = ("unseen", "unsure", "uncounted", "planned", "lossy_cycles")


def plus(one: HourRecord, other: HourRecord) -> HourRecord:
    """Return the sum of two parts of the same consumer's hour."""
    return replace(
        one,
        states={
            state: many + other.states[state] for state, many in one.states.items()
        },
        counts=one.counts + other.counts,
        largest_loss=max(one.largest_loss, other.largest_loss),
        latency=_merged(one.latency, other.latency),
        **{name: getattr(one, name) + getattr(other, name) for name in _SUMMED},
    )


def _merged(one: Frozen, other: Frozen) -> Frozen:
    if not one.buckets or not other.buckets:
        return one if one.buckets else other
    merged = Histogram.thaw(one)
    merged.merge(Histogram.thaw(other))
    return merged.freeze()


def add_to_hours(connection: Connection, judged: Sequence[CycleRecord]) -> None:
    """Add final, adjudicated cycles of one environment that are in no hour yet."""
    parts = hours_of(cycle for cycle in judged if cycle.mode == "continuous")
    if not parts:
        return
    keys = [(part.environment, part.consumer, part.start_ns) for part in parts]
    key = tuple_(hours.c.environment, hours.c.consumer, hours.c.start_ns)
    for start in range(0, len(parts), 300):
        some, some_keys = parts[start : start + 300], keys[start : start + 300]
        rows = connection.execute(select(hours).where(key.in_(some_keys)))
        known = {(h.consumer, h.start_ns): h for h in map(hour_of, rows)}
        whole = [
            plus(known[part.consumer, part.start_ns], part)
            if (part.consumer, part.start_ns) in known
            else part
            for part in some
        ]
        connection.execute(delete(hours).where(key.in_(some_keys)))
        connection.execute(insert(hours), [row_of_hour(hour) for hour in whole])


def sum_again(
    connection: Connection, environment: str, starts: Collection[int]
) -> None:
    """Judge the cycles of hours anew, as people decided by now, and sum them up."""
    made = decisions(connection, environment)
    for start_ns in sorted(starts):
        rows = connection.execute(
            select(cycles).where(
                cycles.c.environment == environment,
                cycles.c.mode == "continuous",
                cycles.c.final_ns >= start_ns,
                cycles.c.final_ns < start_ns + HOUR_NS,
                cycles.c.state.is_not(None),
            )
        )
        judged = [(row, adjudicated(cycle_of(row), made)) for row in rows]
        _judge(connection, judged)
        whole = hours_of(cycle for _, cycle in judged)
        connection.execute(
            delete(hours).where(
                hours.c.environment == environment, hours.c.start_ns == start_ns
            )
        )
        if whole:
            connection.execute(insert(hours), [row_of_hour(hour) for hour in whole])


def _judge(
    connection: Connection, judged: Sequence[tuple[Row[Any], CycleRecord]]
) -> None:
    """Write the state of each cycle that people decided to be another."""
    changed = [
        {"its_number": cycle.index, "its_run": cycle.run_id}
        | {"its_consumer": cycle.consumer, "to": cycle.state.value}
        for row, cycle in judged
        if cycle.state is not None and row.judged != cycle.state.value
    ]
    if not changed:
        return
    statement = update(cycles).where(
        cycles.c.environment == judged[0][1].environment,
        cycles.c.run_id == bindparam("its_run"),
        cycles.c.number == bindparam("its_number"),
        cycles.c.consumer == bindparam("its_consumer"),
    )
    connection.execute(statement.values(judged=bindparam("to")), changed)
