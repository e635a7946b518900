"""Several readers as one: its connection is new when a member comes back."""

from prober.egress.group import ReaderGroup, RenewedGroup
from prober.records import Arrival, Evidence, Kind, Sign
from prober.testing import ManualClock, MemoryPipe, MemoryReader


async def test_group_has_one_connection_at_a_time() -> None:
    """What members tell of theirs never looks like connections that overlap."""
    pipe = MemoryPipe(ManualClock())
    one, other = pipe.reader([Kind.LOG]), pipe.reader([Kind.LOG])
    told: list[tuple[str, int]] = []
    async with ReaderGroup([one, other]) as group:

        async def read(count: int) -> None:
            items: list[Arrival | Evidence] = []
            while len(items) < count:
                items += await group.receive()
            told.extend(
                (item.sign.value if isinstance(item, Evidence) else "came", item.epoch)
                for item in items
            )

        await read(2)
        one.cut("gone")
        await read(1)
        other.take_in(b"x")
        await read(1)
        one.heal()
        await read(1)
        other.take_in(b"x")
        await read(1)
        other.cut("gone")
        await read(1)

    assert [
        (Sign.CONNECTED.value, 1),
        (Sign.CONNECTED.value, 1),
        (Sign.CUT.value, 1),
        ("came", 1),
        (Sign.CONNECTED.value, 2),
        ("came", 2),
        (Sign.CUT.value, 2),
    ] == told
    assert group.expects(Kind.LOG)
    assert not group.expects(Kind.EVENT)


class Stream(MemoryReader):
    """A member of a group, whose peer may say that its connection ends."""

    def close(self) -> None:
        """Say so, and end it."""
        at_ns = self._clock.now_ns()
        self._items.put_nowait(Evidence(sign=Sign.CLOSING, at_ns=at_ns, epoch=1))
        self.cut("closed")


async def told_of(group: RenewedGroup, count: int) -> list[tuple[str, int]]:
    """Read so many items: what they are, and over which connection."""
    items: list[Arrival | Evidence] = []
    while len(items) < count:
        items += await group.receive()
    return [
        (item.sign.value if isinstance(item, Evidence) else "came", item.epoch)
        for item in items
    ]


async def test_group_is_renewed_as_one() -> None:
    """All members of the next group stand before the first member of the last ends."""
    clock = ManualClock(1)
    turns: dict[int, list[Stream]] = {}

    def members(turn: int) -> list[Stream]:
        turns[turn] = [Stream(clock), Stream(clock)]
        return turns[turn]

    async with RenewedGroup(members, clock, renew_after=100) as group:
        assert [("connected", 1)] * 2 == await told_of(group, 2)
        await clock.advance(100)
        assert [("connected", 2)] * 2 == await told_of(group, 2)
        turns[1][0].take_in(b"x")
        turns[2][1].take_in(b"x")
        assert [("came", 1), ("came", 2)] == sorted(await told_of(group, 2))
        turns[1][0].close()
        turns[1][1].take_in(b"late")
        turns[1][1].close()
        ended = await told_of(group, 3)
        turns[2][0].take_in(b"x")
        after = await told_of(group, 1)

    assert [("came", 1), ("closing", 1), ("cut", 1)] == sorted(ended)
    assert [("came", 2)] == after


async def test_group_that_ends_without_a_successor_is_followed_at_once() -> None:
    """Ended sooner than expected, it is followed then, and earlier ever after."""
    clock = ManualClock(1)
    turns: dict[int, list[Stream]] = {}

    def members(turn: int) -> list[Stream]:
        turns[turn] = [Stream(clock), Stream(clock)]
        return turns[turn]

    async with RenewedGroup(members, clock, renew_after=100) as group:
        await told_of(group, 2)
        await clock.advance(60)
        turns[1][0].close()
        told = await told_of(group, 4)
        await clock.advance(29)
        assert 3 not in turns
        await clock.advance(2)
        assert [("connected", 3)] * 2 == await told_of(group, 2)

    assert [("closing", 1), ("cut", 1), ("connected", 2), ("connected", 2)] == told
