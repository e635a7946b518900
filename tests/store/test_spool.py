import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from prober.clock import NS
from prober.errors import StoreAwayError, StoreError
from prober.histogram import Buckets, Histogram
from prober.history import HOUR_NS, hours_of
from prober.records import State
from prober.store import Spool, Store, open_store
from prober.store.queue import Queue
from tests.store.samples import MINUTE_NS, START_NS, annotation, cycle, run
from tests.store.server import Postgres

SOON = (0.01, 0.05)
"""Pauses between tries, in seconds: short enough for tests."""
LONG = 20.0
"""Seconds that nobody waits for, unless something is broken."""


def _spool(where: str | Path, **changes: int) -> Spool:
    def open_() -> Store:
        return open_store(where, busy_seconds=0.05)

    return Spool(open_, lambda: START_NS, retry_seconds=SOON, **changes)


def _until(reached: Callable[[], bool]) -> None:
    """Wait until something is so."""
    pause = threading.Event()
    while not reached():
        pause.wait(0.01)


def test_what_is_put_in_is_written_in_order(where: str) -> None:
    """Runs, cycles as they open and close, last words: all of it comes to history."""
    with _spool(where) as spool:
        spool.put_run(run())
        for index in range(300):
            spool.put_cycles([cycle(index, None)])
            spool.put_cycles([cycle(index, State.LOSS)])
        spool.keep("alert/x", annotation(text="first"), 1)
        spool.keep("alert/x", annotation(), 2)
        assert spool.flush(LONG)

        assert (0, 0, None, "", 0, 0) == _told(spool)
    with open_store(where) as store:
        assert 300 == len(store.cycles())
        assert {"alert/x": annotation()} == store.kept("alert", type(annotation()))
        assert [run()] == store.runs()


def test_latencies_of_many_buckets_come_to_history_as_they_were(where: str) -> None:
    """Packed while they wait and written: every bucket has its count, and no other."""
    latency = Histogram()
    latency.add([-7, 0, 1, 31, 32, 1_000, 1_000, 3 * NS // 1000, 59 * NS, 2**50])
    frozen = latency.freeze()
    assert isinstance(frozen.buckets, Buckets)
    one = cycle(latency=frozen)
    queue = Queue(limit_bytes=1_000_000)

    queue.add_cycles([one])

    assert [one] == queue.items[0].cycles()
    with _spool(where) as spool:
        spool.put_cycles([one])
        assert spool.flush(LONG)
        assert 0 == spool.waiting().refused
    with open_store(where) as store:
        [written] = store.cycles()
    assert dict(frozen.buckets.items()) == written.latency.buckets
    assert one == written
    assert latency == Histogram.thaw(written.latency)


def _told(spool: Spool) -> tuple[object, ...]:
    told = spool.waiting()
    return (
        told.results,
        told.bytes,
        told.since_ns,
        told.why,
        told.overflowed,
        told.refused,
    )


def test_a_locked_history_is_waited_for(tmp_path: Path) -> None:
    """While another program holds the lock results wait; then each is written once."""
    file = tmp_path / "history.sqlite"
    open_store(file).close()
    locker = sqlite3.connect(file, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    with _spool(file) as spool:
        for index in range(50):
            spool.put_cycles([cycle(index)])
        _until(lambda: spool.waiting().since_ns is not None)

        told = spool.waiting()
        assert (50, START_NS) == (told.results, told.since_ns)
        assert "database is locked" in told.why
        assert not spool.flush(0)
        locker.execute("ROLLBACK")
        assert spool.flush(LONG)
        assert (0, 0, None, "", 0, 0) == _told(spool)
    locker.close()
    with open_store(file) as store:
        found = store.history("production", START_NS, START_NS + 2 * HOUR_NS)
        assert hours_of([cycle(index) for index in range(50)]) == list(found.hours)


def test_beyond_the_bound_a_gap_is_recorded(tmp_path: Path) -> None:
    """What memory cannot hold is missed, with the reason; what came before is whole."""
    file = tmp_path / "history.sqlite"
    with open_store(file) as store:
        store.put_cycles([cycle(99, None)])  # one whose opening was written
    locker = sqlite3.connect(file, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    with _spool(file, limit_bytes=10_000) as spool:
        for index in range(100):
            spool.put_cycles([cycle(index, None)])
            spool.put_cycles([cycle(index), cycle(index, consumer="gateway")])
        told = spool.waiting()
        # What overflowed, and what did while that was being tried.
        assert told.bytes <= 10_000 + 2 * 200
        assert 200 == told.results + told.overflowed
        assert 0 < told.overflowed < 200
        locker.execute("ROLLBACK")
        assert spool.flush(LONG)
        spool.put_cycles([cycle(100)])
        assert spool.flush(LONG)
        assert told.overflowed == spool.waiting().overflowed
    locker.close()
    with open_store(file) as store:
        found = store.cycles(oldest_first=True)
        missed = [each for each in found if each.state is State.MISSED]
        assert told.overflowed == len(missed)
        assert 201 == len(found)
        assert {"more results waited than fit in memory"} == {
            each.reason.partition("and ")[2].partition("and ")[2] for each in missed
        }
        due = {each.index: each.scheduled_ns for each in found}
        assert due == {n: START_NS + n * MINUTE_NS for n in range(101)}
        window = store.history("production", START_NS, START_NS + 3 * HOUR_NS)
        assert 201 * 100 == sum(hour.planned for hour in window.hours)


def test_what_overflows_while_it_is_tried_stays_in_one_place() -> None:
    """However often writing fails, it takes no more memory."""
    queue = Queue(limit_bytes=0)
    for index in range(50):
        queue.add_cycles([cycle(index)])
        taken = queue.take(10)
        queue.add_cycles([cycle(index, consumer="gateway")])
        queue.give_back(taken)

    assert (1, 200, 100) == (len(queue.items), queue.bytes, queue.overflowed)
    noted = queue.items[0].cycles()
    assert noted is not None
    assert {(n, each) for n in range(50) for each in ("rlp", "gateway")} == {
        (each.index, each.consumer) for each in noted
    }
    assert 100 == len(noted)


def test_a_server_that_restarts_is_found_again(postgres: Postgres) -> None:
    """PostgreSQL dies under load: nothing that was put in is lost, or doubled."""
    where = postgres.database()
    with _spool(where) as spool:
        for index in range(20):
            spool.put_cycles([cycle(index)])
        assert spool.flush(LONG)
        postgres.stop()
        for index in range(20, 60):
            spool.put_cycles([cycle(index)])
        _until(lambda: spool.waiting().since_ns is not None)
        assert 40 == spool.waiting().results
        postgres.start()
        assert spool.flush(LONG)
    with open_store(where) as store:
        found = store.history("production", START_NS, START_NS + 2 * HOUR_NS)
        assert hours_of([cycle(index) for index in range(60)]) == list(found.hours)


_FULL = """
import resource, sys
from tests.store.test_spool import LONG, _spool, _until
from tests.store.samples import cycle

hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
with _spool(sys.argv[1]) as spool:
    spool.put_cycles([cycle(0)])
    assert spool.flush(LONG)
    resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, hard))
    for index in range(1, 2_000):
        spool.put_cycles([cycle(index)])
    _until(lambda: spool.waiting().since_ns is not None)
    print(spool.waiting().why)
    assert not spool.flush(0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert spool.flush(LONG)
    print(spool.waiting().results, spool.waiting().refused)
"""


def test_a_full_disk_is_waited_for(tmp_path: Path) -> None:
    """Results wait while files cannot grow, and are written once they can."""
    file = tmp_path / "history.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "" == done.stderr
    why, rest = done.stdout.splitlines()
    assert "disk" in why
    assert "0 0" == rest
    with open_store(file) as store:
        end_ns = START_NS + 40 * HOUR_NS
        found = store.history("production", START_NS, end_ns)
        assert 2_000 == sum(hour.states[State.PASS] for hour in found.hours)


def test_a_history_that_cannot_be_opened_yet_is_tried_again(tmp_path: Path) -> None:
    """A daemon begins while its history is away, and writes to it later."""
    tries = []

    def open_() -> Store:
        tries.append(1)
        if len(tries) < 3:
            raise StoreAwayError("the history does not answer")
        return open_store(tmp_path / "history.sqlite")

    with Spool(open_, lambda: START_NS, retry_seconds=SOON) as spool:
        spool.put_cycles([cycle()])
        assert spool.flush(LONG)

    assert 3 == len(tries)


def test_a_write_that_can_never_succeed_keeps_nobody_waiting(tmp_path: Path) -> None:
    """It is counted and told; what stands behind it is written."""

    def refused(_: Store) -> None:
        raise StoreError("no such thing")

    with _spool(tmp_path / "history.sqlite") as spool:
        spool.submit(refused)
        spool.put_cycles([cycle()])
        assert spool.flush(LONG)

        assert (1, "no such thing") == (spool.waiting().refused, spool.waiting().why)
    with open_store(tmp_path / "history.sqlite") as store:
        assert [cycle()] == store.cycles()


def test_strange_words_stop_nobody(tmp_path: Path) -> None:
    """What cannot be encoded waits, and is written, with an escape in its place."""
    with _spool(tmp_path / "history.sqlite") as spool:
        spool.put_cycles([cycle(0, State.INVALID, reason="\ud800")])
        assert spool.flush(LONG)
        assert 0 == spool.waiting().refused
    with open_store(tmp_path / "history.sqlite") as store:
        assert "\\ud800" == store.cycles()[0].reason


def test_leaving_tells_what_remains() -> None:
    """With history away, closing gives up at once and says how much was not written."""

    def open_() -> Store:
        raise StoreAwayError("away")

    spool = Spool(open_, lambda: NS)
    spool.put_cycles([cycle(), cycle(consumer="gateway")])

    assert 2 == spool.close(0)


@pytest.mark.parametrize("index", [3, 5])
def test_cycles_that_do_not_follow_are_noted_apart(tmp_path: Path, index: int) -> None:
    """A gap holds only cycles that were: none is made up between."""
    file = tmp_path / "history.sqlite"
    open_store(file).close()
    locker = sqlite3.connect(file, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    with _spool(file, limit_bytes=0) as spool:
        for each in (1, 2, index):
            spool.put_cycles([cycle(each)])
        locker.execute("ROLLBACK")
        assert spool.flush(LONG)
    locker.close()
    with open_store(file) as store:
        found = store.cycles(oldest_first=True)
        assert [1, 2, index] == [each.index for each in found]
        assert [cycle(index).scheduled_ns] == [found[-1].scheduled_ns]
