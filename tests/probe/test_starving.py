"""Tests of what is told of our threads' waiting for a CPU."""

import asyncio
import threading

from prober.clock import NS
from prober.probe.health import Health
from prober.probe.starving import Starving, Turn, own_turns
from prober.records import Fault
from prober.testing import ManualClock

MS = NS // 1000


class Threads:
    """Threads whose turns are written down one look at a time."""

    def __init__(self) -> None:
        self.told: dict[int, Turn] = {}

    def __call__(self) -> dict[int, Turn]:
        """Return them as they are now."""
        return dict(self.told)

    def go_on(self, thread: int, *, ran: int, waited: int) -> None:
        """Let a thread have run and waited for so many more milliseconds."""
        was = self.told.get(thread, Turn(ran_ns=0, waited_ns=0))
        self.told[thread] = Turn(
            ran_ns=was.ran_ns + ran * MS, waited_ns=was.waited_ns + waited * MS
        )


def test_one_long_wait_is_told_when_it_ends() -> None:
    """A thread that is given no CPU for 2.3 s tells so once it has one."""
    threads = Threads()
    starving = Starving(threads)
    threads.go_on(1, ran=10, waited=0)
    starving.look(0)

    looks = [starving.look(ms * MS) for ms in (500, 1000, 1500, 2000)]
    threads.go_on(1, ran=10, waited=2300)

    assert [0, 0, 0, 0] == looks
    assert 2.3 == starving.look(2500 * MS)


def test_short_waits_add_up_while_there_is_no_pause() -> None:
    """Half of each half second kept from a CPU, and busy the other half: it grows."""
    threads = Threads()
    starving = Starving(threads)
    threads.go_on(1, ran=0, waited=0)
    starving.look(0)
    told = []
    for look in range(1, 5):
        threads.go_on(1, ran=250, waited=250)
        told.append(starving.look(look * 500 * MS))

    assert [0.25, 0.5, 0.75, 1.0] == told


def test_who_pauses_is_not_behind() -> None:
    """A thread that slept had done all there was: waits before that do not count."""
    threads = Threads()
    starving = Starving(threads)
    threads.go_on(1, ran=0, waited=0)
    starving.look(0)
    told = []
    for look in range(1, 4):
        threads.go_on(1, ran=100, waited=200)
        told.append(starving.look(look * 500 * MS))

    assert [0.2, 0, 0] == told


def test_a_new_thread_has_its_past_to_itself() -> None:
    """What a thread waited before it was first looked at is nobody's finding."""
    threads = Threads()
    starving = Starving(threads)
    starving.look(0)
    threads.go_on(7, ran=10, waited=5000)

    assert 0 == starving.look(500 * MS)


def test_threads_of_this_process_are_read() -> None:
    """A thread beside the main one is among those whose turns are told, on Linux."""
    begun, end = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        end.wait()

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    turns = own_turns()
    end.set()
    thread.join()

    assert turns[thread.native_id or 0].ran_ns > 0
    assert threading.main_thread().native_id not in turns


async def test_who_waited_too_long_voids_what_was_measured_meanwhile() -> None:
    """A wait beyond the limit is a fault of ours, from its beginning on, in words."""
    clock, threads, booked = ManualClock(), Threads(), list[Fault]()
    threads.go_on(1, ran=0, waited=0)
    health = Health(
        clock, lambda fault, _: booked.append(fault), starving=Starving(threads)
    )
    watching = asyncio.create_task(health.watch())
    await clock.advance(1)
    threads.go_on(1, ran=10, waited=2300)
    await clock.advance(1)
    watching.cancel()

    (fault,) = booked
    expected = "a thread of ours waited 2.3 s for a CPU (limit 1 s)"
    assert expected == fault.reason
    assert fault.to_ns - fault.from_ns > 2.3 * NS
    assert 2.3 == health.figures()["cpu_wait_max_seconds"]
