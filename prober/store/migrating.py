"""Brings a database to the present schema, under a lock, when a history is opened."""

from importlib import resources

from sqlalchemy import Connection, Engine, inspect, text

from prober.errors import StoreError
from prober.store.engines import transaction
from prober.store.places import shown
from prober.store.schema import SCHEMA_VERSION

VERSION_TABLE = "schema_version"
_LOCK = 0x70726F626572  # "prober" in ASCII: whoever migrates holds this one


def migrate(engine: Engine) -> None:
    """Make the tables, or bring them up to date; nothing is done where they are.

    Raises StoreError for a schema of a later prober, or a file of something else.
    """
    with transaction(engine, writes=False) as connection:
        if _version(connection, engine) == SCHEMA_VERSION:
            return
    with transaction(engine, writes=True) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(
                text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK}
            )
        found = _version(connection, engine)  # another may have been first
        if found != SCHEMA_VERSION:
            _upgrade(connection, engine, found)


def _version(connection: Connection, engine: Engine) -> str | None:
    """Return the schema's version; None for a database without tables of ours."""
    tables = inspect(connection).get_table_names()
    if VERSION_TABLE in tables:
        found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - our own constant
        versions = [str(version) for version in found.scalars()]
        return versions[0] if len(versions) == 1 else None
    if tables and engine.dialect.name == "sqlite":
        raise StoreError(
            f"{shown(engine.url)} is a database, but no history of prober: "
            "name another file with --store"
        )
    return None


def _upgrade(connection: Connection, engine: Engine, found: str | None) -> None:
    # alembic takes a third of a second to import, and is needed once a version.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    folder = resources.files("prober.store").joinpath("migrations")
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    known = {
        each.revision for each in ScriptDirectory.from_config(config).walk_revisions()
    }
    if found is not None and found not in known:
        raise StoreError(
            f"the history in {shown(engine.url)} was written by a later prober "
            f"(schema {found}, this one knows {SCHEMA_VERSION}): upgrade prober"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, SCHEMA_VERSION)
