import json
import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.histogram import Frozen, Histogram, buckets_of

QUANTILES = ["0.5", "0.9", "0.99", "0.999", "1"]
latencies = st.lists(
    st.integers(0, 2000) | st.integers(0, 2**40) | st.integers(-(2**40), 2**62)
)
some_latencies = latencies.filter(bool)


def histogram(*batches: Sequence[int]) -> Histogram:
    """Return a histogram to which some batches were added, one after the other."""
    made = Histogram()
    for batch in batches:
        made.add(batch)
    return made


def merged(*parts: Histogram) -> Histogram:
    """Return the merger of some histograms, which stay as they are."""
    made = Histogram()
    for part in parts:
        made.merge(part)
    return made


def nearest_rank(values: Sequence[int], q: str) -> int:
    """Return the true quantile, negative latencies taken as 0."""
    ranked = sorted(max(0, value) for value in values)
    return ranked[math.ceil(Fraction(q) * len(ranked)) - 1]


@given(some_latencies, st.sampled_from(QUANTILES))
def test_a_quantile_is_at_most_a_32nd_too_high(values: list[int], q: str) -> None:
    """A quantile is never below the true one, nor above it by more than 1/32."""
    true, told = nearest_rank(values, q), histogram(values).quantile(float(q))

    assert told is not None
    assert true <= told <= true + true // 32
    assert told <= max(0, *values)


def test_the_rank_is_exact_where_floats_are_not() -> None:
    """Seven per cent of a hundred values are seven, though 0.07 * 100 is above 7."""
    assert 7 == histogram(range(1, 101)).quantile(0.07)


@pytest.mark.parametrize("value", [0, 1, 31, 32, 63])
def test_small_values_are_told_exactly(value: int) -> None:
    """Up to 63 ns each value has a bucket of its own."""
    assert {value: 1} == histogram([value]).freeze().buckets


@pytest.mark.parametrize("power", range(7, 63))
def test_the_bounds_of_the_buckets_at_each_power_of_two(power: int) -> None:
    """A power of two opens a bucket, and the value before it ends another.

    That holds beyond 53 bits as well, where a float rounds the value before it up.
    """
    step = 2 ** (power - 5)
    expected = {2**power - 1: 1, 2**power + step - 1: 2}
    values = [2**power - 1, 2**power, 2**power + step - 1]

    assert expected == histogram(values).buckets()


@given(st.integers(2**50, 2**63 - 1))
def test_huge_values_fall_into_the_bucket_of_their_leading_bits(value: int) -> None:
    """Six leading bits name the bucket of any value, computed here in integers."""
    cut = value.bit_length() - 6
    edge = (((value >> cut) + 1) << cut) - 1

    assert {edge: 1} == histogram([value]).buckets()


@given(latencies, latencies, latencies)
def test_merging_is_adding_all_to_one(
    one: list[int], two: list[int], three: list[int]
) -> None:
    """However values are parted, and in whatever order merged, the sum is the same."""
    a, b, c = histogram(one), histogram(two), histogram(three)
    whole = histogram(one + two + three)

    assert whole == histogram(one, two, three)
    assert whole == merged(a, b, c) == merged(c, a, b)
    assert whole == merged(merged(a, b), c) == merged(a, merged(b, c))


@given(latencies)
def test_a_frozen_histogram_thaws_to_its_like(values: list[int]) -> None:
    """What was frozen, stored as text and read again gives the same histogram."""
    original = histogram(values)
    frozen = original.freeze()
    text = json.dumps({str(edge): count for edge, count in frozen.buckets.items()})
    read = {int(edge): count for edge, count in json.loads(text).items()}
    again = replace(frozen, buckets=read)

    assert original == Histogram.thaw(again)
    assert frozen == Histogram.thaw(frozen).freeze()


def test_a_thawed_histogram_goes_on_counting() -> None:
    """Adding to what was thawed is adding to what was frozen."""
    thawed = Histogram.thaw(histogram([5, 10**9]).freeze())
    thawed.add([7])

    assert histogram([5, 10**9, 7]) == thawed


@given(latencies)
def test_every_value_is_counted(values: list[int]) -> None:
    """The count is that of the values, and the buckets hold all of them."""
    made = histogram(values)

    assert len(values) == made.count
    assert len(values) == sum(made.buckets().values())


def test_negative_latencies_count_as_none_and_are_told() -> None:
    """A clock ahead of ours makes latencies of 0, of which the number is kept."""
    made = histogram([-1, -(10**12), 0, 5])

    assert 2 == made.negative
    assert {0: 3, 5: 1} == made.buckets()
    assert 0 == made.quantile(0.5)
    assert 0 == histogram([-3]).max_ns


def test_nothing_was_measured() -> None:
    """Without a value there is neither a maximum nor a quantile."""
    empty = histogram([])

    assert 0 == empty.count
    assert empty.max_ns is None
    assert empty.quantile(0.5) is None
    assert Frozen(buckets={}, max_ns=None, negative=0) == empty.freeze()
    assert Histogram() == empty


def test_merging_an_empty_histogram_changes_nothing() -> None:
    """The empty histogram is the zero of merging, on either side."""
    made = histogram([3, 4000])

    assert made == merged(made, Histogram()) == merged(Histogram(), made)


@pytest.mark.parametrize("q", [0, -0.5, 1.01, math.nan])
def test_a_share_outside_of_its_range(q: float) -> None:
    """A quantile of nothing, or of more than all, is refused."""
    with pytest.raises(ValueError, match=rf"^a quantile lies in \(0, 1\], not {q}$"):
        histogram([1]).quantile(q)


def test_arrays_are_taken_as_they_are() -> None:
    """An array of integers is counted like a list, and is not changed."""
    values = np.array([-5, 7], dtype=np.int64)

    assert histogram([-5, 7]) == histogram(values)  # type: ignore[arg-type]
    assert [-5, 7] == values.tolist()


def test_a_histogram_is_equal_to_nothing_else() -> None:
    """Only another histogram with the same counts is equal, and none is a key."""
    assert histogram([1]) != histogram([2])
    assert histogram([1]) != "histogram"
    with pytest.raises(TypeError):
        hash(histogram([1]))


def test_memory_does_not_grow_with_what_is_counted() -> None:
    """A million values have no more buckets than a thousand as large, and few."""
    made = histogram(range(1_000_000))
    before = len(made.buckets())
    for _ in range(5):
        made.add(range(1_000_000))

    assert before == len(made.buckets())
    assert before < 20 * 32


@given(latencies, latencies)
def test_the_sum_is_exact(a: list[int], b: list[int]) -> None:
    """Not a nanosecond is rounded, however histograms are merged; negatives are 0."""
    whole = histogram([*a, -5])
    whole.merge(histogram(b))

    assert sum(max(0, each) for each in [*a, *b]) == whole.freeze().sum_ns


def test_a_sum_that_is_not_known() -> None:
    """What is merged with a history from before has no sum, and all of its counts."""
    whole = histogram([5, 6])
    whole.merge(Histogram.thaw(Frozen(buckets={7: 1}, max_ns=7, sum_ns=None)))

    assert (None, 3) == (whole.sum_ns, whole.count)


@given(latencies)
def test_one_by_one_is_as_together(values: list[int]) -> None:
    """Latencies added singly are in the buckets that they are in together."""
    made = Histogram()
    for value in values:
        made.add_one(value)

    assert histogram(values) == made


def test_a_bucket_is_booked_with_its_greatest() -> None:
    """Counts that were made elsewhere are as if each value had been added."""
    values = np.array([1_000, 1_001, 1_002])
    bucket = int(buckets_of(values[:1])[0])
    made = Histogram()
    made.book(bucket, 2, most_ns=1_001, sum_ns=2_001)
    made.book(bucket, 1, most_ns=1_002, sum_ns=1_002)

    assert histogram(values.tolist()) == made


@given(latencies)
def test_buckets_at_rest_are_a_mapping(values: list[int]) -> None:
    """Edges ascend, each has its count, and whatever is no edge is not there."""
    at_rest = histogram(values).freeze().buckets
    told = dict(at_rest.items())

    assert sorted(told) == list(at_rest)
    assert told == at_rest
    assert [*told.values()] == [*at_rest.values()] == [at_rest[edge] for edge in told]
    for edge in told:
        assert edge - 1 in told or edge - 1 not in at_rest
    assert -1 not in at_rest
    assert 1 << 9_999 not in at_rest
