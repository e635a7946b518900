"""A daemon's parts over pipes in memory, in virtual time, with a real history."""

import asyncio
import functools
import random
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Mapping,
    MutableSequence,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from prober.clock import NS, Clock
from prober.errors import ProberError
from prober.history import CycleRecord, Live, RunRecord
from prober.ledger import Deadlines
from prober.plan import Plan, Sizes
from prober.probe import AgentSource, Job, OpenReader, OpenWriter, PlatformSource
from prober.records import Kind, State
from prober.stamp import Scanner
from prober.store import Store, Waiting, open_store
from prober.testing import ManualClock, MemoryPipe, MemoryReader, settle
from prober.watch.daemon import Daemon, Surroundings
from prober.watch.snapshot import Snapshot
from prober.watch.supervisor import Supervisor
from prober.watch.watched import Follower, Watched

if TYPE_CHECKING:
    from prober.watch.notices import Notice

DAEMON = "here:1"


class Direct:
    """Writes to a store at once: what a spool does, without its thread."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.dead = False
        """Set it, and nothing is written any more: its process was killed."""

    def put_run(self, run: RunRecord) -> None:
        if not self.dead:
            self.store.put_run(run)

    def put_cycles(self, cycles: Iterable[CycleRecord]) -> None:
        if not self.dead:
            self.store.put_cycles(cycles)

    def record_missed(
        self,
        environment: str,
        from_ns: int,
        to_ns: int,
        *,
        every_ns: int,
        planned: int,
        consumers: Collection[str],
        reason: str,
    ) -> None:
        if self.dead:
            return
        self.store.record_missed(
            environment,
            from_ns,
            to_ns,
            every_ns=every_ns,
            planned=planned,
            consumers=consumers,
            reason=reason,
        )

    def put_live(self, word: Live) -> None:
        self.store.put_live(word)

    def keep(self, key: str, record: object, updated_ns: int) -> None:
        """Keep a record."""
        self.store.keep(key, record, updated_ns)

    def submit(self, do: Callable[[Store], object]) -> None:
        do(self.store)

    def waiting(self) -> Waiting:
        return Waiting(
            results=0, bytes=0, since_ns=None, why="", overflowed=0, refused=0
        )


class JumpingClock(ManualClock):
    """A clock that can also be moved on with nobody being woken on the way."""

    def jump(self, seconds: float) -> None:
        """Hold everybody up for some time."""
        self._now_ns += round(seconds * NS)


class Pipe:
    """An environment: a pipe that loses what it is told to, or cannot be opened."""

    def __init__(self, clock: ManualClock, name: str = "prod") -> None:
        self.clock = clock
        self.name = name
        self.alarms: Mapping[bytes, str] = {}
        self.written_to = ("pipe in memory",)
        self.opened = 0
        self.closed = 0
        self.refuse: Exception | None = None
        self.lose: Callable[[int], bool] = lambda _: False
        """Told the sequence number of each message."""
        self.at_message: Callable[[int], None] = lambda _: None
        self.job: Job | None = None
        self.readers_given: MutableSequence[MemoryReader] = []
        self.agents: list[AgentSource] = []

    @asynccontextmanager
    async def open(self, clock: Clock, plan: Plan) -> AsyncIterator["Pipe"]:
        self.opened += 1
        if self.refuse is not None:
            raise self.refuse
        self._plan = plan
        self.pipe = MemoryPipe(clock, self._change)
        try:
            yield self
        finally:
            self.closed += 1

    def writers(self, clock: Clock) -> list[OpenWriter]:
        del clock
        return [self.pipe.writer]

    def readers(self, clock: Clock, job: Job) -> dict[str, OpenReader]:
        del clock
        self._scanner = Scanner(job.run_id, job.plan.cycle_of)
        self.job = job

        def opener() -> MemoryReader:
            self.readers_given.append(self.pipe.reader())
            return self.readers_given[-1]

        return {"rlp": opener}

    def platform(self, clock: Clock, job: Job) -> PlatformSource | None:
        del clock, job
        return None

    def agent_metrics(self) -> list[AgentSource]:
        return self.agents

    def _change(self, raw: bytes) -> list[bytes]:
        found = list(self._scanner.scan(raw).sequences)
        for sequence in found:
            self.at_message(sequence)
        return [] if any(map(self.lose, found)) else [raw]

    def watched(
        self, *, every: int = 12, messages: int = 6, settings: object = ""
    ) -> Watched:
        """Return it as a daemon is given it."""
        return Watched(
            name=self.name,
            every_ns=every * NS,
            sample=Plan(
                messages=messages,
                cycles=1,
                rate=None,
                sizes=Sizes(low=100, high=100),
                kinds=(Kind.LOG,),
                source_id="prober",
                seed=0,
            ),
            deadlines=Deadlines(late_after_ns=5 * NS, lost_after_ns=10 * NS),
            whole_firehose=False,
            target="99.9",
            window_ns=30 * 86_400 * NS,
            worst_burst=1_000,
            consumers={"rlp": "memory"},
            settings=settings,
            open=self.open,
        )


class Town:
    """Several environments, a daemon, and what they leave behind."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.clock = JumpingClock()
        self.pipes = {name: Pipe(self.clock, name) for name in names}
        self.store = open_store(folder / "history.sqlite")
        self.history = Direct(self.store)
        self.notices: list[Notice] = []
        self.snapshots: list[Snapshot] = []
        self.wanted: list[Watched] | ProberError = self.watched(*names)
        self.daemon = Daemon(
            Surroundings(
                name=DAEMON,
                clocks=lambda: self.clock,
                history=self.history,
                tell=self.notices.append,
                rng=random.Random(7),  # noqa: S311 - jitter
                stop_seconds=12.0,
                reload=self._reload,
                page=self,
            )
        )

    def watched(self, *names: str) -> list[Watched]:
        """Return environments as a configuration has them."""
        return [self.pipes[name].watched() for name in names]

    def push(self, snapshot: Snapshot) -> None:
        """Take a snapshot: this is the page, too."""
        self.snapshots.append(snapshot)

    def _reload(self) -> list[Watched]:
        if isinstance(self.wanted, ProberError):
            raise self.wanted
        return self.wanted

    async def start(self, *names: str) -> None:
        """Begin to watch."""
        self._running = asyncio.ensure_future(self.daemon.run(self.watched(*names)))
        await settle()

    async def reload(self) -> None:
        """Have it read the configuration, and apply it."""
        before = len(self.notices)
        self.daemon.reload()
        while not any("reload" in each.said for each in self.notices[before:]):
            await asyncio.sleep(0.001)  # it is read in a thread
            await self.clock.advance(0.5)

    async def end(self) -> None:
        """Stop it, and wait until it has left."""
        self.daemon.stop("stopped by a test")
        while not self._running.done():
            await self.clock.advance(1)
        await self._running

    def states(self, name: str) -> list[State | None]:
        """Return how an environment's cycles ended, oldest first."""
        return [each.state for each in self.store.cycles(name, oldest_first=True)]

    def said(self, name: str = "") -> list[str]:
        """Return what was told of an environment, or of the daemon, in short."""
        return [each.said for each in self.notices if each.environment == name]


class Bench:
    """One environment, its supervisor, and what both leave behind."""

    def __init__(self, folder: Path, *, start: int = 1_800_000_000) -> None:
        self.start_ns = start * NS
        self.clock = JumpingClock(self.start_ns)
        self.stop_seconds = 12.0
        self._calls: list[tuple[float, Callable[[], object]]] = []
        self.pipe = Pipe(self.clock)
        self.store = open_store(folder / "history.sqlite")
        self.history = Direct(self.store)
        self.notices: list[Notice] = []

    def supervisor(
        self,
        watched: Watched | None = None,
        seed: int = 1,
        followers: Sequence[Follower] = (),
    ) -> Supervisor:
        """Return a new one, as after a restart."""
        return Supervisor(
            watched or self.pipe.watched(),
            clocks=lambda: self.clock,
            history=self.history,
            tell=self.notices.append,
            rng=random.Random(seed),  # noqa: S311 - jitter
            daemon=DAEMON,
            stop_seconds=self.stop_seconds,
            followers=followers,
        )

    def at(self, seconds: float, do: Callable[[], object]) -> None:
        """Do something so long after the start."""
        self._calls.append((seconds, do))

    async def run(
        self, seconds: float, supervisor: Supervisor | None = None
    ) -> Supervisor:
        """Watch for some time, then stop."""
        supervisor = supervisor or self.supervisor()

        async def all_of_it() -> None:
            async with asyncio.TaskGroup() as tasks:
                for after, do in self._calls:
                    tasks.create_task(self._later(after, do))
                stop = functools.partial(supervisor.stop, "stopped by a test")
                tasks.create_task(self._later(seconds, stop))
                tasks.create_task(supervisor.run())

        await self.clock.run(all_of_it())
        self._calls.clear()
        return supervisor

    async def _later(self, seconds: float, do: Callable[[], object]) -> None:
        await self.clock.sleep(seconds)
        do()

    def cycles(self, environment: str = "prod") -> list[CycleRecord]:
        """Return all cycles, oldest first."""
        return self.store.cycles(environment, oldest_first=True)

    def states(self, environment: str = "prod") -> list[State | None]:
        """Return how they ended."""
        return [each.state for each in self.cycles(environment)]

    def said(self) -> list[str]:
        """Return what was told, in short."""
        return [notice.said for notice in self.notices]


def changed(watched: Watched, **changes: object) -> Watched:
    """Return it with something else."""
    return replace(watched, **changes)  # type: ignore[arg-type]
