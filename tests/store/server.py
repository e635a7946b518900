"""A real PostgreSQL for tests: Debian's, in a folder of its own, over a Unix socket."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from sqlalchemy import URL, create_engine, text

from tests import tools

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_NOBODY = ("postgres", "nobody")
"""Whom it runs as where we are root: it refuses to be root itself."""


class Postgres:
    """A server that is started, stopped and started again; gone with its folder."""

    def __init__(self) -> None:
        binaries = _BINARIES[-1:] or [Path("/usr/lib/postgresql")]
        self._binaries = Path(tools.first_of(binaries, "apt-get install postgresql"))
        self._folder = Path(tempfile.mkdtemp(prefix="prober-postgres-"))
        self._user = _user()
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        self._run("initdb", "-U", "prober", "-A", "trust", "-N", "-D", self._data)
        self._names = 0
        self.start()

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        settings = f"-c listen_addresses= -k {self._folder} -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", log, "-o", settings)

    def stop(self, how: str = "immediate") -> None:
        """Stop it, by default as if it had died."""
        self._run("pg_ctl", "stop", "-w", "-D", self._data, "-m", how)

    def close(self) -> None:
        """Stop it for good."""
        self.stop()
        shutil.rmtree(self._folder)

    def database(self) -> str:
        """Make an empty database, and return its URL."""
        self._names += 1
        name = f"test{self._names}"
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._url(name).set(drivername="postgresql").render_as_string()

    def _url(self, name: str) -> URL:
        return URL.create(
            "postgresql+psycopg",
            username="prober",
            database=name,
            query={"host": str(self._folder)},
        )

    def _run(self, name: str, *arguments: str) -> None:
        # `user=` would fork, which a process in which gRPC runs does not survive.
        other = [] if self._user is None else ["runuser", "-u", self._user, "--"]
        subprocess.run(
            [*other, str(self._binaries / name), *arguments],
            cwd=self._folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )


def _user() -> str | None:
    if os.getuid() != 0:
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return next(name for name in _NOBODY if name in known)
