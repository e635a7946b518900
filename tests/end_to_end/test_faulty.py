"""A daemon to which every fault there is happens, one after the other."""

from collections import Counter
from pathlib import Path

import pytest

from prober.clock import NS
from prober.pipeline.faults import KINDS
from prober.records import State
from tests.benchmarks import faulty


def test_a_lap_has_every_fault() -> None:
    """What the laboratory can do is done."""
    assert set(KINDS) == {fault.kind for fault in faulty.LAP}


# A connection that is cut in its handshake is closed by the collector, which says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.long
@pytest.mark.timeout(300)  # a lap of faults takes its time, and more on a busy machine
async def test_a_lap_of_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken lines lose nothing, no cycle is left out or doubled, and nothing leaks."""
    monkeypatch.setattr(faulty, "SPEED", 1)  # a busy machine is not to be a fault
    before = faulty.held()
    seen, cycles = await faulty.laps(tmp_path, 1)
    after = faulty.held()
    states = Counter(cycle.state for cycle in cycles)
    due = sorted({cycle.scheduled_ns for cycle in cycles})

    assert [] == faulty.wrongly_lost(seen, cycles)
    assert 0 < states[State.PASS]
    assert [due[0] + number * NS for number in range(len(due))] == due
    assert 3 * len(due) == len(cycles)
    assert all(cycle.counts.balanced() for cycle in cycles)
    assert (before.tasks, before.sockets) == (after.tasks, after.sockets)
