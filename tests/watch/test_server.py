"""The page's process: health and readiness, over a real socket."""

import asyncio
import os
import random
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from prober.clock import SystemClock
from prober.errors import UsageError
from prober.history import Live
from prober.store import Waiting
from prober.testing import ManualClock
from prober.watch.page.doors import Doors
from prober.watch.page.events import Streams
from prober.watch.server import Board, application
from prober.watch.serving import PageProcess, address_of, listen
from prober.watch.snapshot import Snapshot, frame, read
from tests.report.now.samples import MINUTE_NS, NOW, live

if TYPE_CHECKING:
    from prober.watch.notices import Notice


def snapshot(*lives: Live, at_ns: int = NOW) -> Snapshot:
    """What a daemon pushes."""
    return Snapshot(
        at_ns=at_ns,
        daemon="diego-0:812",
        version="0.1.0",
        lives=lives,
        neighbours=(),
        silent=(),
        store=Waiting(
            results=0, bytes=0, since_ns=None, why="", overflowed=0, refused=0
        ),
        metrics="# EOF\n",
    )


@asynccontextmanager
async def asking(board: Board) -> AsyncIterator[httpx.AsyncClient]:
    """Ask an application without a socket between."""
    transport = httpx.ASGITransport(app=application(board))
    async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
        yield client


async def test_health_of_the_measuring_process() -> None:
    """It is well while it pushes, and not before, nor ten seconds after."""
    clock = ManualClock(NOW)
    board = Board(clock)
    async with asking(board) as client:
        before = await client.get("/healthz")
        board.put(snapshot())
        well = await client.get("/healthz")
        await clock.advance(11)
        silent = await client.get("/healthz")

    assert [503, 200, 503] == [each.status_code for each in (before, well, silent)]
    assert {
        "ok": False,
        "daemon": "diego-0:812",
        "seconds_since_heard": 11.0,
    } == silent.json()


async def test_readiness_is_that_anything_is_measured() -> None:
    """It is ready while one environment has cycles that count; it names the others."""
    board = Board(ManualClock(NOW))
    old = NOW - 3 * MINUTE_NS - 1
    refused = live(environment="prod_us", last_cycle_ns=old, why_not="token refused")
    young = live(environment="prod_ap", last_cycle_ns=None)
    async with asking(board) as client:
        board.put(snapshot(refused, young))
        nothing = await client.get("/readyz")
        board.put(snapshot(refused, young, live()))
        something = await client.get("/readyz")

    named = {
        "prod_us": "token refused",
        "prod_ap": "no cycle for three periods",
    }
    assert 503 == nothing.status_code
    assert {"ok": False, "measuring": [], "not_measuring": named} == nothing.json()
    assert 200 == something.status_code
    assert ["prod_eu"] == something.json()["measuring"]
    assert named == something.json()["not_measuring"]


async def test_pages_are_let_go_at_the_end() -> None:
    """A stream of events ends when nothing more will come: it holds nobody up."""
    board = Board(ManualClock(NOW))
    told = Streams(board)._events()
    assert (await anext(told)).startswith("retry:")
    assert (await anext(told)).startswith("data:")
    next_one = asyncio.ensure_future(anext(told, ""))
    board.ended.set()

    assert "" == await next_one


async def test_snapshot_passes_the_pipe_unchanged() -> None:
    """What is pushed is what is shown, frame by frame, until the pipe ends."""
    pushed = [snapshot(live()), snapshot(live(), live(environment="x"), at_ns=NOW + 1)]
    pipe = asyncio.StreamReader()
    for each in pushed:
        pipe.feed_data(frame(each))
    pipe.feed_eof()

    assert pushed == [await read(pipe), await read(pipe)]
    assert None is await read(pipe)


async def test_what_is_no_snapshot_is_refused() -> None:
    """A length that cannot be is not waited for."""
    pipe = asyncio.StreamReader()
    pipe.feed_data(b"\xff\xff\xff\xff")

    with pytest.raises(ValueError, match="4,294,967,295 bytes is none of ours"):
        await read(pipe)


def test_port_that_is_taken() -> None:
    """One sentence says which, why, and which option names another."""
    with listen("127.0.0.1:0") as taken:
        address = address_of(taken)
        with pytest.raises(UsageError) as caught:
            listen(address)

    assert (
        f"cannot listen on {address}: Address already in use; name another "
        "with --listen HOST:PORT"
    ) == str(caught.value)


def test_addresses() -> None:
    """IPv6 stands in brackets, as it was given."""
    with listen("127.0.0.1:0") as four:
        assert address_of(four).startswith("127.0.0.1:")
    if socket.has_ipv6:
        with listen("[::1]:0") as six:
            assert address_of(six).startswith("[::1]:")


async def test_page_that_is_killed_comes_back_on_its_port(tmp_path: Path) -> None:
    """Nobody but the page is disturbed, its address stays, and it is told."""
    told: asyncio.Queue[Notice] = asyncio.Queue()
    clock = SystemClock()
    with listen("127.0.0.1:0") as listening:
        page = PageProcess(
            listening,
            doors=Doors(store=str(tmp_path / "history.sqlite")),
            clock=clock,
            rng=random.Random(1),  # noqa: S311 - jitter
            tell=told.put_nowait,
        )
        url = f"http://{address_of(listening)}"
        async with page.running(), httpx.AsyncClient(base_url=url) as client:
            assert 200 == await answered(client, page, clock)
            assert page._process is not None
            os.kill(page._process.pid, signal.SIGKILL)
            assert "page_away" == (await told.get()).said
            assert "page_back" == (await told.get()).said
            assert 200 == await answered(client, page, clock)
        assert page._process is None


async def answered(
    client: httpx.AsyncClient, page: PageProcess, clock: SystemClock
) -> int:
    """Push and ask until the answer is that all is well."""
    while True:
        page.push(snapshot(live(), at_ns=clock.now_ns()))
        try:
            code = (await client.get("/healthz")).status_code
        except httpx.TransportError:
            continue
        if code == httpx.codes.OK:
            return code
        await asyncio.sleep(0.05)
