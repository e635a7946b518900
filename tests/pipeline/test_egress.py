"""The rhythm in which batches leave a router and an RLP, on a clock moved by hand."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from hypothesis import given
from hypothesis import strategies as st

from prober.pipeline.batching import Batcher
from prober.pipeline.buffers import Inlet, Outlet, Tally
from prober.pipeline.egress import BatchPump, Rhythm
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope
from prober.testing import ManualClock, settle
from tests.pipeline.clients import logs

ROUTER = Rhythm(size=100, interval=0.1, quiet=0.25, forced=True)
RLP = Rhythm(size=100, interval=0.1, quiet=0.1, forced=False)


@asynccontextmanager
async def pumping(
    clock: ManualClock, rhythm: Rhythm
) -> AsyncIterator[tuple[Outlet[Envelope], list[int]]]:
    """A pump behind a buffer, and the sizes of what it wrote."""
    source = Outlet[Envelope](Tally("buffer", 1000, None), lambda _: None)
    sizes: list[int] = []

    async def write(batch: Sequence[Envelope]) -> None:
        sizes.append(len(batch))

    async with asyncio.TaskGroup() as tasks:
        pump = tasks.create_task(BatchPump(source, write, rhythm, clock).run())
        await settle()
        yield source, sizes
        pump.cancel()


async def test_full_batches_leave_at_once() -> None:
    """The rest waits, however long it was since the last, for the next one."""
    async with pumping(ManualClock(), ROUTER) as (source, sizes):
        source.set_all(logs(range(250)))
        await settle()

        assert sizes == [100, 100]


async def test_a_router_sends_what_waits_after_a_quiet_quarter_second() -> None:
    """250 ms after the last envelope, not after the last look, and forced."""
    clock = ManualClock()
    async with pumping(clock, ROUTER) as (source, sizes):
        await clock.advance(0.2)
        source.set_all(logs(range(3)))
        await clock.advance(0.2)
        assert sizes == [1]

        await clock.advance(0.04)
        assert sizes == [1]
        await clock.advance(0.01)
        assert sizes == [1, 2]


async def test_an_rlp_sends_what_waits_on_its_timer_when_it_is_due() -> None:
    """100 ms after the last envelope, if no batch left in the last 100 ms."""
    clock = ManualClock()
    async with pumping(clock, RLP) as (source, sizes):
        source.set_all(logs(range(3)))
        await clock.advance(0.09)
        assert sizes == []

        await clock.advance(0.02)
        assert sizes == [3]


async def test_without_a_wait_nothing_is_kept_back() -> None:
    """As in the ideal profile: what there is leaves when there is no more."""
    rhythm = Rhythm(size=100, interval=0.1, quiet=0, forced=True)
    async with pumping(ManualClock(), rhythm) as (source, sizes):
        source.set_all(logs(range(130)))
        await settle()

        assert sizes == [100, 30]


async def test_the_inlet_holds_its_writers_back() -> None:
    """A full inlet loses nothing: who brings more waits until there is room."""
    inlet = Inlet[Envelope](10)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(inlet.put(logs(range(25))))
        taken = [await inlet.take() for _ in range(3)]

    assert [[e.timestamp for e in items] for items in taken] == [
        list(range(10)),
        list(range(10, 20)),
        list(range(20, 25)),
    ]


@given(
    slices=st.lists(
        st.tuples(st.integers(0, 25), st.sampled_from([0, 50_000_000, 120_000_000]))
    )
)
def test_a_slice_is_batched_as_its_items_are(slices: list[tuple[int, int]]) -> None:
    """`write_all` yields what `write` returns, one by one, at the same times."""
    clock = ManualClock()
    bulk, single = Batcher[int](10, 0.1, clock), Batcher[int](10, 0.1, clock)
    for count, pause_ns in slices:
        clock._now_ns += pause_ns
        items = list(range(count))
        expected = [batch for item in items if (batch := single.write(item))]

        assert list(bulk.write_all(items)) == expected
        assert len(bulk) == len(single)
