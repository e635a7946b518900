"""Does a daemon grow? Memory by cycles, and its slope over a week's number of them.

    python -m tests.benchmarks.soak                 20,160 cycles: two weeks of minutes
    python -m tests.benchmarks.soak --cycles 1000

Everything but the pipe is real: supervisor, probe, ledger, spool, SQLite, metrics. The
clock is moved by hand, so that nobody waits; a cycle has a second of its time, in which
as much is done for it as in a minute, and a fiftieth of them loses something.
"""

import argparse
import asyncio
import gc
import random
import sys
import tempfile
from collections import deque
from pathlib import Path

import numpy as np
import psutil

from prober.store import Spool, open_store
from prober.testing import ManualClock
from prober.watch.metrics import Metrics
from prober.watch.ourselves import Ourselves
from prober.watch.supervisor import Supervisor
from tests.watch.bench import DAEMON, Pipe

WEEK = 10_080
SAMPLES = 20
MESSAGES = 50
WARM = 0.5
"""What part is warming up (SQLite fills its caches), and not looked at: a week."""


def main() -> None:
    """Print resident memory as cycles go by, and the slope behind the warm-up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=2 * WEEK)
    cycles = parser.parse_args().cycles
    with tempfile.TemporaryDirectory() as folder:
        seen = asyncio.run(soak(Path(folder), cycles))
    for number, rss in seen:
        print(f"{number:>7,} cycles  {rss / 1e6:7.1f} MB")  # noqa: T201
    slope = bytes_per_cycle(seen)
    print(  # noqa: T201
        f"{slope:.0f} bytes a cycle: {slope * WEEK / 1e6:.2f} MB a week of minutes"
    )


async def soak(folder: Path, cycles: int) -> list[tuple[int, int]]:
    """Watch for so many cycles; return resident bytes by how many were done."""
    clock = ManualClock()
    pipe = Pipe(clock)
    pipe.readers_given = deque(maxlen=1)  # each loss makes one: it would keep them all
    pipe.lose = lambda sequence: sequence % (50 * MESSAGES) == 1
    watched = pipe.watched(every=1, messages=MESSAGES)
    metrics, process = Metrics(), psutil.Process()
    metrics.expect(watched)
    spool = Spool(lambda: open_store(folder / "history.sqlite"), clock.now_ns)
    supervisor = Supervisor(
        watched,
        clocks=lambda: clock,
        history=spool,
        tell=lambda _: None,
        rng=random.Random(1),  # noqa: S311 - jitter
        daemon=DAEMON,
        stop_seconds=12.0,
        followers=(metrics,),
    )
    ourselves = Ourselves(clock)
    seen = []
    async with asyncio.TaskGroup() as tasks:
        measuring = tasks.create_task(ourselves.watch())
        tasks.create_task(supervisor.run())
        for sample in range(1, SAMPLES + 1):
            for _ in range(cycles // SAMPLES // 5):
                await clock.advance(5)
                live = supervisor.live(ourselves.figures())
                metrics.live(live)
                spool.put_live(live)
                metrics.text()
            await asyncio.to_thread(spool.flush, 60.0)
            gc.collect()
            done = sample * (cycles // SAMPLES // 5) * 5
            seen.append((done, process.memory_info().rss))
            print(".", end="", flush=True, file=sys.stderr)  # noqa: T201
        supervisor.stop("the end of the soak")
        await clock.advance(20)
        measuring.cancel()
    await asyncio.to_thread(spool.close, 60.0)
    return seen


def bytes_per_cycle(seen: list[tuple[int, int]]) -> float:
    """Return the slope of the least squares behind the warm-up."""
    settled = seen[round(len(seen) * WARM) :]
    numbers, rss = zip(*settled, strict=True)
    return float(np.polyfit(numbers, rss, 1)[0])


if __name__ == "__main__":
    main()
