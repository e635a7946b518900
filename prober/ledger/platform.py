"""How much Loggregator's own counters grew, from readings that may be lost themselves.

A counter comes as a delta with the total that its agent reckons, and neither can be
trusted alone. Deltas that were lost are missing from their sum; totals fall to 0 in an
interval without any increase, and when the agent restarts.

    delta  total         was   increase
        5     12           7          5    as it should be
        5     17  lost
        3     20          12          8    the total knows what was lost
        0      0          20          0    idle: the sum begins anew
        4      4           0          4
        0      0  lost
        9      9           4          9    the delta knows that the sum began anew

So what is counted is the larger one of delta and difference. Neither is ever more than
what truly was since the reading before, and so their sum is not: provided that every
instance has tags of its own. What readings may not tell is what came after the last.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from prober.clock import NS
from prober.records import PlatformIncrease

MAX_SERIES = 4_096
"""Series that are kept; a foundation has some for each of its machines."""
SILENT_INTERVALS = 3
"""So many intervals without a reading are a sign of loss: 0 is sent, too."""
Tags = frozenset[tuple[str, str]]
_Key = tuple[str, str, Tags]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A component, by the source_id of its counters."""

    component: str
    seconds: int
    """Between two readings of one series."""
    counters: tuple[str, ...]
    """Those that tell of loss."""


SOURCES: Mapping[str, Source] = {
    "doppler": Source(component="router", seconds=5, counters=("dropped",)),
    "reverse_log_proxy": Source(
        component="RLP", seconds=60, counters=("dropped", "rejected_streams")
    ),
    "traffic_controller": Source(
        component="traffic controller",
        seconds=60,
        counters=("doppler_proxy.slow_consumer",),
    ),
    # Only where prom_scraper republishes what agents serve to it.
    "metron": Source(component="agent", seconds=15, counters=("dropped",)),
}
"""What is read of the platform, under the names that it has by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One envelope with a counter of the platform, as it came."""

    source_id: str
    name: str
    tags: Tags
    delta: int
    total: int
    stamped_ns: int
    """By the clock of the component: tells the order of a series' readings."""
    at_ns: int
    """When it arrived, by ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowConsumer:
    """A traffic controller's event that it cut somebody off, as it came.

    Of whose else it may be nothing is kept: an event tells addresses.
    """

    shard_id: str
    """What the path of the connection names: ours is nobody else's."""
    stamped_ns: int
    """By the clock of the traffic controller."""
    at_ns: int
    """When it arrived, by ours."""


@dataclass(slots=True)
class _Series:
    """One counter of one component, and what is known of it so far."""

    previous: int
    increase: int
    stamped_ns: int
    from_ns: int
    to_ns: int
    silent_ns: int = 0

    def add(self, reading: Reading) -> None:
        """Take in a reading; one that came before, or was overtaken, adds nothing."""
        if reading.stamped_ns > self.stamped_ns:
            self.increase += max(reading.total - self.previous, reading.delta)
            self.previous, self.stamped_ns = reading.total, reading.stamped_ns
        self.silent_ns = max(self.silent_ns, reading.at_ns - self.to_ns)
        self.to_ns = max(self.to_ns, reading.at_ns)


class PlatformCounters:
    """Keeps the increase of every series of the platform's counters.

    Memory is bounded by `MAX_SERIES`; readings of further ones are counted in
    `passed_over`.
    """

    def __init__(self) -> None:
        self._series: dict[_Key, _Series] = {}
        self.passed_over = 0

    def add(self, reading: Reading) -> None:
        """Take in a reading of a series, seen before or not."""
        source = SOURCES.get(reading.source_id)
        if source is None:
            return
        key = (reading.source_id, reading.name, reading.tags)
        if series := self._series.get(key):
            series.add(reading)
        elif len(self._series) < MAX_SERIES:
            # What it grew by before we looked is in its delta, and not in ours.
            self._series[key] = _Series(
                previous=reading.total,
                increase=reading.delta,
                stamped_ns=reading.stamped_ns,
                from_ns=reading.at_ns - source.seconds * NS,
                to_ns=reading.at_ns,
            )
        else:
            self.passed_over += 1

    def read_since(self, source_id: str, at_ns: int) -> bool:
        """Tell whether every series of a component was read after some time.

        False before the first of them was.
        """
        series = self._series.items()
        read = [each.to_ns for (source, *_), each in series if source == source_id]
        return bool(read) and min(read) > at_ns

    def increases(self, now_ns: int) -> tuple[PlatformIncrease, ...]:
        """Return what every series grew by until now, in the order of `SOURCES`."""
        keys = sorted(self._series, key=_order)
        return tuple(_increase(key, self._series[key], now_ns) for key in keys)


def _order(key: _Key) -> tuple[int, str, list[tuple[str, str]]]:
    source_id, name, tags = key
    return list(SOURCES).index(source_id), name, sorted(tags)


def _increase(key: _Key, series: _Series, now_ns: int) -> PlatformIncrease:
    source_id, name, pairs = key
    source, tags = SOURCES[source_id], dict(pairs)
    silent_ns = max(series.silent_ns, now_ns - series.to_ns)
    allowed_ns = SILENT_INTERVALS * source.seconds * NS
    place = (tags.get("job", ""), tags.get("index", ""))
    return PlatformIncrease(
        component=source.component,
        instance="/".join(filter(None, place)),
        counter=name,
        direction=tags.get("direction", ""),
        increase=series.increase,
        from_ns=series.from_ns,
        to_ns=series.to_ns,
        silent_ns=silent_ns if silent_ns > allowed_ns else 0,
    )
