"""An early decision that stays honest: a betting e-process on blocks of messages.

A gambler bets against "the mean loss is p0 or more" (or "or less") on one block after
another. If that is true, no strategy multiplies the stake by 20 with a chance above
1/20, however long it is watched (Ville 1939): looking after every block costs nothing.
Nothing is asked of the blocks but that the expected loss of each, given the past, is on
the right side of p0. With X_i the loss ratio of block i, in [0, cap]:

    met       sum_j w_j prod_i (1 + l_j (p0 - X_i))   l_j = 2**-j / (cap - p0), j < 12
                                                      w_0 = 1/2, the others 1/22
    violated  mean_j    prod_i (1 + l_j (X_i - p0))   l_j: 12 points, geometric in
                                                      [1/cap, 1/p0)

Bets as in Waudby-Smith & Ramdas 2024, fixed and mixed: the order does not matter.
"""

import math
from decimal import Decimal
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prober.slo.intervals import checked
from prober.slo.tallies import Tally, tally
from prober.slo.targets import budget_ratio

Decision = Literal["met", "violated"]

_BETS = 12
_WEIGHTS = np.array([1 / 2] + [1 / 22] * (_BETS - 1))


class _Bets:
    """Both mixtures of bets for one cap, as logarithms of what each bet has made."""

    def __init__(self, p0: float, cap: float) -> None:
        self.p0, self.cap = p0, cap
        self._below = 2.0 ** -np.arange(_BETS) / (cap - p0)
        self._above = np.geomspace(1 / cap, 1 / p0, _BETS, endpoint=False)
        self._met = np.log(_WEIGHTS)
        self._violated = np.full(_BETS, -math.log(_BETS))

    def add(self, loss: float) -> None:
        """Settle all bets on one block."""
        self._met += self._gains(loss)
        self._violated += np.log1p(self._above * (loss - self.p0))

    def log_met(self) -> float:
        """Return the log evidence for met."""
        return _log_sum(self._met)

    def log_violated(self) -> float:
        """Return the log evidence for violated."""
        return _log_sum(self._violated)

    def log_met_after(self, loss: float, clean_blocks: int) -> float:
        """Return it after one block with such a loss and so many without any."""
        clean = clean_blocks * self._gains(0.0)
        return _log_sum(self._met + self._gains(loss) + clean)

    def _gains(self, loss: float) -> NDArray[np.float64]:
        """Return the logarithms of what the bets on met make of one block."""
        # The boldest bet is lost for good on a block at the cap: log(0) is meant.
        with np.errstate(divide="ignore"):
            gains: NDArray[np.float64] = np.log(
                np.maximum(1 + self._below * (self.p0 - loss), 0)
            )
        return gains


class Sequential:
    """A decision on an objective that may be asked for after every cycle.

    Cycles are merged into blocks of at least the worst burst, or a lap that spans
    several would make the next one depend on the last.
    """

    def __init__(
        self, *, p0: float, worst_burst: int, cycle: int, confidence: float
    ) -> None:
        self.block = -(-worst_burst // cycle) * cycle
        """Messages in a block as planned."""
        # One drop a block, and room for a bet where blocks are so large that this
        # would be less than the budget.
        cap = min(1.0, max(worst_burst / self.block, 2 * p0))
        self._bets, self._uncapped = _Bets(p0, cap), _Bets(p0, 1.0)
        self._threshold = -math.log(1 - confidence)
        self._worst_burst = worst_burst
        self._open = Tally(0, 0)
        self.decision: Decision | None = None
        """`met` or `violated`, once and for all; None while it is open."""
        self.counted = Tally(0, 0)
        """Bad and valid messages added so far."""
        self.restarted = False
        """A block lost more than the cap allows, so that everything is judged anew
        with none: the declared worst burst was too small."""

    @property
    def log_evidence(self) -> tuple[float, float]:
        """Natural logarithms of the evidence for met and for violated."""
        return self._bets.log_met(), self._bets.log_violated()

    def add(self, bad: int, total: int) -> Decision | None:
        """Count one cycle that is valid; return the decision.

        Raises ValueError for counts that cannot be.
        """
        bad, total = tally(bad, total)
        self.counted = tally(self.counted.bad + bad, self.counted.total + total)
        self._open = tally(self._open.bad + bad, self._open.total + total)
        if self._open.total >= self._worst_burst:
            self._settle(self._open.bad / self._open.total)
            self._open = Tally(0, 0)
        return self.decision

    def messages_needed(self) -> int:
        """Return how many more messages decide `met`, if all of them arrive.

        0 once it is decided.
        """
        if self.decision:
            return 0
        loss = self._open.bad / self.block  # of the block that is not full yet
        bets = self._bets if loss <= self._bets.cap else self._uncapped
        low, high = -1, 0
        while bets.log_met_after(loss, high) < self._threshold:
            low, high = high, 2 * high + 1
        while high - low > 1:
            middle = (low + high) // 2
            enough = bets.log_met_after(loss, middle) >= self._threshold
            low, high = (low, middle) if enough else (middle, high)
        return (1 + high) * self.block - self._open.total

    def _settle(self, loss: float) -> None:
        """Bet on one block, and see whether that decides."""
        if loss > self._bets.cap:
            self._bets, self.restarted = self._uncapped, True
        self._uncapped.add(loss)
        if self._bets is not self._uncapped:
            self._bets.add(loss)
        met, violated = self.log_evidence
        if self.decision is None and max(met, violated) >= self._threshold:
            self.decision = "met" if met > violated else "violated"


def sequential(
    target: Decimal | str,
    *,
    worst_burst: int,
    cycle: int,
    confidence: float = 0.95,
) -> Sequential:
    """Return a test of an objective that may be looked at after every cycle.

    Args:
        target: The objective.
        worst_burst: The most messages that one drop can cost.
        cycle: Messages in a cycle as planned.
        confidence: One minus the chance of either wrong decision.

    Raises:
        UsageError: An objective that cannot be.
        ValueError: Burst, cycle or confidence that cannot be.

    """
    checked(worst_burst, confidence)
    if cycle < 1:
        raise ValueError(f"a cycle has at least one message, not {cycle}")
    return Sequential(
        p0=float(budget_ratio(target)),
        worst_burst=worst_burst,
        cycle=cycle,
        confidence=confidence,
    )


def _log_sum(logs: NDArray[np.float64]) -> float:
    """Return the logarithm of the sum of what stands there as logarithms."""
    most = float(logs.max())
    return most + math.log(float(np.exp(logs - most).sum()))
