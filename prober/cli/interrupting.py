"""Ctrl-C: the first one ends what goes on, and what is known is kept."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable


@contextlib.asynccontextmanager
async def interruptible(
    tell: Callable[[signal.Signals], None] = lambda _: None,
) -> AsyncIterator[asyncio.Event]:
    """Yield an event that the first Ctrl-C sets; the second one aborts.

    SIGTERM does the same, so that whoever stops the process gets a partial result.
    `tell` is told of each signal.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - within a coroutine there is one

    def interrupt(caught: signal.Signals) -> None:
        tell(caught)
        if stop.is_set():
            task.cancel()
        stop.set()

    caught = (signal.SIGINT, signal.SIGTERM)
    for each in caught:
        loop.add_signal_handler(each, interrupt, each)
    try:
        yield stop
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        for each in caught:
            loop.remove_signal_handler(each)
