"""Looking for the highest rate that a pipeline carries: which one to try next.

    200, 400, 800, 1600 …   doubling, until one breaks
    1200, 1000, 1100, 1050  halving what lies between, until that is 5 % or less

Against what is somebody else's there is no second half: every rate that breaks it may
cost others their messages. There it is a quarter more each time, and the first one that
breaks is the last.
"""

import enum
from dataclasses import dataclass, field
from fractions import Fraction

DOUBLE, QUARTER_MORE = Fraction(2), Fraction(5, 4)
RESOLUTION = Fraction(1, 20)
"""The share of the rate that broke by which the one that did not may be below it."""
TRIES = 2
"""How often a rate is tried that told nothing."""


class Found(enum.Enum):
    """What came of a step."""

    CLEAN = "clean"  # everything arrived, in time to tell, and the rate was kept
    BROKE = "broke"  # something was lost or damaged in the pipeline
    OWN = "own_limit"  # we ourselves were too slow: it says nothing of the pipeline
    UNSURE = "cannot_tell"  # evidence is missing


class End(enum.Enum):
    """Why a search is over."""

    FOUND = "found"  # the highest clean rate lies close enough below one that broke
    BOUND = "bound"  # clean up to the most that may be asked
    OWN = "own_limit"  # we ourselves cannot go any faster
    UNSURE = "cannot_tell"
    INTERRUPTED = "interrupted"


@dataclass(slots=True, kw_only=True)
class Search:
    """Rates in messages a second, one after the other."""

    start: int
    most: int | None
    """None for no bound but our own."""
    gentle: bool
    """It is somebody else's: never break it twice."""
    clean: int | None = field(default=None, init=False)
    """The highest rate that was clean."""
    broke: int | None = field(default=None, init=False)
    """The lowest rate that was not."""
    end: End | None = field(default=None, init=False)
    _tries: int = field(default=0, init=False)

    @property
    def resolution(self) -> Fraction:
        """How close to the truth a limit is that is found."""
        return QUARTER_MORE - 1 if self.gentle else RESOLUTION

    def next(self) -> int | None:
        """Return the rate to try; None when the search is over, see `end`."""
        if self.end is not None:
            return None
        rate = self._upward() if self.broke is None else self._between(self.broke)
        if rate is None and self.end is None:
            self.end = End.FOUND
        return rate

    def _upward(self) -> int | None:
        if self.clean is None:
            return self.start
        if self.most is not None and self.clean >= self.most:
            self.end = End.BOUND
            return None
        factor = QUARTER_MORE if self.gentle else DOUBLE
        rate = max(int(self.clean * factor), self.clean + 1)
        return rate if self.most is None else min(rate, self.most)

    def _between(self, broke: int) -> int | None:
        low = self.clean or 0
        if self.gentle or broke - low <= max(1, int(broke * RESOLUTION)):
            return None
        return (low + broke) // 2

    def take(self, rate: int, found: Found) -> None:
        """Take in what came of a rate."""
        self._tries += 1
        match found:
            case Found.CLEAN:
                self.clean, self._tries = rate, 0
            case Found.BROKE:
                self.broke, self._tries = rate, 0
            case Found.OWN if self._tries >= TRIES:
                self.end = End.OWN
            case Found.UNSURE if self._tries >= TRIES:
                self.end = End.UNSURE
            case _:
                pass  # it may have been chance: the same rate again
