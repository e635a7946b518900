"""What a sample supports: the block gamma interval with a declared worst burst.

Loss comes in laps of a ring buffer, so messages are not independent; blocks of them
are taken to be. With x_b bad messages in block b and N valid messages in all:

    y = sum x_b     S2 = sum x_b**2     w = max(W, max x_b)
    lower(a) = gamma quantile(a;     shape y**2 / S2,             mean y)     / N
    upper(a) = gamma quantile(1 - a; shape (y + w)**2/(S2 + w*w), mean y + w) / N

after Fay & Feuer 1997, who add the largest weight: what was seen, plus one worst burst
that could have stayed unseen. With all x_b = W = 1 it is the exact Poisson interval;
without losses the upper bound is 3.0 W/N, the rule of three in units of the burst.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from prober.slo.tallies import tally
from prober.slo.targets import budget_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Bounds of the loss ratio that a sample of blocks supports."""

    bad: int
    total: int
    worst_burst: int
    """The declared W, in messages: an assumption, to be printed with every bound."""
    confidence: float
    lossy_blocks: int
    largest: int
    """Bad messages in the worst block."""
    k_eff: float
    """How many equal bursts the losses amount to: y**2 / S2, and 0 without losses."""
    lower: float
    upper: float
    """Both ends of the two-sided interval, for display."""
    lower_one_sided: float
    upper_one_sided: float
    """Each alone at the full confidence, for claims."""
    upper_messages: float
    """The one-sided upper bound times the total, unclipped: what has to be outnumbered
    for a claim."""

    @property
    def point(self) -> float | None:
        """The loss ratio that was counted; None when nothing was."""
        return self.bad / self.total if self.total else None

    @property
    def nines_lower(self) -> float | None:
        """The nines that may be claimed; None when nothing was counted."""
        return abs(math.log10(self.upper_one_sided)) if self.total else None

    def supports(self, target: Decimal | str) -> bool:
        """Tell whether the one-sided upper bound is within the objective's budget."""
        return self.messages_needed(target) <= self.total

    def messages_needed(self, target: Decimal | str) -> int:
        """Return the valid messages in all that support `target` with these losses.

        As many as there are where they do already.
        """
        needed = math.ceil(Fraction(self.upper_messages) / budget_ratio(target))
        return max(needed, self.total)


def interval(
    bad_per_block: Iterable[int],
    total: int,
    *,
    worst_burst: int,
    confidence: float = 0.95,
) -> Interval:
    """Return the bounds of the loss ratio that blocks of messages support.

    Args:
        bad_per_block: Bad messages in each block; blocks without may be left out.
        total: Valid messages in all blocks, with those left out.
        worst_burst: W, the most messages that one drop can cost, at least 1.
        confidence: From 0.5 up to 1, which it may not reach.

    Returns:
        The bounds, in [0, 1] and never NaN; all of [0, 1] when nothing was counted.

    Raises:
        ValueError: Counts, burst or confidence that cannot be.

    """
    lost = [tally(bad, total).bad for bad in bad_per_block if bad]
    bad, total = tally(sum(lost), total)
    worst_burst, _ = checked(worst_burst, confidence)
    tail = 1 - confidence
    above = _above(lost, worst_burst)
    upper_messages = _upper(above, confidence)
    return Interval(
        bad=bad,
        total=total,
        worst_burst=worst_burst,
        confidence=confidence,
        lossy_blocks=len(lost),
        largest=max(lost, default=0),
        k_eff=_shape(lost),
        lower=_share(_lower(lost, tail / 2), total, nothing=0.0),
        upper=_share(_upper(above, 1 - tail / 2), total, nothing=1.0),
        lower_one_sided=_share(_lower(lost, tail), total, nothing=0.0),
        upper_one_sided=_share(upper_messages, total, nothing=1.0),
        upper_messages=upper_messages,
    )


def supported(
    bad_per_block: Iterable[int],
    total: int,
    *,
    worst_burst: int,
    confidence: float = 0.95,
) -> float | None:
    """Return the delivery ratio that blocks support as a promise; None for no message.

    One of the bounds of `interval`, for whoever draws it over time.
    """
    lost = [bad for bad in bad_per_block if bad]
    messages = _upper(_above(lost, worst_burst), confidence)
    return 1 - _share(messages, total, nothing=1.0) if total else None


def checked(worst_burst: int, confidence: float) -> tuple[int, float]:
    """Return both, or raise ValueError when they cannot be."""
    if worst_burst < 1:
        raise ValueError(f"a drop costs at least one message, not {worst_burst}")
    if not 0.5 <= confidence < 1:  # noqa: PLR2004 - below, bounds would cross the point
        raise ValueError(f"a confidence lies in [0.5, 1), not at {confidence}")
    return worst_burst, confidence


def _above(lost: list[int], worst_burst: int) -> list[int]:
    """Return losses with one more that could have stayed unseen."""
    return [*lost, max(max(lost, default=0), worst_burst)]


def _shape(weights: list[int]) -> float:
    """Return the effective number of events: (sum)**2 / sum of squares, 0 for none."""
    if not weights:
        return 0.0
    return sum(weights) ** 2 / sum(x * x for x in weights)


def _lower(weights: list[int], q: float) -> float:
    """Return the lower bound in messages; 0 without losses."""
    if not weights:
        return 0.0
    scale = sum(x * x for x in weights) / sum(weights)
    return float(_gamma_quantile(_shape(weights), q)) * scale


def _upper(weights: list[int], q: float) -> float:
    """Return the upper bound in messages, the highest over the largest 1, 2, … losses.

    At 95 % that is the bound of all of them. Beyond, a small loss beside a big unseen
    one would lower the quantile (by 1.5 % at 99.9 %), and no loss may help a claim.
    """
    descending = np.sort(np.array(weights, dtype=np.float64))[::-1]
    mean, variance = descending.cumsum(), (descending**2).cumsum()
    quantiles = _gamma_quantile(mean**2 / variance, q) * variance / mean
    return float(quantiles.max())


def _gamma_quantile(
    shape: float | NDArray[np.float64], q: float
) -> NDArray[np.float64]:
    """Return quantiles of the gamma distribution of scale 1."""
    from scipy.special import gammaincinv  # noqa: PLC0415 - slow to load, rarely needed

    return np.asarray(gammaincinv(shape, q), dtype=np.float64)


def _share(messages: float, total: int, *, nothing: float) -> float:
    """Return messages as a share of the total, at most 1; `nothing` without a total."""
    return min(1.0, messages / total) if total else nothing
