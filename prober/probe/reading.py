"""A leg of a way out: a reader, and the looking through what it brings.

The same leg runs in this process or in another (`prober.legs`): what it hands up are
facts, small enough to be sent on, and it knows nothing of any ledger.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from prober.clock import NS, Clock
from prober.egress import Reader
from prober.egress.counting import envelopes
from prober.probe.groups import Group, grouped
from prober.probe.proving import Proof
from prober.records import Arrival, Evidence, Fault, Kind
from prober.stamp import Scanner, Sightings

GATHER_SECONDS = 0.05
"""How often at most arrivals are looked through: twenty times a second. Their times
were taken when they came, and to look through many at once costs each of them less."""
GATHER_BYTES = 96 << 10
"""And how many bytes of them are waited for: to look through more takes longer, and
what comes meanwhile may get its time late, which would be latency of ours."""
LEAST_SECONDS = 0.002
FULL_SPEED_SECONDS = 0.02
"""How long is waited if so many come in less than the least: whoever is near his limit
does more with larger groups, and without them nothing would be on time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighted:
    """What was found in arrivals that came one after the other over one connection."""

    found: Sightings
    each_ns: NDArray[np.int64]
    """When each of the intact messages came."""
    first_ns: int
    """When the first arrival came, and the last one."""
    at_ns: int
    epoch: int
    alarms: tuple[tuple[bytes, int], ...] = ()
    """Texts that were looked for, and when each of them came."""


class ReadingLeg(Protocol):
    """Hands up what a reader brought, and what it knows of itself, in one order."""

    @property
    def transport(self) -> str:
        """The way out: `rlp`."""
        ...

    @property
    def read_from(self) -> str:
        """Which component, where."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    def expects(self, kind: Kind) -> bool:
        """Tell whether this way out can carry a kind of envelope."""
        ...

    def sightings(self) -> AsyncIterator[Sighted | Evidence | Fault]:
        """Yield what comes, for as long as somebody asks; what he had, he has booked.

        A fault is the leg's own: void is what its consumer saw in that time.
        """
        ...

    def handed_until(self, now_ns: int) -> int:
        """Return up to when all that had arrived was handed up, and is booked."""
        ...


class Reading:
    """The leg of one reader in this process; see `ReadingLeg`.

    `alarms` are texts that are looked for beside stamps; if `counting`, it is counted
    how much came of others.
    """

    def __init__(
        self,
        reader: Reader,
        clock: Clock,
        scanner: Scanner,
        alarms: Collection[bytes] = (),
        *,
        counting: bool = False,
    ) -> None:
        self._reader, self._clock, self._scanner = reader, clock, scanner
        self._proof = Proof(reader.transport)
        self._alarms = alarms
        self._unbooked_ns: int | None = None
        """What came from then on may not be booked; None if nothing waits for it."""
        self._waited = self._foreign = 0
        self._counting = counting

    @property
    def transport(self) -> str:
        """The way out of its reader."""
        return self._reader.transport

    @property
    def read_from(self) -> str:
        """Which component its reader reads, where."""
        return self._reader.read_from

    async def __aenter__(self) -> Self:
        await self._reader.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._reader.__aexit__(*exc)

    def expects(self, kind: Kind) -> bool:
        """Tell whether its reader's way out can carry a kind of envelope."""
        return self._reader.expects(kind)

    def handed_until(self, now_ns: int) -> int:
        """Return up to when all that had arrived was handed up, and is booked."""
        return now_ns if self._unbooked_ns is None else self._unbooked_ns

    async def sightings(self) -> AsyncIterator[Sighted | Evidence | Fault]:
        """Yield what comes; at high rates not at once, but gathered for some time."""
        last_ns = self._clock.now_ns()
        while True:
            self._unbooked_ns = None
            items = await self._reader.receive()
            taken_ns = self._clock.now_ns()
            size = sum(map(_size, items))
            self._waited = max(self._waited, size)
            for item in grouped(items):
                if isinstance(item, Group):
                    self._count(item)
                    for sighted in self._look(item):
                        self._unbooked_ns = sighted.first_ns
                        self._foreign -= _ours(sighted.found)
                        yield sighted
                        await asyncio.sleep(0)
                else:
                    self._unbooked_ns = item.at_ns
                    yield item
            self._unbooked_ns = taken_ns
            gather = _gather(size, (taken_ns - last_ns) / NS)
            last_ns = taken_ns
            took = (self._clock.now_ns() - taken_ns) / NS
            await self._clock.sleep(gather - took)

    def waited_bytes(self) -> int:
        """Return the most that waited in the reader's queue since this was last asked.

        The queue is emptied as a whole, so that is the most that was taken at once.
        """
        waited, self._waited = self._waited, 0
        return waited

    def foreign(self) -> int | None:
        """Return how many envelopes of others came since this was last asked.

        None if nobody counts.
        """
        foreign, self._foreign = max(0, self._foreign), 0
        return foreign if self._counting else None

    def _count(self, group: Group) -> None:
        if self._counting:
            self._foreign += sum(
                envelopes(self.transport, raw)
                for arrival in group.members
                for raw in arrival.batches
            )

    def _look(self, group: Group) -> Iterator[Sighted]:
        """Look through arrivals: each by itself, if they tell who is attached when."""
        raw, whole = group.raw, group.whole
        found = self._scanner.scan(
            raw,
            lambda: self._reader.contents(whole),
            in_base64=self._reader.in_base64,
        )
        if found.primers and len(group.members) > 1:
            for each in group.members:
                yield from self._look(Group((each,)))
            return
        self._proof.hold(group, found)
        yield Sighted(
            found=found,
            each_ns=group.times(found.places),
            first_ns=group.members[0].at_ns,
            at_ns=whole.at_ns,
            epoch=whole.epoch,
            alarms=tuple(
                (text, at_ns)
                for text in self._alarms
                if text in raw
                for at_ns in group.having(text)
            ),
        )


def _gather(size: int, seconds: float) -> float:
    """Return how long to wait for enough bytes, if they come as some just did."""
    enough = seconds * GATHER_BYTES / max(size, 1)
    return FULL_SPEED_SECONDS if enough < LEAST_SECONDS else min(enough, GATHER_SECONDS)


def _ours(found: Sightings) -> int:
    """Return how many envelopes of this run were found."""
    aids = len(found.primers) + len(found.trailers)
    return len(found.sequences) + len(found.damaged) + aids


def _size(item: Arrival | Evidence) -> int:
    """Return how many bytes came; evidence has none."""
    return sum(map(len, item.batches)) if isinstance(item, Arrival) else 0
