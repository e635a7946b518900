from dataclasses import replace
from typing import TYPE_CHECKING

from prober.clock import NS
from prober.history import CycleRecord
from prober.records import State
from prober.watch.losses import Losses
from tests.report.now.samples import cycle

if TYPE_CHECKING:
    from prober.watch.notices import Notice


class Told:
    """Cycles of ten seconds, and what is told of them."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.losses = Losses("prod_eu", self.notices.append)
        self.now_ns = 1_800_000_000 * NS

    def take(self, *records: CycleRecord) -> None:
        self.losses.take(records, self.now_ns)
        self.now_ns += 10 * NS

    def words(self) -> list[str]:
        return [notice.words for notice in self.notices]


def test_first_loss_is_told_at_once_and_the_others_once_a_minute() -> None:
    """Ten lossy cycles in a row are two lines, which have all that was lost."""
    told = Told()
    for _ in range(10):
        told.take(cycle("03:00:00", lost=3), cycle("03:00:00", "gateway", lost=1))

    assert [
        "lost 3 of 300 on rlp, 1 of 300 on gateway",
        "lost 18 of 1,800 on rlp in 6 cycles, 6 of 1,800 on gateway in 6 cycles",
    ] == told.words()
    assert {"bad": 24, "total": 3_600} == told.notices[-1].figures


def test_end_of_loss_is_told() -> None:
    """The first clean cycle says that it is over, and the next loss is told at once."""
    told = Told()
    told.take(cycle("03:00:00", lost=3))
    told.take(cycle("03:00:10"))
    told.take(cycle("03:00:20"))
    told.take(cycle("03:00:30", lost=5))

    assert [
        "lost 3 of 300 on rlp",
        "nothing lost again",
        "lost 5 of 300 on rlp",
    ] == told.words()


def test_what_waits_to_be_told_is_told_before_the_end() -> None:
    """No later loss has in it what was lost before nothing was lost again."""
    told = Told()
    told.take(cycle("03:00:00", lost=3))
    told.take(cycle("03:00:10", lost=200))
    told.take(cycle("03:00:20"))
    told.take(cycle("03:00:30", lost=1))

    assert [
        "lost 3 of 300 on rlp",
        "lost 200 of 300 on rlp",
        "nothing lost again",
        "lost 1 of 300 on rlp",
    ] == told.words()


def test_cycle_that_does_not_count() -> None:
    """It is told with its reason, at most once a minute."""
    told = Told()
    void = replace(
        cycle("03:00:00"), state=State.INVALID, reason="our reader was 2.3 s behind"
    )
    for _ in range(6):
        told.take(void)

    words = "not counted on rlp, our fault: our reader was 2.3 s behind"
    assert [words] == told.words()
    told.take(void)
    assert [words, words] == told.words()
