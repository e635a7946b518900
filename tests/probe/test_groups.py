"""Arrivals that are booked together keep their order, and each its own time."""

from hypothesis import given
from hypothesis import strategies as st

from prober.probe.groups import MAX_ARRIVALS, Group, grouped
from prober.records import Arrival, Evidence, Sign

arrivals = st.builds(
    lambda batches, at_ns, epoch: Arrival(
        batches=tuple(batches), at_ns=at_ns, epoch=epoch
    ),
    st.lists(st.binary(max_size=9), max_size=3),
    st.integers(0, 99),
    st.integers(1, 2),
)
signs = st.builds(
    lambda at_ns: Evidence(sign=Sign.HEARTBEAT, at_ns=at_ns, epoch=1),
    st.integers(0, 99),
)


@given(items=st.lists(arrivals | signs, max_size=300), together=st.booleans())
def test_nothing_is_lost_or_overtaken(
    items: list[Arrival | Evidence], *, together: bool
) -> None:
    """Taken apart again, groups and evidence are what was handed over."""
    found = list(grouped(items, lambda: together))
    apart = [
        each
        for item in found
        for each in (item.members if isinstance(item, Group) else (item,))
    ]

    assert items == apart


@given(st.lists(arrivals, min_size=1, max_size=100))
def test_a_group_is_of_one_connection_and_bounded(items: list[Arrival]) -> None:
    """Neighbours over one connection are together, up to some number."""
    for group in grouped(items):
        assert isinstance(group, Group)
        assert 1 == len({each.epoch for each in group.members})
        assert len(group.members) <= MAX_ARRIVALS
        assert group.whole.at_ns == group.members[-1].at_ns


@given(st.lists(arrivals, min_size=1, max_size=20))
def test_every_byte_has_the_time_of_its_arrival(items: list[Arrival]) -> None:
    """Wherever in the joined bytes something stands, it came when its batch did."""
    group = Group(tuple(items))
    places: list[int] = []
    expected: list[int] = []
    at = 0
    for member in items:
        for batch in member.batches:
            assert batch == group.raw[at : at + len(batch)]
            places += range(at, at + len(batch))
            expected += [member.at_ns] * len(batch)
            at += len(batch) + 1

    assert expected == group.times(places).tolist()


def test_alone_while_it_matters() -> None:
    """Arrivals stay single for as long as nobody says that they may be joined."""
    items = [Arrival(batches=(b"a",), at_ns=n, epoch=1) for n in range(6)]
    found: list[int] = []
    for group in grouped(items, lambda: len(found) >= 3):
        assert isinstance(group, Group)
        found.append(len(group.members))

    assert [1, 1, 1, 3] == found


def test_which_of_a_group_have_something() -> None:
    """What is looked for is told with the times of the members that have it."""
    items = [Arrival(batches=(b"a", b"b"), at_ns=n, epoch=1) for n in range(2)]
    items += [Arrival(batches=(b"c",), at_ns=7, epoch=1)]

    assert [0, 1] == Group(tuple(items)).having(b"b")
    assert [7] == Group(tuple(items)).having(b"c")
