"""Runs that are told again, of what history keeps of them."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from prober.cli.remembering import cycles_of, run_of
from prober.clock import NS
from prober.histogram import Histogram
from prober.records import CutOff, PlatformIncrease, Reached, RunResult, WriterResult
from prober.report import build
from prober.report.again import result_of
from prober.report.formats import FORMATS
from prober.store import open_store
from tests.report import samples

OPTIONS = SimpleNamespace(slo=samples.TARGET, worst_burst=1_000)
TEXTUAL = [name for name, each in FORMATS.items() if not each.extra]


def full() -> RunResult:
    """Return a run with everything that is measured beside its cycles."""
    blocked, latency = Histogram(), Histogram()
    blocked.add([90_000, 250_000_000])
    one = samples.violated()
    cycles = []
    for each in one.consumers[0].cycles:
        took = Histogram()
        took.add(np.linspace(1e6, 9e6, each.counts.good).astype(np.int64))
        latency.merge(took)
        cycles.append(replace(each, latency=took.freeze()))
    consumer = replace(one.consumers[0], cycles=tuple(cycles), latency=latency)
    writer = WriterResult(
        written_to="agent at 127.0.0.1:3458",
        attempted=20_000,
        accepted=20_000,
        rejected=0,
        ambiguous=0,
        blocked=blocked,
        reached=(Reached(consumer="rlp", sent=20_000, lost=4_000, lossy_batches=4),),
    )
    increase = PlatformIncrease(
        component="router",
        instance="doppler/0",
        counter="dropped",
        direction="egress",
        increase=4_000,
        from_ns=samples.START_NS,
        to_ns=samples.START_NS + 10 * NS,
        silent_ns=0,
    )
    return replace(
        one,
        consumers=(replace(consumer, counts=replace(consumer.counts, unexplained=3)),),
        writers=(writer,),
        warnings=("half a character \\ud800 of a peer's", "the clocks differ"),
        platform=(increase,),
        cut_offs=(CutOff(consumer="rlp", from_ns=1, at_ns=2),),
        command=samples.inconclusive().command,
    )


def stored(result: RunResult, path: Path) -> RunResult:
    """Return a run as a database keeps it, and as it is read again."""
    run = run_of(result, OPTIONS)  # type: ignore[arg-type]
    with open_store(path) as store:
        store.put_run(run)
        store.put_cycles(cycles_of(result))
        kept = store.run(result.run_id)
        assert kept is not None
        return result_of(kept, store.cycles(run_id=result.run_id))


@pytest.mark.parametrize("name", TEXTUAL)
def test_a_run_is_told_again_as_it_was(tmp_path: Path, name: str) -> None:
    """What is read of history is reported to the letter as it was when it was made."""
    made = full()

    again = stored(made, tmp_path / "history.sqlite")

    render = FORMATS[name].render
    assert render(build(made, samples.TARGET)) == render(build(again, samples.TARGET))


def test_runs_of_an_older_prober_are_told_by_their_cycles() -> None:
    """Where nothing was kept beside the cycles, they alone are told."""
    made = full()
    run = replace(run_of(made, OPTIONS), beside=None)  # type: ignore[arg-type]

    again = result_of(run, cycles_of(made))

    assert ({}, (), None) == (again.health, again.writers, again.platform)
    assert made.consumers[0].valid == again.consumers[0].valid
    assert made.consumers[0].gaps == again.consumers[0].gaps
    assert again.rate_achieved == pytest.approx(19_999 / 19.5)


def test_cycles_that_are_open_are_no_part_of_it() -> None:
    """A run whose process died is told by what was final."""
    made = full()
    cycles = [
        replace(each, state=None) if each.index > 9 else each
        for each in cycles_of(made)
    ]

    again = result_of(run_of(made, OPTIONS), cycles)  # type: ignore[arg-type]

    assert 10 == len(again.consumers[0].cycles)
