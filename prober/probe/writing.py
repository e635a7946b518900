"""A leg of a way in: an encoder, a writer, and what became of what they were given.

The same leg runs in this process or in another (`prober.legs`): it is told what to send
of a plan that it knows, and tells what became of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, Self

from prober.clock import Clock
from prober.histogram import Histogram
from prober.ingress import Report, Writer
from prober.ingress.envelopes import Encoder
from prober.records import Fault, Handover, Outcome, Reached, Span, WriterResult

OpenWriter = Callable[[Report], Writer]
"""Makes a writer that reports on its spans to the function given."""


class WritingLeg(Protocol):
    """Sends messages of a plan; an async context manager as a `Writer` is."""

    @property
    def written_to(self) -> str:
        """Which component, where."""
        ...

    @property
    def account(self) -> "Account":
        """What became so far of what it was given."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def send(self, span: Span, cycle: int, at_ns: int) -> None:
        """Send messages of a cycle, stamped with a time, and report on them."""
        ...

    async def write(self, raw: bytes) -> None:
        """Send a batch that nobody counts: a primer, a trailer."""
        ...

    async def flush(self, seconds: float) -> None:
        """Get the peer's word on all that was sent, or give up after some time."""
        ...


UNTOLD = "its word on them had not come when the run ended"
Blame = Callable[[Fault], None]
OpenWriting = Callable[[Report, Blame], WritingLeg]
"""Makes a leg that reports on its spans to one function, its own faults to another."""


@dataclass(slots=True)
class Account:
    """What became of what a leg was given."""

    attempted: int = 0
    counts: dict[Handover, int] = field(
        default_factory=lambda: dict.fromkeys(Handover, 0)
    )
    blocked: Histogram = field(default_factory=Histogram)
    longest_ns: int = 0
    """The longest that a batch held it up since that was last asked for."""
    refusal: str = ""
    """Why something was not taken in, or nobody knows: the last reason."""

    def hold_up(self, blocked_ns: int) -> None:
        """Count how long a batch held the writer up."""
        self.blocked.add_one(blocked_ns)
        self.longest_ns = max(self.longest_ns, blocked_ns)

    def take(self, outcome: Outcome) -> None:
        """Count a writer's word."""
        self.counts[outcome.handover] += outcome.span.count
        self.refusal = outcome.reason or self.refusal

    def result(
        self, written_to: str, reached: tuple[Reached, ...], trouble: str
    ) -> WriterResult:
        """Return it as a record; of what nobody told of, nobody knows."""
        untold = self.attempted - sum(self.counts.values())
        return WriterResult(
            written_to=written_to,
            attempted=self.attempted,
            accepted=self.counts[Handover.ACCEPTED],
            rejected=self.counts[Handover.REJECTED],
            ambiguous=self.counts[Handover.AMBIGUOUS] + untold,
            blocked=self.blocked,
            reached=reached,
            refusal=self.refusal or (UNTOLD if untold else ""),
            trouble=trouble,
        )


class Writing:
    """The leg of one writer in this process; see `WritingLeg`."""

    def __init__(
        self, open_writer: OpenWriter, encoder: Encoder, clock: Clock, book: Report
    ) -> None:
        self._encoder, self._clock, self._book = encoder, clock, book
        self._writer = open_writer(self._report)
        self.account = Account()

    @property
    def written_to(self) -> str:
        """Which component its writer writes to, where."""
        return self._writer.written_to

    async def __aenter__(self) -> Self:
        await self._writer.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._writer.__aexit__(*exc)

    async def send(self, span: Span, cycle: int, at_ns: int) -> None:
        """Encode and write messages, and measure how long that held us up."""
        raw = self._encoder.messages(span, cycle, at_ns)
        self.account.attempted += span.count
        before_ns = self._clock.now_ns()
        await self._writer.write(raw, span)
        self.account.hold_up(self._clock.now_ns() - before_ns)

    async def write(self, raw: bytes) -> None:
        """Write a batch that nobody counts."""
        await self._writer.write(raw, None)

    async def flush(self, seconds: float) -> None:
        """Get the peer's word on all that was written."""
        await self._writer.flush(seconds)

    def _report(self, outcome: Outcome) -> None:
        self.account.take(outcome)
        self._book(outcome)
