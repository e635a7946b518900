"""An audit as a screen and as a document: a run's messages as an archive has them.

What is said of one consumer of a run is said of the archive in the same words; only how
it is known differs.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from prober.records import Counts, CycleResult, Kind, Span
from prober.report.answer import line, sentences
from prober.report.facts import Fact, Table, facts
from prober.report.json_values import Json
from prober.report.model import Consumer, Report
from prober.report.screen import Screen, safe
from prober.report.words import many

SCHEMA = "prober.audit/v1"
_SAID_ALIKE = ("cycles", "in order", "uncounted", "lost in", "beside")
"""Facts of a run's report that hold for an audit as they are."""
_MOST_RANGES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What was read, and which edges of the run are in it."""

    files: tuple[str, ...]
    size: int
    """Bytes, as stored."""
    primers: bool
    trailers: bool


def screen(report: Report, export: Export, encoding: str = "utf-8") -> Screen:
    """Put an audit into words that `encoding` can carry."""
    told = [*_alike(report), *_missing(report), *_read(report, export)]
    return safe(
        Screen(
            title=f"audit of run {report.result.run_id}",
            state=report.verdict.state,
            answer=tuple(sentences(report)),
            line=tuple(line(report)),
            parts=(_counts(report.consumers[0].counts), tuple(told)),
        ),
        encoding,
    )


def _counts(counts: Counts) -> Table:
    header = ("messages", "accepted", "found", "corrupt", "missing", "duplicates")
    found = (counts.accepted, counts.good, counts.corrupt, counts.lost)
    figures = (f"{each:,}" for each in (*found, counts.duplicates))
    return Table(header=header, rows=(("export", *figures),))


def _alike(report: Report) -> Iterable[Fact]:
    return (fact for fact in facts(report) if fact[0] in _SAID_ALIKE)


def _missing(report: Report) -> Iterable[Fact]:
    """Return the ranges that are missing, and how many are known only by number."""
    spans = report.consumers[0].gaps
    if spans:
        told = [_range(each) for each in spans[:_MOST_RANGES]]
        rest = len(spans) - _MOST_RANGES
        told += [f"{many(rest, 'more range')}"] if rest > 0 else []
        yield "missing", "; ".join(told)
    unknown = report.consumers[0].valid.lost - sum(each.count for each in spans)
    if unknown > 0:
        yield (
            "missing",
            f"{unknown:,} of cycles that were accepted in part: which, nobody knows",
        )


def _range(span: Span) -> str:
    if span.count == 1:
        return f"{span.first}"
    return f"{span.first}-{span.end - 1} ({span.count:,})"


def _read(report: Report, export: Export) -> Iterable[Fact]:
    counts, result = report.consumers[0].counts, report.result
    if not counts.good + counts.corrupt:
        yield "warning", "not one message of the run is in it: is it the right export?"
    yield "edges", _EDGES[export.primers, export.trailers]
    if set(result.plan.kinds) - {Kind.LOG}:
        yield "content", "of counters, gauges, timers, events only the stamp is checked"
    yield "read", f"{', '.join(export.files)}: {export.size:,} bytes"
    yield "run", f"{result.run_id} of {result.environment}, prober {report.version}"


_EDGES = {
    (True, True): "what was sent before and after the run is there, so all of it is in",
    (True, False): "nothing that was sent after the run: the export may end before it",
    (False, True): "nothing that was sent before the run: the export may begin later",
    (False, False): "nothing that was sent before or after the run: it may be cut off",
}
"""By whether primers and trailers were found."""


def render(report: Report, export: Export) -> str:
    """Return the document, `prober.audit/v1`, as text that ends in a newline."""
    return json.dumps(document(report, export), indent=2, allow_nan=False) + "\n"


def document(report: Report, export: Export) -> dict[str, Json]:
    """Return the document as plain values, in the order of its schema."""
    result, target, consumer = report.result, report.target, report.consumers[0]
    return {
        "schema": SCHEMA,
        "prober": {"version": report.version, "python": report.python},
        "run": {
            "id": result.run_id,
            "environment": result.environment,
            "partial": result.partial,
            "messages": result.plan.messages,
        },
        "export": {**asdict(export), "files": list(export.files)},
        "objective": None if target is None else {"target": float(target)},
        "verdict": {
            "state": report.verdict.state,
            "exit_code": report.verdict.exit_code,
            "reason": report.verdict.reason,
        },
        "counts": _fates(consumer.counts),
        "valid": {"accepted": consumer.valid.accepted, "bad": consumer.valid.bad},
        "sli": consumer.sli,
        "nines": consumer.nines,
        "coverage": None if consumer.coverage is None else float(consumer.coverage),
        "missing": _spans(consumer),
        "cycles": [_cycle(each.outcomes[0]) for each in report.cycles],
    }


def _fates(counts: Counts) -> dict[str, Json]:
    return {
        "accepted": counts.accepted,
        "not_accepted": counts.rejected,
        "unknown": counts.ambiguous,
        "found": counts.good,
        "corrupt": counts.corrupt,
        "missing": counts.lost,
        "duplicates": counts.duplicates,
        "unexplained": counts.unexplained,
        "other_runs": counts.other_runs,
    }


def _spans(consumer: Consumer) -> list[Json]:
    return [{"first": each.first, "count": each.count} for each in consumer.gaps]


def _cycle(cycle: CycleResult) -> dict[str, Json]:
    counts = cycle.counts
    return {
        "index": cycle.index,
        "first": cycle.span.first,
        "count": cycle.span.count,
        "state": cycle.state.value,
        "reason": cycle.reason,
        "accepted": counts.accepted,
        "found": counts.good,
        "corrupt": counts.corrupt,
        "missing": counts.lost,
    }
