"""Numbers as people read them never flatter."""

import math
import re
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from prober import slo


@pytest.mark.parametrize(
    ("bad", "total", "ratio", "nines", "rate"),
    [
        (13_355, 42_999_400, "99.9689%", "3.50 nines", "1 in 3,219"),
        (1, 1000, "99.9000%", "3.00 nines", "1 in 1,000"),
        (1, 999, "99.8998%", "2.99 nines", "1 in 999"),
        (
            1,
            2**62,
            "99.999999999999999978%",
            "18.66 nines",
            "1 in 4,611,686,018,427,387,904",
        ),
        (10**9 + 1, 10**12, "99.8999%", "2.99 nines", "1 in 999"),
        (3, 4, "25.0000%", "0.12 nines", "1 in 1.3"),
        (999_999, 1_000_000, "0.0001%", "0.00 nines", "nearly all"),
        (10, 11, "9.0909%", "0.04 nines", "1 in 1.1"),
        (7, 7, "0.0000%", "0.00 nines", "all"),
        (0, 1000, "none lost", "none lost", "none"),
        (0, 0, "no data", "no data", "no data"),
    ],
)
def test_words(bad: int, total: int, ratio: str, nines: str, rate: str) -> None:
    """Each of the three is cut off, and neither 100 % nor no data has a number."""
    assert (ratio, nines, rate) == (
        slo.format_ratio(bad, total),
        slo.format_nines(bad, total),
        slo.one_in(bad, total),
    )


@given(st.integers(1, 10**18), st.integers(1, 10**18))
def test_never_flattering(bad: int, good: int) -> None:
    """What is printed is never better than what was counted, and never 100 %."""
    total = bad + good
    assume(total < 2**63)
    ratio = Fraction(slo.format_ratio(bad, total).rstrip("%")) / 100
    nines = Fraction(slo.format_nines(bad, total).split()[0].replace(",", ""))
    told = slo.one_in(bad, total).replace("nearly all", "1 in 1")
    rate = Fraction(told.split()[-1].replace(",", ""))

    assert ratio <= Fraction(good, total)
    assert Fraction(bad, total) ** 100 <= Fraction(1, 10) ** int(100 * nines)
    assert rate <= Fraction(total, bad)


@given(st.integers(1, 10**9), st.integers(0, 400))
def test_nines_at_the_edge(total: int, hundredths: int) -> None:
    """A loss just above a whole hundredth of nines is not rounded up to it."""
    bad = math.ceil(total * 10 ** (-hundredths / 100)) + 1
    assume(bad <= total)
    shown = float(slo.format_nines(bad, total).split()[0])

    assert shown <= hundredths / 100


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (0.7004267726, "70.0 %"),
        (0.99882906, "99.88 %"),
        (0.9999883, "99.9988 %"),
        (0.95, "95.0 %"),
        (Fraction(43_000, 43_180), "99.58 %"),
        (1.0, "100.0 %"),
        (0, "0.0 %"),
        (-2.105857291, "-210.6 %"),
    ],
)
def test_share(ratio: float, expected: str) -> None:
    """Shares show two digits of what is missing, cut off downwards."""
    assert expected == slo.format_share(ratio)


@pytest.mark.parametrize(
    ("ratio", "up", "down"),
    [
        (0.001, "0.1 %", "0.1 %"),
        (0.00117, "0.12 %", "0.11 %"),
        (0.2996, "30 %", "29 %"),
        (0, "0 %", "0 %"),
        (1.0, "100 %", "100 %"),
    ],
)
def test_loss(ratio: float, up: str, down: str) -> None:
    """Losses are rounded up, or cut off where that is the modest way."""
    assert (up, down) == (slo.format_loss(ratio), slo.format_loss(ratio, up=False))


@pytest.mark.parametrize("text", ["99.9 %", "90 %", "99.95 %", "1.5 %", "99.999999 %"])
def test_target_round_trip(text: str) -> None:
    """An objective is shown as it was written."""
    assert text == slo.format_target(slo.parse_target(text))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        *((0, "0 s"), (0.51, "0.6 s"), (59, "59 s"), (60, "1 min")),
        *((2996, "50 min"), (18_220, "5.1 h"), (179_760, "2.1 d"), (1e8, "1,158 d")),
    ],
)
def test_duration(seconds: float, expected: str) -> None:
    """A time is told in its largest unit, rounded up."""
    assert expected == slo.format_duration(seconds)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_words_never_break(bad: int, good: int) -> None:
    """Every count has its words, without NaN."""
    words = " ".join(
        tell(bad, bad + good)
        for tell in (slo.format_ratio, slo.format_nines, slo.one_in)
    )

    assert not re.search(r"nan|inf|(?<![.\d])100(\.0*)?%", words)


@pytest.mark.parametrize(
    ("chance", "expected"),
    [
        (0.00213, "0.0022"),
        (0.0099, "0.0099"),
        (0.00994, "0.01"),
        (0.5, "0.5"),
        (1.0, "1"),
        (9.71e-120, "9.8e-120"),
        (0.0, "0"),
    ],
)
def test_p_values(chance: float, expected: str) -> None:
    """A p value has two digits, and is never told smaller than it is."""
    assert expected == slo.format_p(chance)
