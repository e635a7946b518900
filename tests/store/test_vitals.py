"""What daemons measured on themselves, as history keeps it for windows."""

from dataclasses import replace
from pathlib import Path

import pytest

from prober.errors import StoreError
from prober.history import HOUR_NS, Live
from prober.store import Store, open_store
from prober.store.retention import HOURS_NS
from tests.store import words

DAY_NS = 24 * HOUR_NS
NOON_NS = 20_000 * DAY_NS + 12 * HOUR_NS


def word(at_ns: int, lag: float, **others: object) -> Live:
    """Return a daemon's word with the lag of its loop in the last minute."""
    health = {"loop_lag_max_seconds": lag, "rss_bytes": 9e7, "x_max_seconds": 1e400}
    one = words.live(at_ns=at_ns, environment="prod_eu", health=health, measuring=True)
    return replace(one, **others)  # type: ignore[arg-type]


def lag(store: Store, from_ns: int, to_ns: int) -> float | None:
    """Return the largest lag of a window."""
    found = store.history("prod_eu", from_ns, to_ns).health
    assert {*found} <= {"loop_lag_max_seconds"}  # what is no number, or no lag, is not
    return found.get("loop_lag_max_seconds")


def test_the_largest_of_the_days_is_told(tmp_path: Path) -> None:
    """Days that a window touches count whole; other environments do not."""
    with open_store(tmp_path / "history.sqlite") as store:
        for at_ns, value in (
            (NOON_NS - DAY_NS, 0.9),
            (NOON_NS, 0.2),
            (NOON_NS + 1, 0.7),
            (NOON_NS + 2, 0.3),
        ):
            store.put_live(word(at_ns, value))
        store.put_live(word(NOON_NS, 5.0, environment="prod_eu/2"))
        store.put_live(word(NOON_NS, 6.0, measuring=False))

        assert 0.7 == lag(store, NOON_NS, NOON_NS + HOUR_NS)
        assert 0.9 == lag(store, NOON_NS - DAY_NS, NOON_NS)
        assert lag(store, NOON_NS + DAY_NS, NOON_NS + 2 * DAY_NS) is None


def test_it_is_deleted_with_the_hours(tmp_path: Path) -> None:
    """It is kept as long as the sums of hours are."""
    with open_store(tmp_path / "history.sqlite") as store:
        store.put_live(word(NOON_NS, 0.2))
        store.prune(NOON_NS + HOURS_NS - DAY_NS)
        kept = lag(store, NOON_NS, NOON_NS + 1)
        store.prune(NOON_NS + HOURS_NS + DAY_NS)

        assert (0.2, None) == (kept, lag(store, NOON_NS, NOON_NS + 1))


def test_what_nobody_of_us_wrote_is_one_sentence(tmp_path: Path) -> None:
    """A strange document is told of, and no traceback."""
    with open_store(tmp_path / "history.sqlite") as store:
        store.keep(f"vitals/{NOON_NS // DAY_NS}/prod_eu", ["no figures"], NOON_NS)

        with pytest.raises(StoreError, match="figures that prober did not write"):
            store.history("prod_eu", NOON_NS, NOON_NS + 1)
