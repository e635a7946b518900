"""All environments of one process: started, stopped, reloaded, spoken of, and told of.

Each has a task of its own, and none of them can end another. What is said of them goes
to the store for other daemons, `prober status` and reports, and to the page's process.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from prober import __version__
from prober.clock import NS, Clock
from prober.errors import ProberError
from prober.history import Live
from prober.report.now import Silence, silent
from prober.report.words import many
from prober.store import Store
from prober.units import write_duration
from prober.watch.notices import Notice, Said, Tell
from prober.watch.ourselves import Ourselves
from prober.watch.snapshot import Snapshot
from prober.watch.supervisor import Supervisor
from prober.watch.watched import Follower, History, Watched

PUSH_SECONDS = 2.0
"""How often the page is told."""
SPEAK_EVERY = 2
"""Pushes from one word to the store to the next."""
PRUNE_NS = 3_600 * NS
MARGIN_SECONDS = 3.0
"""What an environment may take beyond its deadline before it is cut off."""
NAMED = 4
"""Environments that are named in a line; of more there is the number."""
GONE = "no longer in the configuration"


class Page(Protocol):
    """Who is pushed snapshots."""

    def push(self, snapshot: Snapshot) -> None:
        """Take a snapshot, at once, or leave it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a daemon works with; all of it is passed in."""

    name: str
    """`host:process`."""
    clocks: Callable[[], Clock]
    """Makes a clock, by the wall's time."""
    history: History
    tell: Tell
    rng: random.Random
    stop_seconds: float
    """How long open cycles are waited for when it is to leave."""
    reload: Callable[[], Sequence[Watched]]
    """Reads what is to be watched again; raises ProberError with every reason."""
    followers: Sequence[Follower] = ()
    metrics: Callable[[], str] = lambda: ""
    """Returns the metrics as text."""
    page: Page | None = None


@dataclass(slots=True)
class _Kept:
    """One environment that is watched, and the task that does it."""

    supervisor: Supervisor
    task: asyncio.Task[None]


@dataclass(slots=True)
class _Others:
    """What the store said last of other daemons."""

    lives: Sequence[Live] = ()
    asked: bool = False
    """An answer is awaited."""
    told: frozenset[str] = field(default_factory=frozenset)
    """Environments whose silence was told."""


class Daemon:
    """Watches environments until it is stopped."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._clock = around.clocks()
        self._kept: dict[str, _Kept] = {}
        self._stop, self._why = asyncio.Event(), ""
        self._reload = asyncio.Event()
        self._ourselves = Ourselves(self._clock, self._stepped)
        self._others = _Others()
        self._store_away = False
        self._store_gaps = 0
        self._pruned_ns = 0

    def stop(self, why: str) -> None:
        """Leave soon: open cycles are waited for, for a while."""
        self._why = self._why or why
        self._stop.set()

    def reload(self) -> None:
        """Read the configuration again, and apply what changed."""
        self._reload.set()

    async def run(self, watched: Sequence[Watched]) -> None:
        """Watch until stopped."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for each in watched:
                self._start(each)
            beside = [
                tasks.create_task(self._ourselves.watch()),
                tasks.create_task(self._speak()),
                tasks.create_task(self._follow_configuration()),
            ]
            await self._stop.wait()
            for task in beside:
                task.cancel()
            await self._leave(list(self._kept), self._why)
            self._say("stopped", self._why)

    # Environments.

    def _start(self, watched: Watched) -> None:
        around = self._around
        supervisor = Supervisor(
            watched,
            clocks=around.clocks,
            history=around.history,
            tell=around.tell,
            rng=random.Random(around.rng.getrandbits(64)),  # noqa: S311 - jitter
            daemon=around.name,
            stop_seconds=around.stop_seconds,
            followers=around.followers,
        )
        for follower in around.followers:
            follower.expect(watched)
        task = self._tasks.create_task(supervisor.run(), name=watched.name)
        self._kept[watched.name] = _Kept(supervisor, task)

    async def _leave(self, names: Sequence[str], why: str) -> None:
        """Stop environments, wait for them, cut off who takes too long, and say so."""
        leaving = [self._kept.pop(name) for name in names]
        for each in leaving:
            each.supervisor.stop(why)
        if leaving:
            patience = self._around.stop_seconds + MARGIN_SECONDS
            _, late = await asyncio.wait(
                [each.task for each in leaving], timeout=patience
            )
            for task in late:
                task.cancel()
        for each in leaving:
            self._around.history.put_live(each.supervisor.live({}))

    async def _follow_configuration(self) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            try:
                watched = await asyncio.to_thread(self._around.reload)
            except ProberError as error:
                words = f"the configuration was not reloaded, all goes on: {error}"
                self._say("reload_refused", words)
            else:
                await self._apply({each.name: each for each in watched})

    async def _apply(self, wanted: Mapping[str, Watched]) -> None:
        """Stop what is no more wanted or changed, and start what is new or changed."""
        before = {name: kept.supervisor.watched for name, kept in self._kept.items()}
        gone = [name for name in before if name not in wanted]
        new = [name for name in wanted if name not in before]
        changed = [name for name in wanted if name in before]
        changed = [name for name in changed if wanted[name] != before[name]]
        await asyncio.gather(
            self._leave(gone, GONE), self._leave(changed, "its configuration changed")
        )
        for follower in self._around.followers:
            for name in gone:
                follower.forget(name)
        for name in (*changed, *new):
            self._start(wanted[name])
        counts = (("new", new), ("changed", changed), ("gone", gone))
        parts = [f"{word}: {', '.join(names)}" for word, names in counts if names]
        same = len(wanted) - len(new) - len(changed)
        parts.append(f"{many(same, 'environment')} untouched")
        self._say("reloaded", f"configuration reloaded; {'; '.join(parts)}")

    def _stepped(self, seconds: float) -> None:
        """Begin every stretch anew: the clock that they go by is wrong."""
        self._clock = self._around.clocks()
        for each in self._kept.values():
            each.supervisor.renew(f"the clock was set by {seconds:+.1f} s, or we slept")

    # What is said of them.

    async def _speak(self) -> None:
        """Tell the page, and every few seconds the store, how it stands."""
        turn = 0
        while True:
            lives = self.lives()
            for follower in self._around.followers:
                for live in lives:
                    follower.live(live)
            if turn % SPEAK_EVERY == 0:
                for live in lives:
                    self._around.history.put_live(live)
                self._ask_of_others()
                self._prune()
            self._watch_store()
            waiting = self._around.history.waiting()
            for follower in self._around.followers:
                follower.round(self._clock.now_ns(), waiting, self._silent())
            if self._around.page is not None:
                self._around.page.push(self.snapshot(lives))
            turn += 1
            await self._clock.sleep(PUSH_SECONDS)

    def lives(self) -> tuple[Live, ...]:
        """Return how it stands with each environment now."""
        health = self._ourselves.figures()
        return tuple(each.supervisor.live(health) for each in self._kept.values())

    def snapshot(self, lives: Sequence[Live]) -> Snapshot:
        """Return all that is now."""
        return Snapshot(
            at_ns=self._clock.now_ns(),
            daemon=self._around.name,
            version=__version__,
            lives=tuple(lives),
            neighbours=tuple(self._others.lives),
            silent=self._silent(),
            store=self._around.history.waiting(),
            metrics=self._around.metrics(),
        )

    def _ask_of_others(self) -> None:
        """Ask the store what other daemons said last, unless an answer is awaited."""
        if self._others.asked:
            return
        self._others.asked = True

        def ask(store: Store) -> None:
            try:
                lives = store.live()
                self._others.lives = [
                    each for each in lives if each.daemon != self._around.name
                ]
            finally:
                self._others.asked = False

        self._around.history.submit(ask)
        self._tell_of_silence()

    def _silent(self) -> tuple[Silence, ...]:
        """Return who is silent; nobody can tell while the store is away."""
        if self._around.history.waiting().since_ns is not None:
            return ()
        found = silent(self._others.lives, self._clock.now_ns())
        return tuple(each for each in found if each.environment not in self._kept)

    def _tell_of_silence(self) -> None:
        if self._around.history.waiting().since_ns is not None:
            return
        found = {each.environment: each for each in self._silent()}
        for name in sorted(found.keys() - self._others.told):
            words = f"nothing was heard of it from {found[name].daemon}"
            self._say("silent", words, environment=name)
        for name in sorted(self._others.told - found.keys()):
            self._say("heard_again", "heard of again", environment=name)
        self._others.told = frozenset(found)

    def _prune(self) -> None:
        now_ns = self._clock.now_ns()
        if now_ns - self._pruned_ns >= PRUNE_NS:
            self._pruned_ns = now_ns
            self._around.history.submit(lambda store: store.prune(now_ns))

    def _watch_store(self) -> None:
        """Tell when history cannot be written, and when it can be again."""
        waiting = self._around.history.waiting()
        away = waiting.since_ns is not None
        if away and not self._store_away:
            words = f"history cannot be written, results wait in memory: {waiting.why}"
            self._say("store_away", words)
        elif self._store_away and not away:
            self._say("store_back", "history is written again")
        if waiting.overflowed > self._store_gaps:
            words = f"{waiting.overflowed:,} results found no room in memory: a gap"
            self._say("store_gap", words)
        self._store_away, self._store_gaps = away, waiting.overflowed

    def _say(self, said: Said, words: str, environment: str = "") -> None:
        self._around.tell(
            Notice(
                at_ns=self._clock.now_ns(),
                said=said,
                words=words,
                environment=environment,
            )
        )


def described(watched: Sequence[Watched]) -> str:
    """Return what is watched, in one line."""
    told = [f"{each.name} every {write_duration(each.every_ns)}" for each in watched]
    if len(told) > NAMED:
        told[NAMED:] = [f"{len(told) - NAMED} more"]
    return f"watching {many(len(watched), 'environment')}: {', '.join(told)}"
