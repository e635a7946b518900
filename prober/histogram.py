"""A latency histogram that merges: log-linear buckets, exact counts, bounded error."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_LINEAR_BITS = 5
"""Each power of two is cut into 2**5 buckets: an edge is at most 1/32 above a value."""
_EXPONENTS = 64 - _LINEAR_BITS
_BUCKETS = (_EXPONENTS + 1) << _LINEAR_BITS


def _bucket_of(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bucket of each value, for values in nanoseconds from 0 on.

    Values below 32 have a bucket each. From there on the leading one bit names the
    power of two and the five bits behind it the bucket within:

        value 1000 = 0b11_1110_1000   10 bits, so 4 bits are cut off:
        bucket     = 4 << 5 | 0b1_1111 (1000 >> 4 = 62 = 32 + 30) -> (4 << 5) + 62
    """
    # From 2**53 ns (104 days) on, a float may round up to the next power of two. That
    # cuts one bit more, and 63 of the power below is 31 of the one above: one bucket.
    _, bits = np.frexp(values.astype(np.float64))
    cut = np.maximum(bits.astype(np.int64) - (_LINEAR_BITS + 1), 0)
    return (cut << _LINEAR_BITS) + (values >> cut)


def _upper_edge(bucket: int) -> int:
    """Return the largest value, in nanoseconds, that falls into a bucket."""
    cut = max((bucket >> _LINEAR_BITS) - 1, 0)
    return ((bucket - (cut << _LINEAR_BITS) + 1) << cut) - 1


class Histogram:
    """Counts of latencies in nanoseconds; quantiles are at most 3.2 % too high.

    Negative latencies (a clock that differs between two machines) count as 0 and are
    told by `negative`.
    """

    __slots__ = ("_counts", "max_ns", "negative")

    def __init__(self) -> None:
        self._counts = np.zeros(_BUCKETS, dtype=np.int64)
        self.max_ns: int | None = None
        self.negative = 0

    @property
    def count(self) -> int:
        """How many latencies were added."""
        return int(self._counts.sum())

    def add(self, latencies_ns: Sequence[int] | NDArray[np.int64]) -> None:
        """Count latencies, in nanoseconds."""
        values = np.asarray(latencies_ns, dtype=np.int64)
        if not values.size:
            return
        self.negative += int((values < 0).sum())
        values = np.maximum(values, 0)
        self._counts += np.bincount(_bucket_of(values), minlength=_BUCKETS)
        self.max_ns = max(int(values.max()), self.max_ns or 0)

    def merge(self, other: "Histogram") -> None:
        """Count what the other one counted, too."""
        self._counts += other._counts  # noqa: SLF001 - one class
        self.negative += other.negative
        if other.max_ns is not None:
            self.max_ns = max(other.max_ns, self.max_ns or 0)

    def quantile(self, q: float) -> int | None:
        """Return the latency, in nanoseconds, that a share `q` does not exceed.

        The nearest-rank definition on bucket edges, never above the maximum; None when
        nothing was added. Raises ValueError unless 0 < q <= 1.
        """
        if not 0 < q <= 1:
            raise ValueError(f"a quantile lies in (0, 1], not {q}")
        if self.max_ns is None:
            return None
        running = np.cumsum(self._counts)
        # By the decimals as written: in floats 7 % of 100 would be the eighth.
        rank = math.ceil(Fraction(str(q)) * int(running[-1]))
        bucket = int(np.searchsorted(running, rank))
        return min(_upper_edge(bucket), self.max_ns)

    def buckets(self) -> dict[int, int]:
        """Return the count of each bucket in use, by its upper edge in nanoseconds."""
        used = np.flatnonzero(self._counts)
        return {_upper_edge(int(b)): int(self._counts[b]) for b in used}

    def freeze(self) -> "Frozen":
        """Return the same as a plain value, for storing and sending."""
        return Frozen(
            buckets=self.buckets(), max_ns=self.max_ns, negative=self.negative
        )

    @classmethod
    def thaw(cls, frozen: "Frozen") -> "Histogram":
        """Return a histogram equal to the one that was frozen."""
        histogram = cls()
        for edge, count in frozen.buckets.items():
            histogram._counts[_bucket_of(np.array([edge]))[0]] = count
        histogram.max_ns, histogram.negative = frozen.max_ns, frozen.negative
        return histogram

    def __eq__(self, other: object) -> bool:
        """Tell whether both counted the same."""
        return isinstance(other, Histogram) and self.freeze() == other.freeze()

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """A histogram at rest: counts by upper edge, in nanoseconds."""

    buckets: Mapping[int, int]
    max_ns: int | None
    negative: int
