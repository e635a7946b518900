"""One cycle of every environment, side by side, for a cron job or a gate."""

import asyncio
import functools
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from prober import report, slo
from prober.clock import Clock
from prober.errors import ProberError
from prober.probe import Controls, probe, unprobed
from prober.records import CycleResult, RunResult, Span
from prober.report.answer import line, sentences
from prober.watch.beside import Beside
from prober.watch.losses import Losses
from prober.watch.notices import Notice, Tell
from prober.watch.schedule import Cadence
from prober.watch.stretch import Stretch, new_run_id
from prober.watch.watched import History, Watched, Ways

WORST_FIRST = (130, 1, 4, 3, 0)
"""Exit codes: what was interrupted says nothing; a violated objective outweighs what
could not be measured, and that what nobody can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """What one look at environments takes, all of it passed in."""

    clock: Clock
    history: History
    tell: Tell
    rng: random.Random
    daemon: str
    stop: asyncio.Event
    """Set it, and what is going on ends: partial."""
    stop_seconds: float

    async def run(self, watched: Sequence[Watched]) -> int:
        """Measure one cycle of each; return the worst exit code."""
        codes = await asyncio.gather(*(self._guarded(each) for each in watched))
        return worst(codes)

    async def _guarded(self, watched: Watched) -> int:
        """Measure one; whatever fails there is told, and is its own."""
        plan = watched.plan(cycles=1, seed=self.rng.getrandbits(32))
        stretch = Stretch(
            watched=watched,
            plan=plan,
            run_id=new_run_id(),
            daemon=self.daemon,
            started_ns=self.clock.now_ns(),
        )
        failure = None
        try:
            async with watched.open(self.clock, plan) as ways:
                result = await self._measure(stretch, ways)
        except ProberError as error:
            failure = str(error)
        except Exception as error:  # noqa: BLE001 - one environment's fault is its own
            failure = f"a fault of ours: {type(error).__name__}: {error}"
        if failure is not None:
            result = unprobed(stretch.job({}), stretch.started_ns)
        return self._tell_of(watched, result, failure)

    async def _measure(self, stretch: Stretch, ways: Ways) -> RunResult:
        clock, beside = self.clock, Beside()
        job = replace(stretch.job(ways.alarms), keep_cycles=True)
        controls = Controls(
            stop=self.stop,
            stop_seconds=self.stop_seconds,
            on_open=functools.partial(self._open, stretch, ways),
            on_cycle=functools.partial(self._close, stretch, beside),
            platform=beside.along(ways.platform(clock, job)),
            agents=beside.asking(ways.agent_metrics(), clock),
        )
        writers, readers = ways.writers(clock), ways.readers(clock, job)
        result = await probe(job, writers, readers, clock, controls)
        if stretch.begun:
            ended = stretch.run_record(
                result.written_to, ended_ns=result.ended_at_ns, partial=result.partial
            )
            self.history.put_run(ended)
        return result

    def _open(
        self, stretch: Stretch, ways: Ways, index: int, span: Span, at_ns: int
    ) -> None:
        stretch.begun = True
        stretch.first_tick = Cadence(every_ns=stretch.watched.every_ns).at(at_ns)
        self.history.put_run(stretch.run_record(tuple(ways.written_to)))
        self.history.put_cycles(stretch.opened(index, span, at_ns))

    def _close(
        self, stretch: Stretch, beside: Beside, results: Mapping[str, CycleResult]
    ) -> None:
        now_ns = self.clock.now_ns()
        records = list(stretch.closed(results, now_ns, beside.risen(now_ns)))
        self.history.put_cycles(records)
        Losses(stretch.watched.name, self.tell).take(records, now_ns)

    def _tell_of(self, watched: Watched, result: RunResult, failure: str | None) -> int:
        target = None if watched.target is None else slo.parse_target(watched.target)
        told = report.build(
            result, target, worst_burst=watched.worst_burst, failure=failure
        )
        code = slo.exit_code(told.verdict, told.claim, interrupted=result.partial)
        words = " | ".join(line(told)) or sentences(told)[0]
        notice = Notice(
            at_ns=self.clock.now_ns(),
            said="measured",
            words=words,
            environment=watched.name,
            figures={"exit_code": code},
        )
        self.tell(notice)
        return code


def worst(codes: Iterable[int]) -> int:
    """Return the worst of several exit codes."""
    found = {*codes} or {0}
    return next(code for code in WORST_FIRST if code in found)
