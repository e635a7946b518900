"""What the store writes: each function is one step within one transaction.

Every write may be repeated: what is there already is left as it is, so that who does
not know whether a write succeeded can do it again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, Table, bindparam, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from prober.history import CycleRecord, Live, RunRecord, adjudicated
from prober.store.codecs import document, row_of_cycle, row_of_run
from prober.store.marks import decisions
from prober.store.rollups import add_to_hours
from prober.store.schema import cycles, environments, kept, live, runs
from prober.store.vitals import vitals_row

_KEY = ("environment", "run_id", "number", "consumer")
_Key = tuple[str, int, str]
"""Run, number of the cycle, consumer."""


def inserting(
    connection: Connection, table: Table
) -> sqlite.Insert | postgresql.Insert:
    """Return the dialect's own insert, which knows what to do on a conflict."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def lock(connection: Connection, environment: str) -> None:
    """Hold an environment's row until the transaction ends, made if there is none.

    Its cycles and hours are read and written again: nobody may do so in between. SQLite
    has one writer at a time anyway.
    """
    row = inserting(connection, environments).values(name=environment)
    connection.execute(row.on_conflict_do_nothing())
    held = select(environments.c.name).where(environments.c.name == environment)
    connection.execute(held.with_for_update())


def put_run(connection: Connection, run: RunRecord) -> None:
    """Write a run, or how it ended."""
    lock(connection, run.environment)
    row = inserting(connection, runs).values(row_of_run(run))
    ending = {name: row.excluded[name] for name in ("ended_ns", "partial")}
    connection.execute(
        row.on_conflict_do_update(index_elements=["run_id"], set_=ending)
    )


def put_cycles(connection: Connection, given: Iterable[CycleRecord]) -> int:
    """Write cycles as they open or are final; return how many changed anything.

    A cycle that is final is never changed again. It is added to its hour by the
    judgement of whoever annotated its time before it came.
    """
    by_environment: dict[str, list[CycleRecord]] = defaultdict(list)
    for cycle in given:
        by_environment[cycle.environment].append(cycle)
    return sum(
        _put(connection, environment, by_environment[environment])
        for environment in sorted(by_environment)  # in one order: no deadlock
    )


def _put(connection: Connection, environment: str, given: list[CycleRecord]) -> int:
    lock(connection, environment)
    known = _known(connection, environment, given)
    added, closed = [], []
    for cycle in given:
        key = (cycle.run_id, cycle.index, cycle.consumer)
        if key not in known:
            added.append(cycle)
        elif known[key] and cycle.state is not None:
            closed.append(cycle)
        else:
            continue
        known[key] = cycle.state is None
    _write(connection, environment, added, closed)
    return len(added) + len(closed)


def _known(
    connection: Connection, environment: str, given: Sequence[CycleRecord]
) -> dict[_Key, bool]:
    """Return which of some cycles there are, and whether they are open."""
    spans: dict[str, list[int]] = defaultdict(list)
    for cycle in given:
        spans[cycle.run_id].append(cycle.index)
    known = {}
    for run_id, numbers in spans.items():
        found = select(
            cycles.c.number, cycles.c.consumer, cycles.c.state.is_(None)
        ).where(
            cycles.c.environment == environment,
            cycles.c.run_id == run_id,
            cycles.c.number.between(min(numbers), max(numbers)),
        )
        for number, consumer, is_open in connection.execute(found):
            known[run_id, number, consumer] = bool(is_open)
    return known


def _write(
    connection: Connection,
    environment: str,
    added: Sequence[CycleRecord],
    closed: Sequence[CycleRecord],
) -> None:
    written = [*added, *closed]
    if not written:
        return
    due = [cycle.scheduled_ns for cycle in written]
    made = decisions(connection, environment, min(due), max(due))
    if added:
        connection.execute(insert(cycles), [_judged(each, made) for each in added])
    if closed:
        key = [cycles.c[name] == bindparam(f"its_{name}") for name in _KEY]
        changed = [name for name in cycles.c.keys() if name not in _KEY]  # noqa: SIM118
        statement = update(cycles).where(*key)
        statement = statement.values({name: bindparam(name) for name in changed})
        rows = [_judged(each, made) for each in closed]
        connection.execute(statement, [_renamed(row) for row in rows])
    final = [each for each in written if each.state is not None]
    add_to_hours(connection, [adjudicated(each, made) for each in final])
    _begin(connection, environment, written)


def _judged(cycle: CycleRecord, made: list) -> dict[str, object]:  # type: ignore[type-arg]
    judged = adjudicated(cycle, made).state
    return row_of_cycle(cycle) | {"judged": None if judged is None else judged.value}


def _renamed(row: Mapping[str, object]) -> dict[str, object]:
    return {f"its_{name}" if name in _KEY else name: row[name] for name in row}


def _begin(
    connection: Connection, environment: str, written: Sequence[CycleRecord]
) -> None:
    """Note since when an environment is watched."""
    due = [each.scheduled_ns for each in written if each.mode == "continuous"]
    if not due:
        return
    first = environments.c.first_ns
    connection.execute(
        update(environments)
        .where(
            environments.c.name == environment,
            or_(first.is_(None), first > min(due)),
        )
        .values(first_ns=min(due))
    )


def put_live(connection: Connection, word: Live) -> None:
    """Write what a daemon is doing with an environment now, over its last word."""
    values = {
        "environment": word.environment,
        "daemon": word.daemon,
        "at_ns": word.at_ns,
        "document": document(word),
    }
    row = inserting(connection, live).values(values)
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["environment", "daemon"],
            set_={"at_ns": row.excluded.at_ns, "document": row.excluded.document},
        )
    )
    largest = vitals_row(connection, word)
    if largest is not None:
        put_kept(connection, *largest, word.at_ns)


def put_kept(connection: Connection, key: str, text: str, updated_ns: int) -> None:
    """Write a document under a key, over what was there."""
    row = inserting(connection, kept).values(
        key=key, document=text, updated_ns=updated_ns
    )
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["key"],
            set_={
                "document": row.excluded.document,
                "updated_ns": row.excluded.updated_ns,
            },
        )
    )
