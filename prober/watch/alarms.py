"""Metrics, standings and alerts as one follower, with what history has to give them.

final cycle  →  metrics                      counted at once
             →  rounds                       rules held, receivers told
             →  standings  →  (history)  →   budget, for both of them
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from prober.clock import Clock
from prober.errors import ProberError
from prober.history import CycleRecord, Live
from prober.report.now import Silence
from prober.store import Store, Waiting
from prober.watch.alerts.certificates import File
from prober.watch.alerts.keeper import KEPT, State
from prober.watch.alerts.rounds import TAIL_NS, Rounds
from prober.watch.alerts.sending import Receiver
from prober.watch.metrics import Metrics
from prober.watch.notices import Notice, Tell
from prober.watch.standings import Stand, Standings
from prober.watch.watched import History, Watched


class Alarms:
    """Follows a daemon, and raises alerts over history; a follower.

    `name` has to be the same after a restart, and no other daemon's. `page` are the
    files of the page's own certificates.
    """

    def __init__(
        self,
        name: str,
        receivers: Sequence[Receiver],
        *,
        history: History,
        clock: Clock,
        tell: Tell,
        page: Iterable[File] = (),
    ) -> None:
        self.metrics = Metrics()
        self._key = KEPT + name
        self._history, self._clock, self._tell = history, clock, tell
        self._rounds = Rounds(
            receivers,
            clock=clock,
            tell=tell,
            save=self._save,
            dated=self.metrics.dated,
            page=page,
        )
        self._standings = Standings(history, clock, self._stand)
        self._followers = (self.metrics, self._rounds, self._standings)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Make rounds while the block runs, on from what fired before it."""
        loop = asyncio.get_running_loop()

        def restore(store: Store) -> None:
            state: State | str = State()
            try:
                state = store.kept(self._key, State).get(self._key, State())
            except ProberError as error:
                state = str(error)
            _hand_over(loop, self._restore, state)

        self._history.submit(restore)
        async with self._rounds.running():
            yield

    def _restore(self, state: State | str) -> None:
        if isinstance(state, str):
            words = f"what fired before is not known: {state}"
            at_ns = self._clock.now_ns()
            self._tell(Notice(at_ns=at_ns, said="fault", words=words))
            state = State()
        self._rounds.restore(state)

    def _save(self, state: State) -> None:
        key, at_ns = self._key, self._clock.now_ns()
        self._history.keep(key, state, at_ns)

    def _stand(self, stand: Stand) -> None:
        self._rounds.stand(stand)
        if stand.standing is not None:
            burns = self._rounds.burns(stand.environment)
            self.metrics.stand(stand.standing, burns)

    # What a daemon tells.

    def expect(self, watched: Watched) -> None:
        """Count and judge an environment from now on, on from its last days."""
        for each in self._followers:
            each.expect(watched)
        loop = asyncio.get_running_loop()
        since_ns = self._clock.now_ns() - TAIL_NS

        def recall(store: Store) -> None:
            cycles = store.cycles(
                watched.name, mode="continuous", from_ns=since_ns, oldest_first=True
            )
            _hand_over(loop, self._rounds.recall, watched.name, cycles)

        if watched.target is not None:
            self._history.submit(recall)

    def forget(self, environment: str) -> None:
        """Note that an environment is watched no longer."""
        for each in self._followers:
            each.forget(environment)

    def closed(self, cycles: Sequence[CycleRecord]) -> None:
        """Take in a final cycle."""
        for each in self._followers:
            each.closed(cycles)

    def missed(self, watched: Watched, cycles: int, reason: str) -> None:
        """Count cycles that were not begun: what is alerted of them is silence."""
        self.metrics.missed(watched, cycles, reason)

    def live(self, live: Live) -> None:
        """Take in how it stands with an environment."""
        for each in self._followers:
            each.live(live)

    def round(self, at_ns: int, waiting: Waiting, silent: Sequence[Silence]) -> None:
        """Take in how it stands with the daemon."""
        for each in self._followers:
            each.round(at_ns, waiting, silent)


def _hand_over(
    loop: asyncio.AbstractEventLoop, do: Callable[..., None], *given: object
) -> None:
    """Do something in the daemon's loop, unless that has ended."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(do, *given)
