"""What Loggregator's own counters grew by from one cycle to the next.

Those that come through its Firehose, and those that agents serve for Prometheus.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from prober.clock import Clock
from prober.errors import ProberError
from prober.ledger import PlatformCounters
from prober.ledger.platform import Reading, SlowConsumer
from prober.ledger.scraped import ScrapedCounters, Totals
from prober.probe import AgentSource, PlatformSource
from prober.records import Arrival, PlatformIncrease

_Series = tuple[str, str, str, str]


class Beside:
    """Reads along with a run, and tells what rose since it was last asked."""

    def __init__(self, asked: Callable[[str, str], None] = lambda *_: None) -> None:
        """Read along; `asked` is told of each look at an agent, and why it failed."""
        self._counters, self._note = PlatformCounters(), asked
        self._scraped: list[ScrapedCounters] = []
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

    def asking(self, agents: Iterable[AgentSource], clock: Clock) -> list[AgentSource]:
        """Return the same agents, of which this one takes every answer in, too."""
        return [self._asked(each, clock) for each in agents]

    def _asked(self, agent: AgentSource, clock: Clock) -> AgentSource:
        counters = ScrapedCounters(agent.address)
        self._scraped.append(counters)

        async def totals() -> Totals:
            try:
                found = await agent.totals()
            except ProberError as error:
                self._note(agent.where, str(error))
                raise
            self._note(agent.where, "")
            counters.take(found, clock.now_ns())
            return found

        return replace(agent, totals=totals)

    def risen(self, now_ns: int) -> tuple[PlatformIncrease, ...]:
        """Return what rose since the last time, or silently stopped being told."""
        since_ns, self._asked_ns = self._asked_ns, now_ns
        scraped = (each for agent in self._scraped for each in agent.increases())
        found = (*self._counters.increases(now_ns), *scraped)
        return tuple(self._since(found, since_ns))

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
