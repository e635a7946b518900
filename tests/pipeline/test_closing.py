"""What a stack leaves behind: nothing, however its block was left."""

import asyncio
import gc
import socket
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from grpc import aio

from prober.errors import UsageError
from prober.pipeline.stack import ReferenceStack
from tests.pipeline.clients import agent_of, consuming, logs, send_all, until
from tests.pipeline.test_stack import ROOMY


@pytest.fixture
async def scratch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Path]:
    """Where throw-away certificates lie, after gRPC has started what it keeps."""
    async with ReferenceStack(profile=ROOMY):
        pass
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert certificates_in(tmp_path) == []


def certificates_in(scratch: Path) -> list[Path]:
    """The directories of stacks that are alive, or left over."""
    return list(scratch.iterdir())


def open_sockets() -> int:
    """How many sockets this process has; none where that cannot be told."""
    gc.collect()
    links = Path("/proc/self/fd")
    if not links.is_dir():
        return 0
    targets = []
    for entry in links.iterdir():
        try:
            targets.append(str(entry.readlink()))
        except OSError:  # the directory itself, closed since
            continue
    return sum(target.startswith("socket:") for target in targets)


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Fails if a task, thread or socket is there afterwards that was not before."""
    # What gRPC needs for itself lives as long as there is any channel.
    async with aio.insecure_channel("127.0.0.1:1"):
        tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
        sockets = open_sockets()
        yield
        await until(lambda: asyncio.all_tasks() == tasks)
        await until(lambda: open_sockets() <= sockets)
        assert set(threading.enumerate()) == threads


async def test_nothing_is_left_after_work(scratch: Path) -> None:
    """Tasks, threads, sockets and certificates are gone when the block is."""
    async with (
        nothing_left(),
        ReferenceStack(routers=2, profile=ROOMY) as stack,
        consuming(stack) as consumer,
        agent_of(stack) as agent,
    ):
        assert len(certificates_in(scratch)) == 1
        await send_all(agent, logs(range(500)))
        await until(lambda: len(consumer.envelopes) == 500)


async def test_nothing_is_left_with_clients_connected(scratch: Path) -> None:
    """A stack that ends first cuts its clients and waits for nobody."""
    del scratch
    async with nothing_left():
        stack = ReferenceStack(profile=ROOMY)
        await stack.__aenter__()
        async with agent_of(stack) as agent:
            call = agent.BatchSender()  # type: ignore[call-arg]
            await call.wait_for_connection()  # type: ignore[attr-defined]
            await stack.__aexit__(None, None, None)


async def test_a_taken_port_leaves_nothing(scratch: Path) -> None:
    """The last component fails to listen: one clear sentence, and all is undone."""
    del scratch
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with nothing_left():
            with pytest.raises(
                UsageError, match=f"the agent .*127.0.0.1:{port}, which"
            ):
                async with ReferenceStack(profile=ROOMY, agent_ports=(port,)):
                    pass


@pytest.mark.parametrize("turns", [1, 10, 100, 300])
async def test_cancelled_while_it_starts_it_leaves_nothing(
    scratch: Path, turns: int
) -> None:
    """Wherever cancellation meets it, what was started is ended."""
    del scratch

    async def run() -> None:
        async with ReferenceStack(profile=ROOMY):
            await asyncio.Event().wait()

    async with nothing_left():
        task = asyncio.ensure_future(run())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_blocks_own_error_comes_out_as_it_is(scratch: Path) -> None:
    """An error of the caller is not wrapped, and the stack is gone all the same."""
    del scratch
    async with nothing_left():
        with pytest.raises(ZeroDivisionError):
            async with ReferenceStack(profile=ROOMY):
                raise ZeroDivisionError


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"routers": 0}, "at least one router, not 0"),
        ({"routers": 2, "router_ports": (1,)}, "2 routers and 1 router ports"),
        ({"profile": "perfect"}, "no profile 'perfect': choose loggregator or ideal"),
    ],
)
def test_what_cannot_be_is_said_at_once(options: dict[str, object], words: str) -> None:
    """A plan that makes no sense is refused before anything is started."""
    with pytest.raises(UsageError, match=words):
        ReferenceStack(**options)  # type: ignore[arg-type]
