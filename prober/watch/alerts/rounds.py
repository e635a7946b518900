"""Rounds: rules are held after each cycle and now and then, and receivers told."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain

from prober.clock import NS, Clock, finished
from prober.history import CycleRecord, Live
from prober.report.now import Silence
from prober.slo import parse_target
from prober.store import Waiting
from prober.watch.alerts.burning import burn_rates
from prober.watch.alerts.certificates import File, expiries
from prober.watch.alerts.facts import PAGE, Environment, Expiry, Situation, Tail
from prober.watch.alerts.keeper import Entry, Keeper, State
from prober.watch.alerts.sending import NotDelivered, Receiver
from prober.watch.notices import Notice, Said, Tell
from prober.watch.standing import Standing
from prober.watch.standings import Stand
from prober.watch.watched import Watched

ROUND_SECONDS = 15.0
"""Between two rounds: silence is not told by a cycle."""
RESTORE_SECONDS = 30.0
"""How long history may take to tell what fired before."""
TAIL_NS = 3 * 86_400 * NS
"""The longest window of a burn-rate rule."""
CERTIFICATES_NS = 3_600 * NS
WINDOW_NS = 30 * 86_400 * NS
"""Of an environment without an objective, of which no rule asks."""
_SOONER_SECONDS = 0.5
_MOST_SINCE = 50_000


@dataclass(slots=True, kw_only=True)
class _Known:
    """What is known of one environment."""

    target: Decimal | None
    window_s: int
    every_s: int
    tails: dict[str, Tail] = field(default_factory=dict)
    since: deque[CycleRecord] = field(default_factory=lambda: deque(maxlen=_MOST_SINCE))
    """What closed before it was known what had been: see `recall`."""
    recalled: bool = False
    """Nothing more is to be recalled: it was, or no rule looks at it."""
    live: Live | None = None
    standing: Standing | None = None
    hint: str = ""
    certificates: Sequence[File] = ()

    def add(self, cycle: CycleRecord) -> None:
        """Take in one final cycle."""
        self.tails.setdefault(cycle.consumer, Tail(TAIL_NS)).add(cycle)
        if not self.recalled:
            self.since.append(cycle)


class Rounds:
    """Keeps what rules look at, holds them, and tells receivers what fires: a follower.

    `save` is given the state whenever it changed. When certificates end is read from
    their files, in a thread: every hour, and when an environment is new or changed;
    `dated` is told at each round. `page` are the files of the page's own.
    """

    def __init__(
        self,
        receivers: Sequence[Receiver],
        *,
        clock: Clock,
        tell: Tell,
        save: Callable[[State], None],
        dated: Callable[[Sequence[Expiry]], None] = lambda _: None,
        page: Iterable[File] = (),
    ) -> None:
        self.keeper = Keeper()
        self._receivers = receivers
        self._clock, self._tell = clock, tell
        self._save, self._dated = save, dated
        self._page = tuple(page)
        self._known: dict[str, _Known] = {}
        self._silent: tuple[Silence, ...] = ()
        self._expiries: tuple[Expiry, ...] = ()
        self._looked_ns: int | None = None
        """When the files of certificates were read; None to read them now."""
        self._state = State()
        self._away: dict[str, str] = {}
        self._news = asyncio.Event()
        self._restored = asyncio.Event()
        self._begun = False

    def restore(self, state: State) -> None:
        """Go on from a state that was saved; too late when rounds have begun."""
        if not self._begun:
            self.keeper.restore(state)
            self._state = state
        self._restored.set()

    def expect(self, watched: Watched) -> None:
        """Watch an environment, or watch it by other settings from now on."""
        self._looked_ns = None
        before = self._known.get(watched.name)
        recalled = before is not None and before.target is not None and before.recalled
        self._known[watched.name] = _Known(
            target=None if watched.target is None else parse_target(watched.target),
            window_s=(watched.window_ns or WINDOW_NS) // NS,
            every_s=max(1, watched.every_ns // NS),
            tails=before.tails if before else {},
            recalled=recalled or watched.target is None,
            certificates=watched.certificates,
        )

    def forget(self, environment: str) -> None:
        """Watch an environment no longer: what fires for it ends."""
        self._known.pop(environment, None)

    def recall(self, environment: str, cycles: Iterable[CycleRecord]) -> None:
        """Take in the cycles of before the daemon began, oldest first."""
        known = self._known.get(environment)
        if known is None or known.recalled:
            return
        ours = {(each.run_id, each.index, each.consumer) for each in known.since}
        known.tails, known.recalled = {}, True
        for cycle in cycles:
            key = (cycle.run_id, cycle.index, cycle.consumer)
            if cycle.state is not None and key not in ours:
                known.add(cycle)
        for cycle in known.since:
            known.add(cycle)
        known.since.clear()

    def closed(self, cycles: Sequence[CycleRecord]) -> None:
        """Take in one final cycle as all its consumers saw it."""
        for cycle in cycles:
            if known := self._known.get(cycle.environment):
                known.add(cycle)
        self._news.set()

    def live(self, live: Live) -> None:
        """Take in what goes on in an environment."""
        if known := self._known.get(live.environment):
            known.live = live

    def stand(self, stand: Stand) -> None:
        """Take in how an environment stands, and what can be done for it."""
        if known := self._known.get(stand.environment):
            known.standing, known.hint = stand.standing, stand.hint

    def round(self, at_ns: int, waiting: Waiting, silent: Sequence[Silence]) -> None:
        """Take in which environments of other daemons nobody speaks of any more."""
        del at_ns, waiting
        self._silent = tuple(silent)

    def burns(self, environment: str) -> Mapping[str, float | None]:
        """Return the burn rates of an environment by window, for metrics."""
        at_ns = self._clock.now_ns()
        return burn_rates(self._environment(environment), at_ns)

    def _environment(self, name: str) -> Environment:
        known = self._known[name]
        return Environment(
            name=name,
            target=known.target,
            window_s=known.window_s,
            every_s=known.every_s,
            tails=known.tails,
            live=known.live,
            standing=known.standing,
            hint=known.hint,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Make rounds while the block runs."""
        async with asyncio.TaskGroup() as tasks:
            rounds = tasks.create_task(self.run())
            try:
                yield
            finally:
                rounds.cancel()

    async def run(self) -> None:
        """Make rounds for as long as the daemon lives.

        Not before it is known what fired when the last one ended, or nobody can tell.
        """
        await self._wait(self._restored, RESTORE_SECONDS)
        self._begun = True
        while True:
            await self._look_at_certificates()
            self.evaluate()
            await self.send()
            self._news.clear()
            await self._wait(self._news, ROUND_SECONDS)
            if self._news.is_set():  # the cycles of other environments come with it
                await self._clock.sleep(_SOONER_SECONDS)

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for an event, and not longer than some time."""
        waiting = asyncio.ensure_future(event.wait())
        try:
            await finished(self._clock, seconds, [waiting])
        finally:
            waiting.cancel()

    async def _look_at_certificates(self) -> None:
        at_ns, looked_ns = self._clock.now_ns(), self._looked_ns
        if looked_ns is None or at_ns - looked_ns >= CERTIFICATES_NS:
            self._looked_ns = at_ns
            known = (each.certificates for each in self._known.values())
            files = [*self._page, *chain.from_iterable(known)]
            self._expiries = ()
            if files:
                found = await asyncio.to_thread(lambda: [*expiries(files)])
                self._expiries = tuple(found)

    def evaluate(self) -> None:
        """Hold every rule against now, tell what began and ended, and save that."""
        before = _firing(self.keeper.entries)
        at_ns = self._clock.now_ns()
        expiries = [
            each for each in self._expiries if each.environment in {PAGE, *self._known}
        ]
        self._dated(expiries)
        self.keeper.update(
            at_ns,
            [self._environment(name) for name in self._known],
            [each.name for each in self._receivers],
            rest=Situation(
                at_ns=at_ns,
                environments=(),
                silent=self._silent,
                expiries=expiries,
            ),
        )
        after = _firing(self.keeper.entries)
        for key in (each for each in after if each not in before):
            alert = after[key].alert
            self._say("alert", f"{alert.severity}: {alert.summary}", key)
        for key in (each for each in before if each not in after):
            self._say("alert_over", f"over: {before[key].alert.summary}", key)
        self._keep()

    async def send(self) -> None:
        """Tell every receiver what it has to hear, each by itself."""
        await asyncio.gather(*(self._send(each) for each in self._receivers))
        self._keep()

    async def _send(self, receiver: Receiver) -> None:
        at_ns = self._clock.now_ns()
        due = self.keeper.due(receiver.name, at_ns, receiver.repeat_ns)
        if not due:
            return
        try:
            await receiver.send(due)
        except NotDelivered as error:
            if self._away.get(receiver.name) != str(error):
                self._away[receiver.name] = str(error)
                self._say("alerts_away", f"alerts are not delivered: {error}")
            return
        self.keeper.heard(receiver.name, due, at_ns)
        if self._away.pop(receiver.name, ""):
            self._say("alerts_back", f"alerts reach the {receiver.name} again")

    def _keep(self) -> None:
        state = self.keeper.state()
        if state != self._state:
            self._state = state
            self._save(state)

    def _say(self, said: Said, words: str, key: str = "") -> None:
        figures = {"alert": key} if key else {}
        at_ns = self._clock.now_ns()
        self._tell(Notice(at_ns=at_ns, said=said, words=words, figures=figures))


def _firing(entries: Sequence[Entry]) -> Mapping[str, Entry]:
    return {each.alert.key: each for each in entries if each.ends_ns is None}
