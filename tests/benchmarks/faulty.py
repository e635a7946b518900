"""Does a daemon leak when everything breaks? What it holds, after laps of every fault.

    python -m tests.benchmarks.faulty                  10,080 cycles: a week of minutes
    python -m tests.benchmarks.faulty --cycles 1000

All is real: daemon, alarms, spool, SQLite, three consumers over gRPC, HTTPS and a
websocket. The stack has a process of its own, so that what grows here is the prober's;
what that process holds is told beside. Our clock runs four times as fast as the
stack's, and is what a step of the clock sets. A lap has each kind of fault that there
is: first those of our own lines, in which no cycle may say that something was lost.

Memory rises for an hour of our clock, eighteen laps: how it stands is worked out from
the last hour, which is 10,800 records here, of three consumers and a cycle a second.
The slope is that of the half behind the middle.
"""

import argparse
import asyncio
import ctypes
import gc
import itertools
import os
import random
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from prober.cli.watching import wanted
from prober.clock import NS, SystemClock
from prober.history import CycleRecord
from prober.pipeline.child import ChildStack
from prober.pipeline.faults import Fault, FaultKind, Scenario
from prober.pipeline.profile import Profile
from prober.store import Spool, open_store
from prober.watch.alarms import Alarms
from prober.watch.daemon import Daemon, Surroundings
from tests.end_to_end import watching

WEEK = 10_080
SPEED = 4
"""Seconds of ours in one of the stack's: more, and its delays would be losses."""
CALM_SECONDS = 6
"""After a lap: longer than any back-off after faults as short as these."""
_PATIENCE_SECONDS = 15
"""How much longer all is waited for to be well on a machine that is busy."""
_MS = NS // 1000
_TURN_MS, _LASTS_MS = 1200, 500
_PROBE: Mapping[str, Any] = {
    "every": "1s",
    "messages": 10,
    "late_after": "4s",
    "lost_after": "12s",
    "whole_firehose": True,
}
_K = FaultKind
_READERS = ("rlp/consumer", "gateway/consumer", "firehose/consumer")
_SOME: Mapping[str, Any] = {"lasts_ns": _LASTS_MS * _MS}

_LINES: tuple[tuple[FaultKind, Mapping[str, Any]], ...] = (
    (_K.CUT, {}),
    (_K.REFUSE, _SOME),
    (_K.STALL, _SOME),
    (_K.BLACK_HOLE, _SOME),
    (_K.THROTTLE, {**_SOME, "rate": 20_000.0}),
    (_K.LATENCY, {**_SOME, "by_ns": 200 * _MS}),
)
_OURS: tuple[tuple[Fault, ...], ...] = (
    # Each line is a turn; what stands in it begins at once.
    *(
        tuple(Fault(kind=kind, where=where, **more) for where in places)
        for kind, more in _LINES
        for places in (_READERS, ("writer/agent",))
    ),
    (
        Fault(kind=_K.EXPIRE_TOKENS),
        *(Fault(kind=_K.CUT, where=where) for where in _READERS[1:]),
    ),
    (Fault(kind=_K.STEP_CLOCK, step_ns=5 * NS),),
    (Fault(kind=_K.HANG, where="rlp", **_SOME),),
    (Fault(kind=_K.DUPLICATE, where="rlp", every=2, **_SOME),),
    (Fault(kind=_K.REORDER, where="rlp", window=5, **_SOME),),
    (Fault(kind=_K.DELAY, where="rlp", by_ns=300 * _MS, **_SOME),),
    (Fault(kind=_K.FUTURE, where="router-1", only="all", **_SOME),),
    (Fault(kind=_K.FOREIGN, rate=1_000.0, **_SOME),),
)
_PLATFORM: tuple[tuple[Fault, ...], ...] = (
    (Fault(kind=_K.DROP, where="rlp", every=2, **_SOME),),
    (Fault(kind=_K.CORRUPT, where="router-1", every=2, **_SOME),),
    (Fault(kind=_K.TRUNCATE, where="agent", every=2, keep=20, **_SOME),),
    (
        Fault(kind=_K.UNIMPLEMENTED, where="rlp", method="BatchedReceiver", **_SOME),
        Fault(kind=_K.CUT, where="rlp/consumer"),
    ),
    *(
        (Fault(kind=kind, where=where, **_SOME),)
        for kind, places in (
            (_K.HANG, ("agent", "router-1")),
            (_K.KILL, ("agent", "router-1", "rlp", "gateway", "firehose", "uaa")),
            (_K.RESTART, ("agent", "router-1", "rlp")),
        )
        for where in places
    ),
    (Fault(kind=_K.ROTATE_CERTIFICATES),),
)


_CALM: tuple[tuple[Fault, ...], ...] = ((),)
"""In which what is under way arrives, before the first of the platform's own losses."""
_TURNS = (*_OURS, *_CALM, *_PLATFORM)


def _timed() -> Iterator[Fault]:
    for turn, faults in enumerate(_TURNS):
        for each in faults:
            plain = {name: getattr(each, name) for name in Fault.__dataclass_fields__}
            yield Fault(**{**plain, "after_ns": turn * _TURN_MS * _MS})


LAP = tuple(_timed())
_OURS_SECONDS = len(_OURS) * _TURN_MS / 1000
_STEP_SECONDS = next(e.after_ns for e in LAP if e.kind is _K.STEP_CLOCK) / NS
_LAP_SECONDS = len(_TURNS) * _TURN_MS / 1000 + CALM_SECONDS


class Fast:
    """A wall clock that runs fast, and can be set; it makes clocks that go by it."""

    def __init__(self) -> None:
        self._began_ns = SystemClock().now_ns()
        self.set_ns = 0

    def wall_ns(self) -> int:
        """Return what it shows."""
        passed_ns = SystemClock().now_ns() - self._began_ns
        return self._began_ns + passed_ns * SPEED + self.set_ns

    def clock(self) -> "FastClock":
        """Return a clock that goes by it, and does not follow when it is set."""
        return FastClock(self)


class FastClock(SystemClock):
    """Its seconds are short ones."""

    def __init__(self, wall: Fast) -> None:
        super().__init__()
        self._wall, self._since_ns = wall, wall.set_ns

    def now_ns(self) -> int:
        """Return the time, whatever the wall clock was set by meanwhile."""
        return self._wall.wall_ns() - self.step_ns()

    def step_ns(self) -> int:
        """Return by how much the wall clock was set since this one was made."""
        return self._wall.set_ns - self._since_ns

    async def sleep(self, seconds: float) -> None:
        """Return when so many of its seconds have passed."""
        await asyncio.sleep(seconds / SPEED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the process holds when nothing is amiss, and the stack's beside it."""

    files: Counter[str]
    """By what is open."""
    threads: Counter[str]
    tasks: Counter[str]
    sockets: Counter[str]
    """By state, and whom they lead to."""
    objects: int
    rss: int
    stack_files: int = 0
    stack_rss: int = 0

    def __str__(self) -> str:
        counts = (self.files, self.threads, self.tasks, self.sockets)
        files, threads, tasks, sockets = (each.total() for each in counts)
        return (
            f"{self.rss / 1e6:7.1f} MB, {self.objects:,} objects, {files} files, "
            f"{threads} threads, {tasks} tasks, {sockets} sockets; the stack "
            f"{self.stack_rss / 1e6:.1f} MB, {self.stack_files} files"
        )

    def more_than(self, before: "Held") -> dict[str, dict[str, int]]:
        """Return what there is more of than before, by kind, files by theirs."""
        names = ("files", "threads", "tasks", "sockets")
        found = {
            name: dict(getattr(self, name) - getattr(before, name)) for name in names
        }
        return {name: more for name, more in found.items() if more}


def held(peers: Mapping[str, str] | None = None, stack: int | None = None) -> Held:
    """Count it now; `peers` has the names of addresses, `stack` the other process."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what is free is not held
    process = psutil.Process()
    there = None if stack is None else psutil.Process(stack)
    return Held(
        files=Counter(_files(process.pid)),
        threads=Counter(each.name.split("_")[0] for each in threading.enumerate())
        + Counter({"native": process.num_threads() - threading.active_count()}),
        tasks=Counter(each.get_coro().__qualname__ for each in asyncio.all_tasks()),  # type: ignore[union-attr]
        sockets=Counter(_sockets(process, peers or {})),
        objects=len(gc.get_objects()),
        rss=process.memory_info().rss,
        stack_files=0 if there is None else there.num_fds(),
        stack_rss=0 if there is None else there.memory_info().rss,
    )


def _files(pid: int) -> Iterator[str]:
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            yield str(each.readlink()).partition(":[")[0]
        except FileNotFoundError:
            continue  # the one that lists them


def _sockets(process: psutil.Process, peers: Mapping[str, str]) -> Iterator[str]:
    for each in process.net_connections(kind="inet"):
        there = f"{each.raddr.ip}:{each.raddr.port}" if each.raddr else ""
        yield f"{each.status} {peers.get(there, 'somebody' if there else 'nobody')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """What was held after a lap, and the time in which no loss may be told."""

    held: Held
    from_ns: int
    to_ns: int


async def laps(
    folder: Path, many: int, tell: Callable[[Lap], None] = lambda _: None
) -> tuple[list[Lap], list[CycleRecord]]:
    """Watch through laps of faults; return what was held after each, and all cycles."""
    wall, store = Fast(), folder / "history.sqlite"
    async with ChildStack(
        doors=("gateway", "firehose"),
        faults=Scenario(faults=LAP),
        profile=Profile(agent_idle=0, router_idle=0.005, rlp_flush=0.02),
    ) as stack:
        file = folder / "prober.yaml"
        watching.write(file, {"east": watching.three_ways(stack, folder, **_PROBE)})
        spool = Spool(lambda: open_store(store), wall.clock().now_ns)
        clock = wall.clock()
        alarms = Alarms("here", [], history=spool, clock=clock, tell=lambda _: None)
        daemon = Daemon(
            Surroundings(
                name="here:1",
                clocks=wall.clock,
                history=spool,
                tell=lambda _: None,
                rng=random.Random(1),  # noqa: S311 - jitter
                stop_seconds=12.0,
                reload=list,
                followers=(alarms,),
                metrics=alarms.metrics.text,
            )
        )
        async with alarms.running(), asyncio.TaskGroup() as tasks:
            tasks.create_task(daemon.run(wanted(str(file), []).watched))
            seen: list[Lap] = []
            for number in range(many):
                seen.append(await _lap(stack, wall, daemon, spool, number))
                tell(seen[-1])
            daemon.stop("the end of the laps")
        await asyncio.to_thread(spool.close, 60.0)
    with open_store(store) as history:
        return seen, history.cycles("east", oldest_first=True)


async def _lap(
    stack: ChildStack, wall: Fast, daemon: Daemon, spool: Spool, number: int
) -> Lap:
    """Go through all faults once, and count when it is calm again."""
    from_ns = wall.wall_ns()
    await stack.begin_faults()
    await asyncio.sleep(_STEP_SECONDS)
    # Forward and back by turns; the UAA's clock, which is the stack's, only goes on.
    wall.set_ns += 5 * NS if number % 2 == 0 else -5 * NS
    await asyncio.sleep(_OURS_SECONDS - _STEP_SECONDS)
    to_ns = wall.wall_ns()
    await asyncio.sleep(_LAP_SECONDS - _OURS_SECONDS)
    for _ in range(_PATIENCE_SECONDS):
        if _is_calm(daemon):
            break
        await asyncio.sleep(1)
    await asyncio.to_thread(spool.flush, 60.0)  # who reads history holds much of it
    peers = {
        stack.agent_address: "agent",
        stack.rlp_address: "rlp",
        stack.gateway_url.partition("//")[2]: "gateway",
        stack.firehose_url.partition("//")[2]: "firehose",
        stack.uaa_url.partition("//")[2]: "uaa",
    }
    return Lap(held=held(peers, stack.pid), from_ns=from_ns, to_ns=to_ns)


def _is_calm(daemon: Daemon) -> bool:
    """Tell whether everybody is attached, and so what is held is what has to be."""
    [live] = daemon.lives()
    return live.measuring and all(each.connected for each in live.consumers)


def wrongly_lost(seen: list[Lap], cycles: list[CycleRecord]) -> list[CycleRecord]:
    """Return cycles that tell a loss though only our own lines were broken."""
    return [
        each
        for each in cycles
        if each.counts.lost
        and each.state is not None
        and each.state.value == "loss"
        and any(
            lap.from_ns <= each.scheduled_ns and (each.last_sent_ns or 0) < lap.to_ns
            for lap in seen
        )
    ]


def _tell(lap: Lap) -> None:
    sys.stdout.write(f"{lap.held}\n")
    sys.stdout.flush()


def main() -> None:
    """Print what was held after each lap, what grew, and how cycles ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=WEEK)
    many = -(-parser.parse_args().cycles // round(_LAP_SECONDS * SPEED))
    say = sys.stdout.write
    # Handshakes fail on purpose here: what gRPC's core prints of that is noise.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    with tempfile.TemporaryDirectory() as folder:
        seen, cycles = asyncio.run(laps(Path(folder), many, _tell))
    settled = seen[len(seen) // 2 :]
    say(f"more than after half of them: {seen[-1].held.more_than(settled[0].held)}\n")
    if len(settled) > 1:
        rss = [each.held.rss for each in settled]
        slope = float(np.polyfit(range(len(rss)), rss, 1)[0])
        say(f"{slope / (_LAP_SECONDS * SPEED):.0f} bytes a cycle behind the middle\n")
    say(f"{len(cycles):,} records of cycles\n")
    ended = Counter((c.state.value if c.state else "open", c.reason) for c in cycles)
    for (state, reason), times in ended.most_common():
        say(f"{times:6} {state} {reason}\n")
    for each in itertools.islice(wrongly_lost(seen, cycles), 20):
        say(f"lost, though only lines broke: {each}\n")


if __name__ == "__main__":
    main()
