"""Which CPUs this process runs on, where the operating system lets one choose (Linux).

Python runs one thread at a time, and its threads take turns. Between CPUs a turn costs
more than on one: held to a single CPU, a prober at its limit does as much with less,
and leaves the others to what it measures. At low rates nothing is gained, and on a
machine that is busy otherwise the prober then waits for just that CPU: so nobody is
held to one who did not ask for it.
"""

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from prober.errors import UsageError


def usable() -> tuple[int, ...]:
    """Return the CPUs that this process may use, in order."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def others(cpu: int, free: Collection[int]) -> tuple[int, ...]:
    """Return CPUs that are free but for one, or that one if there is no other."""
    return tuple(each for each in free if each != cpu) or (cpu,)


def expect_one() -> None:
    """Have gRPC work as it does best for who will be held to one CPU.

    Its own threads read from sockets and wake whoever waits for that: on one CPU each
    message takes two turns more than if who waits reads himself, a tenth of all CPU
    time. On several it is all the same. To be called before gRPC is imported: it looks
    then, and once; what somebody chose for himself stays.
    """
    os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client")


def hold(cpus: Collection[int]) -> None:
    """Let this process use only these, and all that it starts from now on, too.

    Raises UsageError where that cannot be, or when there is no such CPU.
    """
    known = ", ".join(map(str, usable()))
    if not hasattr(os, "sched_setaffinity"):
        raise UsageError("this operating system pins no process: leave --pin out")
    try:
        for thread in _threads():
            with suppress(ProcessLookupError):  # it ended meanwhile
                os.sched_setaffinity(thread, cpus)
    except (OSError, OverflowError, ValueError) as error:
        asked = ", ".join(map(str, cpus))
        raise UsageError(
            f"there is no CPU {asked} for us here: choose from {known}"
        ) from error


def _threads() -> list[int]:
    """Return this process's threads, which are held one by one; 0 for the own one."""
    tasks = Path("/proc/self/task")
    return [int(each.name) for each in tasks.iterdir()] if tasks.exists() else [0]
