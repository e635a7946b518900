"""What history holds of an environment, as one list: cycles, runs and annotations.

The newest stands first. Consecutive cycles that ended alike are one line, an ad hoc run
is one line; the document of `prober.report.listing_json` has each by itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from prober.clock import NS
from prober.history import Annotation, CycleRecord, RunRecord
from prober.records import State
from prober.report.screen import Screen
from prober.report.words import STATES, many, moment

_FORM = "%Y-%m-%d %H:%M:%S"
_DECIDED = {"exclude": "excluded", "reclassify": "reclassified"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What was found of one environment, in any order."""

    environment: str
    runs: tuple[RunRecord, ...]
    cycles: tuple[CycleRecord, ...]
    annotations: tuple[Annotation, ...]
    cut: bool
    """There are more cycles than these, the newest."""


def screen(listing: Listing) -> Screen:
    """Put a listing into words."""
    facts = [*_cycles(listing), *_runs(listing), *_annotations(listing)]
    facts.sort(key=lambda dated: dated[0], reverse=True)
    told = tuple((moment(at_ns, _FORM), text) for at_ns, text in facts)
    return Screen(
        title=listing.environment,
        state=None,
        answer=(_answer(listing),),
        line=(),
        parts=(told,) if told else (),
    )


def _answer(listing: Listing) -> str:
    keys = {(cycle.run_id, cycle.index) for cycle in listing.cycles}
    first_ns = min((cycle.scheduled_ns for cycle in listing.cycles), default=None)
    if first_ns is None:
        return "HISTORY: no cycle in this time."
    found = f"{'the newest ' if listing.cut else ''}{many(len(keys), 'cycle')}"
    return f"HISTORY: {found} since {moment(first_ns, _FORM)} UTC."


_Dated = tuple[int, str]
"""A line, and the time that it is about."""


def _cycles(listing: Listing) -> Iterator[_Dated]:
    """Yield a line for each row of continuous cycles that ended alike."""
    continuous = [each for each in listing.cycles if each.mode == "continuous"]
    for alike in _rows(continuous):
        first_ns = alike[0][0].scheduled_ns
        last = max(each.final_ns or each.scheduled_ns for each in alike[-1])
        until = "" if len(alike) == 1 else f", until {moment(last)}"
        yield first_ns, f"{many(len(alike), 'cycle')} {_outcome(alike)}{until}"


def _rows(cycles: Iterable[CycleRecord]) -> Iterator[list[list[CycleRecord]]]:
    """Yield rows of cycles that ended alike; each cycle as its consumers saw it."""
    ordered = sorted(
        cycles, key=lambda c: (c.scheduled_ns, c.run_id, c.index, c.consumer)
    )
    whole = [
        list(each)
        for _, each in groupby(
            ordered, key=lambda c: (c.scheduled_ns, c.run_id, c.index)
        )
    ]
    for _, row in groupby(whole, key=_signature):
        yield list(row)


def _signature(
    cycle: Sequence[CycleRecord],
) -> tuple[tuple[str, State | None, str], ...]:
    return tuple(
        (each.consumer, each.state, "" if each.state is State.LOSS else each.reason)
        for each in cycle
    )


def _outcome(row: Sequence[Sequence[CycleRecord]]) -> str:
    """Say how cycles ended: once, if all their consumers saw the same."""
    by_consumer = list(zip(*row, strict=True))
    told = {each[0].consumer: _ending(each) for each in by_consumer}
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return ", ".join(f"{name} {words}" for name, words in told.items())


def _ending(cycles: Sequence[CycleRecord]) -> str:
    first = cycles[0]
    if first.state is None:
        return "under way"
    words = STATES[first.state]
    if first.state is State.LOSS:
        lost, of = _lost(cycles)
        words += f", {lost:,} of {of:,} lost or damaged"
    return f"{words}: {first.reason}" if first.reason else words


def _lost(cycles: Iterable[CycleRecord]) -> tuple[int, int]:
    counted = [(each.bad, each.total) for each in cycles]
    return sum(bad for bad, _ in counted), sum(total for _, total in counted)


def _runs(listing: Listing) -> Iterator[_Dated]:
    for run in listing.runs:
        cycles = [each for each in listing.cycles if each.run_id == run.run_id]
        if run.mode == "continuous":
            yield (
                run.started_ns,
                f"watched from then on, by {run.daemon}, run {run.run_id}",
            )
            continue
        took = "" if run.ended_ns is None else _seconds(run.ended_ns - run.started_ns)
        partial = ", interrupted" if run.partial else ""
        yield run.started_ns, f"run {run.run_id}{took}{partial}: {_ad_hoc(cycles)}"


def _seconds(ns: int) -> str:
    return f", {ns / NS:,.1f} s"


def _ad_hoc(cycles: Sequence[CycleRecord]) -> str:
    """Say what an ad hoc run found, for each of its consumers."""
    told = []
    for name in sorted({each.consumer for each in cycles}):
        own = [each for each in cycles if each.consumer == name]
        lost, of = _lost(own)
        aside = sum(each.state not in (State.PASS, State.LOSS) for each in own)
        words = f"{name} {lost:,} of {of:,} lost or damaged"
        told.append(f"{words}, {many(aside, 'cycle')} do not count" if aside else words)
    return "; ".join(told) or "its cycles are not in this list"


def _annotations(listing: Listing) -> Iterator[_Dated]:
    for each in listing.annotations:
        until = ""
        if each.to_ns > each.from_ns:
            until = f" until {moment(each.to_ns, _FORM)}"
        said = f"{each.text} ({each.author})"
        if each.kind == "note":
            yield each.from_ns, said + (f",{until}" if until else "")
            continue
        as_what = "" if each.state is None else f" as {STATES[each.state]}"
        yield each.from_ns, f"{_DECIDED[each.kind]}{as_what}{until}: {said}"
