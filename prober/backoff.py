"""How long to wait before what failed is tried again: full jitter, counted.

Uniform between nothing and a bound that doubles (Brooker 2015, Exponential Backoff and
Jitter), so that those who failed together do not come back together.
"""

import random

FIRST_SECONDS = 1.0
MOST_SECONDS = 60.0
_MOST_DOUBLINGS = 16


class Backoff:
    """Draws the next wait; lots come from the generator that is passed in.

    The bound is `first` seconds after the first failure, and never above `most`.
    """

    def __init__(
        self,
        rng: random.Random,
        *,
        first: float = FIRST_SECONDS,
        most: float = MOST_SECONDS,
    ) -> None:
        self._rng, self._first, self._most = rng, first, most
        self.failures = 0
        """In a row."""

    def fail(self) -> float:
        """Count a failure, and return for how many seconds to wait now."""
        # The exponent is bounded: after hours of failures a float would overflow.
        doubled = self._first * 2 ** min(self.failures, _MOST_DOUBLINGS)
        self.failures += 1
        return self._rng.uniform(0, min(self._most, doubled))

    def succeed(self) -> None:
        """Begin anew with the next failure."""
        self.failures = 0
