import functools
import itertools
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

import prober.pipeline.diode as diode_module
from prober.pipeline.diode import (
    Diode,
    DiodeStatistics,
    ManyToOne,
    OneLoop,
    OneToOne,
)

RINGS: list[type[OneToOne[int]] | type[ManyToOne[int]]] = [OneToOne, ManyToOne]
STRESSED_SIZES = [1, 7, 1000]

both_rings = pytest.mark.parametrize("ring", RINGS)
Ring: TypeAlias = Callable[..., OneToOne[int] | ManyToOne[int]]
Mark: TypeAlias = tuple[int, int]
"""The writer's number, and the number of the item among that writer's own."""
TraceFunction: TypeAlias = Callable[[FrameType, str, Any], Any]


def drain(diode: Diode[int]) -> list[int]:
    """Read until there is nothing."""
    return list(iter(diode.try_next, None))


def fill(diode: Diode[int], items: Iterator[int], count: int) -> None:
    """Write the next items."""
    for item in itertools.islice(items, count):
        diode.set(item)


def read(diode: Diode[int], received: list[int], at_most: int) -> None:
    """Read the next items."""
    received += itertools.islice(iter(diode.try_next, None), at_most)


class Oracle:
    """What a ring is to its reader, told without slots, indexes or sequence numbers.

    The unread items in one long list, of which the reader, when it comes, strikes
    `size` from the front as often as more than `size` are there.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.unread: list[int] = []
        self.written = self.read = self.missed = 0

    def set(self, item: int) -> None:
        self.unread.append(item)
        self.written += 1

    def laps(self) -> int:
        return max(0, len(self.unread) - 1) // self.size * self.size

    def try_next(self) -> int | None:
        gone = self.laps()
        self.missed += gone
        self.unread = self.unread[gone:]
        if not self.unread:
            return None
        self.read += 1
        return self.unread.pop(0)

    def statistics(self) -> DiodeStatistics:
        return DiodeStatistics(
            size=self.size,
            written=self.written,
            read=self.read,
            missed=self.missed,
            unnoticed=self.laps(),
            pending=len(self.unread) - self.laps(),
        )


@both_rings
@given(
    size=st.integers(1, 6),
    turns=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 8)), max_size=20),
)
def test_a_ring_does_what_the_oracle_does(
    ring: Ring, size: int, turns: list[tuple[int, int]]
) -> None:
    """Whatever the order of writes and reads, items, misses and figures are right."""
    alerts: list[int] = []
    diode, oracle = ring(size, alerts.append), Oracle(size)

    for writes, reads in turns:
        for _ in range(writes):
            diode.set(oracle.written)
            oracle.set(oracle.written)
        for _ in range(reads):
            assert oracle.try_next() == diode.try_next()

            assert oracle.statistics() == diode.statistics()

    assert oracle.statistics() == diode.statistics()
    assert oracle.missed == sum(alerts)
    assert all(missed % size == 0 for missed in alerts)


@given(
    size=st.integers(1, 6),
    turns=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)), max_size=20),
)
def test_many_at_once_are_as_one_by_one(
    size: int, turns: list[tuple[int, int]]
) -> None:
    """Put in and taken out in one go, items and misses are the same."""
    alerts: list[int] = []
    diode, oracle = OneLoop[int](size, alerts.append), Oracle(size)

    for writes, reads in turns:
        items = list(range(oracle.written, oracle.written + writes))
        diode.set_all(items)
        for item in items:
            oracle.set(item)
        expected = [oracle.try_next() for _ in range(reads)]

        assert [each for each in expected if each is not None] == diode.take(reads)
        assert oracle.unread[oracle.laps() :] == diode.unread()
    assert oracle.missed == sum(alerts)


@both_rings
@given(size=st.integers(1, 6), written=st.integers(0, 40), read=st.integers(0, 40))
def test_every_item_has_one_fate(
    ring: Ring, size: int, written: int, read: int
) -> None:
    """At rest, read + missed + unnoticed + pending is what was written."""
    diode = ring(size)
    for item in range(written):
        diode.set(item)
    for _ in range(read):
        diode.try_next()
    figures = diode.statistics()

    assert figures.written == (
        figures.read + figures.missed + figures.unnoticed + figures.pending
    )
    assert figures.pending == len(drain(diode))


@both_rings
@pytest.mark.parametrize(
    ("written", "missed", "left"),
    [
        (0, [], []),
        (4, [], [0, 1, 2, 3]),  # exactly full: nothing is lost
        (5, [4], [4]),  # one too many costs a lap
        (6, [4], [4, 5]),  # the drawing in the code
        (8, [4], [4, 5, 6, 7]),  # one lap ahead to the item
        (12, [8], [8, 9, 10, 11]),  # two laps are noticed at once
        (13, [12], [12]),
    ],
)
def test_an_overflow_costs_whole_laps(
    ring: Ring, written: int, missed: list[int], left: list[int]
) -> None:
    """A ring of four whose reader comes late gives out the last lap's items only."""
    alerts: list[int] = []
    diode = ring(4, alerts.append)
    for item in range(written):
        diode.set(item)

    assert left == drain(diode)
    assert missed == alerts


@both_rings
def test_a_stall_is_told_when_the_reader_moves_again(ring: Ring) -> None:
    """While nobody reads the alerter is silent, and figures tell what it will say."""
    alerts: list[int] = []
    diode = ring(4, alerts.append)
    for item in range(3):
        diode.set(item)
    first = [diode.try_next(), diode.try_next()]
    for item in range(3, 12):
        diode.set(item)

    assert [] == alerts
    assert (0, 8, 2) == (
        diode.statistics().missed,
        diode.statistics().unnoticed,
        diode.statistics().pending,
    )

    assert ([0, 1], [10, 11]) == (first, drain(diode))
    assert [8] == alerts


@both_rings
def test_a_ring_without_alerter_counts_all_the_same(ring: Ring) -> None:
    """Nobody needs to listen: the figures tell what was missed."""
    diode = ring(2)
    for item in range(3):
        diode.set(item)

    assert [2] == drain(diode)
    assert 2 == diode.statistics().missed


@both_rings
@pytest.mark.parametrize("size", [0, -1])
def test_a_ring_has_slots(ring: Ring, size: int) -> None:
    """A ring without slots cannot be made."""
    with pytest.raises(ValueError, match=f"at least one slot, not {size}"):
        ring(size)


@both_rings
def test_an_alerter_that_fails_loses_no_item(ring: Ring) -> None:
    """What an alerter raises reaches the reader, and the item is still there."""

    def alerter(missed: int) -> None:
        raise LookupError(missed)

    diode = ring(2, alerter)
    for item in range(3):
        diode.set(item)

    with pytest.raises(LookupError, match="2"):
        diode.try_next()

    assert 2 == diode.try_next()


def test_a_read_item_is_let_go() -> None:
    """The ring does not keep alive what the reader took out of it."""

    class Item:
        pass

    diode: OneToOne[Item] = OneToOne(4)
    item = Item()
    diode.set(item)
    diode.try_next()
    gone = weakref.ref(item)
    del item

    assert gone() is None


@both_rings
def test_an_item_may_write_when_it_is_overwritten(ring: Callable[..., Any]) -> None:
    """A finaliser that writes into the very ring is no deadlock and loses nothing."""
    diode = ring(1)

    class LastWords:
        def __del__(self) -> None:
            diode.set("written by a finaliser")

    diode.set(LastWords())
    diode.set("written over it")
    figures = diode.statistics()

    assert "written by a finaliser" == diode.try_next()
    assert (3, 2, 1) == (figures.written, figures.unnoticed, figures.pending)


def interrupted(call: Callable[[], None], by: Callable[[], None], at: int) -> bool:
    """Make a call, with another before its bytecode number `at`; tell if there is one.

    The sudden change of threads at its worst moment, made sure of.
    """
    left = at

    def trace(frame: FrameType, event: str, _arg: object) -> TraceFunction:
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            if left == 0:
                by()
            left -= 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return left < 0


def check_at_rest(diode: OneToOne[int] | ManyToOne[int], received: list[int]) -> None:
    """Every item was received once, in order, or missed; the latest was received."""
    figures = diode.statistics()

    assert figures.written == len(received) + figures.missed
    assert figures.written - 1 == received[-1]
    assert sorted(set(received)) == received
    assert 0 == figures.missed % figures.size == figures.unnoticed == figures.pending


@both_rings
@pytest.mark.parametrize("burst", [1, 3, 4, 5, 9])
@pytest.mark.parametrize("unread", [1, 3, 4, 5, 9])
def test_a_read_may_be_interrupted_anywhere(
    ring: Ring, unread: int, burst: int
) -> None:
    """Whenever within a read a writer's burst comes, no item goes astray."""
    for at in itertools.count():
        diode, items, received = ring(4), itertools.count(), list[int]()
        write = functools.partial(fill, diode, items)
        write(unread)
        happened = interrupted(
            functools.partial(read, diode, received, at_most=1),
            functools.partial(write, burst),
            at,
        )
        received += drain(diode)

        check_at_rest(diode, received)
        if not happened:
            break


@both_rings
@pytest.mark.parametrize("unread", [0, 1, 3, 4, 5, 8])
def test_a_write_may_be_interrupted_anywhere(ring: Ring, unread: int) -> None:
    """Whenever within a write the reader empties the ring, no item goes astray."""
    for at in itertools.count():
        diode, items, received = ring(4), itertools.count(), list[int]()
        write = functools.partial(fill, diode, items)
        write(unread)
        happened = interrupted(
            functools.partial(write, 1),
            functools.partial(read, diode, received, at_most=9),
            at,
        )
        received += drain(diode)

        check_at_rest(diode, received)
        if not happened:
            break


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Let threads take over from each other far more often than they do by default."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def anywhere(frame: FrameType, _event: str, _arg: object) -> TraceFunction | None:
    """Trace each bytecode of the diodes, and so let another thread in before it.

    Today's interpreters change threads at calls and loops only; a ring must not rely
    on that.
    """
    frame.f_trace_opcodes = True
    return anywhere if frame.f_code.co_filename == diode_module.__file__ else None


def in_thread(work: Callable[[], None]) -> threading.Thread:
    """Start the work in a thread that may be interrupted anywhere."""

    def traced() -> None:
        sys.settrace(anywhere)
        work()

    thread = threading.Thread(target=traced)
    thread.start()
    return thread


def read_beside(diode: Diode[Mark], writers: int, each: int) -> list[Mark]:
    """Read while `writers` threads write `each` times, and then what is left."""
    received: list[Mark] = []
    busy = True

    def write(writer: int) -> None:
        for number in range(each):
            diode.set((writer, number))

    def read_all() -> None:
        while busy:
            received.extend(iter(diode.try_next, None))

    reader = in_thread(read_all)
    try:
        for thread in [in_thread(functools.partial(write, n)) for n in range(writers)]:
            thread.join()
    finally:
        busy = False  # a test that is given up must not leave its reader behind
    reader.join()
    received.extend(iter(diode.try_next, None))
    return received


def check_accounts(
    received: list[Mark], figures: DiodeStatistics, writers: int, each: int
) -> None:
    """Nothing invented, nothing doubled, order kept, nothing unaccounted for."""
    assert {(w, n) for w in range(writers) for n in range(each)} >= set(received)
    for writer in range(writers):
        numbers = [number for found, number in received if found == writer]
        assert sorted(set(numbers)) == numbers
    assert writers * each == figures.written == len(received) + figures.missed
    assert 0 == figures.missed % figures.size == figures.pending == figures.unnoticed


@pytest.mark.usefixtures("eager_threads")
@pytest.mark.parametrize("size", STRESSED_SIZES)
def test_one_writer_thread_and_a_reader(size: int) -> None:
    """A writer in a thread of its own, as fast as it can: the accounts are exact."""
    alerts: list[int] = []
    diode: OneToOne[Mark] = OneToOne(size, alerts.append)
    received = read_beside(diode, writers=1, each=20_000)

    check_accounts(received, diode.statistics(), writers=1, each=20_000)
    assert sum(alerts) == diode.statistics().missed


@pytest.mark.usefixtures("eager_threads")
@pytest.mark.parametrize("size", STRESSED_SIZES)
def test_many_writer_threads_and_a_reader(size: int) -> None:
    """Five writers in threads, as fast as they can: the accounts are exact."""
    alerts: list[int] = []
    diode: ManyToOne[Mark] = ManyToOne(size, alerts.append)
    received = read_beside(diode, writers=5, each=4_000)

    check_accounts(received, diode.statistics(), writers=5, each=4_000)
    assert sum(alerts) == diode.statistics().missed


def test_what_would_still_be_read_can_be_looked_at() -> None:
    """Of six items in four slots the lap before is gone: two would be read."""
    diode = OneLoop[int](4, lambda _: None)
    diode.set_all(range(6))
    looked = diode.unread()

    assert [4, 5] == looked == diode.take(10)
    assert [] == diode.unread()
