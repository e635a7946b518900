"""The page's process: it serves what the measuring process pushes, and never asks it.

    python -m prober.watch.server FD

FD is a listening socket that was opened by the measuring process, which therefore keeps
its port when this one is started anew. Over standard input come a line of JSON (where
history is, for that may hold a password, and who may read) and snapshots;
this process ends when that does, however its parent ended.
"""

import asyncio
import contextlib
import socket
import ssl
import sys
from collections.abc import Generator
from importlib import import_module

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from prober.clock import NS, Clock, SystemClock
from prober.report.now import SILENT_PERIODS
from prober.watch.metrics import CONTENT_TYPE
from prober.watch.page import doors
from prober.watch.page.guard import Guard, Rules
from prober.watch.page.looking import Eyes
from prober.watch.page.routes import Page
from prober.watch.snapshot import Snapshot, read

STALE_SECONDS = 10.0
"""A measuring process that has pushed nothing for so long is not well."""
RENEW_SECONDS = 60.0
_CLOSE_SECONDS = 1


class Board:
    """The last snapshot, and whether there will be another."""

    def __init__(self, clock: Clock, store: str | None = None) -> None:
        self.clock = clock
        self.store = store
        """Where history is read; None for the user's own."""
        self.ended = asyncio.Event()
        """Nothing more will come: who follows may leave."""
        self._snapshot: Snapshot | None = None

    @property
    def snapshot(self) -> Snapshot | None:
        """The last snapshot; None before the first."""
        return self._snapshot

    def put(self, snapshot: Snapshot) -> None:
        """Take a snapshot for the last."""
        self._snapshot = snapshot


def application(board: Board, rules: Rules | None = None) -> Starlette:
    """Return what answers requests, by default to anybody."""
    page = Page(board, Eyes(board))
    app = Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            *page.routes(),
        ],
        middleware=[Middleware(Guard, rules or Rules(hosts=None, passwords=None))],
        exception_handlers=page.errors(),
    )
    app.state.board = board
    return app


async def healthz(request: Request) -> JSONResponse:
    """Tell whether the measuring process is alive and speaks: 200, or 503."""
    board: Board = request.app.state.board
    last = board.snapshot
    age = None if last is None else (board.clock.now_ns() - last.at_ns) / NS
    well = age is not None and age <= STALE_SECONDS
    told = {
        "ok": well,
        "daemon": last and last.daemon,
        "seconds_since_heard": None if age is None else round(age, 3),
    }
    return JSONResponse(told, 200 if well else 503)


async def metrics(request: Request) -> Response:
    """Return the last metrics that were pushed; 503 before any."""
    board: Board = request.app.state.board
    text = board.snapshot.metrics if board.snapshot else ""
    status = 200 if text else 503
    return Response(text, status, media_type=CONTENT_TYPE)


async def readyz(request: Request) -> JSONResponse:
    """Tell whether anything is measured: 200, or 503 with what is not.

    It is when of any environment a cycle that counts was final within the last three
    periods; those of which none was are named in any case.
    """
    board: Board = request.app.state.board
    now_ns = board.clock.now_ns()
    lives = board.snapshot.lives if board.snapshot else ()
    fresh = {
        live.environment
        for live in lives
        if live.last_cycle_ns is not None
        and now_ns - live.last_cycle_ns <= SILENT_PERIODS * live.every_ns
    }
    told = {
        "ok": bool(fresh),
        "measuring": sorted(fresh),
        "not_measuring": {
            live.environment: live.why_not or "no cycle for three periods"
            for live in lives
            if live.environment not in fresh
        },
    }
    return JSONResponse(told, 200 if fresh else 503)


class _Server(uvicorn.Server):
    """Leaves signals alone: the measuring process decides when it is over."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def serve(listening: socket.socket) -> None:
    """Serve until standard input ends."""
    pipe = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(pipe), sys.stdin
    )
    asked = doors.read(await pipe.readline())
    board = Board(SystemClock(), asked.store)
    config = uvicorn.Config(
        application(board, asked.rules()),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_CLOSE_SECONDS,
    )
    config.load()
    config.ssl = None if asked.tls is None else asked.tls.context()
    server = _Server(config)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[listening]))
        # What bounds are worked out with: the first who looks need not wait for it.
        tasks.create_task(asyncio.to_thread(import_module, "scipy.special"))
        renewing = tasks.create_task(renew(asked.tls, config.ssl, board.clock))
        while (snapshot := await read(pipe)) is not None:
            board.put(snapshot)
        board.ended.set()
        renewing.cancel()
        server.should_exit = True


async def renew(
    tls: doors.Certificates | None, context: ssl.SSLContext | None, clock: Clock
) -> None:
    """Read the page's certificates again every minute: they end sooner than we do."""
    while tls is not None and context is not None:
        await clock.sleep(RENEW_SECONDS)
        tls.renew(context)


def main() -> None:
    """Be the page's process."""
    asyncio.run(serve(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()
