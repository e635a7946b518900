"""Connections to either database, and their errors in our words.

SQLite: WAL, so that readers never wait for the writer; `synchronous=FULL`, because one
`fsync` for each cycle costs nothing, and a power cut then takes nothing committed;
writers begin with `BEGIN IMMEDIATE`, so that they wait for each other at the start and
never fail in the middle. PostgreSQL: connections are tried before they are used, and
give up on a lock or a statement that takes too long.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine import URL

from prober.errors import StoreAwayError, StoreError
from prober.store.places import shown

BUSY_SECONDS = 5.0
"""How long a lock is waited for."""
_STATEMENT_SECONDS = 60
_AGAIN_SECONDS = 0.01
_WRITES = "prober_writes"


def engine_for(url: URL, *, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """Return an engine, its file made if there is none; nothing is connected yet."""
    if url.get_backend_name() == "sqlite":
        _make_file(Path(str(url.database)), url)
        return _sqlite(url, busy_seconds)
    return _postgresql(url, busy_seconds)


def _make_file(path: Path, url: URL) -> None:
    """Make the file, and its folder, for nobody but us: SQLite would ask the umask."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = path.resolve()
        # To open and close one that is in use would drop SQLite's locks.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        if not (file.is_file() and os.access(file, os.R_OK | os.W_OK)):
            os.close(os.open(file, os.O_RDWR))  # tells why it cannot be used
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"cannot keep history in {shown(url)}: {reason}") from None


def _sqlite(url: URL, busy_seconds: float) -> Engine:
    engine = create_engine(url, connect_args={"timeout": busy_seconds})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:  # noqa: ANN401
        connection.isolation_level = None  # who begins a transaction is told below
        _enter_wal(connection, busy_seconds)
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _enter_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Let a database keep a write-ahead log, as it does from its first opening on.

    Who changes that while others open it is told that it is locked, without any wait.
    """
    until = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if (
                error.sqlite_errorcode != sqlite3.SQLITE_BUSY
                or time.monotonic() > until
            ):
                raise
            time.sleep(_AGAIN_SECONDS)
        else:
            return


def _postgresql(url: URL, busy_seconds: float) -> Engine:
    try:
        engine = create_engine(
            url,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": max(2, round(busy_seconds)),
                "application_name": "prober",
                "tcp_user_timeout": 30_000,
            },
        )
    except ImportError:
        raise StoreError(
            "history in PostgreSQL needs its driver: "
            "pip install 'loggregator-prober[postgres]'"
        ) from None

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:  # noqa: ANN401
        connection.autocommit = True
        connection.execute(f"SET lock_timeout = '{round(busy_seconds * 1_000)}ms'")
        connection.execute(f"SET statement_timeout = '{_STATEMENT_SECONDS}s'")
        connection.autocommit = False

    return engine


@contextlib.contextmanager
def transaction(engine: Engine, *, writes: bool) -> Iterator[Connection]:
    """Yield a connection in one transaction, which is committed at the end or not.

    Raises StoreAwayError where it may succeed later, StoreError where it cannot.
    """
    try:
        with engine.connect() as connection:
            connection.execution_options(**{_WRITES: writes})
            with connection.begin():
                yield connection
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
        raise StoreAwayError(_words(engine, error)) from error
    except exc.DBAPIError as error:
        if error.connection_invalidated:
            raise StoreAwayError(_words(engine, error)) from error
        raise StoreError(_words(engine, error)) from error
    except exc.SQLAlchemyError as error:
        raise StoreError(_words(engine, error)) from error


def _words(engine: Engine, error: exc.SQLAlchemyError) -> str:
    """Return the database's own words, without the statement and its values."""
    original = getattr(error, "orig", None) or error
    lines = [line.strip() for line in str(original).splitlines() if line.strip()]
    said = lines[0][:200] if lines else type(original).__name__
    return f"the history in {shown(engine.url)} does not answer as it should: {said}"
