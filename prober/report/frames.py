"""Tidy frames of pandas for notebooks: cycles, windows, latency; one fact a row.

    import time
    from prober.report import build_environment, frames
    from prober.store import open_store

    day = 86_400 * 10**9
    with open_store() as store:
        history = store.history("prod_eu", time.time_ns() - 30 * day, time.time_ns())
    frames.windows([build_environment(history)], every="1D")

Columns are called alike in all three. Text is `str`, counts of messages and cycles
are `int64`, times are `datetime64[ns, UTC]`, ratios and seconds are `float64` with NaN
for what is undefined: nothing measured is neither 0 nor 1. Counts add over rows;
ratios, percentiles and largest losses do not, so sum the counts before you divide.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from prober.clock import NS
from prober.history import CycleRecord, EnvironmentHistory
from prober.records import ConsumerResult, Counts, CycleResult, RunResult, State
from prober.report.environment import EnvironmentReport
from prober.report.slots import Slot

if TYPE_CHECKING:  # it takes 0.4 s, so that only who makes a frame loads it
    import pandas as pd

_FATES = tuple(each.name for each in fields(Counts))
_TIMES = ("start", "end", "due", "first_sent", "last_sent", "final")
_TEXTS = ("environment", "consumer", "run", "mode", "state", "reason")
_FLOATS = ("sli", "p50_s", "p90_s", "p99_s", "p999_s", "max_s", "up_to_s")

CYCLES = (
    "environment",
    "consumer",
    "run",
    "mode",
    "cycle",  # its number in the run, from 0
    "due",  # NaT in a run from a terminal, which keeps to no schedule
    "first_sent",  # NaT when nothing was sent
    "last_sent",
    "final",  # NaT where it was not kept
    "state",
    "reason",
    "planned",
    *_FATES,
    "bad",  # lost + corrupt, and 0 in cycles that do not count
)
"""The columns of `cycles`: a row a cycle and consumer."""

WINDOWS = (
    "environment",
    "consumer",
    "start",
    "end",
    "planned",
    *_FATES,  # over the cycles that count
    "bad",  # lost + corrupt
    "unseen",  # messages of inconclusive cycles that never came,
    "unsure",  # of so many of theirs
    *(f"cycles_{state.value}" for state in State),
    "largest_loss",  # bad messages of the worst cycle
    "sli",  # (accepted - bad) / accepted
)
"""The columns of `windows`: a row a stretch of time and consumer."""

PERCENTILES = ("p50_s", "p90_s", "p99_s", "p999_s", "max_s")
"""Further columns of `windows` where it can tell them: of hours and of days."""

LATENCY = (
    "environment",
    "consumer",
    "start",
    "up_to_s",  # the upper edge of a bucket, in seconds
    "count",  # messages that took so long: more than the edge below
)
"""The columns of `latency`: a row a bucket of an hour's histogram."""


def cycles(records: Iterable[CycleRecord]) -> "pd.DataFrame":
    """Return a row for each cycle and consumer; those still open have no state."""
    return _frame(CYCLES, [_cycle(each) for each in records])


def cycles_of_run(result: RunResult) -> "pd.DataFrame":
    """Return the same of a run that was just made."""
    rows = [
        _run_cycle(result, consumer, cycle)
        for consumer in result.consumers
        for cycle in consumer.cycles
    ]
    return _frame(CYCLES, rows)


def windows(
    reports: Iterable[EnvironmentReport], *, every: str = "1h"
) -> "pd.DataFrame":
    """Return a row for each stretch of time that has cycles, by consumer.

    Args:
        reports: Of one or several environments.
        every: How long a stretch is, as pandas writes fixed lengths: `1h`, `6h`, `1D`,
            `7D`; counted in UTC, from the beginning of 1970. Percentiles do not add,
            so that only hours and days have them.

    Raises ValueError for a length that pandas does not know.
    """
    days = every in ("1D", "1d", "D", "d", "24h")
    rows = [
        _window(report.environment, consumer.name, slot)
        for report in reports
        for consumer in report.consumers
        for slot in (consumer.days if days else consumer.hours)
    ]
    frame = _frame((*WINDOWS, *PERCENTILES), rows)
    return frame if days or every in ("1h", "h") else _resampled(frame, every)


def latency(histories: Iterable[EnvironmentHistory]) -> "pd.DataFrame":
    """Return how many messages took how long, by hour.

    Counts of the same edge add, over hours, consumers and environments; the share of a
    group's count up to an edge, in the order of edges, is what a percentile asks for.
    """
    rows = [
        {
            "environment": hour.environment,
            "consumer": hour.consumer,
            "start": hour.start_ns,
            "up_to_s": edge / NS,
            "count": count,
        }
        for history in histories
        for hour in history.hours
        for edge, count in sorted(hour.latency.buckets.items())
    ]
    return _frame(LATENCY, rows)


Row = Mapping[str, Any]


def _frame(columns: Sequence[str], rows: Sequence[Row]) -> "pd.DataFrame":
    """Return rows as a frame of exactly these columns, each of its one type.

    Counts are made integers one by one: a database sums them up as decimals or floats,
    and a float has lost messages from 2**53 on.
    """
    import pandas as pd  # noqa: PLC0415 - see above

    found: dict[str, pd.Series[Any]] = {}
    for name in columns:
        values = [row[name] for row in rows]
        if name in _TIMES:
            times = pd.Series(values, dtype="Int64").astype("datetime64[ns]")
            found[name] = times.dt.tz_localize("UTC")
        elif name in _TEXTS:
            found[name] = pd.Series([encodable(each) for each in values], dtype="str")
        elif name in _FLOATS:
            found[name] = pd.Series(values, dtype="float64")
        else:
            found[name] = pd.Series([int(each) for each in values], dtype="int64")
    return pd.DataFrame(found, columns=list(columns))


def encodable(value: str | None) -> str | None:
    """Return a text that UTF-8 can carry: what it cannot stands as its escape."""
    if value is None:
        return None
    return value.encode("utf-8", "backslashreplace").decode()


def _fates(counts: Counts) -> Row:
    return {name: getattr(counts, name) for name in _FATES}


def _cycle(cycle: CycleRecord) -> Row:
    return {
        "environment": cycle.environment,
        "consumer": cycle.consumer,
        "run": cycle.run_id,
        "mode": cycle.mode,
        "cycle": cycle.index,
        "due": cycle.scheduled_ns,
        "first_sent": cycle.first_sent_ns,
        "last_sent": cycle.last_sent_ns,
        "final": cycle.final_ns,
        "state": cycle.state.value if cycle.state else None,
        "reason": cycle.reason,
        "planned": cycle.planned,
        **_fates(cycle.counts),
        "bad": cycle.bad,
    }


def _run_cycle(result: RunResult, consumer: ConsumerResult, cycle: CycleResult) -> Row:
    counts = cycle.state in (State.PASS, State.LOSS)
    return {
        "environment": result.environment,
        "consumer": consumer.name,
        "run": result.run_id,
        "mode": result.mode,
        "cycle": cycle.index,
        "due": None,
        "first_sent": cycle.first_sent_ns,
        "last_sent": cycle.last_sent_ns,
        "final": None,
        "state": cycle.state.value,
        "reason": cycle.reason,
        "planned": cycle.span.count,
        **_fates(cycle.counts),
        "bad": cycle.counts.bad if counts else 0,
    }


def _window(environment: str, consumer: str, slot: Slot) -> Row:
    took = slot.latency
    return {
        "environment": environment,
        "consumer": consumer,
        "start": slot.from_ns,
        "end": slot.to_ns,
        "planned": slot.planned,
        **_fates(slot.counts),
        "bad": slot.counts.bad,
        "unseen": slot.unseen,
        "unsure": slot.unsure,
        **{f"cycles_{state.value}": count for state, count in slot.states.items()},
        "largest_loss": slot.largest_loss,
        "sli": slot.sli,
        "p50_s": took.p50,
        "p90_s": took.p90,
        "p99_s": took.p99,
        "p999_s": took.p999,
        "max_s": took.max,
    }


def _resampled(frame: "pd.DataFrame", every: str) -> "pd.DataFrame":
    """Return hours merged to longer stretches: counts added, then divided."""
    import pandas as pd  # noqa: PLC0415 - see above

    length = pd.Timedelta(every)
    adding = [
        name
        for name in WINDOWS
        if name not in (*_TEXTS, *_TIMES, *_FLOATS, "largest_loss")
    ]
    merged = frame.assign(start=frame["start"].dt.floor(length)).groupby(
        ["environment", "consumer", "start"], as_index=False, sort=True
    )
    found = merged.agg(dict.fromkeys(adding, "sum") | {"largest_loss": "max"})
    found["end"] = found["start"] + length
    good = found["accepted"] - found["bad"]
    found["sli"] = (good / found["accepted"]).astype("float64")
    return found[list(WINDOWS)]
