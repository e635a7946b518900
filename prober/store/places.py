"""Where history is kept: a file of the user's, or a database that several share."""

import os
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from prober.errors import UsageError

SCHEMES = {
    # What people write, and the driver that it stands for.
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}
_EXPECTED = (
    "expected the path of a file, sqlite:///PATH or postgresql://USER@HOST/DATABASE"
)
_MASK = "***"


def default_path() -> Path:
    """Return the file in the user's data directory, as XDG has it."""
    given = os.environ.get("XDG_DATA_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path.home() / ".local/share"
    return base / "prober" / "history.sqlite"


def place(where: str | Path | None = None) -> URL:
    """Return the URL of a history: of a path, of a URL as people write it, or ours.

    Raises UsageError for what cannot be; a password in it is never repeated.
    """
    text = str(where or default_path())
    if "://" not in text:
        return URL.create("sqlite+pysqlite", database=str(Path(text).expanduser()))
    scheme = text.partition("://")[0]
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise UsageError(f"--store {scheme}://… cannot be read: {_EXPECTED}") from None
    if scheme not in SCHEMES:
        raise UsageError(f"--store {scheme}://… is not known: {_EXPECTED}")
    if scheme == "sqlite" and url.database in (None, "", ":memory:"):
        raise UsageError("--store sqlite:// names no file: write sqlite:///PATH")
    return url.set(drivername=SCHEMES[scheme])


def shown(url: URL) -> str:
    """Return where a history is, for people to read: never with a password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    hidden = {key: _MASK for key in url.query if "pass" in key.lower()}
    masked = url.set(drivername="postgresql").update_query_dict(hidden)
    return masked.render_as_string(hide_password=True)


def where_is(where: str | Path | None = None) -> str:
    """Return where a history is or would be, for people to read."""
    return shown(place(where))


def exists(where: str | Path | None = None) -> bool:
    """Tell whether there may be a history there: a database server is not asked."""
    url = place(where)
    if url.get_backend_name() != "sqlite":
        return True
    file = Path(str(url.database))
    return file.exists() and file.stat().st_size > 0  # SQLite would fill an empty one
