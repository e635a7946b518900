"""What is watched: one environment as the daemon is given it, no configuration seen."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Protocol

from prober.bounds import MEMORY_BYTES
from prober.clock import NS, Clock
from prober.history import CycleRecord, Live, RunRecord
from prober.ledger import Deadlines
from prober.plan import MAX_CYCLES, MAX_MESSAGES, Plan
from prober.probe import AgentSource, Job, OpenReader, OpenWriter, PlatformSource
from prober.report.now import Silence
from prober.store import Store, Waiting
from prober.watch.alerts.certificates import File

TICK = Fraction(1, 4)
"""Seconds that share a batch, where there are several messages in them: each write
costs, and an agent gathers for a tenth of a second anyway."""


class Ways(Protocol):
    """The ends of a pipeline, open or ready to be opened."""

    @property
    def alarms(self) -> Mapping[bytes, str]:
        """What readers may bring that voids cycles; see `Job`."""
        ...

    @property
    def written_to(self) -> Sequence[str]:
        """Which components are written to, where."""
        ...

    def writers(self, clock: Clock) -> Sequence[OpenWriter]:
        """Return what opens each writer."""
        ...

    def readers(self, clock: Clock, job: Job) -> Mapping[str, OpenReader]:
        """Return what opens each consumer, by name."""
        ...

    def platform(self, clock: Clock, job: Job) -> PlatformSource | None:
        """Return where Loggregator's own counters are read, if that is anywhere."""
        ...

    def agent_metrics(self) -> Sequence[AgentSource]:
        """Return where the metrics of agents are read that are written to."""
        ...


class History(Protocol):
    """Where results go, at once, whatever the store does: `prober.store.Spool`."""

    def put_run(self, run: RunRecord) -> None:
        """Write a run when it begins, and when it has ended."""
        ...

    def put_cycles(self, cycles: Iterable[CycleRecord]) -> None:
        """Write a cycle as it opens, and when it is final."""
        ...

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
        """Write MISSED cycles for the ticks from one time on, before another."""
        ...

    def put_live(self, word: Live) -> None:
        """Write what is done with an environment now."""
        ...

    def keep(self, key: str, record: object, updated_ns: int) -> None:
        """Keep a record under a key."""
        ...

    def submit(self, do: Callable[[Store], object]) -> None:
        """Do something else with the store, in its turn."""
        ...

    def waiting(self) -> Waiting:
        """Return what waits now, and why."""
        ...


class Follower(Protocol):
    """Who wants to know what is measured, at once and without waiting: metrics."""

    def expect(self, watched: "Watched") -> None:
        """Note that an environment is watched from now on."""
        ...

    def forget(self, environment: str) -> None:
        """Note that it is watched no longer."""
        ...

    def closed(self, cycles: Sequence[CycleRecord]) -> None:
        """Take in a cycle that became final, as every consumer saw it."""
        ...

    def missed(self, watched: "Watched", cycles: int, reason: str) -> None:
        """Take in that so many cycles of an environment were not begun."""
        ...

    def live(self, live: Live) -> None:
        """Take in how it stands with an environment."""
        ...

    def round(self, at_ns: int, waiting: Waiting, silent: Sequence[Silence]) -> None:
        """Take in how it stands with the daemon, with its store and its neighbours."""
        ...


OpenWays = Callable[[Clock, Plan], AbstractAsyncContextManager[Ways]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One environment: its cadence, its messages, its ends, and what is asked of it."""

    name: str
    every_ns: int
    sample: Plan
    """One cycle; its messages are spread evenly over the period."""
    deadlines: Deadlines
    whole_firehose: bool
    target: str | None
    window_ns: int | None
    worst_burst: int
    most_memory: int = MEMORY_BYTES
    """Bytes that the daemon may hold before nothing it measures is trusted."""
    certificates: Sequence[File] = field(default=(), compare=False)
    """Where its certificates are, of which it is told when they end."""
    consumers: Mapping[str, str] = field(compare=False)
    """Transport by name, as far as it is known before they are opened."""
    settings: object
    """Equal where nothing changed: the environment needs no restart."""
    open: OpenWays = field(compare=False)

    def plan(self, *, cycles: int | None, seed: int) -> Plan:
        """Return a plan of so many cycles, None for as many as a stamp can tell apart.

        At one a second that is three years and longer; then a new run begins.
        """
        messages = self.sample.messages
        most = min(MAX_CYCLES, (MAX_MESSAGES - 1) // messages)
        number = most if cycles is None else cycles
        return replace(
            self.sample,
            messages=messages * number,
            cycles=number,
            rate=Fraction(messages * NS, self.every_ns),
            seed=seed,
            tick=TICK,
        )
