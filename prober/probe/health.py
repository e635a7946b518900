"""Is it mine? What the prober measures on itself while it probes."""

from collections.abc import Callable

from prober.clock import NS, Clock, SystemClock
from prober.probe.starving import LOOK_SECONDS, Starving
from prober.records import Fault

LAG_LIMIT_SECONDS = 1.0
"""Own lag beyond which what was measured meanwhile is void."""
STEP_LIMIT_SECONDS = 1.0
TICK_SECONDS = 0.05


class Health:
    """The largest lags so far, in seconds; those beyond bounds are booked."""

    def __init__(
        self,
        clock: Clock,
        book: Callable[[Fault, str | None], None],
        tick_seconds: float = TICK_SECONDS,
        starving: Starving | None = None,
    ) -> None:
        self._clock, self._book, self._tick = clock, book, tick_seconds
        self._starving = starving or Starving()
        self._looked_ns = clock.now_ns()
        self.cpu_wait = 0.0
        self.loop_lag = 0.0
        self.reader_lag = 0.0
        self.clock_step = 0.0

    def figures(self) -> dict[str, float]:
        """Return what was measured, by name with its unit."""
        return {
            "loop_lag_max_seconds": self.loop_lag,
            "reader_lag_max_seconds": self.reader_lag,
            "cpu_wait_max_seconds": self.cpu_wait,
            "clock_step_max_seconds": self.clock_step,
        }

    async def watch(self) -> None:
        """Measure how late the event loop is, and whether the wall clock was set.

        And whether our threads get a CPU: nobody can tell when what was read too late
        had come.
        """
        step = self._wall_step()
        while True:
            before_ns = self._clock.now_ns()
            await self._clock.sleep(self._tick)
            lag = (self._clock.now_ns() - before_ns) / NS - self._tick
            self.loop_lag = max(self.loop_lag, lag)
            if lag > LAG_LIMIT_SECONDS:
                self.blame(before_ns, f"our event loop was {lag:.1f} s late")
            self._look_for_cpu()
            last, step = step, self._wall_step()
            self.clock_step = max(self.clock_step, abs(step - last))
            if abs(step - last) > STEP_LIMIT_SECONDS:
                words = f"the clock was set by {step - last:+.1f} s, or we were asleep"
                self.blame(before_ns, words)

    def _look_for_cpu(self) -> None:
        now_ns, looked_ns = self._clock.now_ns(), self._looked_ns
        if now_ns - looked_ns < LOOK_SECONDS * NS:
            return
        self._looked_ns = now_ns
        waited = self._starving.look(now_ns)
        self.cpu_wait = max(self.cpu_wait, waited)
        if waited > LAG_LIMIT_SECONDS:
            words = f"a thread of ours waited {waited:.1f} s for a CPU"
            limit = f"(limit {LAG_LIMIT_SECONDS:g} s)"
            self.blame(looked_ns - round(waited * NS), f"{words} {limit}")

    def read(self, consumer: str, arrived_ns: int) -> float:
        """Note how long after its arrival something is booked; return it in seconds."""
        lag = (self._clock.now_ns() - arrived_ns) / NS
        self.reader_lag = max(self.reader_lag, lag)
        if lag > LAG_LIMIT_SECONDS:
            words = f"our reader was {lag:.1f} s behind (limit {LAG_LIMIT_SECONDS:g} s)"
            self.blame(arrived_ns, words, consumer)
        return lag

    def blame(self, from_ns: int, reason: str, consumer: str | None = None) -> None:
        """Void what was measured from then until now, at one consumer or at all."""
        fault = Fault(from_ns=from_ns, to_ns=self._clock.now_ns(), reason=reason)
        self._book(fault, consumer)

    def _wall_step(self) -> float:
        return self._clock.step_ns() / NS if isinstance(self._clock, SystemClock) else 0
