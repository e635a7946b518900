"""How environments stand against their objectives, read from history now and then.

A window is summed up by the thread that writes history, at most twice a minute for an
environment, and told to who needs it in the daemon's own loop.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from prober.clock import NS, Clock
from prober.history import CycleRecord, Live
from prober.report.now import Silence, now
from prober.slo import parse_target
from prober.store import Store, Waiting
from prober.watch.knowing import known
from prober.watch.standing import Standing, standing
from prober.watch.watched import History, Watched

EVERY_NS = 30 * NS
"""Between two readings of one environment's window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What history says of one environment."""

    environment: str
    standing: Standing | None
    """None while there is no objective, or no cycle in its window."""
    hint: str
    """What somebody can do who is woken now."""


@dataclass(slots=True)
class Standings:
    """Asks history how each environment stands, after its cycles; a follower."""

    history: History
    clock: Clock
    told: Callable[[Stand], None]
    _watched: dict[str, Watched] = field(default_factory=dict)
    _asked_ns: dict[str, int] = field(default_factory=dict)

    def expect(self, watched: Watched) -> None:
        """Ask of an environment, at once for the first time."""
        self._watched[watched.name] = watched
        self._ask(watched)

    def forget(self, environment: str) -> None:
        """Ask of it no more."""
        self._watched.pop(environment, None)

    def closed(self, cycles: Sequence[CycleRecord]) -> None:
        """Ask anew, unless that was done just now."""
        for name in {each.environment for each in cycles} & self._watched.keys():
            if self.clock.now_ns() - self._asked_ns.get(name, 0) >= EVERY_NS:
                self._ask(self._watched[name])

    def live(self, live: Live) -> None:
        """Need nothing of it."""

    def round(self, at_ns: int, waiting: Waiting, silent: Sequence[Silence]) -> None:
        """Need nothing of it."""

    def _ask(self, watched: Watched) -> None:
        at_ns = self.clock.now_ns()
        self._asked_ns[watched.name] = at_ns
        loop = asyncio.get_running_loop()

        def ask(store: Store) -> None:
            found = stand(store, watched, at_ns)
            if not loop.is_closed():
                loop.call_soon_threadsafe(self.told, found)

        self.history.submit(ask)


def stand(store: Store, watched: Watched, at_ns: int) -> Stand:
    """Read how an environment stands."""
    (mine,) = known(store, at_ns, [watched.name])
    told = now(mine)
    found = None
    if watched.target is not None and mine.window is not None:
        target = parse_target(watched.target)
        found = standing(mine.window, target, worst_burst=watched.worst_burst)
    hint = next((line.words for line in told.lines if line.label == "do"), "")
    return Stand(environment=watched.name, standing=found, hint=hint)
