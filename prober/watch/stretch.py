"""One stretch of watching: a run without an end, and what history keeps of it."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from prober import __version__
from prober.clock import NS
from prober.history import CycleRecord, RunRecord
from prober.plan import Plan
from prober.probe import Job
from prober.records import CycleResult, PlatformIncrease, Span
from prober.stamp import RUN_ALPHABET, RUN_WIDTH
from prober.watch.schedule import Cadence
from prober.watch.watched import Watched

POLL_SECONDS = 0.25
BEHIND_NS = NS
"""What is due for longer is not sent any more: at most a second is caught up."""


def new_run_id() -> str:
    """Return the name of a run that nobody else has."""
    return "".join(secrets.choice(RUN_ALPHABET) for _ in range(RUN_WIDTH))


@dataclass(slots=True)
class Stretch:
    """What one run is to do, and how its cycles stand in history."""

    watched: Watched
    plan: Plan
    run_id: str
    daemon: str
    started_ns: int
    begun: bool = False
    """A cycle of it was opened: history knows of it."""
    first_tick: int = 0
    """The tick of its first cycle, known when that begins."""

    def job(self, alarms: Mapping[bytes, str]) -> Job:
        """Return what the probe is asked to do."""
        return Job(
            run_id=self.run_id,
            environment=self.watched.name,
            plan=self.plan,
            deadlines=self.watched.deadlines,
            whole_firehose=self.watched.whole_firehose,
            mode="continuous",
            keep_cycles=False,
            poll_seconds=POLL_SECONDS,
            behind_ns=BEHIND_NS,
            alarms=alarms,
            most_memory=self.watched.most_memory,
        )

    def tick(self, index: int) -> int:
        """Return the tick that a cycle is."""
        return self.first_tick + index

    def run_record(
        self,
        written_to: tuple[str, ...],
        *,
        ended_ns: int | None = None,
        partial: bool = False,
    ) -> RunRecord:
        """Return the run as history keeps it."""
        watched = self.watched
        # What was asked for of one cycle: a plan without an end tells nobody anything.
        facts = replace(
            self.job({}).facts(), messages=watched.sample.messages, cycles=1
        )
        return RunRecord(
            run_id=self.run_id,
            environment=watched.name,
            mode="continuous",
            started_ns=self.started_ns,
            ended_ns=ended_ns,
            partial=partial,
            seed=self.plan.seed,
            version=__version__,
            daemon=self.daemon,
            plan=facts,
            every_ns=watched.every_ns,
            target=watched.target,
            window_ns=watched.window_ns,
            worst_burst=watched.worst_burst,
            written_to=written_to,
            consumers=watched.consumers,
        )

    def opened(self, index: int, span: Span, at_ns: int) -> list[CycleRecord]:
        """Return a cycle as it opens, for each consumer."""
        return [self._record(index, name, span, at_ns) for name in self._names()]

    def closed(
        self,
        results: Mapping[str, CycleResult],
        at_ns: int,
        platform: tuple[PlatformIncrease, ...],
    ) -> Iterator[CycleRecord]:
        """Yield a cycle as it became final, for each consumer."""
        for name, result in results.items():
            record = self._record(result.index, name, result.span, result.first_sent_ns)
            yield replace(
                record,
                last_sent_ns=result.last_sent_ns,
                final_ns=at_ns,
                state=result.state,
                reason=result.reason,
                counts=result.counts,
                latency=result.latency,
                gaps=result.gaps,
                platform=platform,
            )

    def _names(self) -> tuple[str, ...]:
        return tuple(self.watched.consumers)

    def _record(
        self, index: int, consumer: str, span: Span, first_sent_ns: int | None
    ) -> CycleRecord:
        cadence = Cadence(every_ns=self.watched.every_ns)
        return CycleRecord(
            environment=self.watched.name,
            mode="continuous",
            run_id=self.run_id,
            index=index,
            consumer=consumer,
            scheduled_ns=cadence.due_ns(self.tick(index)),
            first_sent_ns=first_sent_ns,
            last_sent_ns=None,
            final_ns=None,
            planned=span.count,
            state=None,
        )
