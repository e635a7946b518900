"""What does a daemon of ten environments cost? Its CPU, and its memory.

    python -m tests.benchmarks.ten                  five minutes, one consumer each
    python -m tests.benchmarks.ten --minutes 15 --three-ways

A thousand messages a minute each, evenly spread, over the reference stack in a process
of its own. Seconds of CPU are counted of the measuring process, and beside it of the
page's, from a minute after the start; both are held against 10 % of a core and 300 MB.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import httpx
import psutil

from prober.pipeline.child import ChildStack
from tests.end_to_end import watching

ENVIRONMENTS, MESSAGES = 10, 1_000
MOST_CPU, MOST_BYTES = 0.10, 300 * 10**6
_MINUTE = 60


def main() -> int:
    """Print a line for each minute; return 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=5)
    parser.add_argument("--three-ways", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(
            measure(Path(folder), asked.minutes, three_ways=asked.three_ways)
        )


async def measure(folder: Path, minutes: int, *, three_ways: bool) -> int:
    """Watch for so many minutes behind the first one; tell what that took."""
    doors = ("gateway", "firehose") if three_ways else ()
    async with ChildStack(doors=doors) as stack:
        probe = {"every": "1m", "messages": MESSAGES}
        environments = {}
        for number in range(ENVIRONMENTS):
            name = f"env-{number}"
            environments[name] = (
                watching.three_ways(stack, folder, **probe, source_id=name)
                if three_ways
                else watching.environment(stack, **probe, source_id=name)
            )
        watching.write(folder / "prober.yaml", environments)
        async with watching.watch(folder) as daemon:
            url = (await daemon.told_of("started"))["address"]
            for name in environments:
                await daemon.told_of("measuring", name)
            await asyncio.sleep(_MINUTE)
            missed = await _watch_it(daemon.process.pid, minutes)
            async with httpx.AsyncClient(base_url=url) as client:
                counted = (await client.get("/metrics")).text
    wanted = ("prober_messages_total", "prober_cycles_total")
    for line in counted.splitlines():
        if line.startswith(wanted) and 'env="env-0"' in line and " 0.0" not in line:
            _tell(line.partition(" # ")[0])
    return missed


async def _watch_it(pid: int, minutes: int) -> int:
    """Tell of each minute, then of all; return whether a limit was missed."""
    process = psutil.Process(pid)
    (page,) = process.children()
    first = last = _cpu(process), _cpu(page)
    for minute in range(1, minutes + 1):
        await asyncio.sleep(_MINUTE)
        now = _cpu(process), _cpu(page)
        _tell(f"minute {minute:3}  {_line(process, page, last, now, _MINUTE)}")
        last = now
    _tell(f"all        {_line(process, page, first, last, minutes * _MINUTE)}")
    share = (last[0] - first[0]) / (minutes * _MINUTE)
    return int(share > MOST_CPU or process.memory_info().rss > MOST_BYTES)


def _line(
    process: psutil.Process,
    page: psutil.Process,
    before: tuple[float, float],
    now: tuple[float, float],
    seconds: int,
) -> str:
    parts = []
    for name, each, first, last in zip(
        ("measuring", "page"), (process, page), before, now, strict=True
    ):
        rss = each.memory_info().rss / 1e6
        parts.append(f"{name} {(last - first) / seconds:6.1%} of a core {rss:6.1f} MB")
    return "   ".join(parts)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
