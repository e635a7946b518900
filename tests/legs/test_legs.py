"""Legs in real processes over a real stack: as exact as one process, and no orphans."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from prober.cli.legs import Processes
from prober.cli.targets import Ends, bundled
from prober.clock import NS, SystemClock
from prober.config.models import Reference
from prober.errors import CouldNotProbe, UsageError
from prober.ledger import Deadlines
from prober.plan import Plan
from prober.probe import Controls, Job, Phase, Progress, probe
from prober.records import Kind, RunResult, State
from tests.benchmarks.races import RUN, plan_of
from tests.processes import line_with, started

SECONDS_OF_LATE = 30  # a busy machine is no fault


def job(plan: Plan, seconds: int = SECONDS_OF_LATE) -> Job:
    """A job in which messages have so long to arrive."""
    return Job(
        run_id=RUN,
        environment="reference",
        plan=plan,
        deadlines=Deadlines(late_after_ns=seconds * NS, lost_after_ns=seconds * NS),
        whole_firehose=False,
    )


@asynccontextmanager
async def ends_of(plan: Plan, clock: SystemClock) -> AsyncIterator[Ends]:
    """The ends of a stack that loses nothing."""
    async with bundled(
        clock, plan, Reference(profile="ideal"), own_process=True
    ) as ends:
        yield ends


async def run(
    plan: Plan,
    writers: int | None,
    readers: int | None,
    observer: Callable[[Progress], None] = lambda _: None,
    seconds: int = SECONDS_OF_LATE,
) -> RunResult:
    """Probe the stack by some legs."""
    clock, asked = SystemClock(), job(plan, seconds)
    async with ends_of(plan, clock) as ends:
        legs = Processes(ends, clock, asked).legs(writers=writers, readers=readers)
        return await probe(
            asked,
            ends.writers(clock),
            ends.readers(clock, asked),
            clock,
            Controls(observer=observer),
            legs=legs,
        )


def children(of: int | None = None) -> list[int]:
    """The processes that one has begun: of the kind that a leg is."""
    found = []
    for each in Path("/proc").iterdir():
        if not each.name.isdigit():
            continue
        try:
            stat = (each / "stat").read_text().rpartition(")")[2].split()
            line = (each / "cmdline").read_bytes()
        except OSError:
            continue
        if int(stat[1]) == (of or os.getpid()) and b"prober.legs.child" in line:
            found.append(int(each.name))
    return sorted(found)


@pytest.mark.parametrize(
    ("writers", "readers"), [(None, None), (1, None), (None, 1), (2, 2)]
)
async def test_legs_are_as_exact_as_one_process(
    writers: int | None, readers: int | None
) -> None:
    """All kinds, several sizes: the accounts are the same, however many processes."""
    plan = replace(
        plan_of(3_000, (100, 300), tuple(Kind), cycles=30), rate=Fraction(2_000)
    )

    result = await run(plan, writers, readers)

    [consumer] = result.consumers
    counts = consumer.counts
    assert (3_000, 3_000, 3_000) == (
        counts.attempted,
        counts.accepted,
        counts.on_time,
    )
    assert (0, 0, 0) == (counts.duplicates, counts.unexplained, counts.corrupt)
    assert {State.PASS} == {each.state for each in consumer.cycles}
    assert 3_000 == consumer.latency.count
    assert 3_000 == sum(each.accepted for each in result.writers)
    assert (writers or 1) == len(result.writers)
    assert sum(each.blocked.count for each in result.writers)
    assert [] == children()


async def test_a_reader_that_dies_makes_cycles_unsure_and_comes_back() -> None:
    """What it had not told is not lost: the consumer was away, with words."""
    plan = replace(plan_of(8_000, cycles=80), rate=Fraction(1_000))
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if progress.phase is Phase.SENDING and progress.sent >= 1_000 and not killed:
            killed.extend(children())
            os.kill(killed[0], signal.SIGKILL)

    result = await run(plan, None, 1, kill, seconds=10)

    [consumer] = result.consumers
    assert killed
    states = consumer.states()
    assert 0 == states[State.LOSS]
    assert 0 < states[State.INCONCLUSIVE]
    words = {c.reason for c in consumer.cycles if c.state is State.INCONCLUSIVE}
    assert any("a leg's process ended by itself, by SIGKILL" in each for each in words)
    assert State.PASS is consumer.cycles[0].state
    assert [] == children()


async def test_a_writer_that_dies_leaves_what_it_owed_ambiguous() -> None:
    """Nobody knows what it still wrote; nothing of it is called lost."""
    plan = replace(plan_of(6_000, cycles=60), rate=Fraction(1_000))
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if progress.phase is Phase.SENDING and progress.sent >= 1_000 and not killed:
            killed.extend(children())
            os.kill(killed[0], signal.SIGKILL)

    result = await run(plan, 1, None, kill, seconds=10)

    [consumer], [writer] = result.consumers, result.writers
    assert killed
    assert 0 == consumer.states()[State.LOSS]
    assert 6_000 == writer.attempted
    assert 6_000 == writer.accepted + writer.ambiguous + writer.rejected
    assert 0 < writer.ambiguous + writer.rejected
    assert consumer.counts.balanced()
    assert [] == children()


async def test_a_reader_that_stands_still_is_our_fault() -> None:
    """A process that is there and tells nothing: what it may hold back is not lost."""
    plan = replace(plan_of(3_000, cycles=30), rate=Fraction(1_000))
    stopped: list[int] = []

    def stop(progress: Progress) -> None:
        if progress.phase is Phase.SENDING and progress.sent >= 1_000 and not stopped:
            stopped.extend(children())
            os.kill(stopped[0], signal.SIGSTOP)

    result = await run(plan, None, 1, stop, seconds=6)

    [consumer] = result.consumers
    assert stopped
    states = consumer.states()
    assert 0 == states[State.LOSS]
    assert State.PASS is consumer.cycles[0].state
    words = {c.reason for c in consumer.cycles if c.state is State.INVALID}
    assert any("our reader was" in each and "behind" in each for each in words)
    assert [] == children()


async def test_a_leg_that_cannot_begin_tells_why() -> None:
    """What its writer found is the same sentence as in one process."""
    plan, clock = plan_of(100), SystemClock()
    async with ends_of(plan, clock) as ends:
        wrong = replace(ends.ways_in[0], address="127.0.0.1:1")
        gone = replace(ends, ways_in=[wrong])
        legs = Processes(gone, clock, job(plan)).legs(writers=1, readers=None)
        with pytest.raises(CouldNotProbe, match="no connection to the agent at 127"):
            await probe(job(plan), [], ends.readers(clock, job(plan)), clock, legs=legs)

    assert [] == children()


async def test_only_reverse_log_proxies_are_read_in_processes() -> None:
    """What cannot be is said before anything is begun."""
    plan, clock = plan_of(100), SystemClock()
    async with ends_of(plan, clock) as ends:
        without = replace(ends, proxies={})
        with pytest.raises(UsageError, match="--readers is for reverse log proxies"):
            Processes(without, clock, job(plan)).legs(writers=None, readers=1)


def test_legs_end_with_their_parent() -> None:
    """However abruptly that ended: the pipes that they inherited are closed."""
    parent = textwrap.dedent("""
        import asyncio, os
        from prober.legs.process import LegProcess
        from tests.legs.test_wire import spec
        from prober.legs.spec import RlpEnd

        async def main():
            end = RlpEnd(address="127.0.0.1:1", tls=None, source_id=None, kinds=(),
                         shard="s", shared=False)
            await LegProcess(spec(end)).begin()
            os._exit(9)

        asyncio.run(main())
    """)
    done = subprocess.run(
        [sys.executable, "-c", parent],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        cwd=Path(__file__).parents[2],
    )

    # Its end is that of the standard error that the leg shares with us.
    assert (9, "") == (done.returncode, done.stderr)


def test_ctrl_c_ends_legs_with_the_run(tmp_path: Path) -> None:
    """The signal is ours alone: what they knew is in the partial result."""
    out = tmp_path / "run.json"
    with started(
        *("run", "--rate", "200/s", "--writers", "1", "--readers", "2"),
        *("--json", str(out)),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as process:
        line_with("sending", process.stderr)
        begun = children(process.pid)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=50)

    assert 3 == len(begun)
    assert 130 == process.returncode
    told = json.loads(out.read_text())
    assert told["run"]["partial"]
    assert 0 == told["consumers"][0]["counts"]["lost"]
    assert [] == [each for each in begun if Path(f"/proc/{each}").exists()]
