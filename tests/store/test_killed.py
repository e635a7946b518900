"""Writers that are killed with -9 while they write, all into one history."""

import random
import subprocess
import sys
from dataclasses import dataclass

import pytest

from prober.history import hours_of
from prober.records import State
from prober.store import open_store
from tests.store.samples import START_NS

ROUNDS = 2
AT_ONCE = 5

_WRITER = """
import itertools, sys
from prober.records import State
from prober.store import open_store
from tests.store.samples import START_NS, cycle

where, environment, run_id, first = sys.argv[1:]
with open_store(where, busy_seconds=30) as store:
    store.mend(environment, daemon="host:1", now_ns=2 * START_NS)
    for index in itertools.count(int(first)):
        state = State.LOSS if index % 3 == 0 else State.PASS
        its = {"environment": environment, "run_id": run_id}
        store.put_cycles([cycle(index, None, **its)])
        store.put_cycles([cycle(index, state, **its)])
        print(index, flush=True)
"""


@dataclass
class _Writer:
    """One environment's writer, and what it said it had committed."""

    environment: str
    run_id: str
    process: subprocess.Popen[str]
    committed: list[int]

    def kill(self, after: int) -> None:
        """Kill it once it has committed some cycles, at whatever it does then."""
        assert self.process.stdout is not None
        for _ in range(after):
            self.committed.append(int(self.process.stdout.readline()))
        self.process.kill()
        self.committed.extend(map(int, self.process.stdout.read().split()))
        self.process.wait()
        self.process.stdout.close()


@pytest.mark.timeout(300)
def test_nothing_committed_is_lost_or_doubled(where: str) -> None:
    """Kills at random moments leave exactly what was committed, once."""
    lots = random.Random(20)  # noqa: S311 - moments, nothing secret
    written: dict[str, list[int]] = {}
    open_store(where).close()
    for round_ in range(ROUNDS):
        writers = [_start(where, number, round_) for number in range(AT_ONCE)]
        for writer in writers:
            writer.kill(lots.randrange(1, 25))
            written[f"{writer.environment} {writer.run_id}"] = writer.committed

    with open_store(where) as store:
        for number in range(AT_ONCE):
            environment = f"environment-{number}"
            store.mend(environment, daemon="host:1", now_ns=2 * START_NS)
            found = store.cycles(environment, oldest_first=True)
            window = store.history(environment, START_NS, 3 * START_NS)

            assert hours_of(found) == list(window.hours)
            for round_ in range(ROUNDS):
                told = written[f"{environment} run-{round_}"]
                its = [each for each in found if each.run_id == f"run-{round_}"]
                # One more may have been opened, or even closed, and not been told.
                assert told == [each.index for each in its][: len(told)]
                assert len(its) - len(told) in (0, 1)
                assert all(each.state in (State.PASS, State.LOSS) for each in its[:-1])
                assert its[-1].state is not None


def _start(where: str, number: int, round_: int) -> _Writer:
    environment, run_id = f"environment-{number}", f"run-{round_}"
    first = str(round_ * 1_000_000)
    arguments = [sys.executable, "-c", _WRITER, where, environment, run_id, first]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    return _Writer(environment, run_id, process, [])
