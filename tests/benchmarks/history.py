"""Measure a quarter of history: `python -m tests.benchmarks.history [URL]`.

Ten environments, a cycle a minute each for 90 days, an incident every other day:
written as a daemon writes them, in bulk, then read as reports and pages read them.
Without a URL it is a SQLite file that is removed again.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from prober.history import HOUR_NS, CycleRecord
from prober.records import State
from prober.report.now import now
from prober.store import Store, open_store
from prober.watch.knowing import Window, known
from tests.store.samples import MINUTE_NS, START_NS, annotation, cycle, run

ENVIRONMENTS = tuple(f"environment-{number}" for number in range(10))
DAYS = 90
DAY_NS = 24 * HOUR_NS
_CHUNK = 5_000


def main(arguments: list[str]) -> int:
    """Print what takes how long."""
    with tempfile.TemporaryDirectory() as folder:
        where = arguments[0] if arguments else f"{folder}/history.sqlite"
        with open_store(where) as store:
            _timed("write 1,296,000 cycles in bulk", lambda: _fill(store))
            if not arguments:
                size = Path(where).stat().st_size
                _tell(f"{'the file':40}{size / 1e6:9,.0f} MB")
            _read(store)
    return 0


def _fill(store: Store) -> None:
    for name in ENVIRONMENTS:
        store.put_run(run(environment=name, run_id=name))
        cycles = _cycles(name)
        while chunk := list(islice(cycles, _CHUNK)):
            store.put_cycles(chunk)


def _cycles(name: str) -> Iterator[CycleRecord]:
    kinds = {state: cycle(0, state) for state in State}
    for minute in range(DAYS * 1_440):
        state = State.PASS
        if minute % 2_880 < 10:
            state = State.LOSS if minute % 2_880 < 5 else State.INCONCLUSIVE
        due_ns = START_NS + minute * MINUTE_NS
        yield replace(
            kinds[state],
            environment=name,
            run_id=name,
            index=minute,
            scheduled_ns=due_ns,
            first_sent_ns=due_ns,
            last_sent_ns=due_ns + MINUTE_NS // 2,
            final_ns=due_ns + MINUTE_NS,
        )


def _read(store: Store) -> None:
    first, end_ns = ENVIRONMENTS[0], START_NS + DAYS * DAY_NS + MINUTE_NS
    from_ns = START_NS + 37 * MINUTE_NS

    def everything() -> None:
        for name in ENVIRONMENTS:
            store.history(name, from_ns, end_ns)

    _timed("90 days of ten environments", everything)
    _timed("90 days of one", lambda: store.history(first, from_ns, end_ns))
    _timed("an hour of one", lambda: store.history(first, end_ns - HOUR_NS, end_ns))
    _timed("the newest 1,000 cycles", lambda: store.cycles(first, limit=1_000))
    _timed("how all of them stand, at first sight", lambda: _glance(store, end_ns))
    _timed("one more cycle", lambda: store.put_cycles([cycle(0, environment="new")]))
    excluded = annotation(
        "exclude", environment=first, from_ns=from_ns, to_ns=from_ns + DAY_NS
    )
    _timed("exclude a day", lambda: store.annotate(excluded))
    _timed("delete a day", lambda: store.prune(START_NS + 96 * DAY_NS))


def _glance(store: Store, now_ns: int) -> None:
    """Do what `prober status` does, over objectives of a quarter."""
    for each in known(store, now_ns, window=_quarter(store)):
        now(each)


def _quarter(store: Store) -> Window:
    return lambda name, _, to_ns: store.summary(name, to_ns - DAYS * DAY_NS, to_ns)


def _timed(what: str, work: Callable[[], object]) -> None:
    begun, begun_cpu = time.perf_counter(), time.process_time()
    work()
    took, cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    _tell(f"{what:40}{took * 1_000:9,.1f} ms{cpu * 1_000:9,.1f} ms CPU")


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
