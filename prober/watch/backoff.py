"""How long to wait before a failing environment is tried again: full jitter, counted.

Uniform between nothing and a bound that doubles (Brooker 2015, Exponential Backoff and
Jitter), so that daemons that failed together do not come back together.
"""

import random

FIRST_SECONDS = 1.0
MOST_SECONDS = 60.0


class Backoff:
    """Draws the next wait; lots come from the generator that is passed in."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.failures = 0
        """In a row: tries that measured nothing."""

    def fail(self) -> float:
        """Count a failure, and return for how many seconds to wait now."""
        # The exponent is bounded: after weeks of failures a float would overflow.
        doubled = FIRST_SECONDS * 2 ** min(self.failures, 16)
        self.failures += 1
        return self._rng.uniform(0, min(MOST_SECONDS, doubled))

    def succeed(self) -> None:
        """Begin anew with the next failure."""
        self.failures = 0
