"""Stand-ins for tests, ours and our users': a clock moved by hand, a pipe in memory."""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar

from prober.clock import NS, Clock
from prober.records import Arrival, Evidence, Handover, Kind, Outcome, Sign, Span

T = TypeVar("T")


class ManualClock:
    """A clock that stands still until `advance` moves it.

    Sleepers wake in the order of their times, each having run as far as it can before
    the next one is woken, so that hours of timeouts pass in milliseconds and in order.
    """

    def __init__(self, start_ns: int = 1_800_000_000 * NS) -> None:
        self._now_ns = start_ns
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now_ns(self) -> int:
        """Return the time that the clock was last moved to, in nanoseconds."""
        return self._now_ns

    @property
    def sleepers(self) -> int:
        """How many tasks are asleep on this clock."""
        return sum(not sleeper.done() for *_, sleeper in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has been moved `seconds` on, at once if not above 0."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper = asyncio.get_running_loop().create_future()
        wake_ns = self._now_ns + round(seconds * NS)
        heapq.heappush(self._sleepers, (wake_ns, next(self._order), sleeper))
        await sleeper

    async def advance(self, seconds: float) -> None:
        """Move the clock on, waking whoever sleeps on the way, in order."""
        await settle()  # who was just about to sleep, sleeps from now on
        target_ns = self._now_ns + round(seconds * NS)
        while self._sleepers and self._sleepers[0][0] <= target_ns:
            wake_ns, _, sleeper = heapq.heappop(self._sleepers)
            self._now_ns = max(self._now_ns, wake_ns)
            if not sleeper.done():  # a cancelled sleeper is no longer waiting
                sleeper.set_result(None)
                await settle()
        self._now_ns = target_ns
        await settle()

    async def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, moving the clock on whenever nobody can go on.

        For code that waits for this clock and nothing outside: hours pass at once.
        Raises RuntimeError when it waits for something that will never come.
        """
        task = asyncio.ensure_future(main)
        while not task.done():
            await settle()
            if not task.done() and not self._wake_next():
                task.cancel()
                raise RuntimeError("everybody waits, and nobody for the clock")
        return task.result()

    def _wake_next(self) -> bool:
        while self._sleepers:
            wake_ns, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                self._now_ns = max(self._now_ns, wake_ns)
                sleeper.set_result(None)
                return True
        return False


async def settle(turns: int = 20) -> None:
    """Let every task that can run do so, for some turns of the event loop."""
    for _ in range(turns):
        await asyncio.sleep(0)


Change = Callable[[bytes], Iterable[bytes]]
"""What a pipe makes of a batch: nothing, the same, another, several."""


class MemoryPipe:
    """A pipeline in memory, for tests of what writes to one and reads from it.

    Each batch written is handed to every reader as `change` makes it; `cut` and `heal`
    break the readers' connections and mend them.
    """

    def __init__(self, clock: Clock, change: Change = lambda raw: [raw]) -> None:
        self._clock = clock
        self._change = change
        self._readers: list[MemoryReader] = []

    def writer(self, report: Callable[[Outcome], None]) -> "MemoryWriter":
        """Return a writer into the pipe; each span is accepted as it is written."""
        return MemoryWriter(self, report)

    def reader(self, kinds: Iterable[Kind] = Kind) -> "MemoryReader":
        """Return a reader of everything that is written from now on."""
        reader = MemoryReader(self._clock, kinds, self._forget)
        self._readers.append(reader)
        return reader

    def _forget(self, reader: "MemoryReader") -> None:
        self._readers.remove(reader)

    def carry(self, raw: bytes) -> None:
        """Hand a batch to the readers."""
        for batch in self._change(raw):
            for reader in self._readers:
                reader.take_in(batch)


class MemoryWriter:
    """Writes into a pipe in memory; see `prober.ingress.Writer`.

    Set `handover` to tell something else of the spans that are written from then on.
    """

    written_to = "pipe in memory"

    def __init__(self, pipe: MemoryPipe, report: Callable[[Outcome], None]) -> None:
        self._pipe = pipe
        self._report = report
        self._owed: list[Outcome] = []
        self.handover = Handover.ACCEPTED

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.flush(0)

    async def write(self, raw: bytes, span: Span | None) -> None:
        """Carry one batch, unless it is to be rejected."""
        if span is not None:
            reason = "" if self.handover is Handover.ACCEPTED else "told to"
            outcome = Outcome(span=span, handover=self.handover, reason=reason)
            if self.handover is Handover.AMBIGUOUS:
                self._owed.append(outcome)
            else:
                self._report(outcome)
        if self.handover is not Handover.REJECTED:
            self._pipe.carry(raw)

    async def flush(self, seconds: float) -> None:
        """Report on what nobody knows."""
        del seconds
        owed, self._owed = self._owed, []
        for outcome in owed:
            self._report(outcome)


class MemoryReader:
    """Reads from a pipe in memory; see `prober.egress.Reader`."""

    transport = "memory"
    read_from = "pipe in memory"
    in_base64 = False

    def __init__(
        self,
        clock: Clock,
        kinds: Iterable[Kind] = Kind,
        left: Callable[["MemoryReader"], None] = lambda _: None,
    ) -> None:
        """Read by a clock; `left` is told when nobody reads any more."""
        self._clock, self._left = clock, left
        self._items: asyncio.Queue[Arrival | Evidence] = asyncio.Queue()
        self._epochs = [1]
        self._last_epoch = 1
        self._kinds = tuple(kinds)
        self.deaf = False
        """Set it, and nothing comes although nothing tells so."""

    async def __aenter__(self) -> Self:
        self._tell(Sign.CONNECTED, self._last_epoch)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._epochs.clear()
        self._left(self)

    async def receive(self) -> Sequence[Arrival | Evidence]:
        """Wait until there is something, and return all there is, oldest first."""
        items = [await self._items.get()]
        while not self._items.empty():
            items.append(self._items.get_nowait())
        return items

    def expects(self, kind: Kind) -> bool:
        """Tell whether a kind is one of those that this reader is said to carry."""
        return kind in self._kinds

    def contents(self, arrival: Arrival) -> Mapping[bytes, bytes]:
        """Return nothing: envelopes are not looked into."""
        del arrival
        return {}

    def take_in(self, raw: bytes) -> None:
        """Receive a batch, over each connection that is open."""
        for epoch in () if self.deaf else self._epochs:
            at_ns = self._clock.now_ns()
            self._items.put_nowait(Arrival(batches=(raw,), at_ns=at_ns, epoch=epoch))

    def cut(self, words: str, *, newest: bool = False) -> None:
        """Lose a connection, the oldest that is open or the newest."""
        which = -1 if newest else 0
        epoch = self._epochs.pop(which) if self._epochs else self._last_epoch
        self._tell(Sign.CUT, epoch, words)

    def heal(self) -> None:
        """Connect anew, beside any connection that is open."""
        self._last_epoch += 1
        self._epochs.append(self._last_epoch)
        self._tell(Sign.CONNECTED, self._last_epoch)

    def _tell(self, sign: Sign, epoch: int, detail: str = "") -> None:
        at_ns = self._clock.now_ns()
        evidence = Evidence(sign=sign, at_ns=at_ns, epoch=epoch, detail=detail)
        self._items.put_nowait(evidence)
