"""Is it mine? What the prober measures on itself while it probes."""

from collections import deque
from collections.abc import Callable

import psutil

from prober.bounds import BOUNDS
from prober.clock import NS, Clock, SystemClock
from prober.probe.pauses import Pauses
from prober.probe.starving import LOOK_SECONDS, Starving
from prober.records import Fault

LAG_LIMIT_SECONDS = BOUNDS["reader_lag_max_seconds"].most
"""Own lag beyond which what was measured meanwhile is void."""
TICK_SECONDS = 0.05
_MEMORY = "rss_bytes"


def own_memory() -> Callable[[], int]:
    """Return what tells how many bytes of memory this process holds."""
    process = psutil.Process()
    return lambda: int(process.memory_info().rss)


class Health:
    """The largest of each figure so far; what is beyond its bound is booked as ours."""

    def __init__(
        self,
        clock: Clock,
        book: Callable[[Fault, str | None], None],
        tick_seconds: float = TICK_SECONDS,
        *,
        starving: Starving | None = None,
        memory: Callable[[], int] | None = None,
        most_memory: int | None = None,
    ) -> None:
        """Measure by a clock, and book faults.

        Args:
            clock: The run's.
            book: Takes each fault, with the one consumer that it concerns or None.
            tick_seconds: How often the event loop is looked at.
            starving: Tells how long threads waited for a CPU.
            memory: Tells how many bytes we hold; by default it is measured.
            most_memory: How many that may be; None for as many as there are.

        """
        self._clock, self._book, self._tick = clock, book, tick_seconds
        self._starving = starving or Starving()
        self._memory, self._most_memory = memory or own_memory(), most_memory
        self._looked_ns = clock.now_ns()
        self._paused: deque[tuple[int, float]] = deque()
        """When a collection ended that is not looked at yet, and its seconds."""
        names = [name for name in BOUNDS if name != _MEMORY or most_memory is not None]
        self._largest = dict.fromkeys(names, 0.0)

    def figures(self) -> dict[str, float]:
        """Return the largest of what was measured, by name with its unit."""
        return dict(self._largest)

    async def watch(self) -> None:
        """Measure how late the event loop is, and whether the wall clock was set.

        And whether collections of garbage stop us, whether our threads get a CPU
        (nobody can tell when what was read too late had come), and how much memory we
        hold.
        """
        step = self._wall_step()
        with Pauses(self._pause):
            while True:
                before_ns = self._clock.now_ns()
                await self._clock.sleep(self._tick)
                lag = (self._clock.now_ns() - before_ns) / NS - self._tick
                self._see("loop_lag_max_seconds", lag, before_ns)
                self._look_at_pauses()
                self._look_around()
                last, step = step, self._wall_step()
                self._see("clock_step_max_seconds", step - last, before_ns)

    def _pause(self, seconds: float) -> None:
        # Whichever thread it stopped tells of it: it is booked by the loop's own.
        self._paused.append((self._clock.now_ns(), seconds))

    def _look_at_pauses(self) -> None:
        while self._paused:
            ended_ns, seconds = self._paused.popleft()
            began_ns = ended_ns - round(seconds * NS)
            self._see("gc_pause_max_seconds", seconds, began_ns)

    def _look_around(self) -> None:
        """Look now and then at what costs more to look at."""
        now_ns, looked_ns = self._clock.now_ns(), self._looked_ns
        if now_ns - looked_ns < LOOK_SECONDS * NS:
            return
        self._looked_ns = now_ns
        waited = self._starving.look(now_ns)
        self._see("cpu_wait_max_seconds", waited, looked_ns - round(waited * NS))
        if self._most_memory is not None:
            self._see(_MEMORY, self._memory(), looked_ns, most=self._most_memory)

    def read(self, consumer: str, arrived_ns: int) -> float:
        """Note how long after its arrival something is booked; return it in seconds."""
        lag = (self._clock.now_ns() - arrived_ns) / NS
        self._see("reader_lag_max_seconds", lag, arrived_ns, consumer=consumer)
        return lag

    def stalled(self, consumer: str, since_ns: int, reason: str) -> float:
        """Note that a reader could not read for want of room; return for how long."""
        seconds = (self._clock.now_ns() - since_ns) / NS
        self._note("queue_full_max_seconds", seconds)
        self.blame(since_ns, reason, consumer)
        return seconds

    def _see(
        self,
        name: str,
        value: float,
        from_ns: int,
        *,
        consumer: str | None = None,
        most: float | None = None,
    ) -> None:
        """Take in a figure; if it is too much, void what was measured since then."""
        self._note(name, abs(value))
        if abs(value) > (BOUNDS[name].most if most is None else most):
            self.blame(from_ns, BOUNDS[name].why(value, most), consumer)

    def _note(self, name: str, size: float) -> None:
        self._largest[name] = max(self._largest[name], size)

    def blame(self, from_ns: int, reason: str, consumer: str | None = None) -> None:
        """Void what was measured from then until now, at one consumer or at all."""
        fault = Fault(from_ns=from_ns, to_ns=self._clock.now_ns(), reason=reason)
        self._book(fault, consumer)

    def _wall_step(self) -> float:
        return self._clock.step_ns() / NS if isinstance(self._clock, SystemClock) else 0
