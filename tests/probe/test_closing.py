"""Cycles are closed when nothing can change them any more, and not before."""

import asyncio
from array import array
from typing import TYPE_CHECKING

from prober.ledger import Deadlines, Ledger
from prober.plan import NS, Plan, Sizes
from prober.probe.closing import Closing
from prober.probe.consumer import Consumer
from prober.probe.reading import Reading
from prober.records import CycleResult, Fault, Handover, Kind, Outcome, State
from prober.stamp import Scanner, Sightings
from prober.testing import ManualClock, MemoryReader

if TYPE_CHECKING:
    from collections.abc import Mapping

PLAN = Plan(
    messages=40,
    cycles=4,
    rate=None,
    sizes=Sizes(low=100, high=100),
    kinds=(Kind.LOG,),
    source_id="probe",
    seed=1,
)
DEADLINES = Deadlines(late_after_ns=5 * NS, lost_after_ns=10 * NS)


class Bench:
    """Four cycles, all sent and accepted, and what is told of them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.told: list[Mapping[str, CycleResult]] = []
        self.ledger = Ledger(PLAN, DEADLINES, ["rlp"])
        reader = MemoryReader(self.clock)
        self.leg = Reading(reader, self.clock, Scanner("0" * 11, PLAN.cycle_of))
        self.consumer = Consumer(leg=self.leg, open=lambda: reader)
        self.closing = Closing(
            self.ledger, PLAN, [self.consumer], self.clock, self.told.append
        )
        self.sent_ns = self.clock.now_ns()
        for cycle in range(PLAN.cycles):
            span = PLAN.span_of(cycle)
            self.ledger.attempt(span, cycle, self.sent_ns)
            self.ledger.hand_over(Outcome(span=span, handover=Handover.ACCEPTED))

    def arrive(self, *cycles: int) -> None:
        """Book all messages of some cycles."""
        numbers = array("q")
        for cycle in cycles:
            span = PLAN.span_of(cycle)
            numbers.extend(range(span.first, span.end))
        sent = array("q", [self.sent_ns] * len(numbers))
        found = Sightings(sequences=numbers, sent_ns=sent)
        self.ledger.arrive("rlp", found, self.clock.now_ns())

    def states(self) -> list[State]:
        """Return how the cycles ended that were told of."""
        return [each["rlp"].state for each in self.told]

    async def wait(self, seconds: float) -> None:
        """Watch for some time."""
        watching = asyncio.ensure_future(self.closing.watch())
        await self.clock.advance(seconds)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_complete_cycles_are_closed_in_order() -> None:
    """What came whole is told soon, but not before the cycles that it follows."""
    bench = Bench()
    bench.arrive(0, 1, 3)
    await bench.wait(1)

    assert [0, 1] == [each["rlp"].index for each in bench.told]
    assert 2 == bench.ledger.closed

    bench.arrive(2)
    await bench.wait(1)

    assert [0, 1, 2, 3] == [each["rlp"].index for each in bench.told]


async def test_what_is_missing_is_lost_a_second_after_its_deadline() -> None:
    """A cycle of which something is missing is closed when nobody can be behind."""
    bench = Bench()
    bench.arrive(0, 1, 2)
    await bench.wait(6)
    bench.ledger.hear("rlp", bench.clock.now_ns())
    await bench.wait(4.9)

    assert 3 == len(bench.told)

    await bench.wait(0.3)

    assert [State.PASS] * 3 + [State.LOSS] == bench.states()


async def test_what_a_line_is_just_bringing_is_waited_for() -> None:
    """Behind a silence as long as a deadline nothing is closed before it came."""
    bench = Bench()
    bench.arrive(0, 1)
    watching = asyncio.ensure_future(bench.closing.watch())
    await bench.clock.advance(11.07)  # two cycles were found final, and are not closed
    bench.ledger.hear("rlp", bench.clock.now_ns())
    await bench.clock.advance(1.0)

    assert 2 == len(bench.told)

    bench.arrive(2)
    await bench.clock.advance(1.2)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)

    words = "nothing at all came over the connection for 11.1 s, and then 10 came"
    assert [State.PASS, State.PASS, State.INCONCLUSIVE, State.LOSS] == bench.states()
    assert bench.told[2]["rlp"].reason == f"{words} too late"


async def test_what_waits_to_be_booked_is_not_lost() -> None:
    """While a reader's arrivals are not in the books, no cycle is over for them."""
    bench = Bench()
    bench.arrive(0, 1, 2)
    bench.leg._unbooked_ns = bench.clock.now_ns() + 9 * NS
    await bench.wait(60)

    assert 3 == len(bench.told)

    words = "our reader was 51.0 s behind (limit 1 s)"
    now_ns = bench.clock.now_ns()
    fault = Fault(from_ns=now_ns - 51 * NS, to_ns=now_ns, reason=words)
    bench.ledger.fault(fault, "rlp")
    bench.leg._unbooked_ns = None
    await bench.wait(1)

    assert (State.INVALID, f"{words}; uncounted: 10 lost") == (
        bench.told[3]["rlp"].state,
        bench.told[3]["rlp"].reason,
    )


async def test_open_cycles_are_told_of_at_the_end_once() -> None:
    """When all has ended, what was begun is told as far as it is known, one time."""
    bench = Bench()
    bench.arrive(0)
    await bench.wait(1)
    bench.closing.end(3)
    bench.closing.end(3)

    assert [State.PASS, State.INCONCLUSIVE, State.INCONCLUSIVE] == bench.states()
