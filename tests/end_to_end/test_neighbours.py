"""Two daemons that share a PostgreSQL: each shows all, and tells of a silent other."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from prober.cli import cli
from prober.pipeline.child import ChildStack
from tests.end_to_end import watching
from tests.store.server import Postgres


@pytest.fixture
def place() -> Iterator[str]:
    """Where an empty history can be made, in a real PostgreSQL."""
    server = Postgres()
    try:
        yield server.database()
    finally:
        server.close()


def folder_of(parent: Path, stack: ChildStack, name: str, place: str) -> Path:
    """Write what a daemon of one environment watches, and return where."""
    folder = parent / name
    folder.mkdir()
    probe = {"every": "1s", "messages": 10, "late_after": "1s", "lost_after": "2s"}
    watching.write(
        folder / "prober.yaml",
        {name: watching.environment(stack, **probe)},
        store=place,
    )
    return folder


def names(document: str) -> set[str]:
    """Return the environments that a document tells of: a status, or a window."""
    found = json.loads(document)["environments"]
    return {each.get("environment") or each["name"] for each in found}


async def both(command: str, place: str) -> None:
    """Wait until a command tells of both environments."""
    found: set[str] = set()
    while found != {"east", "west"}:
        arguments = [command, "--json", "--store", place]
        done = await asyncio.to_thread(CliRunner().invoke, cli, arguments)
        found = names(done.stdout)


async def shown(url: str) -> tuple[set[str], str]:
    """Return the environments of a page's API, and the page itself."""
    async with httpx.AsyncClient(base_url=url, timeout=40) as client:
        document = (await client.get("/api/v1/environments")).text
        page = (await client.get("/")).text
    return names(document), page


@pytest.mark.timeout(300)
async def test_neighbours(tmp_path: Path, place: str) -> None:
    """Page, status and report of each show both; a killed one is missed until back."""
    async with ChildStack() as stack:
        east = folder_of(tmp_path, stack, "east", place)
        west = folder_of(tmp_path, stack, "west", place)
        async with watching.watch(west) as staying:
            url = (await staying.told_of("started"))["address"]
            await staying.told_of("measuring", "west")
            async with watching.watch(east) as leaving:
                other = (await leaving.told_of("started"))["address"]
                await leaving.told_of("measuring", "east")
                for command in ("status", "report"):
                    await both(command, place)
                for each in (url, other):
                    found, page = await shown(each)
                    assert {"east", "west"} == found
                    assert "east" in page
                    assert "west" in page
                leaving.signal(signal.SIGKILL)
                await leaving.end()
            await staying.told_of("silent", "east")
            alert = await staying.told_of("alert")
            assert "east" in alert["words"]
            async with watching.watch(east) as back:
                await back.told_of("measuring", "east")
                await staying.told_of("heard_again", "east")
                over = await staying.told_of("alert_over")
                assert "east" in over["words"]
                back.signal(signal.SIGTERM)
                assert 0 == await back.end()
            staying.signal(signal.SIGTERM)
            assert 0 == await staying.end()
