"""The store: one object for everything that is written to history and read from it."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Self, TypeVar

from sqlalchemy import Engine, delete

from prober.errors import StoreError
from prober.history import (
    Annotation,
    CycleRecord,
    EnvironmentHistory,
    Live,
    Mode,
    RunRecord,
)
from prober.slo import Summary
from prober.store import annotating, missed, reading, retention, windows, writing
from prober.store.codecs import document, from_document
from prober.store.engines import BUSY_SECONDS, engine_for, transaction
from prober.store.migrating import migrate
from prober.store.places import place, shown
from prober.store.schema import kept

T = TypeVar("T")

_BULK = 1_000
"""Missed cycles that are written in one transaction."""


class Store:
    """A history that is open; every method is one transaction, from any thread.

    Each raises StoreAwayError where the same may succeed later (locked, full, away),
    and StoreError where it cannot. Writes may be repeated: nothing is doubled.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def where(self) -> str:
        """Where it is, for people to read: never with a password."""
        return shown(self._engine.url)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # What is measured.

    def put_run(self, run: RunRecord) -> None:
        """Write a run when it begins, and again when it has ended."""
        with transaction(self._engine, writes=True) as connection:
            writing.put_run(connection, run)

    def put_cycles(self, cycles: Iterable[CycleRecord]) -> int:
        """Write a cycle as it opens, and again when it is final, for all its consumers.

        Its hour is summed up in the same transaction. A final cycle never changes:
        what repeats one is left out. Returns how many of them changed anything.
        """
        with transaction(self._engine, writes=True) as connection:
            return writing.put_cycles(connection, cycles)

    def record_missed(
        self,
        environment: str,
        from_ns: int,
        to_ns: int,
        *,
        every_ns: int,
        planned: int,
        consumers: Collection[str],
        reason: str,
    ) -> int:
        """Write MISSED cycles for the ticks from `from_ns` on, before `to_ns`.

        `planned` is the number of messages of each of them. Returns how many are new.
        """
        written = 0
        for start_ns in range(from_ns, to_ns, _BULK * every_ns):
            end_ns = min(to_ns, start_ns + _BULK * every_ns)
            written += self.put_cycles(
                missed.missed(
                    environment,
                    range(start_ns, end_ns, every_ns),
                    every_ns=every_ns,
                    planned=planned,
                    consumers=consumers,
                    reason=reason,
                )
            )
        return written

    def mend(self, environment: str, *, daemon: str, now_ns: int) -> int:
        """Close as inconclusive what daemons that are gone left open; return how many.

        To be called when `daemon` begins, before its first cycle, and now and then.
        """
        with transaction(self._engine, writes=True) as connection:
            return missed.mend(connection, environment, daemon=daemon, now_ns=now_ns)

    def annotate(self, annotation: Annotation) -> Annotation:
        """Add an annotation; return it with its number. Windows follow at once.

        Raises UsageError for one that cannot be.
        """
        with transaction(self._engine, writes=True) as connection:
            return annotating.annotate(connection, annotation)

    def prune(self, now_ns: int) -> int:
        """Delete what was kept long enough, in small steps; return how many cycles.

        See `prober.store.retention`. Others write in between.
        """
        deleted = 0
        for step in retention.steps(now_ns):
            while True:
                with transaction(self._engine, writes=True) as connection:
                    some = step(connection)
                deleted += some
                if not some:
                    break
        return deleted

    # What is known.

    def environments(self) -> list[reading.Known]:
        """Return every environment that was ever written, by name."""
        with transaction(self._engine, writes=False) as connection:
            return reading.known_environments(connection)

    def history(self, environment: str, from_ns: int, to_ns: int) -> EnvironmentHistory:
        """Return what is known of an environment in a window: continuous cycles only.

        A cycle belongs to the window in which it became final. Of a time whose cycles
        are no longer kept one by one, hours that the window cuts are taken whole.
        """
        with transaction(self._engine, writes=False) as connection:
            return windows.history(connection, environment, from_ns, to_ns)

    def summary(self, environment: str, from_ns: int, to_ns: int) -> Summary:
        """Return what the same window comes to: in a fraction of the time."""
        with transaction(self._engine, writes=False) as connection:
            return windows.summary(connection, environment, from_ns, to_ns)

    def runs(
        self,
        environment: str | None = None,
        *,
        mode: Mode | None = None,
        from_ns: int | None = None,
        to_ns: int | None = None,
        limit: int | None = None,
    ) -> list[RunRecord]:
        """Return the runs that began in a time, newest first."""
        with transaction(self._engine, writes=False) as connection:
            return reading.find_runs(
                connection,
                environment,
                mode=mode,
                from_ns=from_ns,
                to_ns=to_ns,
                limit=limit,
            )

    def run(self, run_id: str) -> RunRecord | None:
        """Return one run; None if there is none of that id."""
        with transaction(self._engine, writes=False) as connection:
            return reading.runs_by_id(connection, [run_id]).get(run_id)

    def cycles(
        self,
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
        """Return the cycles that were due in a time, one for each consumer.

        Newest first unless `oldest_first`, open ones too, as people judged them unless
        `measured`; at most `limit` of them.
        """
        with transaction(self._engine, writes=False) as connection:
            return reading.find_cycles(
                connection,
                environment,
                mode=mode,
                run_id=run_id,
                from_ns=from_ns,
                to_ns=to_ns,
                limit=limit,
                oldest_first=oldest_first,
                measured=measured,
            )

    def recent(self, environment: str, from_ns: int) -> list[CycleRecord]:
        """Return the continuous cycles due since a time: newest first, open ones too.

        As people judged them, and without their latencies.
        """
        with transaction(self._engine, writes=False) as connection:
            return reading.recent(connection, environment, from_ns)

    def latest(self, environment: str) -> tuple[CycleRecord, ...]:
        """Return the newest final continuous cycle, as every consumer saw it.

        Empty for an environment that was never watched.
        """
        with transaction(self._engine, writes=False) as connection:
            return reading.latest(connection, environment)

    def annotations(
        self,
        environment: str | None = None,
        *,
        from_ns: int | None = None,
        to_ns: int | None = None,
    ) -> list[Annotation]:
        """Return the annotations that touch a time, in the order of time."""
        with transaction(self._engine, writes=False) as connection:
            return reading.find_annotations(
                connection, environment, from_ns=from_ns, to_ns=to_ns
            )

    # What goes on now, and what has to survive a restart.

    def put_live(self, word: Live) -> None:
        """Write what a daemon is doing with an environment now, over its last word."""
        with transaction(self._engine, writes=True) as connection:
            writing.put_live(connection, word)

    def live(self, environments: Collection[str] | None = None) -> list[Live]:
        """Return what each daemon said last, by environment and daemon."""
        with transaction(self._engine, writes=False) as connection:
            return reading.live_words(connection, environments)

    def keep(self, key: str, record: object, updated_ns: int) -> None:
        """Keep a record, as JSON, under a key such as `alert/production/fast-burn`."""
        with transaction(self._engine, writes=True) as connection:
            writing.put_kept(connection, key, document(record), updated_ns)

    def kept(self, prefix: str, kind: type[T]) -> dict[str, T]:
        """Return the records that are kept under keys with a prefix, by key."""
        with transaction(self._engine, writes=False) as connection:
            texts = reading.kept_texts(connection, prefix)
        return {key: _kept(key, text, kind) for key, text in texts.items()}

    def forget(self, key: str) -> None:
        """Keep a record no longer."""
        with transaction(self._engine, writes=True) as connection:
            connection.execute(delete(kept).where(kept.c.key == key))


def _kept(key: str, text: str, kind: type[T]) -> T:
    try:
        return from_document(text, kind)
    except ValueError as error:
        raise StoreError(
            f"history keeps something under {key!r:.80} that prober did not write: "
            f"{error}"
        ) from None


def open_store(
    where: str | Path | None = None, *, busy_seconds: float = BUSY_SECONDS
) -> Store:
    """Open a history, made or brought up to date if need be; to be closed.

    Args:
        where: The path of a SQLite file, or a URL: `sqlite:///PATH`,
            `postgresql://USER@HOST/DATABASE`. By default the user's own file.
        busy_seconds: How long somebody else's lock is waited for.

    Raises:
        UsageError: A URL that cannot be.
        StoreAwayError: It cannot be opened now.
        StoreError: It is none of ours, or of a later prober.

    """
    engine = engine_for(place(where), busy_seconds=busy_seconds)
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine)
