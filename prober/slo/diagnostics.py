"""What stands behind an interval, for `--explain`: how far from independent losses are.

The plain binomial bounds are here too, to show what they would have claimed: under
bursts their 95 % intervals hold the truth in 0 to 40 % of samples.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from prober.slo.blocking import neighbours_p
from prober.slo.tallies import Tally, add, tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """How losses cluster in blocks; None where it is not defined."""

    deff: float | None
    """Design effect: the variance of the loss ratio over the one of independent
    messages."""
    n_eff: float | None
    """Independent messages that would tell as much: total / deff."""
    icc: float | None
    """Intraclass correlation of messages in a block, by analysis of variance."""
    k_eff: float
    """How many equal bursts the losses amount to: (sum x)**2 / sum x**2."""
    neighbours_p: float
    """The chance of so many lossy blocks side by side if they were independent."""


def diagnose(blocks: Sequence[tuple[int, int]]) -> Diagnostics:
    """Return how losses cluster in blocks, given as (bad, total) in order of time."""
    seen = [tally(*pair) for pair in blocks if pair[1]]
    squares = sum(block.bad**2 for block in seen)
    deff = _deff(seen)
    return Diagnostics(
        deff=deff,
        n_eff=add(seen).total / deff if deff else None,
        icc=_icc(seen),
        k_eff=add(seen).bad ** 2 / squares if squares else 0.0,
        neighbours_p=neighbours_p([block.bad > 0 for block in seen]),
    )


def _between(blocks: list[Tally]) -> float:
    """Return the sum of squares of bad messages about their expectation."""
    bad, total = add(blocks)
    return math.fsum((b.bad - b.total * bad / total) ** 2 for b in blocks)


def _deff(blocks: list[Tally]) -> float | None:
    """Return m/(m-1) sum (x_b - p n_b)**2 over the binomial variance N p (1 - p)."""
    bad, total = add(blocks)
    m = len(blocks)
    if m < 2 or bad in (0, total):  # noqa: PLR2004 - no variance to compare
        return None
    binomial = bad * (total - bad) / total
    return m / (m - 1) * _between(blocks) / binomial


def _icc(blocks: list[Tally]) -> float | None:
    """Return (MSB - MSW) / (MSB + (n0 - 1) MSW), of mean squares between and within.

    n0 = (N - sum n_b**2 / N) / (m - 1) stands for the size of unequal blocks.
    """
    bad, total = add(blocks)
    m = len(blocks)
    if m < 2 or total <= m or bad in (0, total):  # noqa: PLR2004
        return None
    p = bad / total
    between = math.fsum(b.total * (b.bad / b.total - p) ** 2 for b in blocks) / (m - 1)
    within = math.fsum(b.bad * b.good / b.total for b in blocks) / (total - m)
    size = (total - sum(b.total**2 for b in blocks) / total) / (m - 1)
    return (between - within) / (between + (size - 1) * within)


@dataclass(frozen=True, slots=True, kw_only=True)
class Naive:
    """Intervals of the loss ratio as if messages were lost independently of each other.

    They are not; these are for comparison only. Two-sided pairs (lower, upper).
    """

    wilson: tuple[float, float]
    clopper_pearson: tuple[float, float]
    jeffreys: tuple[float, float]
    clopper_pearson_upper: float
    """One-sided."""


def naive(bad: int, total: int, *, confidence: float = 0.95) -> Naive:
    """Return the intervals of Wilson 1927, Clopper & Pearson 1934 and Jeffreys.

    Raises ValueError when nothing was counted.
    """
    bad, total = tally(bad, total)
    if not total:
        raise ValueError("an interval of no data")
    tail = (1 - confidence) / 2
    return Naive(
        wilson=_wilson(bad, total, tail),
        clopper_pearson=(
            _beta_quantile(bad, total - bad + 1, tail),
            _beta_quantile(bad + 1, total - bad, 1 - tail),
        ),
        jeffreys=(
            _beta_quantile(bad + 0.5, total - bad + 0.5, tail) if bad else 0.0,
            _beta_quantile(bad + 0.5, total - bad + 0.5, 1 - tail)
            if bad < total
            else 1.0,
        ),
        clopper_pearson_upper=_beta_quantile(bad + 1, total - bad, confidence),
    )


def _wilson(bad: int, total: int, tail: float) -> tuple[float, float]:
    from scipy.special import ndtri  # noqa: PLC0415 - slow to load, rarely needed

    z2 = float(ndtri(tail)) ** 2
    p, n = bad / total, total
    middle = p + z2 / (2 * n)
    half = math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n)))
    lower = (middle - half) / (1 + z2 / n) if bad else 0.0
    upper = (middle + half) / (1 + z2 / n) if bad < total else 1.0
    return lower, upper


def _beta_quantile(a: float, b: float, q: float) -> float:
    """Return a quantile of the beta distribution, 0 or 1 where it is but a point."""
    from scipy.special import betaincinv  # noqa: PLC0415 - slow to load, rarely needed

    if not a or not b:
        return 0.0 if not a else 1.0
    return float(betaincinv(a, b, q))
