"""The table of what we measure on ourselves."""

import pytest

from prober.bounds import BOUNDS, RSS_LIMIT, most
from prober.records import State
from prober.watch.reasons import LABELS, OTHER, label


@pytest.mark.parametrize("name", BOUNDS)
def test_every_reason_has_its_label(name: str) -> None:
    """A cycle that a bound voids is counted under that bound's own label."""
    bound = BOUNDS[name]
    reason = bound.why(2 * bound.most)

    assert bound.label == label(State.INVALID, reason)
    assert bound.label == label(State.INVALID, f"{reason}; uncounted: 3 lost", lost=3)
    assert OTHER != bound.label
    assert bound.label in LABELS[State.INVALID]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("loop_lag_max_seconds", 2.3, "our event loop was 2.3 s late (limit 1 s)"),
        ("reader_lag_max_seconds", 2.3, "our reader was 2.3 s behind (limit 1 s)"),
        ("queue_full_max_seconds", 0.3, "own queue full for 0.3 s (limit 0.1 s)"),
        (
            "cpu_wait_max_seconds",
            2.3,
            "a thread of ours waited 2.3 s for a CPU (limit 1 s)",
        ),
        (
            "gc_pause_max_seconds",
            1.3,
            "garbage collection stopped us for 1.3 s (limit 1 s)",
        ),
        (
            "clock_step_max_seconds",
            -3600,
            "the clock was set by -3600.0 s, or we were asleep",
        ),
        (
            "rss_bytes",
            1.2e9,
            (
                "own memory is 1,200 MB (watch.max_memory 1,000 MB): restart prober "
                "watch, and raise it if that much is needed"
            ),
        ),
    ],
)
def test_reasons(name: str, value: float, words: str) -> None:
    """What was measured stands beside its bound, both in units that people read."""
    assert words == BOUNDS[name].why(value)


def test_all_reasons_are_tested() -> None:
    """A new row needs its words above."""
    (mark,) = test_reasons.pytestmark  # type: ignore[attr-defined]
    assert set(BOUNDS) == {name for name, _, _ in mark.args[1]}


def test_bound_of_memory() -> None:
    """Only memory has a bound that is configured; figures of old have the default."""
    figures = {RSS_LIMIT: 5.0}

    assert 5.0 == most(figures, "rss_bytes")
    assert BOUNDS["rss_bytes"].most == most({}, "rss_bytes")
    assert 1.0 == most(figures, "loop_lag_max_seconds")
