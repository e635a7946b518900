"""Holding a process to CPUs, where the operating system can do that."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prober import cpus
from prober.errors import UsageError

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system pins no process"
)


def test_every_thread_is_held() -> None:
    """Also those that were there before, and what is started later."""
    code = """
import os, subprocess, sys, threading
from prober import cpus
stay = threading.Event()
thread = threading.Thread(target=stay.wait)
thread.start()
first = cpus.usable()[0]
cpus.hold([first])
threads = map(int, os.listdir("/proc/self/task"))
found = {tuple(os.sched_getaffinity(each)) for each in threads}
child = subprocess.run(
    [sys.executable, "-c", "import os; print(*os.sched_getaffinity(0))"],
    capture_output=True, text=True, check=True,
)
stay.set()
assert {(first,)} == found, found
assert str(first) == child.stdout.strip(), child.stdout
assert (first,) == cpus.usable()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    "command",
    [
        "bench --quick --seconds 0.1 --quiet --pin",
        "run --messages 1 --cycles 1 --quiet --store none --pin",
    ],
)
@pytest.mark.parametrize("given", ["", "tcp_rcv_lowat"])
def test_grpc_knows_of_one_cpu_before_it_is_imported(
    command: str, given: str, tmp_path: Path
) -> None:
    """It looks only then; and what a person chose for it is left as it is."""
    code = """
import os, sys
from prober import cpus
told = []
def hook(event, arguments):
    if event == "import" and arguments[0] == "grpc":
        told.append(os.environ.get("GRPC_EXPERIMENTS"))
sys.addaudithook(hook)
from prober.cli import cli
cli.main([*sys.argv[1].split(), str(cpus.usable()[0])], standalone_mode=False)
print(told[0])
"""
    chosen = {"GRPC_EXPERIMENTS": given} if given else {}
    outside = {k: v for k, v in os.environ.items() if k != "GRPC_EXPERIMENTS"}
    done = subprocess.run(
        [sys.executable, "-c", code, command],
        capture_output=True,
        text=True,
        check=False,
        env={**outside, **chosen, "XDG_DATA_HOME": str(tmp_path)},
    )

    assert (given or "-event_engine_client") == done.stdout.strip(), done.stderr


@pytest.mark.parametrize("cpu", [100_000, 2**70, -1])
def test_a_cpu_that_is_not_there_is_refused(cpu: int) -> None:
    """One sentence, with those that there are; nothing has changed."""
    before = cpus.usable()

    with pytest.raises(UsageError, match=f"no CPU {cpu} for us here: choose from"):
        cpus.hold([cpu])

    assert before == cpus.usable()


def test_the_others_are_what_is_left() -> None:
    """With a single CPU there is nothing else than to share it."""
    assert (0, 2, 3) == cpus.others(1, (0, 1, 2, 3))
    assert (1,) == cpus.others(1, (1,))
