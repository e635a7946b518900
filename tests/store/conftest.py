"""Histories for tests, each empty: in a file, and in a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from prober.store import Store, open_store
from tests.store.server import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of this process of tests."""
    server = Postgres()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty history can be made, in either database."""
    if request.param == "sqlite":
        return str(tmp_path / "history.sqlite")
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def store(where: str) -> Iterator[Store]:
    """An empty history."""
    with open_store(where) as opened:
        yield opened
