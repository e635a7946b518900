"""The queue between connections and the loop, and how connections follow each other."""

import asyncio
import itertools
import random
import threading

from prober.egress.connection import MAX_OPEN, Ending, Queue, Reconnecting
from prober.records import Arrival, Evidence, Sign
from prober.testing import ManualClock, settle

TEN = Arrival(batches=(b"0123456789",), at_ns=1, epoch=1)


class Scripted(Reconnecting):
    """Connections that last as long as they are told to."""

    transport = "scripted"

    def __init__(
        self,
        clock: ManualClock,
        lasting: float,
        ending: Ending = Ending.RECEIVED,
        renew_after: float | None = None,
    ) -> None:
        jitter = random.Random(1)  # noqa: S311 - the same at each run
        super().__init__("nowhere", clock, jitter, renew_after)
        self._lasting, self._ending = lasting, ending
        self.open: set[int] = set()
        self.most_open = 0
        self.begun: list[int] = []

    async def _connection(self, epoch: int) -> Ending:
        self.open.add(epoch)
        self.most_open = max(self.most_open, len(self.open))
        self.begun.append(self._clock.now_ns())
        self._tell(Sign.CONNECTED, epoch)
        try:
            await self._clock.sleep(self._lasting)
        finally:
            self.open.discard(epoch)
        self._tell(Sign.CUT, epoch, "over")
        return self._ending

    async def fill(self, epoch: int) -> None:
        """Hand something up that fills the queue."""
        await self._hand_up_soon(epoch, (bytes(64 << 20),))


def seconds_between(times: list[int]) -> list[float]:
    """Return how long after each other things happened."""
    pairs = itertools.pairwise(times)
    return [round((later - earlier) / 1e9, 3) for earlier, later in pairs]


async def test_queue_holds_a_bounded_number_of_bytes() -> None:
    """A thread that reads faster than it is emptied waits, and goes on afterwards."""
    queue = Queue(asyncio.get_running_loop(), limit=10)
    put = [threading.Event() for _ in range(2)]

    def fill() -> None:
        for each in put:
            queue.wait_for_room()
            queue.put(TEN, 10)
            each.set()

    thread = threading.Thread(target=fill)
    thread.start()
    await asyncio.to_thread(put[0].wait)
    assert not put[1].is_set()

    assert [TEN] == await queue.take()
    assert [TEN] == await queue.take()
    thread.join()


async def test_a_task_waits_for_room_too() -> None:
    """A task that has something for a full queue goes on when it was emptied."""
    queue = Queue(asyncio.get_running_loop(), limit=10)
    queue.put(TEN, 10)
    waiting = asyncio.ensure_future(queue.room())
    await settle()
    assert not waiting.done()

    await queue.take()
    await waiting


async def test_closed_queue_lets_everybody_go() -> None:
    """Closing wakes whoever waits for room, and takes nothing in any more."""
    queue = Queue(asyncio.get_running_loop(), limit=10)
    queue.put(TEN, 10)
    thread = threading.Thread(target=queue.wait_for_room)
    thread.start()
    waiting = asyncio.ensure_future(queue.room())
    await settle()

    queue.close()
    thread.join()
    await waiting
    queue.put(TEN, 10)

    assert [TEN] == await queue.take()


async def test_back_off_grows_while_nothing_comes() -> None:
    """The longest wait doubles with each connection that brings nothing, to 10 s."""
    clock = ManualClock()
    async with Scripted(clock, 1, Ending.NOTHING) as reader:
        await clock.advance(120)

    gaps = seconds_between(reader.begun)
    allowed = [1 + min(10, 0.1 * 2**n) for n in range(1, len(gaps) + 1)]
    assert all(1 <= gap <= most for gap, most in zip(gaps, allowed, strict=True))
    assert max(gaps) > 3


async def test_announced_end_is_followed_at_once() -> None:
    """A connection that ended as the peer had said is followed without a wait."""
    clock = ManualClock()
    async with Scripted(clock, 1, Ending.ANNOUNCED, renew_after=60) as reader:
        await clock.advance(3.5)

    assert [1, 1, 1] == seconds_between(reader.begun)


async def test_announced_end_that_somebody_else_sees_to() -> None:
    """A reader that is not to renew its connections ends with the one it has."""
    clock = ManualClock()
    async with Scripted(clock, 1, Ending.ANNOUNCED) as reader:
        await clock.advance(60)

    assert 1 == len(reader.begun)


async def test_successor_is_opened_before_the_end() -> None:
    """Make before break: the next connection stands before the last one has gone."""
    clock = ManualClock()
    async with Scripted(clock, 10, Ending.ANNOUNCED, renew_after=7) as reader:
        await clock.advance(9)
        assert {1, 2} == reader.open
        await clock.advance(2)
        assert {2} == reader.open

    assert [7] == seconds_between(reader.begun)


async def test_successors_are_bounded() -> None:
    """However early successors are asked for, only so many connections are open."""
    clock = ManualClock()
    async with Scripted(clock, 10, renew_after=0.1) as reader:
        await clock.advance(60)

    assert MAX_OPEN == reader.most_open


async def test_failed_successor_is_tried_again_beside_the_old_one() -> None:
    """A successor that brings nothing does not end its predecessor."""
    clock = ManualClock()
    async with Scripted(clock, 10, renew_after=7) as reader:
        await clock.advance(6)
        reader._lasting, reader._ending = 0.1, Ending.NOTHING
        await clock.advance(3)
        assert 1 in reader.open

    assert len(reader.begun) > 2


async def test_stall_is_told_from_its_beginning() -> None:
    """A reader that had to wait for room says since when and how long."""
    clock = ManualClock()
    async with Scripted(clock, 100) as reader:
        await reader.receive()
        since_ns = clock.now_ns()
        await reader.fill(1)
        second = asyncio.ensure_future(reader.fill(1))
        await clock.advance(2)
        await reader.receive()
        await second
        stall = (await reader.receive())[-1]

    assert (
        Evidence(
            sign=Sign.STALL,
            at_ns=since_ns,
            epoch=1,
            detail="own queue full for 2.0 s (limit 0.1 s)",
        )
        == stall
    )


async def test_leaving_ends_every_connection_at_once() -> None:
    """Nothing is open any more when the reader was left."""
    clock = ManualClock()
    async with Scripted(clock, 100, renew_after=10) as reader:
        await clock.advance(15)
        assert {1, 2} == reader.open

    assert set() == reader.open
