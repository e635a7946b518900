"""Bad of total, kept as two integers, and the nines that they make."""

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from prober.records import Counts

_MOST = 2**63 - 1


class Tally(NamedTuple):
    """How many of `total` valid messages (or seconds, or slices) were bad.

    A plain pair `(bad, total)` will do wherever one is asked for.
    """

    bad: int
    total: int

    @property
    def good(self) -> int:
        """How many were not bad."""
        return self.total - self.bad

    @property
    def sli(self) -> float | None:
        """Good over total, or None when nothing was counted."""
        return self.good / self.total if self.total else None

    @property
    def loss(self) -> float | None:
        """Bad over total, the error ratio, or None when nothing was counted."""
        return self.bad / self.total if self.total else None


def tally(bad: int, total: int) -> Tally:
    """Return both counts, checked.

    Raises TypeError unless they are integers, ValueError unless 0 <= bad <= total and
    total fits 63 bits.
    """
    bad, total = operator.index(bad), operator.index(total)
    if not 0 <= bad <= total:
        raise ValueError(f"{bad} bad of {total}: bad lies between 0 and the total")
    if total > _MOST:
        raise ValueError(f"a total of {total} is more than can have been counted")
    return Tally(bad, total)


def add(tallies: Iterable[tuple[int, int]]) -> Tally:
    """Return the sum of tallies: bad and totals are added apart, never the ratios."""
    bads = totals = 0
    for bad, total in tallies:  # a window has thousands
        bads, totals = bads + bad, totals + total
    return tally(bads, totals)


def nines(bad: int, total: int) -> float | None:
    """Return -log10(bad / total), the nines of a loss ratio.

    None when nothing was counted, and when nothing was bad: a sample without losses
    has a bound (`Interval.nines_lower`), not a value. Raises as `tally` does.
    """
    bad, total = tally(bad, total)
    return abs(math.log10(bad / total)) if bad else None


INDICATORS: Mapping[str, Callable[[Counts], Tally]] = {
    # Good is what arrived intact before the last deadline: the default.
    "delivery": lambda c: tally(c.bad, c.accepted),
    # Good is what arrived intact in time.
    "timely_delivery": lambda c: tally(c.accepted - c.on_time, c.accepted),
    # Good is what the pipeline took in; an unresolved message cannot count as taken.
    "ingress": lambda c: tally(c.rejected + c.ambiguous, c.attempted),
}
"""The service level indicators of messages; that of streams is of seconds, below."""


def sli(counts: Counts, indicator: str = "delivery") -> Tally:
    """Return the bad and valid messages of one of `INDICATORS`.

    Raises KeyError for an unknown indicator.
    """
    return INDICATORS[indicator](counts)


def stream_availability(connected_ns: int, scheduled_ns: int) -> Tally:
    """Return the nanoseconds without a connection, of those with one scheduled."""
    return tally(scheduled_ns - connected_ns, scheduled_ns)
