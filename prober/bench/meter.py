"""What a measurement costs: envelopes, seconds, CPU and memory, once it has settled."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

WARM_UP = 0.25
"""The share of the time that is not counted: connections and buffers fill."""
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class _Sample:
    seconds: float
    cpu_seconds: float
    count: int


@dataclass(slots=True)
class Meter:
    """Takes samples of a count that grows, and tells how fast it did."""

    cpu_seconds: Callable[[], float] = time.process_time
    """Tells the CPU time so far of what is measured: this process, if no other."""
    samples: list[_Sample] = field(default_factory=list)
    rss_bytes: int = 0

    def sample(self, count: int) -> None:
        """Note how far the count is by now."""
        self.samples.append(_Sample(time.monotonic(), self.cpu_seconds(), count))
        self.rss_bytes = max(self.rss_bytes, rss_bytes())

    def settled(self) -> tuple[_Sample, _Sample] | None:
        """Return the ends of the time that counts; None while there is none."""
        if not self.samples:
            return None
        first, last = self.samples[0], self.samples[-1]
        from_ = first.seconds + WARM_UP * (last.seconds - first.seconds)
        begin = next(each for each in self.samples if each.seconds >= from_)
        ends = ((begin, last), (first, last))  # all of it, if it was too short
        return next((e for e in ends if e[1].count > e[0].count), None)

    @property
    def per_second(self) -> float:
        """Envelopes a second; 0 when none came."""
        ends = self.settled()
        if ends is None:
            return 0.0
        begin, end = ends
        return (end.count - begin.count) / (end.seconds - begin.seconds)

    @property
    def cpu_per_million(self) -> float:
        """CPU-seconds for a million envelopes; 0 when none came."""
        ends = self.settled()
        if ends is None:
            return 0.0
        begin, end = ends
        cpu = end.cpu_seconds - begin.cpu_seconds
        return cpu / (end.count - begin.count) * 1e6


def rss_bytes() -> int:
    """Return the memory that this process holds, or the most that it ever held."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * resource.getpagesize()
