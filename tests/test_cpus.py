"""Holding a process to CPUs, where the operating system can do that."""

import os
import subprocess
import sys

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
    ("given", "held", "chosen"),
    [
        ({}, "[first]", "-event_engine_client"),
        ({}, "cpus.usable()", None),
        ({"GRPC_EXPERIMENTS": "tcp_rcv_lowat"}, "[first]", "tcp_rcv_lowat"),
    ],
)
def test_on_one_cpu_grpc_reads_without_threads_of_its_own(
    given: dict[str, str], held: str, chosen: str | None
) -> None:
    """Unless somebody chose for himself what gRPC is to try, or there are several."""
    code = f"""
import os
from prober import cpus
first = cpus.usable()[0]
cpus.hold({held})
print(os.environ.get("GRPC_EXPERIMENTS"))
"""
    if held != "[first]" and len(cpus.usable()) == 1:
        pytest.skip("there is but one CPU")
    outside = {k: v for k, v in os.environ.items() if k != "GRPC_EXPERIMENTS"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**outside, **given},
    )

    assert f"{chosen}\n" == done.stdout


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
