"""Several readers that share a shard, and count as one consumer."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Self

from prober.egress import Reader
from prober.records import Arrival, Evidence, Kind, Sign


class ReaderGroup:
    """The union of its members; see `prober.egress.Reader`.

    What is a member's evidence is the group's: when one of them is cut off, its share
    of the envelopes is missing.
    """

    def __init__(self, members: Sequence[Reader]) -> None:
        self._members = members
        self._pending: dict[asyncio.Task[Sequence[Arrival | Evidence]], Reader] = {}
        self._open = AsyncExitStack()
        self._epoch = 1
        self._broken = False

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
            for member in self._members:
                await opening.enter_async_context(member)
            self._open = opening.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in self._pending:
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)
        await self._open.aclose()

    async def receive(self) -> Sequence[Arrival | Evidence]:
        """Wait until a member has something, and return what those have that do."""
        waiting = set(self._pending.values())
        for member in self._members:
            if member not in waiting:
                self._pending[asyncio.ensure_future(member.receive())] = member
        done, _ = await asyncio.wait(self._pending, return_when=asyncio.FIRST_COMPLETED)
        items: list[Arrival | Evidence] = []
        for task in done:
            del self._pending[task]
            items.extend(task.result())
        return [self._as_one(item) for item in sorted(items, key=lambda i: i.at_ns)]

    def _as_one(self, item: Arrival | Evidence) -> Arrival | Evidence:
        """Number the group's connection: a new one, when a member that was cut is back.

        The members' own numbers would look like connections that overlap.
        """
        if isinstance(item, Evidence) and item.sign is Sign.CUT:
            self._broken = True
        elif isinstance(item, Evidence) and item.sign is Sign.CONNECTED:
            self._epoch += self._broken
            self._broken = False
        return replace(item, epoch=self._epoch)

    def expects(self, kind: Kind) -> bool:
        """Tell whether its members' way out can carry a kind of envelope."""
        return self._members[0].expects(kind)

    def contents(self, arrival: Arrival) -> Mapping[bytes, bytes]:
        """Return, by stamp, what survives of each tagged envelope of an arrival."""
        return self._members[0].contents(arrival)
