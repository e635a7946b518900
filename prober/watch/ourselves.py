"""Is it mine? What a daemon measures on its own process, whatever it watches.

Maxima are of the last minute: after months the worst of all time tells nothing.
"""

from collections import deque
from collections.abc import Callable

import psutil

from prober.bounds import BOUNDS
from prober.clock import NS, Clock, SystemClock
from prober.probe.pauses import Pauses
from prober.probe.starving import LOOK_SECONDS, Starving

WINDOW_NS = 60 * NS
TICK_SECONDS = 0.05
_STEP = BOUNDS["clock_step_max_seconds"]


class Peak:
    """The largest of what was seen in the last minute, in two buckets of half of it."""

    def __init__(self, window_ns: int = WINDOW_NS) -> None:
        self._half_ns = window_ns // 2
        self._buckets: deque[tuple[int, float]] = deque(maxlen=3)

    def see(self, at_ns: int, value: float) -> None:
        """Take a value in."""
        bucket = at_ns // self._half_ns
        if self._buckets and self._buckets[-1][0] == bucket:
            value = max(value, self._buckets.pop()[1])
        self._buckets.append((bucket, value))

    def value(self, now_ns: int) -> float:
        """Return the largest value of the last minute, or up to half a minute more."""
        oldest = now_ns // self._half_ns - 2
        return max((each for at, each in self._buckets if at >= oldest), default=0.0)


class Ourselves:
    """Lags, collector's pauses, waits, clock steps, memory and CPU of this process."""

    def __init__(
        self, clock: Clock, stepped: Callable[[float], None] = lambda _: None
    ) -> None:
        """Measure by a clock; who is told of its steps is told in seconds."""
        self._clock, self._stepped = clock, stepped
        self._lag, self._pause, self._step, self._wait = Peak(), Peak(), Peak(), Peak()
        self._starving, self._looked_ns = Starving(), clock.now_ns()
        self._process = psutil.Process()
        self._cpu = (clock.now_ns(), self._cpu_seconds())
        self._cpu_share = 0.0

    def figures(self) -> dict[str, float]:
        """Return what was measured, by name with its unit."""
        now_ns = self._clock.now_ns()
        return {
            "loop_lag_max_seconds": self._lag.value(now_ns),
            "cpu_wait_max_seconds": self._wait.value(now_ns),
            "gc_pause_max_seconds": self._pause.value(now_ns),
            "clock_step_max_seconds": self._step.value(now_ns),
            "rss_bytes": float(self._process.memory_info().rss),
            "open_files": float(self._process.num_fds()),
            "cpu_ratio": self._share(now_ns),
        }

    async def watch(self) -> None:
        """Measure for as long as the daemon lives."""
        step = self._wall_step()
        with Pauses(self._paused):
            while True:
                before_ns = self._clock.now_ns()
                await self._clock.sleep(TICK_SECONDS)
                now_ns = self._clock.now_ns()
                self._lag.see(now_ns, (now_ns - before_ns) / NS - TICK_SECONDS)
                self._look_for_cpu(now_ns)
                last, step = step, self._wall_step()
                self._step.see(now_ns, abs(step - last))
                if abs(step - last) > _STEP.most:
                    self._stepped(step - last)

    def _look_for_cpu(self, now_ns: int) -> None:
        if now_ns - self._looked_ns >= LOOK_SECONDS * NS:
            self._looked_ns = now_ns
            self._wait.see(now_ns, self._starving.look(now_ns))

    def _paused(self, seconds: float) -> None:
        self._pause.see(self._clock.now_ns(), seconds)

    def _share(self, now_ns: int) -> float:
        """Return the share of a core that was used since about half a minute."""
        since_ns, used = self._cpu
        if now_ns - since_ns >= NS:
            now_used = self._cpu_seconds()
            self._cpu_share = (now_used - used) * NS / (now_ns - since_ns)
            if now_ns - since_ns >= WINDOW_NS // 2:
                self._cpu = (now_ns, now_used)
        return self._cpu_share

    def _cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def _wall_step(self) -> float:
        return self._clock.step_ns() / NS if isinstance(self._clock, SystemClock) else 0
