"""A small history of two environments, for tests of the commands that read one."""

from dataclasses import replace
from pathlib import Path

import pytest

from prober.__main__ import main
from prober.history import HOUR_NS, CycleRecord
from prober.records import Counts, Span, State
from prober.store import open_store
from tests.store import samples

START_NS = 490_000 * HOUR_NS
"""2025-11-24 16:00 UTC: in the past, for what is to come is not known."""
WINDOW = ("--from", "2025-11-24T16:00", "--to", "2025-11-24T19:00")
BEFORE, AFTER, SHORT = "BEFORE000001", "AFTER0000001", "SHORT0000001"
SHIFT_NS = START_NS - samples.START_NS


def make(path: Path) -> None:
    """Write three hours of a cycle a minute: one environment lost some, one most."""
    with open_store(path) as store:
        for environment, lossy in (("prod_eu", {70}), ("prod_us", set(range(60, 120)))):
            run_id = f"{environment.upper()}00000"
            store.put_run(
                samples.run(environment=environment, run_id=run_id, started_ns=START_NS)
            )
            store.put_cycles(
                cycle(
                    index, lossy=index in lossy, environment=environment, run_id=run_id
                )
                for index in range(180)
            )
        note = samples.annotation(
            environment="prod_eu",
            text="deploy <b>v41</b>",
            from_ns=START_NS + 69 * samples.MINUTE_NS,
            to_ns=START_NS + 75 * samples.MINUTE_NS,
        )
        store.annotate(note)
        for run_id, count, every in ((BEFORE, 200, 0), (AFTER, 200, 9), (SHORT, 3, 1)):
            run = samples.run(
                environment="prod_eu",
                mode="ad_hoc",
                run_id=run_id,
                every_ns=None,
                started_ns=START_NS + 4 * HOUR_NS,
                target=None,
                window_ns=None,
            )
            store.put_run(run)
            store.put_cycles(
                cycle(
                    index,
                    lossy=bool(every) and not index % every,
                    run_id=run_id,
                    environment="prod_eu",
                    mode="ad_hoc",
                    after_ns=4 * HOUR_NS,
                )
                for index in range(count)
            )


def cycle(
    index: int,
    *,
    lossy: bool,
    after_ns: int = 0,
    **others: object,
) -> CycleRecord:
    """Return a cycle of 1,000 messages that lost a half, or nothing."""
    lost = 500 if lossy else 0
    one = samples.cycle(
        index,
        State.LOSS if lossy else State.PASS,
        planned=1_000,
        counts=Counts(attempted=1_000, accepted=1_000, on_time=1_000 - lost, lost=lost),
        gaps=(Span(first=index * 1_000, count=lost),) if lost else (),
        **others,
    )
    shift = SHIFT_NS + after_ns
    return replace(
        one,
        scheduled_ns=one.scheduled_ns + shift,
        first_sent_ns=(one.first_sent_ns or 0) + shift,
        last_sent_ns=(one.last_sent_ns or 0) + shift,
        final_ns=(one.final_ns or 0) + shift,
    )


def called(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run `prober` with arguments in this process; return its exit code."""
    monkeypatch.setattr("sys.argv", ["prober", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert isinstance(left.value.code, int)
    return left.value.code
