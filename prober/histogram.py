"""A latency histogram that merges: log-linear buckets, exact counts, bounded error."""

import bisect
import functools
import itertools
import math
from array import array
from collections.abc import ItemsView, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_LINEAR_BITS = 5
"""Each power of two is cut into 2**5 buckets: an edge is at most 1/32 above a value."""
_EXPONENTS = 64 - _LINEAR_BITS
BUCKETS = (_EXPONENTS + 1) << _LINEAR_BITS
"""How many buckets there can be."""


def buckets_of(values: NDArray[np.int64]) -> NDArray[np.int64]:
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


@functools.cache  # one number a bucket, shared by all histograms at rest
def _upper_edge(bucket: int) -> int:
    """Return the largest value, in nanoseconds, that falls into a bucket."""
    cut = max((bucket >> _LINEAR_BITS) - 1, 0)
    return ((bucket - (cut << _LINEAR_BITS) + 1) << cut) - 1


def _bucket(edge: int) -> int:
    """Return the bucket of one value, in nanoseconds from 0 on; see `buckets_of`."""
    cut = max(edge.bit_length() - (_LINEAR_BITS + 1), 0)
    return (cut << _LINEAR_BITS) + (edge >> cut)


class Buckets(Mapping[int, int]):
    """Counts by upper edge, in nanoseconds, ascending; never changed.

    Two columns of plain numbers, ten bytes a bucket: a run keeps one a cycle.
    """

    __slots__ = ("_counts", "_numbers")

    def __init__(self, counts: Mapping[int, int]) -> None:
        """Take counts by bucket."""
        self._numbers = array("H", sorted(counts))
        self._counts = array("q", map(counts.__getitem__, self._numbers))

    def __getitem__(self, edge: int) -> int:
        number = _bucket(edge) if edge >= 0 else BUCKETS
        at = bisect.bisect_left(self._numbers, number)
        if at < len(self._numbers) and _upper_edge(self._numbers[at]) == edge:
            return self._counts[at]
        raise KeyError(edge)

    def __iter__(self) -> Iterator[int]:
        return map(_upper_edge, self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def items(self) -> ItemsView[int, int]:
        """Return edges and counts, as fast as those of a dict."""
        return dict(zip(self, self._counts, strict=True)).items()

    def values(self) -> ValuesView[int]:
        """Return the counts, likewise."""
        return dict(zip(self, self._counts, strict=True)).values()

    def __repr__(self) -> str:
        """Show it as the dict that it stands for."""
        return repr(dict(self.items()))

    def by_bucket(self) -> dict[int, int]:
        """Return counts by bucket."""
        return dict(zip(self._numbers, self._counts, strict=True))


class Histogram:
    """Counts of latencies in nanoseconds; quantiles are at most 3.2 % too high.

    Negative latencies (a clock that differs between two machines) count as 0 and are
    told by `negative`. Only buckets in use take memory: many can be kept, one a cycle.
    `sum_ns` is exact; None when something was merged of which no sum is known.
    """

    __slots__ = ("_counts", "max_ns", "negative", "sum_ns")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.max_ns: int | None = None
        self.negative = 0
        self.sum_ns: int | None = 0

    @property
    def count(self) -> int:
        """How many latencies were added."""
        return sum(self._counts.values())

    def add(self, latencies_ns: Sequence[int] | NDArray[np.int64]) -> None:
        """Count latencies, in nanoseconds."""
        values = np.asarray(latencies_ns, dtype=np.int64)
        if not values.size:
            return
        self.negative += int((values < 0).sum())
        values = np.maximum(values, 0)
        found, counts = np.unique(buckets_of(values), return_counts=True)
        for bucket, count in zip(found.tolist(), counts.tolist(), strict=True):
            self.book(bucket, count, most_ns=0, sum_ns=0)
        self._sum(sum(values.tolist()))  # of integers without an end
        self.max_ns = max(int(values.max()), self.max_ns or 0)

    def add_one(self, latency_ns: int) -> None:
        """Count one latency, in nanoseconds: the same, without an array."""
        value = max(latency_ns, 0)
        self.book(_bucket(value), 1, most_ns=value, sum_ns=value)
        self.negative += latency_ns < 0

    def book(self, bucket: int, count: int, *, most_ns: int, sum_ns: int) -> None:
        """Count latencies of one bucket: how many, the greatest, and their sum."""
        self._sum(sum_ns)
        self._counts[bucket] = self._counts.get(bucket, 0) + count
        if self.max_ns is None or most_ns > self.max_ns:
            self.max_ns = most_ns

    def _sum(self, ns: int | None) -> None:
        self.sum_ns = None if self.sum_ns is None or ns is None else self.sum_ns + ns

    def merge(self, other: "Histogram") -> None:
        """Count what the other one counted, too."""
        for bucket, count in other._counts.items():  # noqa: SLF001 - one class
            self._counts[bucket] = self._counts.get(bucket, 0) + count
        self.negative += other.negative
        self._sum(other.sum_ns)
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
        # By the decimals as written: in floats 7 % of 100 would be the eighth.
        rank = math.ceil(Fraction(str(q)) * self.count)
        buckets = sorted(self._counts)
        running = itertools.accumulate(self._counts[each] for each in buckets)
        reached = zip(buckets, running, strict=True)
        bucket = next(each for each, count in reached if count >= rank)
        return min(_upper_edge(bucket), self.max_ns)

    def buckets(self) -> Buckets:
        """Return the count of each bucket in use, by its upper edge in nanoseconds."""
        return Buckets(self._counts)

    def freeze(self) -> "Frozen":
        """Return the same as a plain value, for storing and sending."""
        return Frozen(
            buckets=self.buckets(),
            max_ns=self.max_ns,
            negative=self.negative,
            sum_ns=self.sum_ns,
        )

    @classmethod
    def thaw(cls, frozen: "Frozen") -> "Histogram":
        """Return a histogram equal to the one that was frozen."""
        histogram = cls()
        if isinstance(frozen.buckets, Buckets):
            histogram._counts = frozen.buckets.by_bucket()
        else:
            histogram._counts = {_bucket(e): n for e, n in frozen.buckets.items()}
        histogram.max_ns, histogram.negative = frozen.max_ns, frozen.negative
        histogram.sum_ns = frozen.sum_ns
        return histogram

    def __eq__(self, other: object) -> bool:
        """Tell whether both counted the same."""
        return isinstance(other, Histogram) and self.freeze() == other.freeze()

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """A histogram at rest: counts by upper edge, in nanoseconds."""

    buckets: Mapping[int, int] = field(default_factory=dict)
    max_ns: int | None = None
    negative: int = 0
    sum_ns: int | None = 0
    """None where nobody added them up: of histories from before that was done."""
