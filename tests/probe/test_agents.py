"""The metrics of agents beside a run: looked at, told, and never in its way."""

from collections.abc import Callable

from prober.errors import ConnectError
from prober.ledger.scraped import Totals
from prober.probe import AgentSource, Controls, probe
from prober.records import RunResult
from tests.test_probe import Bench

IN = ("dropped", frozenset({("direction", "ingress")}))


async def run(bench: Bench, read: Callable[[], Totals]) -> RunResult:
    """Probe the pipe of a bench, whose agent can be asked."""

    async def totals() -> Totals:
        return read()

    where = "agent's metrics at 10.0.0.1:14824"
    source = AgentSource(address="10.0.0.1:14824", where=where, totals=totals)
    return await bench.clock.run(
        probe(
            bench.job,
            [bench.open_writer],
            {"memory": lambda: bench.reader},
            bench.clock,
            Controls(agents=[source]),
        )
    )


async def test_drops_between_the_first_look_and_the_last_are_told() -> None:
    """What the agent dropped while the run went on stands in its result."""
    totals = iter([500, 502, 512])

    result = await run(Bench(messages=2000), lambda: {IN: next(totals)})

    (found,) = result.platform or ()
    assert ("own agent", "ingress", 12) == (
        found.component,
        found.direction,
        found.increase,
    )
    assert () == result.warnings
    assert found.to_ns >= result.ended_at_ns


async def test_agent_that_cannot_be_asked_is_a_warning() -> None:
    """Why its metrics were not read is told, and nothing else suffers."""

    def fail() -> Totals:
        raise ConnectError("nothing listens there")

    result = await run(Bench(), fail)

    assert 100 == result.consumers[0].counts.on_time
    words = "were not read all the time: nothing listens there"
    assert [f"the agent's metrics at 10.0.0.1:14824 {words}"] == list(result.warnings)
    assert () == result.platform


async def test_fault_of_ours_is_a_warning_too() -> None:
    """Not even a fault of our own touches what was measured."""

    def fail() -> Totals:
        raise RuntimeError("our own")

    result = await run(Bench(), fail)

    assert 100 == result.consumers[0].counts.on_time
    assert ["a fault of ours: RuntimeError: our own"] == [
        words.split(": ", 1)[1] for words in result.warnings
    ]
