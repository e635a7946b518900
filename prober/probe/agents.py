"""The metrics of the agents that we write to, looked at beside a run.

Whatever goes wrong here is a warning in the result, and never an error.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from prober.clock import Clock
from prober.errors import ProberError
from prober.ledger.scraped import ScrapedCounters, Totals
from prober.records import RunResult

LOOK_SECONDS = 15.0
"""Between two looks, as often as Loggregator's own scraper: who restarts between two
takes with it what it dropped since the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSource:
    """The metrics of one agent."""

    address: str
    where: str
    """What it is, and where, for a sentence."""
    totals: Callable[[], Awaitable[Totals]]
    """Reads them; raises a ProberError when they cannot be read."""


class _Agent:
    """What is known of one agent, and what went wrong in asking it."""

    def __init__(self, source: AgentSource) -> None:
        self.source = source
        self.counters = ScrapedCounters(source.address)
        self.trouble = ""

    async def look(self, clock: Clock) -> None:
        """Read its metrics once."""
        try:
            self.counters.take(await self.source.totals(), clock.now_ns())
        except ProberError as error:
            self.trouble = str(error)
        except Exception as error:  # noqa: BLE001 - no fault here may end a run
            self.trouble = f"a fault of ours: {type(error).__name__}: {error}"


class AgentsWatch:
    """Keeps what every agent's counters grow by while its block runs."""

    def __init__(self, sources: Sequence[AgentSource], clock: Clock) -> None:
        self._agents = [_Agent(each) for each in sources]
        self._clock = clock

    async def __aenter__(self) -> Self:
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._looking = [self._tasks.create_task(self._look(a)) for a in self._agents]
        return self

    async def __aexit__(self, *exc: object) -> None:
        for each in self._looking:
            each.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def finish(self) -> None:
        """Look for the last time."""
        await asyncio.gather(*(each.look(self._clock) for each in self._agents))

    def complete(self, result: RunResult) -> RunResult:
        """Return a run's result with what the agents counted, and our warnings."""
        if not self._agents:
            return result
        grown = (e for agent in self._agents for e in agent.counters.increases())
        return replace(
            result,
            platform=(*(result.platform or ()), *grown),
            warnings=(*result.warnings, *self._warnings()),
        )

    def _warnings(self) -> Iterable[str]:
        for each in self._agents:
            if each.trouble:
                where = each.source.where
                yield f"the {where} were not read all the time: {each.trouble}"

    async def _look(self, agent: _Agent) -> None:
        while True:
            await agent.look(self._clock)
            await self._clock.sleep(LOOK_SECONDS)
