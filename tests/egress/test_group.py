"""Several readers as one: its connection is new when a member comes back."""

from prober.egress.group import ReaderGroup
from prober.records import Arrival, Evidence, Kind, Sign
from prober.testing import ManualClock, MemoryPipe


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
