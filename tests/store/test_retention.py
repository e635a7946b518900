import pytest

from prober import slo
from prober.errors import UsageError
from prober.history import HOUR_NS
from prober.records import State
from prober.store import Store
from prober.store.retention import CYCLES_NS, DAY_NS, HOURS_NS, LOSSY_NS
from tests.store.samples import MINUTE_NS, START_NS, annotation, cycle, run
from tests.store.words import live


def _fill(store: Store) -> None:
    store.put_run(run())
    states = {10: State.LOSS, 20: State.MISSED}
    store.put_cycles(
        cycle(index, states.get(index, State.PASS)) for index in range(24 * 60)
    )
    store.put_cycles([cycle(0, State.LOSS, mode="ad_hoc", run_id="DDDDEEEEFFFF")])


def test_each_is_kept_for_its_time(store: Store) -> None:
    """Cycles for a quarter, lossy ones for a year, hours for two, notes for ever."""
    _fill(store)
    store.annotate(annotation())
    end_ns = START_NS + DAY_NS + HOUR_NS

    def counts() -> tuple[int, int, int, int]:
        found = store.history("production", START_NS, end_ns)
        states = sum(sum(hour.states.values()) for hour in found.hours)
        notes = len(store.annotations("production"))
        return len(store.cycles()), states, len(store.runs()), notes

    assert 0 == store.prune(START_NS + CYCLES_NS)
    assert (1_441, 1_440, 1, 1) == counts()
    # Cycles that were final within whole hours that are older than a quarter.
    deleted = store.prune(START_NS + CYCLES_NS + 12 * HOUR_NS + MINUTE_NS)
    assert 12 * 60 - 1 - 1 == deleted  # the last ended with the hour, one was lossy
    assert (1_441 - deleted, 1_440, 1, 1) == counts()
    store.prune(end_ns + CYCLES_NS)
    assert (2, 1_440, 1, 1) == counts()
    store.prune(end_ns + LOSSY_NS)
    assert (0, 1_440, 1, 1) == counts()
    store.prune(end_ns + HOURS_NS)
    assert (0, 0, 0, 1) == counts()


def test_windows_of_a_time_without_single_cycles_take_hours_whole(store: Store) -> None:
    """What the window cuts can no longer be told apart: better whole than missing."""
    _fill(store)
    store.prune(START_NS + CYCLES_NS + 12 * HOUR_NS)

    cut = (START_NS + 90 * MINUTE_NS, START_NS + 150 * MINUTE_NS)
    found = store.history("production", *cut)

    assert [START_NS + HOUR_NS, START_NS + 2 * HOUR_NS] == [
        hour.start_ns for hour in found.hours
    ]
    assert 120 == sum(hour.states[State.PASS] for hour in found.hours)
    assert (
        slo.evidence_of_hours(found.hours) == store.summary("production", *cut).evidence
    )


def test_a_time_without_single_cycles_is_not_decided_any_more(store: Store) -> None:
    """Its hours could not be summed up anew; a note still finds its place."""
    _fill(store)
    store.prune(START_NS + CYCLES_NS + 12 * HOUR_NS)

    with pytest.raises(
        UsageError, match="before 2027-01-15 20:00:00 UTC are no longer"
    ):
        store.annotate(annotation("exclude"))
    assert 1 == store.annotate(annotation()).number


def test_the_last_word_of_an_environment_stays(store: Store) -> None:
    """Daemons that are gone are forgotten, but not that somebody watched once."""
    store.put_live(live(daemon="host:1"))
    store.put_live(live(daemon="host:2", at_ns=START_NS + 1))
    store.put_live(live(daemon="host:3", environment="staging"))

    store.prune(START_NS + 8 * DAY_NS)

    assert ["host:2", "host:3"] == [each.daemon for each in store.live()]


def test_an_excluded_loss_is_kept_as_long_as_any(store: Store) -> None:
    """What was measured as a loss stays to be looked at, whatever was decided."""
    _fill(store)
    store.annotate(annotation("exclude"))
    store.prune(START_NS + CYCLES_NS + 24 * HOUR_NS)

    kept = store.cycles("production", mode="continuous", oldest_first=True)
    assert (10, State.EXCLUDED) == (kept[0].index, kept[0].state)


def test_pruning_again_does_nothing(store: Store) -> None:
    """It may be called at any time, also on an empty history."""
    assert 0 == store.prune(START_NS)
    _fill(store)
    store.prune(START_NS + CYCLES_NS + 12 * HOUR_NS)

    assert 0 == store.prune(START_NS + CYCLES_NS + 12 * HOUR_NS)
