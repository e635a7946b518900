"""`prober watch`: the daemon, from its options to its last word."""

import asyncio
import contextlib
import functools
import os
import random
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from prober.cli import stored, values
from prober.cli.stored import NOWHERE
from prober.clock import NS, SystemClock
from prober.errors import ProberError

if TYPE_CHECKING:  # what imports gRPC is imported by who runs
    from prober.cli.watching import Wanted
    from prober.store import Spool
    from prober.watch.daemon import Daemon
    from prober.watch.notices import Tell
    from prober.watch.page.doors import Doors
    from prober.watch.watched import Watched

    Reload = Callable[[], Sequence[Watched]]

EXIT_INTERRUPTED = 130
_SPOOL_SECONDS = 5.0
"""How long results are written for when the daemon leaves."""


@click.command("watch", short_help="The daemon: all environments, day and night.")
@click.argument("envs", nargs=-1, metavar="[ENV]...")
@click.option(
    "--config",
    metavar="FILE",
    help="What is watched.  [default: ./prober.yaml, or the user's]",
)
@click.option(
    "--listen",
    type=values.Listen(),
    metavar="HOST:PORT",
    help="Serve page, metrics and health there.  [default: 127.0.0.1:9610]",
)
@click.option(
    "--store",
    type=stored.Place(),
    metavar="FILE|URL",
    help="Keep history there, or with none only while it runs.  [default: the file's, "
    "or the user's data directory]",
)
@click.option(
    "--grace",
    type=values.Duration(),
    metavar="TIME",
    help="How long open cycles are waited for when it is to leave.  [default: 10s]",
)
@click.option("--once", is_flag=True, help="One cycle of each, then leave.")
@click.option("--json-lines", is_flag=True, help="Tell in JSON, as off a terminal.")
@click.pass_context
def watch(
    ctx: click.RichContext,
    /,
    envs: tuple[str, ...],
    config: str | None,
    *,
    listen: str | None,
    store: str | None,
    grace: int | None,
    once: bool,
    json_lines: bool,
) -> None:
    """Watch environments for months: a cycle a tick, history, page, metrics.

    ENV are environments of prober.yaml; without any it is all of them, and without a
    prober.yaml the bundled reference stack. SIGTERM and Ctrl-C wait for open cycles
    and leave, a second Ctrl-C aborts; SIGHUP reads the configuration again.

    Exit codes: 0 left when it was told to; 2 usage. With --once by the worst
    environment: 0 met, or no objective; 1 violated; 3 inconclusive; 4 could not probe.
    """
    from prober.cli.watching import reloader, wanted

    found = wanted(config, envs)
    asked = replace(
        found,
        listen=listen or found.listen,
        grace_ns=found.grace_ns if grace is None else grace,
        store=store or found.store,
    )
    lines = sys.stdout.isatty() and not json_lines
    asked.doors(None, asked.listen).check()
    if once:
        ctx.exit(asyncio.run(_once(asked, lines=lines)))
    said = listen is not None or not found.demo
    with _listening(asked.listen, said=said) as listening:
        reload = reloader(config, envs, found)
        asyncio.run(_watch(asked, listening, reload, lines=lines))
    ctx.exit(0)


@contextlib.contextmanager
def _listening(address: str, *, said: bool) -> Iterator[socket.socket]:
    """Listen where it was said to, or, where it was not, where there is room."""
    from prober.errors import UsageError
    from prober.watch.serving import listen

    try:
        listening = listen(address)
    except UsageError:
        if said:
            raise
        listening = listen(f"{address.rpartition(':')[0]}:0")
    with listening:
        yield listening


@contextlib.contextmanager
def _place(wanted: "Wanted") -> Iterator[str | None]:
    """Yield where history is kept; that of a demonstration goes when it does."""
    nowhere = wanted.store is None and wanted.demo
    if not nowhere and wanted.store != NOWHERE:
        yield wanted.store
        return
    with tempfile.TemporaryDirectory(
        prefix="prober-watch-", ignore_cleanup_errors=True
    ) as folder:
        yield str(Path(folder, "history.sqlite"))


def _teller(*, lines: bool) -> "Tell":
    from prober.watch.notices import teller

    colour = lines and "NO_COLOR" not in os.environ
    return teller(sys.stdout, lines=lines, colour=colour)


def _name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _rng() -> random.Random:
    return random.Random(secrets.randbits(64))  # noqa: S311 - jitter, not a secret


async def _once(wanted: "Wanted", *, lines: bool) -> int:
    from prober.cli.interrupting import interruptible
    from prober.store import Spool, open_store
    from prober.watch.once import Once

    tell = _teller(lines=lines)
    with _place(wanted) as place:
        spool = Spool(functools.partial(open_store, place), SystemClock().now_ns)
        try:
            async with interruptible() as stop:
                once = Once(
                    clock=SystemClock(),
                    history=spool,
                    tell=tell,
                    rng=_rng(),
                    daemon=_name(),
                    stop=stop,
                    stop_seconds=wanted.grace_ns / NS,
                )
                return await once.run(wanted.watched)
        finally:
            await _close(spool, tell)


async def _watch(
    wanted: "Wanted", listening: socket.socket, reload: "Reload", *, lines: bool
) -> None:
    from prober.cli.alerting import receivers
    from prober.store import Spool, open_store
    from prober.watch.alarms import Alarms
    from prober.watch.daemon import Daemon, Surroundings
    from prober.watch.serving import PageProcess, address_of

    clock = SystemClock()
    tell, rng = _teller(lines=lines), _rng()
    with _place(wanted) as place:
        spool = Spool(functools.partial(open_store, place), SystemClock().now_ns)
        doors = wanted.doors(place, address_of(listening))
        alarms = Alarms(
            f"{socket.gethostname()}/{doors.listen}",
            receivers(wanted.alerts, doors.url),
            history=spool,
            clock=clock,
            tell=tell,
            page=() if doors.tls is None else doors.tls.files(),
        )
        page = PageProcess(listening, doors=doors, clock=clock, rng=rng, tell=tell)
        around = Surroundings(
            name=_name(),
            clocks=SystemClock,
            history=spool,
            tell=tell,
            rng=rng,
            stop_seconds=wanted.grace_ns / NS,
            reload=reload,
            followers=(alarms,),
            metrics=alarms.metrics.text,
            page=page,
        )
        daemon = Daemon(around)
        try:
            with _signals(daemon):
                async with page.running(), alarms.running():
                    _greet(tell, wanted, doors)
                    await daemon.run(wanted.watched)
        finally:
            await _close(spool, tell)


async def _close(spool: "Spool", tell: "Tell") -> None:
    """Write what waits for history, and say what could not be written."""
    from prober.watch.notices import Notice

    left = await asyncio.to_thread(spool.close, _SPOOL_SECONDS)
    if left:
        words = f"{left:,} results could not be written: {spool.waiting().why}"
        at_ns = SystemClock().now_ns()
        tell(Notice(at_ns=at_ns, said="store_gap", words=words))


def _greet(tell: "Tell", wanted: "Wanted", doors: "Doors") -> None:
    from prober.watch.daemon import described
    from prober.watch.notices import Notice

    at_ns = SystemClock().now_ns()
    words = f"{described(wanted.watched)}; page on {doors.url}"
    figures = {"address": doors.url}
    tell(Notice(at_ns=at_ns, said="started", words=words, figures=figures))
    if doors.warning:
        tell(Notice(at_ns=at_ns, said="open_to_all", words=doors.warning))
    if wanted.demo and wanted.store is None:
        words = (
            "the bundled stack: its history goes when it ends, --store FILE keeps it"
        )
        tell(Notice(at_ns=at_ns, said="history", words=words))


def _aborted() -> ProberError:
    error = ProberError(
        "aborted: cycles that were open are told as inconclusive at the next start"
    )
    error.exit_code = EXIT_INTERRUPTED
    return error


@contextlib.contextmanager
def _signals(daemon: "Daemon") -> Iterator[None]:
    """Leave on SIGTERM and Ctrl-C, abort on the second; reload on SIGHUP."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - within a coroutine there is one
    asked: list[str] = []

    def leave(name: str) -> None:
        if asked:
            task.cancel()
        asked.append(name)
        daemon.stop(f"stopped by {name}")

    loop.add_signal_handler(signal.SIGTERM, leave, "SIGTERM")
    loop.add_signal_handler(signal.SIGINT, leave, "Ctrl-C")
    loop.add_signal_handler(signal.SIGHUP, daemon.reload)
    try:
        yield
    except asyncio.CancelledError:
        raise _aborted() from None
    finally:
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(each)
