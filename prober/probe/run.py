"""One probe over connections that are opened for it, and what is kept if it fails."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from prober.clock import Clock
from prober.errors import ProberError
from prober.probe.agents import AgentsWatch
from prober.probe.conductor import Conductor
from prober.probe.consumer import OpenReader
from prober.probe.job import Controls, Job
from prober.probe.legs import Legs
from prober.probe.platform import PlatformWatch
from prober.probe.writers import Writers
from prober.probe.writing import OpenWriter
from prober.records import RunResult


async def probe(
    job: Job,
    ways_in: Sequence[OpenWriter],
    ways_out: Mapping[str, OpenReader],
    clock: Clock,
    controls: Controls | None = None,
    *,
    legs: Legs | None = None,
) -> RunResult:
    """Run one probe, and return everything it measured.

    Batches go to the writers in turn; `ways_out` are the consumers, by name. Raises
    CouldNotProbe when nothing could be measured.
    """
    controls, legs = controls or Controls(), legs or Legs()
    run = Conductor(job, ways_out, clock, controls, legs)
    watch = PlatformWatch(controls.platform, clock, run.cut_off)
    agents = AgentsWatch(controls.agents, clock)
    writing = legs.writing or run.writing(ways_in)
    writers = Writers(writing, run.ledger.hand_over, run.ledger.fault, run.paths)
    with _single_error(run):
        async with contextlib.AsyncExitStack() as connections:
            await connections.enter_async_context(writers)
            for consumer in run.consumers.values():
                await connections.enter_async_context(consumer.leg)
            await connections.enter_async_context(watch)
            await connections.enter_async_context(agents)
            await run.run(writers)
            result = run.result(writers)
            await watch.settle(result, controls.stop)
            await agents.finish()
            return agents.complete(watch.complete(result))
    return agents.complete(watch.complete(run.result(writers)))


@contextlib.contextmanager
def _single_error(run: Conductor) -> Iterator[None]:
    """Raise an error by itself, out of the groups that tasks wrap it in.

    If something was measured, that is kept, and all of it void.
    """
    try:
        yield
    except Exception as error:
        found = _leaf(error)
        if run.ledger.attempted:
            run.blame(found)
        elif isinstance(found, ProberError):
            raise found from None
        else:
            raise


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
