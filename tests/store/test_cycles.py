from dataclasses import replace

import pytest

from prober import slo
from prober.clock import NS
from prober.histogram import Histogram
from prober.history import HOUR_NS, CycleRecord, hours_of
from prober.records import PlatformIncrease, Span, State
from prober.store import Known, Store
from tests.store.samples import MINUTE_NS, START_NS, annotation, cycle, run


def test_a_cycle_comes_back_as_it_was_written(store: Store) -> None:
    """Every field of a final cycle survives, histogram, ranges and counters too."""
    grown = PlatformIncrease(
        component="router",
        instance="doppler/0",
        counter="dropped",
        direction="egress",
        increase=1_000,
        from_ns=START_NS,
        to_ns=START_NS + NS,
        silent_ns=0,
    )
    gaps = (Span(first=7, count=2), Span(first=9_000_000_000, count=1))
    written = cycle(3, State.LOSS, gaps=gaps, platform=(grown,), reason="blind readers")

    store.put_cycles([written])

    assert [written] == store.cycles("production")


def test_texts_that_a_database_refuses_are_escaped(store: Store) -> None:
    """NUL and half characters of a peer's words, or of arguments, lose no result."""
    written = cycle(0, State.INVALID, reason="it said \0\ud800, and \u202eleft")
    store.put_cycles([written])
    store.annotate(annotation(text="caf\udce9", author="\0@host"))

    assert "it said \\x00\\ud800, and \u202eleft" == store.cycles()[0].reason
    (note,) = store.annotations()
    assert ("caf\\udce9", "\\x00@host") == (note.text, note.author)


def test_a_cycle_is_open_until_it_is_final(store: Store) -> None:
    """What was written when it opened is there, and is filled in when it is final."""
    store.put_cycles([cycle(0, None)])
    opened = store.cycles("production")
    store.put_cycles([cycle(0)])

    assert [cycle(0, None)] == opened
    assert [cycle(0)] == store.cycles("production")


def test_writing_again_changes_nothing(store: Store) -> None:
    """A retried write of either kind is known by its key: nothing is doubled."""
    both = [cycle(0, State.LOSS), cycle(0, consumer="gateway")]
    assert 2 == store.put_cycles([cycle(0, None), cycle(0, None, consumer="gateway")])
    assert 2 == store.put_cycles(both)
    before = store.history("production", START_NS, START_NS + HOUR_NS)

    assert 0 == store.put_cycles(both)
    assert 0 == store.put_cycles([cycle(0, None)])
    assert 0 == store.put_cycles([cycle(0, State.PASS)])
    assert before == store.history("production", START_NS, START_NS + HOUR_NS)
    assert 100 == before.hours[0].planned


def test_a_record_twice_in_one_write_counts_once(store: Store) -> None:
    """Opening and closing, and closing again, may stand in the same write."""
    store.put_cycles([cycle(0, None), cycle(0), cycle(0)])

    hour = store.history("production", START_NS, START_NS + HOUR_NS).hours[0]
    assert 1 == hour.states[State.PASS]


def test_hours_are_what_their_cycles_sum_up_to(store: Store) -> None:
    """Summing up at write time, one by one, gives the same as summing up at once."""
    states = (State.PASS, State.LOSS, State.INCONCLUSIVE, State.INVALID, State.MISSED)
    written = [
        cycle(index, states[index % 5], consumer=consumer)
        for index in range(150)
        for consumer in ("gateway", "rlp")
    ]
    for start in range(0, len(written), 7):
        store.put_cycles(written[start : start + 7])

    found = store.history("production", START_NS, START_NS + 3 * HOUR_NS)

    assert hours_of(written) == list(found.hours)


def test_a_window_cuts_hours_at_both_ends(store: Store) -> None:
    """Whole hours come from their sums, the ends from cycles: nothing is lost between.

    minute   0        60        120       180
             |····|════|═════════|════|····|
                  30                  150
    """
    written = [cycle(index, State.LOSS) for index in range(180)]
    store.put_cycles(written)
    for first, last in ((30, 150), (0, 180), (61, 62), (60, 120), (59, 121), (70, 110)):
        from_ns, to_ns = (START_NS + edge * MINUTE_NS for edge in (first, last))
        inside = [each for each in written if from_ns <= (each.final_ns or 0) < to_ns]

        found = store.history("production", from_ns, to_ns)

        assert hours_of(inside) == list(found.hours)
        states = [hour.states[State.LOSS] for hour in found.hours]
        assert len(inside) == sum(states)
        summed = store.summary("production", from_ns, to_ns)
        assert slo.evidence_of_hours(found.hours) == summed.evidence


def test_recent_cycles_are_those_of_the_list_without_latencies(store: Store) -> None:
    """Newest first, open ones too, as people judged them, continuous ones alone."""
    store.put_cycles([cycle(n, State.LOSS) for n in range(5)])
    store.put_cycles([cycle(5, None), cycle(6, mode="ad_hoc")])
    store.annotate(annotation("reclassify", text="ours", state=State.INVALID))
    from_ns = START_NS + 2 * MINUTE_NS

    listed = store.cycles("production", mode="continuous", from_ns=from_ns)
    assert any(each.latency.buckets for each in listed)
    assert [replace(each, latency=Histogram().freeze()) for each in listed] == (
        store.recent("production", from_ns)
    )


def test_a_summary_tells_the_same_as_the_history(store: Store) -> None:
    """Whoever reads only how it stands reads the same run, notes and consumers."""
    store.put_run(run())
    for name in ("rlp", "gateway"):
        store.put_cycles(cycle(n, State.LOSS, consumer=name) for n in range(150))
    store.annotate(annotation("note"))
    window = ("production", START_NS + MINUTE_NS, START_NS + 2 * HOUR_NS + MINUTE_NS)
    told, summed = store.history(*window), store.summary(*window)

    assert ["gateway", "rlp"] == [each.consumer for each in summed.evidence]
    assert slo.evidence_of_hours(told.hours) == summed.evidence
    for name in ("environment", "from_ns", "to_ns", "run", "annotations", "first_ns"):
        assert getattr(told, name) == getattr(summed, name)


def test_ad_hoc_cycles_are_kept_and_never_in_windows(store: Store) -> None:
    """One large run would outweigh a month: it is listed, and nothing else."""
    store.put_run(run(mode="ad_hoc"))
    store.put_cycles([cycle(0, State.LOSS, mode="ad_hoc")])

    found = store.history("production", 0, 2 * START_NS)

    assert ((), (), None, None) == (
        found.hours,
        found.stretches,
        found.run,
        found.first_ns,
    )
    assert 1 == len(store.cycles("production", mode="ad_hoc"))
    assert [] == store.cycles("production", mode="continuous")
    assert () == store.latest("production")


def test_stretches_tell_what_was_no_pass(store: Store) -> None:
    """Cycles that ended alike, one behind the other, are one stretch of a consumer."""
    bad = {3: State.LOSS, 4: State.LOSS, 6: State.LOSS, 7: State.MISSED}
    store.put_run(run())
    store.put_cycles([cycle(index, bad.get(index, State.PASS)) for index in range(10)])

    found = store.history("production", START_NS, START_NS + HOUR_NS).stretches

    minutes = [(each.from_ns - START_NS) // MINUTE_NS for each in found]
    assert [3, 6, 7] == minutes
    assert [(2, 6, 200, 3), (1, 3, 100, 3), (1, 0, 0, 0)] == [
        (each.cycles, each.bad, each.total, each.largest_loss) for each in found
    ]
    assert {3: 2} == found[0].gap_sizes
    assert ["", "", "why missed"] == [each.reason for each in found]
    assert START_NS + 5 * MINUTE_NS == found[0].to_ns


def test_missed_cycles_are_recorded_in_bulk(store: Store) -> None:
    """Each tick of a time in which nobody ran is one missed cycle a consumer, once."""
    end_ns = START_NS + 2_500 * MINUTE_NS

    def record() -> int:
        return store.record_missed(
            "production",
            START_NS,
            end_ns,
            every_ns=MINUTE_NS,
            planned=300,
            consumers=["gateway", "rlp"],
            reason="nobody watched",
        )

    assert [5_000, 0] == [record(), record()]
    found = store.history("production", START_NS, end_ns + HOUR_NS)
    assert 5_000 == sum(hour.states[State.MISSED] for hour in found.hours)
    assert 5_000 * 300 == sum(hour.uncounted for hour in found.hours)
    assert [2_500, 2_500] == [each.cycles for each in found.stretches]


@pytest.mark.parametrize(
    ("daemon", "later_s", "mended"),
    [
        ("host:1", 1, 2),  # our own name: we were restarted
        ("elsewhere:7", 1, 0),  # a neighbour that may still be at it
        ("elsewhere:7", 600, 2),  # nothing was heard of the other one
    ],
)
def test_what_a_daemon_left_open_is_inconclusive(
    store: Store, daemon: str, later_s: int, mended: int
) -> None:
    """At the next start, cycles in flight are closed if whoever opened them is gone."""
    store.put_run(run())
    store.put_cycles([cycle(0, None), cycle(0, None, consumer="gateway"), cycle(1)])
    now_ns = START_NS + later_s * NS

    assert mended == store.mend("production", daemon=daemon, now_ns=now_ns)
    assert 0 == store.mend("production", daemon=daemon, now_ns=now_ns)
    found = store.cycles("production", to_ns=START_NS + 1)
    expected = State.INCONCLUSIVE if mended else None
    assert [expected, expected] == [each.state for each in found]
    if mended:
        assert "prober was killed" in found[0].reason
        ended_ns = min(now_ns, START_NS + 2 * MINUTE_NS)  # its period, and lost_after
        assert ended_ns == found[0].final_ns
    assert bool(mended) == store.runs()[0].partial


def test_lists_are_narrowed_and_in_order(store: Store) -> None:
    """By environment, mode, run, time and number; newest first, or oldest if asked."""
    store.put_cycles([cycle(index) for index in range(5)])
    store.put_cycles([cycle(9, environment="staging", run_id="DDDDEEEEFFFF")])

    def numbers(found: list[CycleRecord]) -> list[int]:
        return [each.index for each in found]

    assert [9, 4, 3, 2, 1, 0] == numbers(store.cycles())
    assert [4, 3] == numbers(store.cycles("production", limit=2))
    assert [0, 1] == numbers(store.cycles("production", oldest_first=True, limit=2))
    assert [9] == numbers(store.cycles(run_id="DDDDEEEEFFFF"))
    from_ns, to_ns = START_NS + MINUTE_NS, START_NS + 3 * MINUTE_NS
    assert [2, 1] == numbers(store.cycles("production", from_ns=from_ns, to_ns=to_ns))
    assert [4] == numbers(list(store.latest("production")))
    assert [
        Known(name="production", first_ns=START_NS, last_ns=cycle(4).scheduled_ns),
        Known(
            name="staging",
            first_ns=cycle(9).scheduled_ns,
            last_ns=cycle(9).scheduled_ns,
        ),
    ] == store.environments()


def test_a_run_comes_back_with_its_end(store: Store) -> None:
    """A run is written when it begins, and how it ended is filled in."""
    store.put_run(run())
    began = store.run("AAAABBBBCCCC")
    store.put_run(run(ended_ns=START_NS + HOUR_NS, partial=True))
    store.put_run(run(run_id="DDDDEEEEFFFF", started_ns=START_NS + 1, every_ns=None))

    assert run() == began
    assert run(ended_ns=START_NS + HOUR_NS, partial=True) == store.run("AAAABBBBCCCC")
    assert ["DDDDEEEEFFFF", "AAAABBBBCCCC"] == [each.run_id for each in store.runs()]
    assert None is store.run("nobody")


def test_an_exclusion_takes_effect_at_once(store: Store) -> None:
    """Windows follow an annotation; what was measured stays as it was."""
    written = [cycle(index, State.LOSS) for index in range(120)]
    store.put_cycles(written)

    added = store.annotate(annotation("exclude", text="maintenance"))

    found = store.history("production", START_NS, START_NS + 3 * HOUR_NS)
    states = [
        (hour.states[State.EXCLUDED], hour.states[State.LOSS]) for hour in found.hours
    ]
    # The first hour holds the ends of 59 cycles: the 60th ends with it, in the next.
    assert [(59, 0), (1, 59), (0, 1)] == states
    assert (added,) == found.annotations
    assert 1 == added.number
    assert ["excluded", "loss"] == [each.state.value for each in found.stretches]
    assert "maintenance (ada@example); was loss" == found.stretches[0].reason
    assert written == store.cycles("production", oldest_first=True, measured=True)
    assert State.EXCLUDED is store.cycles("production", oldest_first=True)[0].state


def test_what_was_excluded_in_advance_is_excluded_when_it_comes(store: Store) -> None:
    """Maintenance is announced before: cycles that come later are judged by it."""
    store.annotate(annotation("exclude"))
    store.put_cycles([cycle(0, None)])
    store.put_cycles([cycle(0, State.LOSS), cycle(1, State.LOSS)])

    hour = store.history("production", START_NS, START_NS + HOUR_NS).hours[0]

    assert (2, 0) == (hour.states[State.EXCLUDED], hour.counts.lost)


def test_a_reclassification_decides_what_could_not_be_told(store: Store) -> None:
    """Only inconclusive and missed cycles become losses; their messages count."""
    counts = cycle(0, State.LOSS).counts
    store.put_cycles([cycle(0, State.INCONCLUSIVE, counts=counts), cycle(1)])

    store.annotate(annotation("reclassify", text="it was the platform"))

    hour = store.history("production", START_NS, START_NS + HOUR_NS).hours[0]
    assert (1, 1) == (hour.states[State.LOSS], hour.states[State.PASS])
    assert 3 == hour.counts.lost


def test_hours_after_any_annotation_are_what_cycles_say(store: Store) -> None:
    """Sums that were made anew equal those of a history annotated from the start."""
    written = [cycle(index, State.LOSS) for index in range(200)]
    notes = [
        annotation("exclude", from_ns=START_NS + 30 * MINUTE_NS),
        annotation("exclude", to_ns=START_NS + 95 * MINUTE_NS),
        annotation("note", text="deploy"),
    ]
    store.put_cycles(written)
    for note in notes:
        store.annotate(note)
        store.annotate(replace(note, environment="other"))
    store.put_cycles([replace(each, environment="other") for each in written])

    end_ns = START_NS + 5 * HOUR_NS
    one = store.history("production", START_NS, end_ns)
    other = store.history("other", START_NS, end_ns)
    assert one.hours == tuple(
        replace(hour, environment="production") for hour in other.hours
    )
    assert 95 == sum(hour.states[State.EXCLUDED] for hour in one.hours)
