"""Rounds: rules are held after each cycle and now and then, and receivers told."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from prober.clock import NS, Clock
from prober.history import CycleRecord, Live
from prober.report.now import Silence
from prober.watch.alerts.facts import Environment, Expiry, Situation, Tail
from prober.watch.alerts.keeper import Entry, Keeper
from prober.watch.alerts.sending import NotDelivered, Receiver
from prober.watch.notices import Notice, Said, Tell
from prober.watch.standing import Standing

ROUND_SECONDS = 15.0
"""Between two rounds: silence is not told by a cycle."""
TAIL_NS = 3 * 86_400 * NS
"""The longest window of a burn-rate rule."""
_SOONER_SECONDS = 0.5


@dataclass(slots=True, kw_only=True)
class _Watched:
    """What is known of one environment."""

    target: Decimal | None
    window_s: int
    every_s: int
    tails: dict[str, Tail] = field(default_factory=dict)
    live: Live | None = None
    standing: Standing | None = None


class Rounds:
    """Keeps what rules look at, holds them, and tells receivers what fires.

    `save` is given the state whenever it changed; `hint` tells what somebody can do who
    is woken for an environment.
    """

    def __init__(
        self,
        receivers: Sequence[Receiver],
        *,
        clock: Clock,
        tell: Tell,
        save: Callable[[bytes], None],
        hint: Callable[[str], str] = lambda _: "",
    ) -> None:
        self.keeper = Keeper()
        self._receivers = receivers
        self._clock, self._tell = clock, tell
        self._save, self._hint = save, hint
        self._watched: dict[str, _Watched] = {}
        self._silent: tuple[Silence, ...] = ()
        self._expiries: tuple[Expiry, ...] = ()
        self._state = b""
        self._away: dict[str, str] = {}
        self._news = asyncio.Event()

    def restore(self, state: bytes) -> None:
        """Go on from a state that was saved; one that cannot be read is left."""
        try:
            self.keeper.restore(state)
        except ValueError as error:
            self._say("fault", f"what fired before is not known: {error}")

    def expect(
        self, environment: str, *, target: Decimal | None, window_s: int, every_s: int
    ) -> None:
        """Watch an environment, or watch it by other settings from now on."""
        known = self._watched.get(environment)
        self._watched[environment] = _Watched(
            target=target,
            window_s=window_s,
            every_s=every_s,
            tails=known.tails if known else {},
        )

    def forget(self, environment: str) -> None:
        """Watch an environment no longer: what fires for it ends."""
        self._watched.pop(environment, None)

    def closed(self, cycles: Sequence[CycleRecord]) -> None:
        """Take in one final cycle as all its consumers saw it."""
        for cycle in cycles:
            watched = self._watched.get(cycle.environment)
            if watched is not None:
                tail = watched.tails.setdefault(cycle.consumer, Tail(TAIL_NS))
                tail.add(cycle)
        self._news.set()

    def live(self, live: Live) -> None:
        """Take in what goes on in an environment."""
        if watched := self._watched.get(live.environment):
            watched.live = live

    def stand(self, standing: Standing) -> None:
        """Take in how an environment stands against its objective."""
        if watched := self._watched.get(standing.environment):
            watched.standing = standing

    def neighbours(self, silent: Sequence[Silence]) -> None:
        """Take in which environments of other daemons nobody speaks of any more."""
        self._silent = tuple(silent)

    def certificates(self, expiries: Sequence[Expiry]) -> None:
        """Take in when our certificates end."""
        self._expiries = tuple(expiries)

    def environment(self, name: str) -> Environment:
        """Return an environment as rules see it."""
        watched = self._watched[name]
        return Environment(
            name=name,
            target=watched.target,
            window_s=watched.window_s,
            every_s=watched.every_s,
            tails=watched.tails,
            live=watched.live,
            standing=watched.standing,
            hint=self._hint(name),
        )

    async def run(self) -> None:
        """Make rounds for as long as the daemon lives."""
        while True:
            self.evaluate()
            await self.send()
            await self._wait()

    async def _wait(self) -> None:
        """Wait for the next round, which a cycle makes come at once."""
        self._news.clear()
        alarm = asyncio.ensure_future(self._clock.sleep(ROUND_SECONDS))
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait({alarm, news}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
            news.cancel()
        if self._news.is_set():  # the cycles of other environments come with it
            await self._clock.sleep(_SOONER_SECONDS)

    def evaluate(self) -> None:
        """Hold every rule against now, tell what began and ended, and save that."""
        before = _firing(self.keeper.entries)
        at_ns = self._clock.now_ns()
        self.keeper.update(
            at_ns,
            [self.environment(name) for name in self._watched],
            [each.name for each in self._receivers],
            rest=Situation(
                at_ns=at_ns,
                environments=(),
                silent=self._silent,
                expiries=self._expiries,
            ),
        )
        after = _firing(self.keeper.entries)
        for key in after.keys() - before.keys():
            alert = after[key].alert
            self._say("alert", f"{alert.severity}: {alert.summary}", key)
        for key in before.keys() - after.keys():
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
