"""Several legs of one shard: a union, told in the order in which they tell."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Sequence
from typing import Self

import numpy as np

from prober.ledger import Ledger
from prober.legs.group import Item, LegGroup
from prober.probe.reading import Sighted
from prober.records import Evidence, Fault, Handover, Kind, Outcome, Sign, Span
from prober.stamp import Sightings
from tests.benchmarks.races import LATE, SENT_NS, plan_of

PLAN = plan_of(10)


class Told:
    """A leg that tells what it was given, and notes what was booked of it."""

    transport, read_from = "rlp", "reverse log proxy at 127.0.0.1:1"

    def __init__(self, items: Sequence[Item], until_ns: int = 0) -> None:
        self._items, self._until_ns = items, until_ns
        self.booked = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    def expects(self, kind: Kind) -> bool:
        return kind is Kind.LOG

    def handed_until(self, now_ns: int) -> int:
        return min(now_ns, self._until_ns)

    async def sightings(self) -> AsyncIterator[Item]:
        for item in self._items:
            yield item
            self.booked += 1
        await asyncio.Event().wait()


def seen(*sequences: int) -> Sighted:
    """Messages that came a second after they were sent."""
    sent = array("q", [SENT_NS] * len(sequences))
    at_ns = SENT_NS + 10**9
    return Sighted(
        found=Sightings(sequences=array("q", sequences), sent_ns=sent),
        each_ns=np.full(len(sequences), at_ns),
        first_ns=at_ns,
        at_ns=at_ns,
        epoch=7,
    )


def known(sign: Sign) -> Evidence:
    """Evidence of some connection of a member's own."""
    return Evidence(sign=sign, at_ns=SENT_NS, epoch=7)


async def take(group: LegGroup, count: int) -> list[Item]:
    """Read so many things of a group."""
    items: list[Item] = []
    async with group:
        async for item in group.sightings():
            items.append(item)
            if len(items) == count:
                break
    return items


async def test_a_message_that_two_legs_saw_is_one_message() -> None:
    """Merged by union: what both bring is a duplicate, and what one misses is there."""
    ledger = Ledger(PLAN, LATE, ["rlp"])
    span = Span(first=0, count=10)
    ledger.attempt(span, 0, SENT_NS)
    ledger.hand_over(Outcome(span=span, handover=Handover.ACCEPTED))
    legs = [Told([seen(0, 1, 2, 3, 4, 5)]), Told([seen(4, 5, 6, 7, 8)])]

    for item in await take(LegGroup(legs), 2):
        assert isinstance(item, Sighted)
        ledger.arrive("rlp", item.found, item.at_ns, item.epoch, item.each_ns)

    counts = ledger.judge(0, SENT_NS + 2 * 10**9)["rlp"].counts
    assert (9, 2) == (counts.on_time, counts.duplicates)
    assert 9 == ledger.received("rlp")


async def test_members_make_one_connection() -> None:
    """A new one when a member that was cut is back; faults are of none."""
    fault = Fault(from_ns=1, to_ns=2, reason="late")
    told: list[Item] = [
        known(Sign.CONNECTED),
        seen(1),
        known(Sign.CUT),
        fault,
        known(Sign.CONNECTED),
        seen(2),
    ]

    items = await take(LegGroup([Told(told)]), len(told))

    epochs = [None if isinstance(item, Fault) else item.epoch for item in items]
    assert [1, 1, 1, None, 2, 2] == epochs
    assert fault is items[3]


async def test_a_group_is_as_far_as_its_slowest() -> None:
    """What one member may still hold back is not booked for the group."""
    group = LegGroup([Told([], until_ns=5), Told([], until_ns=3)])

    assert 3 == group.handed_until(9)
    assert "reverse log proxy at 127.0.0.1:1 (2 readers)" == group.read_from
    assert group.expects(Kind.LOG)
    assert not group.expects(Kind.EVENT)


async def test_who_asks_for_more_has_booked_what_he_had() -> None:
    """A member goes on only when what it told before was taken in."""
    leg = Told([seen(1), seen(2)])
    async with LegGroup([leg]) as group:
        items = group.sightings()
        await anext(items)
        await asyncio.sleep(0)
        assert 0 == leg.booked
        await anext(items)
        assert 1 == leg.booked
