"""Whether our own threads get a CPU: what waits for one reads nothing in that time.

Linux tells of each thread how long it ran, and how long it was ready to run and had to
wait. The wait is told when it ends:

    |··········wait 2.3 s··········|run|  asleep  |wait|run|
                                    ^ here 2.3 s are told at once

A thread that sleeps in between has nothing left to do, and begins anew. The one that
the event loop runs on is left out: how late that is, is measured by itself.
"""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prober.clock import NS

LOOK_SECONDS = 0.5
_IDLE_NS = NS // 20
"""So long asleep between two looks, and a thread had done all there was to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """How long a thread has run so far, and how long it has waited for a CPU."""

    ran_ns: int
    waited_ns: int


Turns = Callable[[], Mapping[int, Turn]]


def own_turns() -> dict[int, Turn]:
    """Return the turns of our threads beside the main one; none where nobody tells."""
    others = (each for each in threading.enumerate() if each.native_id is not None)
    turns = {}
    for thread in others:
        if thread is threading.main_thread():
            continue
        try:
            ran, waited, _ = map(int, _told(thread.native_id or 0).split())
        except (OSError, ValueError):
            continue  # it has just ended, or this is another kind of system
        turns[thread.native_id or 0] = Turn(ran_ns=ran, waited_ns=waited)
    return turns


def _told(thread: int) -> bytes:
    """Return what Linux tells of a thread; a pathlib.Path takes three times as long.

    Ten environments ask twice a second of twenty threads.
    """
    told = os.open(f"/proc/self/task/{thread}/schedstat", os.O_RDONLY)
    try:
        return os.read(told, 128)
    finally:
        os.close(told)


class Starving:
    """Tells for how long a thread of ours that had work to do was kept from a CPU."""

    def __init__(self, turns: Turns = own_turns) -> None:
        self._turns = turns
        self._last: Mapping[int, Turn] = {}
        self._last_ns = 0
        self._waited: dict[int, int] = {}
        """Of each thread, since it was last asleep."""

    def look(self, now_ns: int) -> float:
        """Return the longest such wait, in seconds, of those that grew since last."""
        turns, passed_ns = self._turns(), now_ns - self._last_ns
        waited = {}
        for thread, turn in turns.items():
            last = self._last.get(thread, turn)
            ran, wait = turn.ran_ns - last.ran_ns, turn.waited_ns - last.waited_ns
            asleep = passed_ns - ran - wait > _IDLE_NS
            before = 0 if asleep else self._waited.get(thread, 0)
            waited[thread] = before + wait
        grew = [n for thread, n in waited.items() if n > self._waited.get(thread, 0)]
        self._last, self._last_ns, self._waited = turns, now_ns, waited
        return max(grew, default=0) / NS
