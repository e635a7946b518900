"""Looking for the highest rate: which one is tried, and when it is over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.search import RESOLUTION, TRIES, End, Found, Search


def walk(search: Search, limit: int, own: int = 10**12) -> list[int]:
    """Search a pipeline that carries up to `limit`, with a prober that does `own`."""
    tried: list[int] = []
    while (rate := search.next()) is not None:
        tried.append(rate)
        found = Found.CLEAN if rate <= limit else Found.BROKE
        search.take(rate, Found.OWN if rate > own else found)
    return tried


def test_rates_double_and_then_halve_what_lies_between() -> None:
    """The rates that are tried, one by one."""
    search = Search(start=1_000, most=None, gentle=False)

    tried = walk(search, 8_300)

    assert [1_000, 2_000, 4_000, 8_000, 16_000, 12_000, 10_000, 9_000, 8_500] == tried[
        :9
    ]
    assert (End.FOUND, 8_250, 8_500) == (search.end, search.clean, search.broke)


@given(st.integers(1, 10**7), st.integers(1, 10**5))
def test_what_is_found_is_close(limit: int, start: int) -> None:
    """Wherever the limit is, and wherever one begins, it lies where it is said to."""
    search = Search(start=start, most=None, gentle=False)

    tried = walk(search, limit)

    assert End.FOUND is search.end
    assert search.broke is not None
    low = search.clean or 0
    assert low <= limit < search.broke
    assert search.broke - low <= max(1, int(search.broke * RESOLUTION))
    assert len(tried) < 70


def test_a_first_rate_that_breaks_is_gone_below() -> None:
    """A pipeline that carries less than one began with has a limit, too."""
    search = Search(start=1_000, most=None, gentle=False)

    assert [1_000, 500, 250, 125, 62] == walk(search, 70)[:5]
    assert (69, 71) == (search.clean, search.broke)


def test_a_pipeline_that_carries_nothing_has_no_clean_rate() -> None:
    """Then the lowest rate that there is broke it."""
    search = Search(start=8, most=None, gentle=False)

    assert [8, 4, 2, 1] == walk(search, 0)
    assert (End.FOUND, None, 1) == (search.end, search.clean, search.broke)


def test_what_is_somebody_elses_is_broken_once_at_most() -> None:
    """A quarter more each time, and the first loss is the last."""
    search = Search(start=200, most=1_000, gentle=True)

    assert [200, 250, 312, 390, 487, 608] == walk(search, 500)
    assert (End.FOUND, 487, 608) == (search.end, search.clean, search.broke)


def test_what_may_not_be_asked_is_not_tried() -> None:
    """The bound itself is tried, and nothing above it."""
    search = Search(start=300, most=1_000, gentle=False)

    assert [300, 600, 1_000] == walk(search, 10_000)
    assert (End.BOUND, 1_000, None) == (search.end, search.clean, search.broke)


@pytest.mark.parametrize(
    ("found", "end"), [(Found.OWN, End.OWN), (Found.UNSURE, End.UNSURE)]
)
def test_what_tells_nothing_is_tried_again_and_then_told(
    found: Found, end: End
) -> None:
    """Once may be chance; twice is the end, and no limit of the pipeline."""
    search = Search(start=100, most=None, gentle=False)
    rates = []
    while (rate := search.next()) is not None:
        rates.append(rate)
        search.take(rate, Found.CLEAN if rate < 400 else found)

    assert [100, 200, *[400] * TRIES] == rates
    assert (end, 200, None) == (search.end, search.clean, search.broke)


def test_a_doubt_that_passes_is_forgotten() -> None:
    """The same rate, clean at its second try, is clean."""
    search = Search(start=100, most=200, gentle=False)
    search.take(100, Found.UNSURE)
    search.take(100, Found.CLEAN)
    assert 200 == search.next()
    search.take(200, Found.OWN)
    assert 200 == search.next()
    search.take(200, Found.CLEAN)

    assert search.next() is None
    assert End.BOUND is search.end
