"""Does a daemon leak when its lines break? What it holds, after laps of faults.

    python -m tests.benchmarks.faulty --laps 100

Everything is real: stack, sockets, TLS, supervisor, spool, SQLite. In each lap the
lines of writer and reader are cut, refused, stalled and left unanswered, and the RLP
hangs: the platform loses nothing by itself, so no cycle may say that it did.
"""

import argparse
import asyncio
import gc
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from prober.cli.watching import wanted
from prober.clock import NS, SystemClock
from prober.history import CycleRecord
from prober.pipeline.faults import Fault, FaultKind, Scenario
from prober.pipeline.stack import ReferenceStack
from prober.store import Spool, open_store
from prober.watch.supervisor import Supervisor
from tests.end_to_end import watching

_TURN_NS = 2 * NS
_LASTS_NS = NS // 2
CALM_SECONDS = 5
"""After a lap: longer than any back-off after faults as short as these."""
_KINDS = (FaultKind.CUT, FaultKind.REFUSE, FaultKind.STALL, FaultKind.BLACK_HOLE)


def faults() -> Iterator[Fault]:
    """Yield one lap, a fault after the other."""
    places = [(kind, "rlp/consumer") for kind in _KINDS]
    places += [(kind, "writer/agent") for kind in _KINDS]
    places += [(FaultKind.HANG, "rlp")]
    for number, (kind, where) in enumerate(places):
        lasts = None if kind is FaultKind.CUT else _LASTS_NS
        yield Fault(kind=kind, where=where, after_ns=number * _TURN_NS, lasts_ns=lasts)


LAP = tuple(faults())


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the process holds when nothing is amiss."""

    files: int
    threads: int
    tasks: int
    sockets: int
    rss: int


def held() -> Held:
    """Count it now."""
    gc.collect()
    process = psutil.Process()
    return Held(
        files=process.num_fds(),
        threads=process.num_threads(),
        tasks=len(asyncio.all_tasks()),
        sockets=len(process.net_connections(kind="inet")),
        rss=process.memory_info().rss,
    )


async def laps(folder: Path, many: int) -> tuple[list[Held], list[CycleRecord]]:
    """Watch through laps of faults; return what was held after each, and all cycles."""
    clock, store = SystemClock(), folder / "history.sqlite"
    seen = []
    async with ReferenceStack(faults=Scenario(faults=LAP)) as stack:
        probe = {"every": "1s", "messages": 20, "late_after": "1s", "lost_after": "2s"}
        file = folder / "prober.yaml"
        watching.write(file, {"east": watching.environment(stack, **probe)})
        spool = Spool(lambda: open_store(store), clock.now_ns)
        supervisor = Supervisor(
            wanted(str(file), []).watched[0],
            clocks=SystemClock,
            history=spool,
            tell=lambda _: None,
            rng=random.Random(1),  # noqa: S311 - jitter
            daemon=f"here:{os.getpid()}",
            stop_seconds=3.0,
        )
        running = asyncio.create_task(supervisor.run())
        for _ in range(many):
            stack.begin_faults()
            await asyncio.sleep(len(LAP) * _TURN_NS / NS + CALM_SECONDS)
            seen.append(held())
        supervisor.stop("the end of the laps")
        await running
        await asyncio.to_thread(spool.close, 60.0)
    with open_store(store) as history:
        return seen, history.cycles("east", oldest_first=True)


def main() -> None:
    """Print what was held after each lap, and how cycles ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--laps", type=int, default=100)
    with tempfile.TemporaryDirectory() as folder:
        seen, cycles = asyncio.run(laps(Path(folder), parser.parse_args().laps))
    for each in seen:
        sys.stdout.write(f"{each}\n")
    ended = Counter((c.state.value if c.state else "open", c.reason) for c in cycles)
    for (state, reason), many in ended.most_common():
        sys.stdout.write(f"{many:6} {state} {reason}\n")


if __name__ == "__main__":
    main()
