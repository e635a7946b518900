from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis import given

from prober import units
from prober.clock import NS
from prober.plan import Sizes


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("500ms", NS // 2),
        ("10s", 10 * NS),
        ("1m30s", 90 * NS),
        ("0.5ms", 500_000),
        ("1.5h", 5_400 * NS),
        ("30d", 30 * 86_400 * NS),
        ("0s", 0),
        ("10", None),
        ("", None),
        ("10 s", None),
        ("-1s", None),
        ("1w", None),
        ("1\u0660s", None),
        ("9" * 5_000 + "s", None),
        ("1s" * 5_000, None),
    ],
)
def test_durations(text: str, ns: int | None) -> None:
    """A duration is figures with units; nothing else is one, however long."""
    assert ns == units.parse_duration(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("2000", Fraction(2000)),
        ("2000/s", Fraction(2000)),
        ("0.5/s", Fraction(1, 2)),
        ("0", None),
        ("0/s", None),
        ("max", None),
        ("5/m", None),
        ("1e3", None),
        ("9" * 5_000, None),
    ],
)
def test_rates(text: str, rate: Fraction | None) -> None:
    """A rate is messages a second, above 0."""
    assert rate == units.parse_rate(text)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("100", Sizes(low=100, high=100)),
        ("100-2000", Sizes(low=100, high=2000)),
        ("100-", None),
        ("-100", None),
        ("1k", None),
        ("9" * 5_000, None),
    ],
)
def test_sizes(text: str, sizes: Sizes | None) -> None:
    """A size is bytes, or a range of them."""
    assert sizes == units.parse_size(text)


@pytest.mark.parametrize(
    ("text", "is_address"),
    [
        ("127.0.0.1:3458", True),
        ("name.example.com:1", True),
        ("[::1]:65535", True),
        ("name", False),
        ("name:0", False),
        ("name:65536", False),
        ("https://name:1", False),
        ("::1:3458", False),
    ],
)
def test_addresses(text: str, is_address: bool) -> None:  # noqa: FBT001 - a table
    """An address is a host and a port."""
    assert (text if is_address else None) == units.parse_address(text)


@given(st.integers(0, 10**24))
def test_durations_are_written_as_they_are_read(ns: int) -> None:
    """Every duration comes back to the nanosecond."""
    assert ns == units.parse_duration(units.write_duration(ns))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("500MB", 500_000_000),
        ("1.5GB", 1_500_000_000),
        ("64kB", 64_000),
        ("0.0001kB", None),
        ("500", None),
        ("500 MB", None),
        ("1GiB", None),
        ("-1GB", None),
        ("9" * 5_000 + "GB", None),
    ],
)
def test_bytes(text: str, count: int | None) -> None:
    """Memory is a figure with its unit, in powers of ten; nothing else is."""
    assert count == units.parse_bytes(text)


@given(st.integers(1, 10**18))
def test_bytes_are_written_as_they_are_read(count: int) -> None:
    """Every number of bytes comes back exactly."""
    assert count == units.parse_bytes(units.write_bytes(count))


@given(st.decimals("0.000000001", 10**15 - 1, places=9).map(Fraction))
def test_rates_are_written_as_they_are_read(rate: Fraction) -> None:
    """Every rate comes back exactly."""
    assert rate == units.parse_rate(units.write_rate(rate))
