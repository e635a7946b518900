"""Puts an ad hoc run into history, beside what is watched and in no window.

What cannot be written is told on standard error, and changes nothing else.
"""

import math
import os
import socket
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from prober import __version__
from prober.errors import ProberError
from prober.history import Annotation, Beside, CycleRecord, RunRecord, Way
from prober.records import ConsumerResult, RunResult

if TYPE_CHECKING:  # what imports gRPC is imported by who runs
    from prober.cli.options import Options
    from prober.cli.resolving import Target


def remember(result: RunResult, options: "Options", target: "Target") -> None:
    """Write a run, its cycles, and the command that it went beside.

    The bundled stack's runs are written where `--store` says so, an environment's
    wherever history is; `--store none` says nowhere.
    """
    from prober.cli import output, stored

    unasked = target.environment is None and target.reference is not None
    if options.store == stored.NOWHERE or (unasked and options.store is None):
        return
    try:
        where = stored.location(options.store, target.config)
        run = run_of(result, options, window_ns=target.window_ns)
        _write(where, result, run, list(_notes(result)))
    except ProberError as error:
        output.say(f"this run is not in history: {error}")


def _write(
    where: str | None,
    result: RunResult,
    run: RunRecord,
    notes: Sequence[Annotation],
) -> None:
    from prober.store import open_store

    if not result.consumers:
        return  # nothing was measured
    with open_store(where) as store:
        store.put_run(run)
        store.put_cycles(cycles_of(result))
        for note in notes:
            store.annotate(note)


def run_of(
    result: RunResult, options: "Options", *, window_ns: int | None = None
) -> RunRecord:
    """Return an ad hoc run as history has it."""
    slo = options.slo
    return RunRecord(
        run_id=result.run_id,
        environment=result.environment,
        mode="ad_hoc",
        started_ns=result.started_at_ns,
        ended_ns=result.ended_at_ns,
        partial=result.partial,
        seed=result.seed,
        version=__version__,
        daemon=f"{socket.gethostname()}:{os.getpid()}",
        plan=result.plan,
        every_ns=None,
        target=None if slo is None else f"{(slo * 100).normalize():f}",
        window_ns=window_ns,
        worst_burst=options.worst_burst,
        written_to=result.written_to,
        consumers={each.name: each.transport for each in result.consumers},
        beside=_beside(result),
    )


def _beside(result: RunResult) -> Beside:
    """Return what was measured beside the cycles."""
    return Beside(
        rate_achieved=result.rate_achieved,
        counts={each.name: each.counts for each in result.consumers},
        writers=tuple(
            Way(
                written_to=each.written_to,
                attempted=each.attempted,
                accepted=each.accepted,
                rejected=each.rejected,
                ambiguous=each.ambiguous,
                blocked=each.blocked.freeze(),
                reached=each.reached,
                trouble=each.trouble,
            )
            for each in result.writers
        ),
        warnings=result.warnings,
        stack_drops=result.stack_drops,
        platform=result.platform,
        cut_offs=result.cut_offs,
        # A document has no other numbers.
        health={n: value for n, value in result.health.items() if math.isfinite(value)},
        command=result.command,
    )


def cycles_of(result: RunResult) -> Iterator[CycleRecord]:
    """Yield an ad hoc run's cycles as history has them."""
    for consumer in result.consumers:
        yield from _cycles(result, consumer)


def _cycles(result: RunResult, consumer: ConsumerResult) -> Iterator[CycleRecord]:
    lost_after_ns = result.plan.lost_after_ns
    for cycle in consumer.cycles:
        # One that was complete early was final early: when, is not told.
        last_ns = cycle.last_sent_ns or result.started_at_ns
        yield CycleRecord(
            environment=result.environment,
            mode="ad_hoc",
            run_id=result.run_id,
            index=cycle.index,
            consumer=cycle.consumer,
            scheduled_ns=cycle.first_sent_ns or result.started_at_ns,
            first_sent_ns=cycle.first_sent_ns,
            last_sent_ns=cycle.last_sent_ns,
            final_ns=min(last_ns + lost_after_ns, result.ended_at_ns),
            planned=cycle.span.count,
            state=cycle.state,
            reason=cycle.reason,
            counts=cycle.counts,
            latency=cycle.latency,
            gaps=cycle.gaps,
        )


def _notes(result: RunResult) -> Iterator[Annotation]:
    """Yield a note of the command, by its program's name: arguments hold secrets."""
    from prober.cli.stored import author

    ran = result.command
    if ran is not None:
        yield Annotation(
            environment=result.environment,
            kind="note",
            text=f"{ran.name} ran, and left with {ran.exit_code} (run {result.run_id})",
            author=author(),
            from_ns=ran.started_ns,
            to_ns=ran.ended_ns,
            written_ns=result.ended_at_ns,
        )
