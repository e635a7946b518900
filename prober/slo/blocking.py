"""Blocks: how many messages have to be taken together to be independent of the rest."""

import math
from collections.abc import Iterable, Sequence

from prober.slo.tallies import Tally, add, tally

SIGNIFICANT = 0.01
"""Lossy blocks that follow each other more often than by such a chance are not
independent."""
HOLE_S = 120
"""So long at most nobody sees that old subscriptions are left behind."""


def blocks(cycles: Iterable[tuple[int, int]], worst_burst: int) -> tuple[Tally, ...]:
    """Merge cycles, in order, into blocks that can be taken as independent.

    They have at least `worst_burst` valid messages, and are doubled until lossy ones no
    longer lie side by side.
    """
    return independent(at_least(cycles, worst_burst))[0]


def at_least(cycles: Iterable[tuple[int, int]], messages: int) -> tuple[Tally, ...]:
    """Merge cycles, in order, into blocks of at least so many valid messages.

    One lap of a ring takes that many *consecutive* ones, so that shorter cycles share
    it and are not independent. What is left over joins the last block.
    """
    merged: list[Tally] = []
    bad = total = 0
    for cycle in cycles:
        bad, total = bad + cycle[0], total + cycle[1]
        if total >= messages:
            merged.append(tally(bad, total))
            bad = total = 0
    if merged and total:
        last = merged.pop()
        bad, total = last.bad + bad, last.total + total
    return (*merged, tally(bad, total)) if total else tuple(merged)


def neighbours_p(lossy: Sequence[bool]) -> float:
    """Return the chance that lossy blocks lie so close together by accident.

    The permutation test of the lag-1 autocorrelation of "lossy or not", which needs no
    lots: k lossy blocks of m in r runs have k - r neighbours, and C(k-1, r-1)
    C(m-k+1, r) of the C(m, k) arrangements have r runs (Wald & Wolfowitz 1940). The sum
    is over as few runs as were seen, or fewer.
    """
    m, k = len(lossy), sum(lossy)
    if not k:
        return 1.0
    runs = sum(
        now and not before
        for now, before in zip(lossy, [False, *lossy[:-1]], strict=True)
    )
    ways = (
        _log_comb(k - 1, r - 1) + _log_comb(m - k + 1, r) - _log_comb(m, k)
        for r in range(1, min(runs, m - k + 1) + 1)
    )
    return min(1.0, math.fsum(math.exp(each) for each in ways))


def independent(
    blocks: Iterable[tuple[int, int]],
) -> tuple[tuple[Tally, ...], int]:
    """Double the length of blocks until lossy ones no longer lie side by side.

    Returns the blocks and how many of the given ones each has; above 1 is worth a
    warning: outages outlast the block, and a bound over shorter ones claims too much.
    """
    merged = [tally(*pair) for pair in blocks]
    each = 1
    while neighbours_p([block.bad > 0 for block in merged]) < SIGNIFICANT:
        merged = [add(merged[i : i + 2]) for i in range(0, len(merged), 2)]
        each *= 2
    return tuple(merged), each


def auto_worst_burst(
    ring: int = 1000,
    *,
    ours: int = 1,
    through: int = 1,
    rate: int = 0,
    hole_s: int = HOLE_S,
    largest_seen: int = 0,
) -> int:
    """Return the most probe messages that one drop can cost, as `auto` assumes it.

    Args:
        ring: Places in the largest ring buffer on the path, in envelopes; Loggregator's
            router keeps 1,000 for each subscription.
        ours: The probe's share of the traffic through that ring,
        through: of so many messages; 1 of 1 until it is measured.
        rate: Messages a second of a continuous probe, which loses as many as it sends
            while a hole stays unseen; 0 for a single run.
        hole_s: The longest such hole, in seconds.
        largest_seen: The largest loss of any block in the environment's history.

    """
    lap = -(-ring * ours // through)  # rounded up
    return max(1, lap, rate * hole_s, largest_seen)


def _log_comb(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
