"""The whole prober against the whole naive client, over the same null pipeline.

Both write, read back and account, in this process, over mutual TLS; the null pipeline
echoes from a process of its own. What is compared is the CPU time of this process,
which is held to one CPU where that can be (`--pin` of the commands), as the goals are.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from prober import cpus
from prober.bench import measure, suite
from prober.bench.ends import RUN, Case, Setting, null
from prober.bench.meter import rss_bytes
from prober.bench.suite import FLOOR_RATE
from prober.clock import NS, Clock, SystemClock
from prober.ledger import Deadlines, Ledger
from prober.probe.groups import MAX_ARRIVALS
from prober.records import Span
from prober.stamp import Sightings
from tests.benchmarks import legs, naive, stack
from tests.benchmarks.races import BATCH, plan_of
from tests.benchmarks.stubs import latency, stubs

RLP = Case(name="both", reader="rlp", tls=True)
LATE = Deadlines(late_after_ns=5 * NS, lost_after_ns=60 * NS)
OUTSTANDING = 100_000_000
LEAST_RATIO = 6.0
_TOGETHER = 100_000
_APART, _GROUP = 2000, MAX_ARRIVALS * BATCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table: `ratio` is 1 where the goal is just met."""

    name: str
    goal: str
    measured: str
    ratio: float


@asynccontextmanager
async def setting(seconds: float, *, pin: bool = True) -> AsyncIterator[Setting]:
    """Yield what measurements share; this process is held to one CPU meanwhile."""
    free = cpus.usable()
    pinned = pin and hasattr(os, "sched_setaffinity") and len(free) > 1
    with tempfile.TemporaryDirectory() as directory:
        clock = SystemClock()
        suite.provide(Path(directory), clock.now_ns())
        if pinned:
            cpus.hold(free[:1])
        try:
            yield Setting(
                directory=Path(directory),
                seconds=seconds,
                clock=clock,
                null_cpus=cpus.others(free[0], free) if pinned else (),
                stop=asyncio.Event(),
            )
        finally:
            if pinned:
                cpus.hold(free)


async def naive_cpu_per_million(shared: Setting) -> float:
    """Return the CPU-seconds of the naive client for a million envelopes."""
    kept, clock = naive.Account(RUN, LATE.late_after_ns), shared.clock

    def take(raw: bytes) -> None:
        kept.read(raw, clock.now_ns())

    async with null(RLP, "echo", shared) as ends, stubs(ends, take) as write:
        begun, end_ns = time.process_time(), clock.now_ns() + shared.seconds * NS
        for send in ends.plan.sends():
            now_ns = clock.now_ns()
            if now_ns > end_ns:
                break
            await write(naive.batch(RUN, ends.plan, send.span, send.cycle, now_ns))
            written = send.span.end
        while len(kept.seen) < written:
            await clock.sleep(0.01)
        took = time.process_time() - begun
    return took / len(kept.seen) * 1e6


async def ratio(shared: Setting, rounds: int) -> tuple[float, float]:
    """Return the naive client's CPU time over ours, and ours for a million.

    The least of each, in turn: whoever else is busy on the machine only adds to them.
    """
    pairs = [
        (
            (await measure.both(RLP, shared)).cpu_seconds_per_million,
            await naive_cpu_per_million(shared),
        )
        for _ in range(rounds)
    ]
    ours, theirs = (min(each) for each in zip(*pairs, strict=True))
    return theirs / ours, ours


async def figures(seconds: float, rounds: int) -> AsyncIterator[Figure]:
    """Measure the goals, one after the other."""
    yield _memory()
    async with setting(seconds) as shared:
        over, cpu = await ratio(shared, rounds)
        yield Figure(
            name="whole, mTLS, against naive pb2",
            goal=f"{LEAST_RATIO:g} x",
            measured=f"{over:.1f} x",
            ratio=over / LEAST_RATIO,
        )
        yield Figure(
            name="whole, mTLS, CPU a million",
            goal="1.0 s",
            measured=f"{cpu:.2f} s",
            ratio=1 / cpu,
        )
        yield Figure(
            name="whole, mTLS, one core",
            goal="1.0 M/s",
            measured=f"{1 / cpu:.2f} M/s",
            ratio=1 / cpu,
        )
        for measured, case, goal in _ONE_WAY:
            took = (await measured(case, shared)).cpu_seconds_per_million
            yield Figure(
                name=f"{case}, one core",
                goal=f"{goal} M/s",
                measured=f"{1 / took:.2f} M/s",
                ratio=1 / took / goal,
            )
        yield await _low_rate(shared)
        async for figure in _floor(shared, rounds):
            yield figure
    async with setting(seconds, pin=False) as shared:
        over = await legs.ratio(shared, rounds)
        yield Figure(
            name="legs, mTLS, against one process",
            goal="0.95 x",
            measured=f"{over:.2f} x",
            ratio=over / 0.95,
        )
    yield await _stack(SystemClock(), seconds)


_ONE_WAY = (
    (measure.skim, Case(name="skim", reader="rlp", tls=True), 2.0),
    (measure.receive, Case(name="receive", reader="rlp_gateway", tls=True), 0.3),
    (measure.receive, Case(name="receive", reader="firehose", tls=True), 0.15),
)
"""What only reads, and the millions a second that one core is to do."""


async def _low_rate(shared: Setting) -> Figure:
    begun, cpu = time.monotonic(), time.process_time()
    await measure.paced(RLP, shared, 10_000)
    share = (time.process_time() - cpu) / (time.monotonic() - begun)
    return Figure(
        name="at 10,000/s, of a core",
        goal="10 %",
        measured=f"{share:.0%}",
        ratio=0.1 / share,
    )


async def _floor(shared: Setting, rounds: int) -> AsyncIterator[Figure]:
    """Yield the latency of a pipeline that takes none, and what of it is gRPC's.

    That is what bare stubs take at the same rate, through the same null pipeline.
    """
    ours, bare = [], []
    for _ in range(rounds):
        _, told = await measure.paced(RLP, shared, FLOOR_RATE)
        ours.append((told.p50, told.p99))
        came = await latency(RLP, shared, round(FLOOR_RATE))
        bare.append(tuple((came.quantile(each) or 0) / NS for each in (0.5, 0.99)))
    p50, p99 = min(ours)
    yield Figure(
        name="latency floor at 100,000/s",
        goal="0.3, 1 ms",
        measured=f"{p50 * 1e3:.2f}, {p99 * 1e3:.2f} ms",
        ratio=min(3e-4 / p50, 1e-3 / p99),
    )
    least, tail = min(bare)
    yield Figure(
        name="  of two bare gRPC stubs",
        goal="",
        measured=f"{least * 1e3:.2f}, {tail * 1e3:.2f} ms",
        ratio=1,
    )


async def _stack(clock: Clock, seconds: float) -> Figure:
    """Return what the bundled stack carries: it is not to be what limits a probe."""
    meter = await stack.carried(clock, seconds)
    carried = 1 / meter.cpu_per_million
    return Figure(
        name="ideal stack, three hops, one core",
        goal="0.15 M/s",
        measured=f"{carried:.2f} M/s",
        ratio=carried / 0.15,
    )


def _memory() -> Figure:
    """Return what a hundred million messages that are under way take."""
    before = rss_bytes()
    plan = plan_of(messages=OUTSTANDING)
    ledger = Ledger(plan, LATE, ["rlp"])
    for first in range(0, OUTSTANDING, _TOGETHER):
        ledger.attempt(Span(first=first, count=_TOGETHER), 0, 1)
    came = range(0, OUTSTANDING, _APART)  # something in each page of memory
    for first in range(0, len(came), _GROUP):
        found = Sightings()
        found.sequences.extend(came[first : first + _GROUP])
        found.sent_ns.extend([1] * len(found.sequences))
        ledger.arrive("rlp", found, 2)
    taken = (rss_bytes() - before) / OUTSTANDING
    return Figure(
        name="memory a million under way",
        goal="2 MB",
        measured=f"{taken:.2f} MB",
        ratio=2 / max(round(taken, 2), 0.01),
    )
