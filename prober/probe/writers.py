"""The legs of a run's way in, one after the other in turn."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

from prober.errors import CouldNotProbe
from prober.ingress import Report
from prober.probe.paths import Paths
from prober.probe.writing import Blame, OpenWriting, WritingLeg
from prober.records import Span, WriterResult


@dataclass(slots=True, eq=False)
class _Way:
    """One leg, and why it could not be opened, if so."""

    leg: WritingLeg
    trouble: str = ""


class Writers:
    """Spreads batches over legs in turn; an async context manager.

    Entering opens all of them. One that cannot be opened is left out, and said so; if
    none can be, what the first raised is raised. `paths` is told who was given what.
    """

    def __init__(
        self,
        openers: Sequence[OpenWriting],
        book: Report,
        blame: Blame,
        paths: Paths | None = None,
    ) -> None:
        self._ways = [_Way(opener(book, blame)) for opener in openers]
        self._paths = paths or Paths()
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            errors: list[CouldNotProbe] = []
            for way in self._ways:
                try:
                    await opening.enter_async_context(way.leg)
                except CouldNotProbe as error:
                    way.trouble = str(error)
                    errors.append(error)
            if len(errors) == len(self._ways):
                raise errors[0]
            self._open = opening.pop_all()
        self._turns = itertools.cycle(
            (number, way.leg)
            for number, way in enumerate(self._ways)
            if not way.trouble
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._open.aclose()

    @property
    def _opened(self) -> list[WritingLeg]:
        return [way.leg for way in self._ways if not way.trouble]

    @property
    def written_to(self) -> str:
        """Which components, where."""
        names = dict.fromkeys(leg.written_to for leg in self._opened)
        return " and the ".join(names)

    async def send(self, span: Span, cycle: int, at_ns: int) -> None:
        """Give messages of a cycle to the next leg, to be stamped with a time."""
        number, leg = next(self._turns)
        self._paths.take(number, span)
        await leg.send(span, cycle, at_ns)

    async def write(self, raw: bytes) -> None:
        """Give a batch that nobody counts to the next leg."""
        _, leg = next(self._turns)
        await leg.write(raw)

    async def flush(self, seconds: float) -> None:
        """Get every peer's word on what was sent, or give up after some time."""
        await asyncio.gather(*(leg.flush(seconds) for leg in self._opened))

    def longest_ns(self) -> int:
        """Return the longest that a batch held any of them up since the last call."""
        accounts = [leg.account for leg in self._opened]
        longest = max((each.longest_ns for each in accounts), default=0)
        for each in accounts:
            each.longest_ns = 0
        return longest

    def results(self) -> tuple[WriterResult, ...]:
        """Return the account of each leg."""
        return tuple(
            way.leg.account.result(
                way.leg.written_to, self._paths.reached(number), way.trouble
            )
            for number, way in enumerate(self._ways)
        )
