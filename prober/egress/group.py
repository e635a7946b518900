"""Several readers that share a shard, and count as one consumer."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Self, TypeVar

from prober.clock import NS, Clock
from prober.egress import Reader
from prober.egress.connection import Ending
from prober.egress.renewing import GIVEN_UP, RENEW_SECONDS, Renewing
from prober.records import Arrival, Evidence, Kind, Sign

LINGER_SECONDS = 1.0
"""How long a group that has a successor is read on, at most, when its first member is
ended: until the last of them is, as each has what came over it before."""

Item = TypeVar("Item", bound=Any)
"""A record with the number of a connection."""


class OneConnection:
    """Numbers the connection that several make together, as if it were one.

    It is a new one when a member that was cut is back: the members' own numbers would
    look like connections that overlap.
    """

    def __init__(self) -> None:
        self._epoch, self._broken = 1, False

    def of(self, item: Item) -> Item:
        """Return what a member handed over, as of the one connection."""
        if isinstance(item, Evidence) and item.sign is Sign.CUT:
            self._broken = True
        elif isinstance(item, Evidence) and item.sign is Sign.CONNECTED:
            self._epoch += self._broken
            self._broken = False
        return replace(item, epoch=self._epoch)


class ReaderGroup:
    """The union of its members; see `prober.egress.Reader`.

    What is a member's evidence is the group's: when one of them is cut off, its share
    of the envelopes is missing.
    """

    def __init__(self, members: Sequence[Reader]) -> None:
        self._members = members
        self._pending: dict[asyncio.Task[Sequence[Arrival | Evidence]], Reader] = {}
        self._open = AsyncExitStack()
        self._connection = OneConnection()

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
        return [
            self._connection.of(item) for item in sorted(items, key=lambda i: i.at_ns)
        ]

    @property
    def in_base64(self) -> bool:
        """Whether its members' payloads may come in base64."""
        return self._members[0].in_base64

    def expects(self, kind: Kind) -> bool:
        """Tell whether its members' way out can carry a kind of envelope."""
        return self._members[0].expects(kind)

    def contents(self, arrival: Arrival) -> Mapping[bytes, bytes]:
        """Return, by stamp, what survives of each tagged envelope of an arrival."""
        return self._members[0].contents(arrival)


class RenewedGroup(Renewing):
    """Groups in turn, where the peer ends connections; see `prober.egress.Reader`.

    Members that were renewed one by one would share their shard with those they follow,
    and what was on its way to these would be gone. So all of them are, together, on a
    shard that `members` makes them for: it is given how many groups there were.
    """

    def __init__(
        self,
        members: Callable[[int], Sequence[Reader]],
        clock: Clock,
        *,
        renew_after: float = RENEW_SECONDS,
        rng: random.Random | None = None,
    ) -> None:
        self._members = members
        self._example = ReaderGroup(members(0))
        super().__init__(self._example.read_from, clock, rng, renew_after)
        self.transport = self._example.transport
        self.in_base64 = self._example.in_base64
        self._numbers: dict[tuple[int, int], int] = {}
        """The connections of groups that are open: by the group's turn, and its own
        number."""
        self._next = count(1)

    def expects(self, kind: Kind) -> bool:
        """Tell whether its members' way out can carry a kind of envelope."""
        return self._example.expects(kind)

    def contents(self, arrival: Arrival) -> Mapping[bytes, bytes]:
        """Return, by stamp, what survives of each tagged envelope of an arrival."""
        return self._example.contents(arrival)

    async def _connection(self, epoch: int) -> Ending:
        """Read one group until it is of no use, or its first member is ended."""
        members = self._members(epoch)
        turn = _Turn(epoch=epoch, began_ns=self._clock.now_ns(), members=len(members))
        async with ReaderGroup(members) as group:
            while not (words := self._over(turn)):
                await self._room(turn.number)
                for item in await group.receive():
                    if turn.closed_ns is None:
                        turn.number = self._number(epoch, item.epoch)
                    self._pass_on(replace(item, epoch=turn.number), turn)
        self._tell(Sign.CUT, turn.number, words)
        # Groups are renewed for months: who is gone needs no number any more.
        self._numbers = {key: n for key, n in self._numbers.items() if key[0] != epoch}
        return turn.ending

    def _number(self, turn: int, epoch: int) -> int:
        if (turn, epoch) not in self._numbers:
            self._numbers[turn, epoch] = next(self._next)
        return self._numbers[turn, epoch]

    def _pass_on(self, item: Arrival | Evidence, turn: "_Turn") -> None:
        if isinstance(item, Arrival):
            self._heard(turn.epoch)
            turn.ending = Ending.RECEIVED
            self._put(item)
            return
        if item.sign is Sign.HEARTBEAT:
            self._heard(turn.epoch)
        if item.sign is Sign.CLOSING:
            turn.closings += 1
        if turn.closed_ns is not None:
            return  # the rest of them end, too
        if item.sign is Sign.CLOSING:
            turn.closed_ns = item.at_ns
        self._queue.put(item)

    def _over(self, turn: "_Turn") -> str:
        """Return words for why a group is not read on; nothing while it is."""
        now_ns, closed_ns = self._clock.now_ns(), turn.closed_ns
        seconds = (now_ns - turn.began_ns) / NS
        if closed_ns is not None and (
            not self._succeeded(turn.epoch)
            or turn.closings >= turn.members
            or now_ns - closed_ns > round(LINGER_SECONDS * NS)
        ):
            turn.ending = self._announced((closed_ns - turn.began_ns) / NS)
            return f"the {self.read_from} closed the stream as announced"
        if self._outlived(turn.epoch, seconds):
            turn.ending = Ending.ANNOUNCED
            return GIVEN_UP
        return ""


@dataclass(slots=True, kw_only=True)
class _Turn:
    """What is known of one group while it is read."""

    epoch: int
    began_ns: int
    members: int
    number: int = 0
    """Of its connection that was read last."""
    closed_ns: int | None = None
    """When the first of its members was said to be ended."""
    closings: int = 0
    """How many of them were."""
    ending: Ending = Ending.NOTHING
