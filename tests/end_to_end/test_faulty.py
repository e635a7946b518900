"""A daemon whose lines break again and again."""

from collections import Counter
from pathlib import Path

import pytest

from prober.clock import NS
from prober.records import State
from tests.benchmarks import faulty


@pytest.mark.timeout(120)  # a lap of faults takes its time
async def test_a_lap_of_broken_lines(tmp_path: Path) -> None:
    """Nothing is called lost, no cycle is left out or doubled, and nothing leaks."""
    before = faulty.held()
    (_,), cycles = await faulty.laps(tmp_path, 1)
    after = faulty.held()
    states = Counter(cycle.state for cycle in cycles)
    due = [cycle.scheduled_ns for cycle in cycles]

    assert 0 == states[State.LOSS] == states[None]
    assert 0 < states[State.PASS]
    assert [due[0] + number * NS for number in range(len(due))] == due
    assert all(cycle.counts.balanced() for cycle in cycles)
    assert (before.tasks, before.sockets) == (after.tasks, after.sockets)
