"""What Loggregator's own counters grew by from one cycle to the next."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from prober.ledger import PlatformCounters
from prober.ledger.platform import Reading, SlowConsumer
from prober.probe import PlatformSource
from prober.records import Arrival, PlatformIncrease

_Series = tuple[str, str, str, str]


class Beside:
    """Reads along with a run, and tells what rose since it was last asked."""

    def __init__(self) -> None:
        self._counters = PlatformCounters()
        self._told: Counter[_Series] = Counter()
        self._asked_ns = 0

    def along(self, source: PlatformSource | None) -> PlatformSource | None:
        """Return the same source, of which this one takes every reading in, too."""
        if source is None:
            return None
        decode = source.readings

        def readings(arrival: Arrival) -> Iterator[Reading | SlowConsumer]:
            for reading in decode(arrival):
                if isinstance(reading, Reading):
                    self._counters.add(reading)
                yield reading

        return replace(source, readings=readings)

    def risen(self, now_ns: int) -> tuple[PlatformIncrease, ...]:
        """Return what rose since the last time, or silently stopped being told."""
        since_ns, self._asked_ns = self._asked_ns, now_ns
        return tuple(self._since(self._counters.increases(now_ns), since_ns))

    def _since(
        self, found: Iterable[PlatformIncrease], since_ns: int
    ) -> Iterator[PlatformIncrease]:
        before, self._told = self._told, Counter()
        for each in found:
            key = (each.component, each.instance, each.counter, each.direction)
            self._told[key] += each.increase
            rose = each.increase - before[key]
            before[key] = max(0, before[key] - each.increase)
            if rose > 0:
                yield replace(each, increase=rose, from_ns=max(each.from_ns, since_ns))
