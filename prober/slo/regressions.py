"""Did it get worse? The labels of blocks permuted: baseline against candidate.

If nothing changed, any of the blocks could as well have been the candidate's. The p
value is the share of all ways to choose as many blocks that lose at least as much as
the candidate did. Where at most twelve blocks are lossy all ways are counted; otherwise
they are sampled, with a fixed seed.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from prober.slo.lots import uniforms
from prober.slo.tallies import Tally, add, tally
from prober.slo.targets import budget_ratio

ALPHA = 0.01
"""A regression is called at this p value or below."""

_EXACT = 12
_SAMPLES = 9_999
_ALIKE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """Whether a candidate loses more than its baseline."""

    p_value: float
    """The chance of so much loss in the candidate if nothing had changed."""
    exact: bool
    """All arrangements were counted, not a sample of them."""
    baseline: Tally
    candidate: Tally
    margin: float
    """By how much the loss ratio has to exceed the baseline's to matter."""
    regressed: bool
    """Significant and large enough."""


def regression(
    baseline_blocks: Iterable[tuple[int, int]],
    candidate_blocks: Iterable[tuple[int, int]],
    *,
    target: Decimal | str | None = None,
    margin: float | None = None,
    seed: int = 0,
) -> Regression:
    """Compare blocks of two runs, or of a run and its environment's history.

    A run against 100 blocks of another can hardly show anything (four lossy blocks of
    100 and none before: p = 0.06); against a month of history one lossy block can.

    Args:
        baseline_blocks: (bad, total) of each block before; blocks without messages are
            left out.
        candidate_blocks: The same of the blocks in question, of similar size.
        target: The objective, for the default margin.
        margin: The least excess of the loss ratio that matters; by default half the
            budget of `target`, and none without one.
        seed: Of the sample of arrangements, where not all are counted.

    Raises:
        UsageError: An objective that cannot be.
        ValueError: A side without messages, counts that cannot be, or blocks of sizes
            so different that their labels cannot be exchanged.

    """
    sides = [
        [tally(*pair) for pair in side if pair[1]]
        for side in (baseline_blocks, candidate_blocks)
    ]
    _check_alike(*sides)
    before, now = map(add, sides)
    if margin is None:
        margin = 0.0 if target is None else float(budget_ratio(target) / 2)
    p_value, exact = _p_value(*sides, seed=seed)
    excess = Fraction(*now) - Fraction(*before)
    return Regression(
        p_value=p_value,
        exact=exact,
        baseline=before,
        candidate=now,
        margin=margin,
        regressed=p_value <= ALPHA and excess > 0 and excess >= margin,
    )


def _check_alike(baseline: list[Tally], candidate: list[Tally]) -> None:
    """Raise ValueError unless the blocks of both sides can be exchanged."""
    if not baseline or not candidate:
        raise ValueError("a comparison needs blocks with messages on both sides")
    before, now = (Fraction(add(s).total, len(s)) for s in (baseline, candidate))
    if max(before, now) > _ALIKE * min(before, now):
        raise ValueError(
            f"blocks of {float(before):,.0f} and of {float(now):,.0f} messages cannot "
            "be exchanged; merge the smaller ones first"
        )


def _p_value(
    baseline: list[Tally], candidate: list[Tally], *, seed: int
) -> tuple[float, bool]:
    """Return the p value, and whether all arrangements were counted for it."""
    lossy = [block.bad for block in (*baseline, *candidate) if block.bad]
    blocks, chosen = len(baseline) + len(candidate), len(candidate)
    seen = add(candidate).bad
    if len(lossy) <= _EXACT:
        return _count(lossy, blocks, chosen, seen), True
    return _sample(lossy, blocks, chosen, seen, seed=seed), False


def _count(lossy: list[int], blocks: int, chosen: int, seen: int) -> float:
    """Return the share of all arrangements that lose at least what was seen.

    A subset of s of the k lossy blocks is the candidate's in C(blocks - k, chosen - s)
    of the C(blocks, chosen) arrangements.
    """
    sums, sizes = [0], [0]
    for bad in lossy:
        sums += [known + bad for known in sums]
        sizes += [known + 1 for known in sizes]
    clean = blocks - len(lossy)
    ways = [
        math.comb(clean, chosen - size) if size <= chosen else 0
        for size in range(len(lossy) + 1)
    ]
    extreme = sum(
        ways[size] for total, size in zip(sums, sizes, strict=True) if total >= seen
    )
    return float(Fraction(extreme, math.comb(blocks, chosen)))


def _sample(
    lossy: list[int], blocks: int, chosen: int, seen: int, *, seed: int
) -> float:
    """Return the share of sampled arrangements, with the one that was seen.

    Lossy blocks are dealt one by one: each is the candidate's with the chance of places
    left among blocks left. Where the clean ones go makes no difference.
    """
    places = np.full(_SAMPLES, chosen, dtype=np.int64)
    lost = np.zeros(_SAMPLES, dtype=np.int64)
    for index, bad in enumerate(lossy):
        dealt = uniforms(seed, index, _SAMPLES) * (blocks - index) < places
        places -= dealt
        lost += bad * dealt
    return (1 + int((lost >= seen).sum())) / (1 + _SAMPLES)
