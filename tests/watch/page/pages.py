"""A page over a store of its own, and environments to show on it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from prober.history import Live
from prober.store import Store, open_store
from prober.testing import ManualClock
from prober.watch.page.guard import Rules
from prober.watch.server import Board, application
from tests.report import histories
from tests.report.now.samples import MINUTE_NS, NOW, cycle, live
from tests.watch.test_server import snapshot

CONSUMERS = ("gateway", "rlp")


def fill(
    store: Store, name: str, *, lost: Sequence[int] = (), minutes: int = 30
) -> None:
    """Write a cycle a minute; `lost` of the last ones, the newest first."""
    store.put_run(
        histories.run(
            run_id=name,
            environment=name,
            started_ns=NOW - minutes * MINUTE_NS,
            target="99",
            consumers=dict.fromkeys(CONSUMERS, "rlp"),
        )
    )
    store.put_cycles(
        replace(
            cycle("03:08:00", consumer, lost=dict(enumerate(lost)).get(back, 0)),
            environment=name,
            run_id=name,
            index=minutes - back,
            scheduled_ns=due_ns,
            first_sent_ns=due_ns,
            last_sent_ns=due_ns,
            final_ns=due_ns + MINUTE_NS,
        )
        for back in reversed(range(minutes))
        for consumer in CONSUMERS
        for due_ns in [NOW - NOW % MINUTE_NS - (back + 1) * MINUTE_NS]
    )


@asynccontextmanager
async def page(
    folder: Path,
    *lives: Live,
    rules: Rules | None = None,
) -> AsyncIterator[tuple[httpx.AsyncClient, Store, Board]]:
    """Serve what a store holds, without a socket between."""
    place = str(folder / "history.sqlite")
    with open_store(place) as store:
        board = Board(ManualClock(NOW), place)
        board.put(snapshot(*lives))
        async with serving(board, rules) as client:
            yield client, store, board


@asynccontextmanager
async def serving(
    board: Board, rules: Rules | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Ask an application without a socket between."""
    transport = httpx.ASGITransport(app=application(board, rules))
    async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
        yield client


def well(name: str) -> Live:
    """A daemon that measures an environment."""
    return live(environment=name)
