"""Is it mine? What we measure on ourselves, and the bounds beyond which that voids.

One row for each figure. Who measures, who voids cycles, who labels metrics and who
tells people go by the same row.
"""

from collections.abc import Mapping
from dataclasses import dataclass

MEMORY_BYTES = 1_000_000_000
"""What a daemon may hold unless `watch.max_memory` says otherwise: more than three
times what ten environments take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One figure that we measure on ourselves."""

    most: float
    """In the figure's own unit; what exceeds it voids what was measured meanwhile."""
    reason: str
    """Why it is void: a format of the figure and of its bound, both in `unit`."""
    label: str
    """The reason in metrics."""
    shown: str
    """What it is called for people."""
    unit: float = 1
    """What of the figure's unit is one of the reason's."""

    @property
    def begins(self) -> str:
        """The words that every such reason begins with."""
        return self.reason.partition("{")[0].strip()

    def why(self, value: float, most: float | None = None) -> str:
        """Return the reason for a value; `most` where that is configured."""
        bound = self.most if most is None else most
        return self.reason.format(value / self.unit, bound / self.unit)


BOUNDS: Mapping[str, Bound] = {
    # Who is late to look stamps arrivals late: on time would read as late, or lost.
    "loop_lag_max_seconds": Bound(
        most=1.0,
        reason="our event loop was {:.1f} s late (limit {:g} s)",
        label="loop_lag",
        shown="event loop behind",
    ),
    # What waited to be booked may not be in the books when its cycle closes.
    "reader_lag_max_seconds": Bound(
        most=1.0,
        reason="our reader was {:.1f} s behind (limit {:g} s)",
        label="reader_lag",
        shown="readers behind",
    ),
    # A reader that did not read made the platform wait, and then drop.
    "queue_full_max_seconds": Bound(
        most=0.1,
        reason="own queue full for {:.1f} s (limit {:g} s)",
        label="queue_full",
        shown="readers' queues full",
    ),
    # A thread that waits for a CPU reads nothing, and nobody can tell when it came.
    "cpu_wait_max_seconds": Bound(
        most=1.0,
        reason="a thread of ours waited {:.1f} s for a CPU (limit {:g} s)",
        label="cpu_wait",
        shown="waited for a CPU",
    ),
    # It holds every thread up: the loop's lag shows it only in part.
    "gc_pause_max_seconds": Bound(
        most=1.0,
        reason="garbage collection stopped us for {:.1f} s (limit {:g} s)",
        label="gc_pause",
        shown="longest collector's pause",
    ),
    # When things were sent and when they came were told by two different clocks.
    "clock_step_max_seconds": Bound(
        most=1.0,
        reason="the clock was set by {:+.1f} s, or we were asleep",
        label="clock_step",
        shown="clock step",
    ),
    # Soon the machine swaps, or ends us: what is late then is late through us.
    "rss_bytes": Bound(
        most=MEMORY_BYTES,
        reason="own memory is {:,.0f} MB (watch.max_memory {:,.0f} MB): restart prober "
        "watch, and raise it if that much is needed",
        label="memory",
        shown="own memory",
        unit=1e6,
    ),
}

WRITE_MAX = "write_max_seconds"
"""How long the way in held a writer up: measured beside, and no fault of ours."""
RSS_LIMIT = "rss_limit_bytes"
"""The figure that tells what `rss_bytes` may be, as it is configured."""


def most(figures: Mapping[str, float], name: str) -> float:
    """Return the bound of one figure, among figures that may tell it themselves."""
    configured = figures.get(RSS_LIMIT) if name == "rss_bytes" else None
    return BOUNDS[name].most if configured is None else configured
