"""Measure a large report: `python -m tests.benchmarks.reports`.

Ninety days of ten environments with two consumers and a cycle a minute are written into
a SQLite file as a daemon would have left them: 2.6 million rows. Each format is then
rendered by a process of its own, as the command does, of modules that are compiled as
those of an installed package are; its seconds of CPU and its peak of memory are told,
and held against 5 s and 500 MB.
"""

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from prober.clock import NS
from prober.histogram import Histogram
from prober.history import HOUR_NS, CycleRecord, HourRecord, hours_of
from prober.records import Counts, Span, State
from prober.report.formats import FORMATS
from prober.store import Store, open_store
from prober.store.codecs import row_of_cycle, row_of_hour
from tests.report import histories

DAYS, ENVIRONMENTS, CONSUMERS = 90, 10, ("gateway", "rlp")
LIMIT_SECONDS, LIMIT_BYTES = 5.0, 500 * 10**6
BEGAN_NS = 490_000 * HOUR_NS - DAYS * 24 * HOUR_NS
MINUTE_NS = 60 * NS
WINDOW = ("--from", "2025-08-26T16:00", "--to", "2025-11-24T16:00")
MESSAGES = 1_000


def main(arguments: list[str]) -> int:
    """Print a table; return 1 if a limit is missed."""
    if arguments[:1] == ["--one"]:
        return _one(arguments[1:])
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.sqlite"
        begun = time.perf_counter()
        with open_store(path) as store:
            _fill(store)
        took, size = time.perf_counter() - begun, path.stat().st_size
        _tell(f"history written in {took:.0f} s, {size / 1e9:.1f} GB")
        _measure(path, Path(folder) / "first.pdf")  # compiles whatever is imported
        for name, each in FORMATS.items():
            out = Path(folder) / f"report{each.suffixes[0]}"
            seconds, peak = _measure(path, out)
            fits = seconds < LIMIT_SECONDS and peak < LIMIT_BYTES
            missed = missed or not fits
            written = out.stat().st_size
            _tell(
                f"{name:12}{seconds:6.2f} s{peak / 1e6:7.0f} MB{written / 1e6:7.2f} MB"
                f"{'' if fits else '  missed'}"
            )
    return int(missed)


def _measure(path: Path, out: Path) -> tuple[float, int]:
    """Return the seconds of CPU and the peak of memory of one command."""
    options = ["-q", "-o", str(out), "--store", str(path), *WINDOW]
    compiled = {"PYTHONPYCACHEPREFIX": str(path.with_name("compiled"))}
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.reports", "--one", "report", *options],
        capture_output=True,
        text=True,
        check=True,
        env=environ | compiled,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found["seconds"], found["peak"]


def _one(arguments: list[str]) -> int:
    """Run the command in this process, and tell what it took."""
    from prober.cli import cli

    begun = time.process_time()
    cli.main(arguments, prog_name="prober", standalone_mode=False)
    seconds = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024
    _tell(json.dumps({"seconds": seconds, "peak": peak}))
    return 0


def _fill(store: Store) -> None:
    """Write all rows, in bulk: whoever watches writes them one by one."""
    for number in range(ENVIRONMENTS):
        name, run_id = f"env_{number}", f"RUN00000000{number}"
        run = histories.run(environment=name, run_id=run_id, started_ns=BEGAN_NS)
        store.put_run(replace(run, consumers={each: each for each in CONSUMERS}))
        # The first one makes the environment known.
        store.put_cycles([_kinds(name, run_id, "rlp")[State.PASS]])
    with sqlite3.connect(store.where) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("DELETE FROM cycles")
        connection.execute("DELETE FROM hours")
        for number in range(ENVIRONMENTS):
            for consumer in CONSUMERS:
                kinds = _kinds(f"env_{number}", f"RUN00000000{number}", consumer)
                _insert(connection, "cycles", _cycle_rows(kinds))
                _insert(connection, "hours", _hour_rows(kinds))


def _state(index: int) -> State:
    """Return how a cycle ends: one in a thousand lossy, one in five thousand ours."""
    if index % 5_000 == 11:
        return State.INVALID
    return State.LOSS if index % 1_000 == 7 else State.PASS


def _kinds(environment: str, run_id: str, consumer: str) -> Mapping[State, CycleRecord]:
    """Return one cycle of each kind, as if it were the first."""
    latency = Histogram()
    latency.add(1_000_000 + np.arange(MESSAGES, dtype=np.int64) ** 2 * 40)
    found = {}
    for state, lost in ((State.PASS, 0), (State.LOSS, 200), (State.INVALID, 0)):
        found[state] = CycleRecord(
            environment=environment,
            mode="continuous",
            run_id=run_id,
            index=0,
            consumer=consumer,
            scheduled_ns=BEGAN_NS,
            first_sent_ns=BEGAN_NS,
            last_sent_ns=BEGAN_NS,
            final_ns=BEGAN_NS,
            planned=MESSAGES,
            state=state,
            reason="" if state is State.PASS else state.value,
            counts=Counts(
                attempted=MESSAGES,
                accepted=MESSAGES,
                on_time=MESSAGES - lost,
                lost=lost,
            ),
            latency=latency.freeze(),
            gaps=(Span(first=50, count=lost),) if lost else (),
        )
    return found


def _cycle_rows(kinds: Mapping[State, CycleRecord]) -> Iterator[Mapping[str, object]]:
    rows = {state: row_of_cycle(cycle) for state, cycle in kinds.items()}
    for index in range(DAYS * 1_440):
        due_ns = BEGAN_NS + index * MINUTE_NS
        yield rows[_state(index)] | {
            "number": index,
            "scheduled_ns": due_ns,
            "first_sent_ns": due_ns,
            "last_sent_ns": due_ns + MINUTE_NS - NS,
            "final_ns": due_ns + MINUTE_NS - 1,
        }


def _hour_rows(kinds: Mapping[State, CycleRecord]) -> Iterator[Mapping[str, object]]:
    """Return hours summed up as history does, each kind of hour worked out once."""
    known: dict[tuple[State, ...], HourRecord] = {}
    for first in range(0, DAYS * 1_440, 60):
        states = tuple(_state(index) for index in range(first, first + 60))
        if states not in known:
            (known[states],) = hours_of(kinds[state] for state in states)
        start_ns = BEGAN_NS + first * MINUTE_NS
        yield row_of_hour(replace(known[states], start_ns=start_ns))


def _insert(
    connection: sqlite3.Connection, table: str, rows: Iterator[Mapping[str, object]]
) -> None:
    first = next(rows)
    names = ", ".join(first)
    places = ", ".join("?" * len(first))
    statement = f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608 - ours
    connection.executemany(
        statement, (tuple(row.values()) for row in chain([first], rows))
    )
    connection.commit()


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
