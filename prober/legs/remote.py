"""The two legs, seen from here: what is asked of them, and what they tell."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Self

from prober.clock import Clock
from prober.errors import ProberError
from prober.ingress import Report
from prober.legs import wire
from prober.legs.process import LegProcess
from prober.legs.spec import LegSpec, RlpEnd
from prober.probe.reading import Sighted
from prober.probe.writing import Account
from prober.records import Evidence, Fault, Handover, Kind, Outcome, Sign, Span

WINDOW = 64
"""Batches that a leg may have before it: enough to be busy, few enough to be near."""
AGAIN_SECONDS = 1.0
"""Before a leg that ended by itself is begun anew."""


class RemoteWriting:
    """A leg that writes, in another process; see `prober.probe.writing.WritingLeg`.

    Of a leg that ends by itself nobody knows what it still wrote: what it was given and
    has not told of is ambiguous. Another is begun; until then batches are refused.
    """

    def __init__(
        self,
        spec: LegSpec,
        written_to: str,
        clock: Clock,
        book: Report,
        blame: Callable[[Fault], None],
    ) -> None:
        self.written_to = written_to
        self.account = Account()
        self._clock, self._book, self._blame = clock, book, blame
        self._process = LegProcess(spec)
        self._tasks = asyncio.TaskGroup()
        self._owed: dict[int, Span] = {}
        """What it was given and has not told of, by first number, oldest first."""
        self._room = asyncio.Semaphore(WINDOW)
        self._before_it = 0
        """Batches that it was given and has not written."""
        self._away = ""
        """Why there is no leg; empty while there is one."""
        self._flushed = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Begin the leg; raises CouldNotProbe with the reason when it cannot."""
        await self._process.begin()
        await self._tasks.__aenter__()
        self._following = self._tasks.create_task(self._follow())
        return self

    async def __aexit__(self, *exc: object) -> None:
        """End the leg; what it has not told of by now is ambiguous."""
        self._following.cancel()
        await self._tasks.__aexit__(None, None, None)
        await self._process.end()
        self._lose("not acknowledged in time")

    async def send(self, span: Span, cycle: int, at_ns: int) -> None:
        """Have messages sent; waits while the leg has enough to do."""
        self.account.attempted += span.count
        await self._room.acquire()
        if self._away:
            self._room.release()
            self._tell(
                Outcome(span=span, handover=Handover.REJECTED, reason=self._away)
            )
            await asyncio.sleep(0)  # whoever sends on and on lets us begin anew
            return
        self._before_it += 1
        self._owed[span.first] = span
        self._process.tell(wire.Send(span.first, span.count, cycle, at_ns))

    async def write(self, raw: bytes) -> None:
        """Have a batch written that nobody counts."""
        self._process.tell(wire.Aid(raw))

    async def flush(self, seconds: float) -> None:
        """Have everything acknowledged that was sent."""
        self._flushed.clear()
        if not self._away:
            self._process.tell(wire.Flush(seconds))
            await self._flushed.wait()

    async def _follow(self) -> None:
        """Book what the leg tells; begin another when it has ended."""
        while True:
            words = ""
            async for message in self._process.said():
                if isinstance(message, wire.Refused):
                    words = message.sentence
                else:
                    self._take(message)
            self._lose(words or await self._process.ended())
            await self._process.end()
            while self._away:
                await self._clock.sleep(AGAIN_SECONDS)
                try:
                    await self._process.begin()
                except ProberError as error:
                    self._away = str(error)
                else:
                    self._away = ""

    def _take(self, message: wire.FromLeg) -> None:
        match message:
            case wire.Sent():
                self.account.hold_up(message.blocked_ns)
                self._before_it -= 1
                self._room.release()
            case wire.Told():
                self._settle(message.outcome.span)
                self._tell(message.outcome)
            case wire.Flushed():
                self._flushed.set()
            case wire.Blamed():
                self._blame(message.fault)

    def _settle(self, told: Span) -> None:
        """Note that nothing is owed of a span, which may be told as a whole."""
        first = told.first
        while first < told.end and (given := self._owed.pop(first, None)):
            first = given.end

    def _lose(self, words: str) -> None:
        """Give up what the leg owes, and let those go who wait for it."""
        self._away = words
        owed, self._owed = self._owed, {}
        for span in owed.values():
            self._tell_of(span, Handover.AMBIGUOUS, words)
        for _ in range(self._before_it):
            self._room.release()
        self._before_it = 0
        self._flushed.set()

    def _tell_of(self, span: Span, handover: Handover, reason: str) -> None:
        self._tell(Outcome(span=span, handover=handover, reason=reason))

    def _tell(self, outcome: Outcome) -> None:
        self.account.take(outcome)
        self._book(outcome)


class RemoteReading:
    """A leg that reads, in another process; see `prober.probe.reading.ReadingLeg`.

    When it ends by itself its connections are gone, and what it had not told with them:
    so its consumer was away. Another is begun, whose connections are counted on.
    """

    def __init__(self, spec: LegSpec, end: RlpEnd, clock: Clock) -> None:
        self.transport, self.read_from = end.transport, end.read_from
        self._clock = clock
        self._process = LegProcess(spec)
        self._until_ns: int | None = None
        """Up to when it has told everything; None while there is no leg."""
        self._newest = 0
        """The newest connection of the legs before."""

    async def __aenter__(self) -> Self:
        """Begin the leg; raises CouldNotProbe with the reason when it cannot."""
        await self._process.begin()
        self._until_ns = self._clock.now_ns()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._process.end()

    def expects(self, kind: Kind) -> bool:
        """Tell whether its way out can carry a kind of envelope: all of them."""
        del kind
        return True

    def handed_until(self, now_ns: int) -> int:
        """Return up to when all that had arrived was handed up, and is booked."""
        return now_ns if self._until_ns is None else self._until_ns

    async def sightings(self) -> AsyncIterator[Sighted | Evidence | Fault]:
        """Yield what the leg tells; when it ends, that, and what the next tells."""
        while True:
            connections, words = _Connections(later=self._newest), ""
            async for message in self._process.said():
                match message:
                    case wire.Found():
                        yield message.sighted(later=connections.later)
                        await asyncio.sleep(0)
                    case wire.Known():
                        yield connections.note(message.evidence)
                    case wire.Blamed():
                        yield message.fault
                    case wire.Until():
                        self._until_ns = message.at_ns
                    case wire.Refused():
                        words = message.sentence
            words = words or await self._process.ended()
            for epoch in connections.left():
                yield self._cut(epoch, words)
            self._until_ns, self._newest = None, connections.newest
            await self._begin_anew()

    def _cut(self, epoch: int, words: str) -> Evidence:
        at_ns = self._clock.now_ns()
        return Evidence(sign=Sign.CUT, at_ns=at_ns, epoch=epoch, detail=words)

    async def _begin_anew(self) -> None:
        await self._process.end()
        while True:
            await self._clock.sleep(AGAIN_SECONDS)
            try:
                await self._process.begin()
            except ProberError:
                continue  # its consumer is away, and knows since when and why
            self._until_ns = self._clock.now_ns()
            return


class _Connections:
    """Those of one leg, counted on from those of the legs before."""

    def __init__(self, later: int) -> None:
        self.later = self.newest = later
        self._open: set[int] = set()

    def note(self, told: Evidence) -> Evidence:
        """Return evidence of a leg with the number that its connection has here."""
        told = replace(told, epoch=told.epoch + self.later)
        self.newest = max(self.newest, told.epoch)
        if told.sign is Sign.CONNECTED:
            self._open.add(told.epoch)
        elif told.sign is Sign.CUT:
            self._open.discard(told.epoch)
        return told

    def left(self) -> list[int]:
        """Return those that are open, or the newest if none is."""
        return sorted(self._open) or [self.newest]
