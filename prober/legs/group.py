"""Several legs that share a shard, as one consumer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Self

from prober.egress.group import OneConnection
from prober.probe.reading import ReadingLeg, Sighted
from prober.records import Evidence, Fault, Kind

Item = Sighted | Evidence | Fault


class LegGroup:
    """The union of its members; see `prober.probe.reading.ReadingLeg`.

    What is a member's evidence is the group's: when one of them is cut off, its share
    of the envelopes is missing. What members bring is booked as it is told, and each
    tells what came within some milliseconds at once: which of two messages came first
    is known no better than that, if two members brought them.
    """

    def __init__(self, members: Sequence[ReadingLeg]) -> None:
        self._members = members
        self._open = AsyncExitStack()
        self._tasks = asyncio.TaskGroup()
        self._connection = OneConnection()
        self._items: asyncio.Queue[tuple[Item, asyncio.Event]] = asyncio.Queue()
        """What members have, at most one thing each, and what tells it is booked."""

    @property
    def transport(self) -> str:
        """The way out of its members."""
        return self._members[0].transport

    @property
    def read_from(self) -> str:
        """Which component, where, and by how many."""
        return f"{self._members[0].read_from} ({len(self._members)} readers)"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            await asyncio.gather(*(each.__aenter__() for each in self._members))
            for member in self._members:
                opening.push_async_exit(member)
            await self._tasks.__aenter__()
            self._pumps = [
                self._tasks.create_task(self._pump(each)) for each in self._members
            ]
            self._open = opening.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        for pump in self._pumps:
            pump.cancel()
        await self._tasks.__aexit__(None, None, None)
        await self._open.aclose()

    def expects(self, kind: Kind) -> bool:
        """Tell whether its members' way out can carry a kind of envelope."""
        return self._members[0].expects(kind)

    def handed_until(self, now_ns: int) -> int:
        """Return up to when all members handed everything up, and it is booked."""
        return min(each.handed_until(now_ns) for each in self._members)

    async def sightings(self) -> AsyncIterator[Item]:
        """Yield what any member has."""
        while True:
            item, booked = await self._items.get()
            yield item if isinstance(item, Fault) else self._connection.of(item)
            booked.set()

    async def _pump(self, member: ReadingLeg) -> None:
        async for item in member.sightings():
            booked = asyncio.Event()
            self._items.put_nowait((item, booked))
            await booked.wait()
