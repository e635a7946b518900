"""A run that history keeps, as the result that it was, to be reported as any other."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from prober.clock import NS
from prober.histogram import Histogram
from prober.history import COUNTED, Beside, CycleRecord, RunRecord, Way
from prober.ledger.tally import join_spans
from prober.records import (
    ConsumerResult,
    Counts,
    CycleResult,
    RunResult,
    Span,
    WriterResult,
)


def result_of(run: RunRecord, cycles: Iterable[CycleRecord]) -> RunResult:
    """Return what a run measured, of its record and of its cycles.

    Those still open are left out. What a prober did not write yet that kept the run,
    as its own health, is not told.
    """
    final = [each for each in cycles if each.state is not None]
    beside = run.beside or Beside()
    firsts = _firsts(final)
    last_ns = max((each.final_ns or 0 for each in final), default=run.started_ns)
    return RunResult(
        run_id=run.run_id,
        environment=run.environment,
        mode=run.mode,
        started_at_ns=run.started_ns,
        ended_at_ns=last_ns if run.ended_ns is None else run.ended_ns,
        seed=run.seed,
        partial=run.partial,
        plan=run.plan,
        rate_achieved=beside.rate_achieved if run.beside else _rate(final),
        written_to=run.written_to,
        writers=tuple(map(_writer, beside.writers)),
        consumers=tuple(
            _consumer(
                name,
                transport,
                [_cycle(each, firsts) for each in final if each.consumer == name],
                beside.counts.get(name),
            )
            for name, transport in run.consumers.items()
        ),
        warnings=beside.warnings,
        stack_drops=beside.stack_drops,
        platform=beside.platform,
        cut_offs=beside.cut_offs,
        health=beside.health,
        command=beside.command,
    )


def _firsts(cycles: Iterable[CycleRecord]) -> Mapping[int, int]:
    """Return the first sequence number of each cycle: each begins where one ended."""
    planned = {each.index: each.planned for each in cycles}
    order = sorted(planned)
    ends = accumulate(planned[index] for index in order)
    return {i: end - planned[i] for i, end in zip(order, ends, strict=True)}


def _rate(cycles: Sequence[CycleRecord]) -> float | None:
    """Return messages a second from the first to the last that were sent."""
    sent = {each.index: each for each in cycles if each.first_sent_ns is not None}
    began_ns = min((each.first_sent_ns or 0 for each in sent.values()), default=0)
    ended_ns = max((each.last_sent_ns or 0 for each in sent.values()), default=0)
    messages = sum(each.counts.attempted for each in sent.values())
    return (messages - 1) * NS / (ended_ns - began_ns) if ended_ns > began_ns else None


def _cycle(cycle: CycleRecord, firsts: Mapping[int, int]) -> CycleResult:
    assert cycle.state is not None  # noqa: S101 - those were left out
    return CycleResult(
        index=cycle.index,
        consumer=cycle.consumer,
        span=Span(first=firsts[cycle.index], count=cycle.planned),
        first_sent_ns=cycle.first_sent_ns,
        last_sent_ns=cycle.last_sent_ns,
        state=cycle.state,
        reason=cycle.reason,
        counts=cycle.counts,
        gaps=cycle.gaps,
        latency=cycle.latency,
    )


def _consumer(
    name: str, transport: str, cycles: Iterable[CycleResult], counts: Counts | None
) -> ConsumerResult:
    ordered = tuple(sorted(cycles, key=lambda each: each.index))
    counted = [each for each in ordered if each.state in COUNTED]
    latency = Histogram()
    for each in ordered:
        latency.merge(Histogram.thaw(each.latency))
    return ConsumerResult(
        name=name,
        transport=transport,
        counts=counts or Counts.total(each.counts for each in ordered),
        valid=Counts.total(each.counts for each in counted),
        latency=latency,
        gaps=join_spans(gap for each in counted for gap in each.gaps),
        cycles=ordered,
    )


def _writer(way: Way) -> WriterResult:
    return WriterResult(
        written_to=way.written_to,
        attempted=way.attempted,
        accepted=way.accepted,
        rejected=way.rejected,
        ambiguous=way.ambiguous,
        blocked=Histogram.thaw(way.blocked),
        reached=way.reached,
        trouble=way.trouble,
    )
