import pytest

from prober.clock import NS
from prober.report.now.ladder import next_try_ns


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [
        (0.0, 0.001),
        (0.001, 0.001),
        (0.5, 1.111),
        (12.0, 111.111),
        (111.2, 211.111),
        (1_000.0, 1_011.111),
    ],
)
def test_next_try(elapsed: float, expected: float) -> None:
    """Waits grow tenfold up to 100 s, and stay there."""
    lost_ns = 1_800_000_000 * NS
    found = next_try_ns(lost_ns, lost_ns + round(elapsed * NS))

    assert lost_ns + round(expected * NS) == found
