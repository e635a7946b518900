"""A deliberately broken accounting is caught: that is what a calibration is for."""

import dataclasses
from array import array
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from prober import plan as sending
from prober.calibration import Plan, calibrate
from prober.clock import NS
from prober.ledger import Deadlines, Ledger
from prober.ledger.judging import Case
from prober.pipeline.faults import Fault, FaultKind
from prober.records import Counts, Span, Trial
from prober.stamp import Sightings

SHORT: dict[str, Any] = {"messages": 300, "cycles": 6}
CLEAN = Plan(name="nothing", words="", **SHORT)
DOUBLED = Plan(
    name="dropped and doubled",
    words="",
    faults=(
        Fault(kind=FaultKind.DROP, where="agent", every=5),
        Fault(kind=FaultKind.DUPLICATE, where="rlp", every=4),
    ),
    **SHORT,
)
LATE = Plan(
    name="late",
    words="",
    faults=(Fault(kind=FaultKind.DELAY, where="rlp", every=10, by_ns=14 * NS // 5),),
    **SHORT,
)

Spans = tuple[Span, ...]
Mutate = Callable[[pytest.MonkeyPatch], None]


def duplicates_are_receipts(patch: pytest.MonkeyPatch) -> None:
    """Each duplicate makes up for a message that never came."""
    account = Case._account_for

    def mutant(self: Case, seen: Any) -> tuple[Counts, Spans, Spans]:  # noqa: ANN401
        counts, gaps, damaged = account(self, seen)
        made_up = min(counts.lost, counts.duplicates)
        counts = dataclasses.replace(
            counts, lost=counts.lost - made_up, on_time=counts.on_time + made_up
        )
        return counts, gaps if counts.lost else (), damaged

    patch.setattr(Case, "_account_for", mutant)


def the_tail_is_ignored(patch: pytest.MonkeyPatch) -> None:
    """Nobody waits for what has not come when the last was sent."""
    patch.setattr(Ledger, "complete", lambda *_: True)


def late_is_lost(patch: pytest.MonkeyPatch) -> None:
    """The first deadline is taken for the last."""
    begin = Ledger.__init__

    def mutant(
        self: Ledger,
        plan: sending.Plan,
        deadlines: Deadlines,
        consumers: Sequence[str],
        **more: bool,
    ) -> None:
        late_ns = deadlines.late_after_ns
        mistaken = dataclasses.replace(deadlines, lost_after_ns=late_ns)
        begin(self, plan, mistaken, consumers, **more)

    patch.setattr(Ledger, "__init__", mutant)


def a_range_is_dropped(patch: pytest.MonkeyPatch) -> None:
    """Twenty messages are not booked, as by an index that is off."""
    arrive = Ledger.arrive

    def mutant(self: Ledger, consumer: str, found: Sightings, *when: object) -> None:
        sequences = np.asarray(found.sequences, dtype=np.int64)
        kept = (sequences < 100) | (sequences >= 120)
        for name in ("sequences", "sent_ns"):
            column = np.asarray(getattr(found, name), dtype=np.int64)[kept]
            setattr(found, name, array("q", column.tobytes()))
        at_ns, epoch, each_ns = when
        each_ns = None if each_ns is None else each_ns[kept]  # type: ignore[index]
        arrive(self, consumer, found, at_ns, epoch, each_ns)  # type: ignore[arg-type]

    patch.setattr(Ledger, "arrive", mutant)


async def trial(plan: Plan) -> Trial:
    """Make one trial in this process."""
    made = await calibrate([plan], workers=0)
    return made.trials[0]


@pytest.mark.parametrize("plan", [CLEAN, DOUBLED, LATE], ids=lambda plan: plan.name)
async def test_the_accounting_as_it_is_agrees(plan: Plan) -> None:
    """What the mutants below fail, the prober passes."""
    made = await trial(plan)

    assert made.agrees, (made.trouble, made.comparisons)


@pytest.mark.parametrize(
    ("mutate", "plan", "figures"),
    [
        (duplicates_are_receipts, DOUBLED, {"lost"}),
        (the_tail_is_ignored, LATE, {"cycles aside"}),
        (late_is_lost, LATE, {"late", "lost", "lossy cycles"}),
        (a_range_is_dropped, CLEAN, {"lost", "lossy cycles"}),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_a_broken_accounting_is_caught(
    monkeypatch: pytest.MonkeyPatch, mutate: Mutate, plan: Plan, figures: set[str]
) -> None:
    """Each mutant of the ledger makes its trial disagree, in what it falsifies."""
    mutate(monkeypatch)

    made = await trial(plan)

    wrong = {each.what for each in made.comparisons if not each.agrees}
    assert made.agrees is False, made.trouble
    assert figures <= wrong
