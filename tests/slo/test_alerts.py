"""Rules held against records of cycles, at times that the test chooses."""

from fractions import Fraction

import numpy as np
import pytest

from prober import slo
from prober.clock import NS
from prober.records import State
from tests.slo.samples import Row, cycles

MINUTE = 60
PASS: Row = (State.PASS, 0, 1000)
LOST: Row = (State.LOSS, 1000, 1000)
BLIND: Row = (State.INCONCLUSIVE, 1000, 1000)
EXCLUDED: Row = (State.EXCLUDED, 1000, 1000)

PAGE, SLOW_PAGE, TICKET, SLOW_TICKET, INCIDENT = slo.burn_rules(30, every_s=MINUTE)


def after(
    *rows: tuple[int, Row],
    rules: tuple[slo.Rule, ...] = (PAGE,),
    firing: tuple[slo.Rule, ...] = (),
    later_s: int = 0,
) -> tuple[slo.Alert, ...]:
    """Return what is found at the last of some cycles, a minute each."""
    record = list(cycles(*rows))
    return slo.evaluate(
        rules,
        slo.Record.of(reversed(record)),
        "99.9",
        now_ns=record[-1].final_ns + later_s * NS,
        every_s=MINUTE,
        firing=firing,
    )


def test_quiet() -> None:
    """Nothing lost, nothing to tell."""
    (alert,) = after((60, PASS))

    assert ("quiet", False, False) == (alert.finding, alert.firing, alert.suppressed)
    assert (0.0, 0.0, 0, 1.0) == (
        alert.burn_long,
        alert.burn_short,
        alert.lossy_cycles,
        alert.coverage,
    )


def test_guard() -> None:
    """Three wiped cycles heal themselves; the fourth pages."""
    (three,) = after((60, PASS), (3, LOST))
    (four,) = after((60, PASS), (4, LOST))

    assert (False, True) == (three.firing, four.firing)
    assert 50.0 == three.burn_long
    assert 4 == four.lossy_cycles


def test_at_the_factor() -> None:
    """Exactly the factor fires: it is compared with fractions, not floats."""
    unguarded = slo.Rule(
        severity="page", long_s=3600, short_s=300, factor=Fraction("14.4")
    )
    (exactly,) = after((59, PASS), (1, (State.LOSS, 864, 1000)), rules=(unguarded,))
    (below,) = after((59, PASS), (1, (State.LOSS, 863, 1000)), rules=(unguarded,))

    assert (14.4, True) == (exactly.burn_long, exactly.firing)
    assert not below.firing


def test_past_losses_do_not_page() -> None:
    """Enough was lost in the hour, but not in the last five minutes."""
    (alert,) = after((50, PASS), (5, LOST), (5, PASS))

    assert ("quiet", 0.0) == (alert.finding, alert.burn_short)


def test_resolves_by_the_short_window() -> None:
    """What fires goes on while the short window burns, and then resolves."""
    (still,) = after((50, PASS), (4, LOST), (4, PASS), firing=(PAGE,))
    (over,) = after((50, PASS), (4, LOST), (5, PASS), firing=(PAGE,))

    assert (True, False) == (still.firing, over.firing)


def test_no_data_does_not_resolve() -> None:
    """Five minutes without a cycle that counts are no recovery."""
    (alert,) = after((50, PASS), (5, LOST), (5, BLIND), firing=(PAGE,))

    assert ("burning", True, None) == (alert.finding, alert.firing, alert.burn_short)


@pytest.mark.parametrize("before", [(), (PAGE,)])
def test_warm_up(before: tuple[slo.Rule, ...]) -> None:
    """In the first half of its long window a rule is silent, and changes nothing."""
    (early,) = after((10, PASS), (19, LOST), firing=before)
    (ready,) = after((10, PASS), (20, LOST), firing=before)

    assert ("warming_up", bool(before)) == (early.finding, early.firing)
    assert ("burning", True) == (ready.finding, ready.firing)


@pytest.mark.parametrize("before", [(), (PAGE,)])
def test_uncovered(before: tuple[slo.Rule, ...]) -> None:
    """With less than half of the cycles nothing is decided, either way."""
    (alert,) = after((31, BLIND), (29, LOST), firing=before)
    (enough,) = after((30, BLIND), (30, LOST), firing=before)

    assert ("uncovered", bool(before)) == (alert.finding, alert.firing)
    assert "burning" == enough.finding


def test_cycles_that_never_were() -> None:
    """Cycles without a record are missing, too."""
    (alert,) = after((60, PASS), later_s=31 * MINUTE)

    assert ("warming_up", 29 / 60) == (alert.finding, alert.coverage)


def test_exclusions() -> None:
    """Excluded cycles are neither lost nor missing."""
    (alert,) = after((40, EXCLUDED), (20, PASS))

    assert ("quiet", 1.0) == (alert.finding, alert.coverage)


def test_inconclusive_cycles_do_not_burn() -> None:
    """What cannot be told is not counted as lost."""
    (alert,) = after((40, PASS), (20, BLIND))

    assert (0.0, 0, 40 / 60) == (alert.burn_long, alert.lossy_cycles, alert.coverage)


def test_suppression() -> None:
    """A page is enough: the tickets that fire with it are suppressed."""
    alerts = after((4000, PASS), (60, LOST), rules=(PAGE, SLOW_PAGE, TICKET, INCIDENT))

    assert [True] * 4 == [alert.firing for alert in alerts]
    assert [False, False, True, True] == [alert.suppressed for alert in alerts]


def test_tickets_alone() -> None:
    """One hole that costs a tenth of the budget is a ticket, and no page."""
    hole: Row = (State.LOSS, 5000, 5000)
    alerts = after((59, PASS), (1, hole), rules=(PAGE, INCIDENT))

    assert [(False, False), (True, False)] == [
        (alert.firing, alert.suppressed) for alert in alerts
    ]


def test_no_cycles() -> None:
    """Before the first cycle every rule warms up."""
    (alert,) = slo.evaluate(
        (PAGE,), slo.Record.of([]), "99.9", now_ns=NS, every_s=MINUTE
    )

    assert ("warming_up", None) == (alert.finding, alert.burn_long)


def test_windows_of_a_record() -> None:
    """A window holds what became final after its beginning, up to now."""
    record = slo.Record.of(cycles((2, PASS), (1, LOST), (1, BLIND), (1, EXCLUDED)))
    sums = record.sums(now_ns=5 * MINUTE * NS, length_s=3 * MINUTE)

    assert (1000, 1000, 1, 1, 1, 3) == (
        sums.bad,
        sums.total,
        sums.lossy,
        sums.valid,
        sums.excluded,
        sums.cycles,
    )
    assert record.first_ns == MINUTE * NS


def test_a_month_of_windows() -> None:
    """Sums over a record are those of its cycles, wherever the window lies."""
    rng = np.random.default_rng(5)
    lost = rng.integers(0, 2, 500).tolist()
    rows: list[tuple[int, Row]] = [(1, (State.LOSS, bad, 10)) for bad in lost]
    record = slo.Record.of(cycles(*rows))

    for now in rng.integers(1, 500, 50).tolist():
        for length in (1, 7, 60, 999):
            expected = sum(lost[max(0, now - length) : now])
            found = record.sums(now * MINUTE * NS, length * MINUTE)
            assert expected == found.bad
