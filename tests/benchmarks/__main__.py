"""Measure the hot path against its yardsticks: `python -m tests.benchmarks`.

Ratios hold from machine to machine, figures do not. Both sides of a race take turns,
and what is told is the least CPU time of each: others on a machine only add to it.
What one core does is told by the CPU time that it takes, for the same reason.

--short     only some, and fail when a ratio is below half of its goal
--million   compare a million messages with the slow scan, and with a full parse
"""

import asyncio
import sys
import time

from prober import cpus

cpus.expect_one()  # before gRPC is imported

from tests.benchmarks import whole  # noqa: E402 - see above
from tests.benchmarks.races import Race, Work, races  # noqa: E402 - likewise

ROUNDS = 15
GROSS = 0.5
"""The share of a goal below which something is badly wrong, whatever the machine."""
TRIES = 3
"""How often the short form measures a gross miss: a mistake shows every time."""


def main(arguments: list[str]) -> int:
    """Print a table; return 1 if a goal is missed grossly."""
    if "--million" in arguments:
        return _million()
    short = "--short" in arguments
    _tell(f"{'':26}{'against':14}{'goal':>8}{'ratio':>9}{'ns':>9}{'M/s':>7}")
    missed = []
    for race in races(short=short):
        ratio, seconds = _run(race)
        for _ in range(TRIES - 1 if short else 0):
            if ratio < GROSS * race.goal:
                ratio, seconds = max((ratio, seconds), _run(race))
        ns = seconds / race.envelopes * 1e9
        _tell(
            f"{race.name:26}{race.against:14}{race.goal:8.2f}{ratio:9.2f}"
            f"{ns:9.0f}{1000 / ns:7.2f}{'' if ratio >= race.goal else '  missed'}"
        )
        if ratio < GROSS * race.goal:
            missed.append(race.name)
    missed += asyncio.run(_whole(short=short))
    if short and missed:
        _tell(f"grossly slower than it was: {', '.join(missed)}")
        return 1
    return 0


async def _whole(*, short: bool) -> list[str]:
    """Print what is measured of the whole; return the ratios that are grossly low."""
    seconds, rounds = (1.0, 1) if short else (3.0, 5)
    if short:
        async with whole.setting(seconds) as shared:
            over, _ = await whole.ratio(shared, rounds)
            for _ in range(TRIES - 1):
                if over < GROSS * whole.LEAST_RATIO:
                    over = max(over, (await whole.ratio(shared, rounds))[0])
        _tell(f"{'whole, against naive pb2':40}{'6 x':>12}{over:14.1f} x")
        return ["the whole"] if over < GROSS * whole.LEAST_RATIO else []
    _tell(f"\n{'':40}{'goal':>12}{'measured':>16}{'ratio':>8}")
    async for each in whole.figures(seconds, rounds):
        _tell(
            f"{each.name:40}{each.goal:>12}{each.measured:>16}{each.ratio:8.2f}"
            f"{'' if each.ratio >= 1 else '  missed'}"
        )
    return []


def _run(race: Race) -> tuple[float, float]:
    """Return how many times ours is as fast, and the seconds of ours."""
    race.ours(), race.yardstick()  # once, to be warm
    pairs = [(_seconds(race.ours), _seconds(race.yardstick)) for _ in range(ROUNDS)]
    ours, yardstick = (min(each) for each in zip(*pairs, strict=True))
    return yardstick / ours, ours


def _seconds(work: Work) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _million() -> int:
    from tests.stamp.test_against_parse import many
    from tests.stamp.test_bulk import compare

    _tell(f"{compare(1_000_000):,} intact messages: both scans agree")
    _tell(f"{many(1_000_000):,} intact messages: a full parse accounts alike")
    return 0


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
