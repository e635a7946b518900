"""A month of one-minute cycles, with the incidents of the worked example, replayed."""

from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from prober import slo
from prober.clock import NS
from prober.history import CycleRecord
from prober.watch.alerts.facts import Environment, Tail
from prober.watch.alerts.keeper import Keeper
from tests.watch.facts import EVERY_NS, START_NS, lossy

HOUR, MONTH = 60, 43_200
INCIDENTS = {
    # By the minute of its first lossy cycle: how many lose, and what they lose each.
    10_000: (10, 980),
    20_000: (4, 775),
    30_000: (1, 412),
    35_000: (7, 6),
    40_000: (1, 1),
}
"""Bad by hour: 9,800, 3,100, 412, 42 and 1 (reliability model, 6.7)."""


def lost(minute: int) -> int:
    """Return what the cycle of a minute lost."""
    return next(
        (
            bad
            for first, (cycles, bad) in INCIDENTS.items()
            if first <= minute < first + cycles
        ),
        0,
    )


@dataclass
class Replay:
    """A daemon's alerts over the month, by the minute."""

    keeper: Keeper = field(default_factory=Keeper)
    tail: Tail = field(default_factory=lambda: Tail(3 * 86_400 * NS))
    fired: list[tuple[int, str, str]] = field(default_factory=list)
    """When, how loudly, by which window."""
    ended: list[tuple[int, str]] = field(default_factory=list)

    def minute(self, minute: int) -> CycleRecord:
        """Let one cycle become final, and hold the rules against it."""
        cycle = lossy(minute, lost(minute), 1_000)
        self.tail.add(cycle)
        if near(minute):
            before = {e.alert.key for e in self.keeper.entries if e.ends_ns is None}
            at_ns = START_NS + (minute + 1) * EVERY_NS
            self.keeper.update(at_ns, [self.environment()], ())
            self.note(minute, before)
        return cycle

    def environment(self) -> Environment:
        """Return what rules see."""
        return Environment(
            name="prod",
            target=Decimal("0.999"),
            window_s=30 * 86_400,
            every_s=60,
            tails={"rlp": self.tail},
            live=None,
            standing=None,
        )

    def note(self, minute: int, before: set[str]) -> None:
        """Remember what began and what ended."""
        after = {e.alert.key: e for e in self.keeper.entries if e.ends_ns is None}
        for key, entry in after.items():
            if key not in before:
                alert = entry.alert
                window = alert.labels["long_window"]
                self.fired.append((minute, alert.severity, window))
        self.ended += [(minute, key) for key in before - after.keys()]


def near(minute: int) -> bool:
    """Tell whether rules are held in a minute: around incidents, and every hour."""
    return minute % HOUR == 0 or any(-5 < minute - i < 400 for i in INCIDENTS)


@pytest.fixture(scope="module")
def month() -> Replay:
    """The month, replayed."""
    replay = Replay()
    for minute in range(MONTH):
        replay.minute(minute)
    return replay


def test_who_is_paged(month: Replay) -> None:
    """The two large incidents page, in their fourth lossy cycle, and nothing else."""
    pages = [(minute, window) for minute, how, window in month.fired if how == "page"]

    assert [10_003, 20_003] == sorted({minute for minute, _ in pages})
    assert {"1h", "6h"} == {window for _, window in pages}


def test_who_gets_a_ticket(month: Replay) -> None:
    """Smaller losses, and what healed within a cycle, wake nobody."""
    tickets = {minute for minute, how, _ in month.fired if how == "ticket"}

    assert all(any(0 <= m - i < 400 for i in (10_000, 20_000)) for m in tickets)


def test_all_is_over_in_the_end(month: Replay) -> None:
    """Whatever fired has ended, by its short window."""
    assert len(month.fired) == len(month.ended)
    assert () == month.keeper.entries


def test_the_budget_of_the_month() -> None:
    """The same cycles leave the golden share of the budget, all of them counted."""
    cycles = [lost(minute) for minute in range(MONTH)]
    budget = slo.budget(sum(cycles), 42_999_400, "0.999")

    assert 13_355 == sum(cycles)
    assert budget.remaining == pytest.approx(0.6894142709, abs=1e-10)
