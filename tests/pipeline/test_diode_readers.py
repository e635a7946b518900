import asyncio
import queue
import threading
from typing import Any

import pytest

from prober.pipeline.diode import ManyToOne, OneToOne, Poller, Waiter
from prober.testing import ManualClock, settle


async def test_a_poller_looks_at_each_interval() -> None:
    """An item that comes while the poller sleeps is found when the interval ends."""
    clock, diode = ManualClock(), OneToOne[int](4)
    reader = asyncio.create_task(Poller(diode, clock, interval=0.01).next())
    await settle()
    diode.set(7)
    await clock.advance(0.009)

    assert not reader.done()

    await clock.advance(0.001)

    assert 7 == await reader


async def test_a_poller_does_not_wait_for_what_is_there() -> None:
    """Items that are there are given out without any sleep."""
    clock, diode = ManualClock(), OneToOne[int](4)
    poller = Poller(diode, clock)
    diode.set(1)
    diode.set(2)

    assert [1, 2] == [await poller.next(), await poller.next()]
    assert 0 == clock.sleepers


async def test_a_waiter_is_woken_by_the_writer() -> None:
    """A reader that waits gets the item as soon as one is put in."""
    waiter = Waiter(OneToOne[int](4))
    reader = asyncio.create_task(waiter.next())
    await settle()

    assert not reader.done()

    waiter.set(7)

    assert 7 == await reader


async def test_a_waiter_gives_out_what_is_there() -> None:
    """Items put in while nobody waited are given out in order, by either method."""
    waiter = Waiter(OneToOne[int](4))
    for item in (1, 2, 3):
        waiter.set(item)

    assert [1, 2, 3] == [await waiter.next(), waiter.try_next(), await waiter.next()]
    assert waiter.try_next() is None


async def test_a_burst_wakes_once_and_all_of_it_is_read() -> None:
    """Many items before the reader's turn comes: none of them is forgotten."""
    waiter = Waiter(OneToOne[int](100))
    reader = asyncio.create_task(waiter.next())
    await settle()
    for item in range(100):
        waiter.set(item)

    assert list(range(100)) == [await reader, *iter(waiter.try_next, None)]


async def test_an_item_set_while_the_reader_lies_down_is_seen() -> None:
    """A writer that comes between the look and the sleep does not leave it asleep."""

    class Racing(OneToOne[int]):
        looks = 0

        def try_next(self) -> int | None:
            found = super().try_next()
            Racing.looks += 1
            if Racing.looks == 1:
                waiter.set(7)  # the ring was empty, and nobody is there to wake yet
            return found

    waiter = Waiter(Racing(4))

    async with asyncio.timeout(5):
        assert 7 == await waiter.next()


async def test_a_writer_in_a_thread_wakes_the_reader() -> None:
    """A thread that waits for each answer before it goes on is never left waiting."""
    waiter, answers = Waiter(OneToOne[int](1)), queue.SimpleQueue[int]()

    def write() -> list[int]:
        heard = []
        for item in range(2000):
            waiter.set(item)
            heard.append(answers.get(timeout=5))
        return heard

    writer = asyncio.get_running_loop().run_in_executor(None, write)
    for _ in range(2000):
        async with asyncio.timeout(5):
            answers.put(await waiter.next())

    assert list(range(2000)) == await writer


async def test_writers_in_threads_feed_one_waiter() -> None:
    """Several threads and a reader that often sleeps: all arrive, each in order."""
    waiter = Waiter(ManyToOne[tuple[int, int]](8000))
    loop = asyncio.get_running_loop()

    def write(writer: int) -> None:
        for number in range(2000):
            waiter.set((writer, number))

    writers = [loop.run_in_executor(None, write, n) for n in range(4)]
    async with asyncio.timeout(10):
        received = [await waiter.next() for _ in range(8000)]
        await asyncio.gather(*writers)

    for writer in range(4):
        assert list(range(2000)) == [n for found, n in received if found == writer]


@pytest.mark.parametrize("order", ["cancel, set", "set, cancel", "cancel, end, set"])
async def test_cancelling_a_waiter_loses_nothing(order: str) -> None:
    """Cancelled in its sleep or just when it is woken, the next call gets the item."""
    waiter = Waiter(OneToOne[int](4))
    reader = asyncio.create_task(waiter.next())
    await settle()
    for step in order.split(", "):
        match step:
            case "set":
                waiter.set(7)
            case "cancel":
                reader.cancel()
            case "end":
                await settle()
    with pytest.raises(asyncio.CancelledError):
        await reader

    assert 7 == await waiter.next()


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_set_after_the_readers_loop_was_closed_does_not_fail(
    *, elsewhere: bool
) -> None:
    """Writers outlive the reader's event loop: what they put in stays readable."""
    waiter = Waiter(OneToOne[int](4))
    loop = asyncio.new_event_loop()
    reader: asyncio.Task[Any] = loop.create_task(waiter.next())
    loop.run_until_complete(settle())
    loop.close()
    reader._log_destroy_pending = False  # type: ignore[attr-defined] # it is the test

    if elsewhere:
        thread = threading.Thread(target=waiter.set, args=(7,))
        thread.start()
        thread.join()
    else:
        waiter.set(7)

    assert 7 == waiter.try_next()
