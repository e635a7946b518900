"""Keeps one environment measured, whatever happens to it, and tells what it does.

    stretch   one run: primed, then a cycle a tick, until it is stopped or fails
    away      after a failure: ticks go by and are missed, until it is tried again

Nothing raised here reaches another environment.
"""

import asyncio
import functools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from prober.backoff import Backoff
from prober.clock import Clock, finished
from prober.errors import InternalError, ProberError, RefusedError
from prober.history import COUNTED, CycleRecord, Live
from prober.probe import Attachment, Controls, probe
from prober.records import CycleResult, Span, State
from prober.units import write_duration
from prober.watch.beside import Beside
from prober.watch.catching_up import mend, miss_since_last
from prober.watch.losses import Losses
from prober.watch.notices import Notice, Said, Tell
from prober.watch.schedule import Cadence, Roll
from prober.watch.state import Measuring
from prober.watch.stretch import BEHIND_NS, Stretch, new_run_id
from prober.watch.watched import Follower, History, Watched, Ways

LOOK_SECONDS = 1.0
"""How often the roll is called."""
FAULT = "a fault of ours"
BEHIND = "prober was not able to begin it in time"


class Supervisor:
    """Watches one environment until it is stopped."""

    def __init__(
        self,
        watched: Watched,
        *,
        clocks: Callable[[], Clock],
        history: History,
        tell: Tell,
        rng: random.Random,
        daemon: str,
        stop_seconds: float,
        followers: Sequence[Follower] = (),
    ) -> None:
        """Take what it needs of the daemon.

        Args:
            watched: The environment.
            clocks: Makes the clock of each stretch.
            history: Takes what is measured, at once.
            tell: Takes notices.
            rng: Draws back-offs and seeds.
            daemon: Who measures, `host:process`.
            stop_seconds: How long an open cycle is waited for when it is stopped.
            followers: Who is told of every cycle that becomes final.

        """
        self.watched = watched
        self._clocks, self._clock = clocks, clocks()
        self._history, self._tell_all = history, tell
        self._followers = followers
        self._rng, self._daemon, self._stop_seconds = rng, daemon, stop_seconds
        self._cadence = Cadence(every_ns=watched.every_ns)
        self._backoff = Backoff(rng)
        self._end = asyncio.Event()
        self._stopped = self._renewed = False
        self._why_stopped = ""
        self._roll: Roll | None = None
        """None before it is known whether it can be measured: nothing is due yet."""
        self.measuring = Measuring(since_ns=self._clock.now_ns())
        self._losses = Losses(watched.name, tell)

    async def run(self) -> None:
        """Watch until stopped; whatever fails is told, and tried again."""
        self._history.submit(mend(self.watched, self._daemon, self._clock.now_ns()))
        calling = asyncio.ensure_future(self._call_roll())
        try:
            while not self._stopped:
                await self._once()
        finally:
            calling.cancel()
            if self._roll is not None:
                self._miss(self._roll.missed(self._clock.now_ns()))

    def stop(self, why: str) -> None:
        """End soon: send no more, wait for what is open, and leave."""
        self._why_stopped, self._stopped = why, True
        self._end.set()

    def live(self, health: Mapping[str, float]) -> Live:
        """Return how it stands now, with what the daemon measured on itself."""
        return self.measuring.live(
            self.watched,
            daemon=self._daemon,
            at_ns=self._clock.now_ns(),
            retries=self._backoff.failures,
            health=health,
            waiting=self._history.waiting().results,
            ended=self._why_stopped if self._stopped else None,
        )

    def renew(self, why: str) -> None:
        """Begin a new stretch, on a new clock: what goes on cannot be trusted."""
        self._tell("not_measuring", f"begins anew: {why}")
        self._renewed = True
        self._end.set()

    # One stretch.

    async def _once(self) -> None:
        """Measure until stopped or failed, then wait until it may be tried again."""
        self._end, self._renewed = asyncio.Event(), False
        if self._stopped:
            self._end.set()
        try:
            await self._measure()
        except ProberError as error:
            ours = isinstance(error, RefusedError) or not self.measuring.last_cycle_ns
            self._is_away(str(error), ours=ours)
        except Exception as error:  # noqa: BLE001 - one environment's fault is its own
            words = f"a fault of ours: {type(error).__name__}: {error}"
            self._tell("fault", f"{words}; please report it")
            self._is_away(words, ours=True)
        self._clock = self._clocks()
        self.measuring.attached = {}
        if not (self._stopped or self._renewed):
            self._begin_roll(self._cadence.next(self._clock.now_ns()))
            await self._wait(self._backoff.fail())

    async def _measure(self) -> None:
        plan = self.watched.plan(cycles=None, seed=self._rng.getrandbits(32))
        stretch = Stretch(
            watched=self.watched,
            plan=plan,
            run_id=new_run_id(),
            daemon=self._daemon,
            started_ns=self._clock.now_ns(),
        )
        async with self.watched.open(self._clock, plan) as ways:
            await self._probe(stretch, ways)

    async def _probe(self, stretch: Stretch, ways: Ways) -> None:
        beside, clock = Beside(self._asked), self._clock
        job = stretch.job(ways.alarms)
        controls = Controls(
            stop=self._end,
            stop_seconds=self._stop_seconds,
            begin=functools.partial(self._begin, stretch),
            on_look=self._look,
            on_open=functools.partial(self._open, stretch, ways),
            on_cycle=functools.partial(self._close, stretch, beside),
            platform=beside.along(ways.platform(clock, job)),
            agents=beside.asking(ways.agent_metrics(), clock),
        )
        writers, readers = ways.writers(clock), ways.readers(clock, job)
        result = await probe(job, writers, readers, clock, controls)
        if stretch.begun:
            self._history.put_run(
                stretch.run_record(
                    result.written_to,
                    ended_ns=result.ended_at_ns,
                    partial=result.partial,
                )
            )
        faults = [words for words in result.warnings if words.startswith(FAULT)]
        if faults:
            raise InternalError(faults[0])

    def _begin(self, stretch: Stretch, now_ns: int) -> int:
        """Return when the first cycle begins: at the next tick."""
        stretch.first_tick = self._cadence.next(now_ns)
        self._begin_roll(stretch.first_tick)
        return self._cadence.due_ns(stretch.first_tick)

    def _begin_roll(self, tick: int) -> Roll:
        """Return the roll, which begins when it is known whether anything is measured.

        What was due before is missed if the environment was watched before.
        """
        if self._roll is None:
            self._roll = Roll(self._cadence, tick)
            self._history.submit(miss_since_last(self.watched, tick))
        return self._roll

    def _open(
        self, stretch: Stretch, ways: Ways, index: int, span: Span, at_ns: int
    ) -> None:
        if not stretch.begun:
            stretch.begun = True
            self._history.put_run(stretch.run_record(tuple(ways.written_to)))
        tick = stretch.tick(index)
        self._miss(self._begin_roll(tick).begin(tick))
        self._history.put_cycles(stretch.opened(index, span, at_ns))

    def _close(
        self, stretch: Stretch, beside: Beside, results: Mapping[str, CycleResult]
    ) -> None:
        if all(each.state is State.MISSED for each in results.values()):
            return  # nothing of it was ever sent: the roll has it
        now_ns = self._clock.now_ns()
        records = list(stretch.closed(results, now_ns, beside.risen(now_ns)))
        records = [self._with_unexplained(each) for each in records]
        self._history.put_cycles(records)
        self._losses.take(records, now_ns)
        for follower in self._followers:
            follower.closed(records)
        if any(record.state in COUNTED for record in records):
            self.measuring.last_cycle_ns = now_ns
            self._backoff.succeed()

    def _with_unexplained(self, record: CycleRecord) -> CycleRecord:
        """Return a record of a cycle with what came unexplained since the last one."""
        unexplained = self.measuring.unexplained.pop(record.consumer, 0)
        counts = replace(record.counts, unexplained=unexplained)
        return replace(record, counts=counts) if unexplained else record

    # How it stands.

    def _look(self, attached: Mapping[str, Attachment]) -> None:
        """Take in how it stands with the consumers; tell of what is new."""
        before = self.measuring.attached
        self.measuring.see(attached, self._clock.now_ns())
        for name, each in attached.items():
            if each.blind and not (name in before and before[name].blind):
                self._tell("blind", f"{name} is blind: a new subscription gets all")
        if any(each.primed for each in attached.values()):
            if self.measuring.measure(self._clock.now_ns()):
                self._tell("measuring", f"measuring {self._what()}")
        else:
            words = next((each.cut for each in attached.values() if each.cut), "")
            words = words or self.measuring.why_not or "no consumer is attached"
            self._is_away(words, ours=False)

    def _asked(self, where: str, why: str) -> None:
        """Take in whether an agent's metrics were read; tell when that changes."""
        if not self.measuring.ask(where, why):
            return
        if why:
            self._tell("unread", f"what an agent drops itself is not known: {why}")
        else:
            self._tell("read_again", f"the {where} are read again")

    def _what(self) -> str:
        watched = self.watched
        every = write_duration(watched.every_ns)
        names = ", ".join(watched.consumers)
        return f"{watched.sample.messages:,} messages every {every} on {names}"

    def _is_away(self, why: str, *, ours: bool) -> None:
        if self.measuring.leave(self._clock.now_ns(), why, ours=ours):
            self._tell("not_measuring", f"not measuring: {why}")

    async def _call_roll(self) -> None:
        """Record the ticks that go by without a cycle, as they do."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            if self._roll is not None:
                # The last of a cycle's messages may still be sent when they are late.
                over_ns = self._clock.now_ns() - BEHIND_NS
                self._miss(self._roll.missed(over_ns))

    def _miss(self, ticks: Iterable[int]) -> None:
        passed_over = list(ticks)
        if passed_over:
            reason = self.measuring.why_not or BEHIND
            for follower in self._followers:
                follower.missed(self.watched, len(passed_over), reason)
            self._history.record_missed(
                self.watched.name,
                self._cadence.due_ns(passed_over[0]),
                self._cadence.due_ns(passed_over[-1] + 1),
                every_ns=self.watched.every_ns,
                planned=self.watched.sample.messages,
                consumers=tuple(self.watched.consumers),
                reason=reason,
            )

    async def _wait(self, seconds: float) -> None:
        """Wait for some time, or until it is stopped."""
        stopped = asyncio.ensure_future(self._end.wait())
        try:
            await finished(self._clock, seconds, {stopped})
        finally:
            stopped.cancel()

    def _tell(self, said: Said, words: str) -> None:
        self._tell_all(
            Notice(
                at_ns=self._clock.now_ns(),
                said=said,
                words=words,
                environment=self.watched.name,
            )
        )
