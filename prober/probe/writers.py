"""The legs of a run's way in: several writers, their counts, and their push-back."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Self

from prober.clock import Clock
from prober.errors import CouldNotProbe
from prober.histogram import Histogram
from prober.ingress import Report, Writer
from prober.probe.paths import Paths
from prober.records import Handover, Outcome, Reached, Span, WriterResult

OpenWriter = Callable[[Report], Writer]
"""Makes a writer that reports on its spans to the function given."""


@dataclass(slots=True, eq=False)
class _Leg:
    """One writer and what became of what it was given."""

    book: Report
    writer: Writer = field(init=False)
    attempted: int = 0
    counts: dict[Handover, int] = field(
        default_factory=lambda: dict.fromkeys(Handover, 0)
    )
    blocked: Histogram = field(default_factory=Histogram)
    trouble: str = ""

    def report(self, outcome: Outcome) -> None:
        """Count a writer's word, and pass it on to the ledger."""
        self.counts[outcome.handover] += outcome.span.count
        self.book(outcome)

    def result(self, reached: tuple[Reached, ...]) -> WriterResult:
        """Return the account of this leg."""
        return WriterResult(
            written_to=self.writer.written_to,
            attempted=self.attempted,
            accepted=self.counts[Handover.ACCEPTED],
            rejected=self.counts[Handover.REJECTED],
            ambiguous=self.counts[Handover.AMBIGUOUS],
            blocked=self.blocked,
            reached=reached,
            trouble=self.trouble,
        )


class Writers:
    """Spreads batches over writers in turn; an async context manager.

    Entering opens all of them. One that cannot be opened is left out, and said so; if
    none can be, what the first raised is raised. `paths` is told who was given what.
    """

    def __init__(
        self,
        openers: Sequence[OpenWriter],
        clock: Clock,
        book: Report,
        paths: Paths | None = None,
    ) -> None:
        self._openers = openers
        self._clock = clock
        self._book = book
        self._paths = paths or Paths()
        self._legs: list[_Leg] = []
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            errors: list[CouldNotProbe] = []
            for opener in self._openers:
                leg = _Leg(self._book)
                leg.writer = opener(leg.report)
                self._legs.append(leg)
                try:
                    await opening.enter_async_context(leg.writer)
                except CouldNotProbe as error:
                    leg.trouble = str(error)
                    errors.append(error)
            if len(errors) == len(self._legs):
                raise errors[0]
            self._open = opening.pop_all()
        self._turns = itertools.cycle(
            (number, leg) for number, leg in enumerate(self._legs) if not leg.trouble
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._open.aclose()

    @property
    def written_to(self) -> str:
        """Which components, where."""
        opened = (leg for leg in self._legs if not leg.trouble)
        return " and the ".join(leg.writer.written_to for leg in opened)

    async def write(self, raw: bytes, span: Span | None) -> None:
        """Give a batch to the next writer, and measure how long it held us up."""
        number, leg = next(self._turns)
        if span is not None:
            self._paths.take(number, span)
        before_ns = self._clock.now_ns()
        await leg.writer.write(raw, span)
        if span is not None:
            leg.attempted += span.count
            leg.blocked.add([self._clock.now_ns() - before_ns])

    async def flush(self, seconds: float) -> None:
        """Get every peer's word on what was written, or give up after some time."""
        opened = (leg.writer for leg in self._legs if not leg.trouble)
        await asyncio.gather(*(each.flush(seconds) for each in opened))

    def results(self) -> tuple[WriterResult, ...]:
        """Return the account of each leg."""
        return tuple(
            leg.result(self._paths.reached(number))
            for number, leg in enumerate(self._legs)
        )
