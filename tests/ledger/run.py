"""A short run against a ledger, told in seconds, for tests to read easily."""

from array import array

from prober.ledger import Deadlines, Ledger
from prober.plan import NS, Plan, Sizes
from prober.records import (
    ConsumerResult,
    CycleResult,
    Fault,
    Handover,
    Kind,
    Outcome,
    Span,
    State,
)
from prober.stamp import Sightings

T0 = 1_800_000_000 * NS
LATE, LOST = 5, 10
"""Seconds until a message is late, and until it is lost."""
EVERYTHING = range(20)
PASS = (State.PASS, "")


class Run:
    """A run of 20 messages in two cycles, the second sent two seconds after the first.

    Times are in seconds after the start.
    """

    def __init__(self, *consumers: str, sent: int = 2, control: int = 0) -> None:
        self.consumers = consumers or ("rlp",)
        self.plan = Plan(
            messages=20,
            cycles=2,
            rate=None,
            sizes=Sizes(low=100, high=100),
            kinds=(Kind.LOG,),
            source_id="probe",
            seed=1,
            control=control,
        )
        deadlines = Deadlines(late_after_ns=LATE * NS, lost_after_ns=LOST * NS)
        self.ledger = Ledger(self.plan, deadlines, self.consumers)
        for send in self.plan.sends():
            if send.cycle < sent:
                at_ns = T0 + 2 * send.cycle * NS
                self.ledger.attempt(send.span, send.cycle, at_ns)

    def hand_over(self, handover: Handover, first: int = 0, count: int = 20) -> None:
        """Book the writer's word on some messages."""
        for send in self.plan.sends():
            begin = max(first, send.span.first)
            end = min(first + count, send.span.end)
            if begin < end:
                span = Span(first=begin, count=end - begin)
                self.ledger.hand_over(Outcome(span=span, handover=handover))

    def arrive(
        self,
        sequences: range | list[int],
        at: float,
        consumer: str = "rlp",
        damaged: tuple[int | None, ...] = (),
        epoch: int = 1,
    ) -> None:
        """Book messages at a consumer, each sent when its cycle was."""
        sent = [T0 + (0 if n < 10 else 2 * NS) for n in sequences]
        found = Sightings(
            sequences=array("q", sequences),
            sent_ns=array("q", sent),
            damaged=list(damaged),
        )
        self.ledger.arrive(consumer, found, T0 + round(at * NS), epoch)

    def fault(
        self, since: float, until: float, reason: str, consumer: str | None = None
    ) -> None:
        """Note a fault of the prober's own."""
        from_ns, to_ns = T0 + round(since * NS), T0 + round(until * NS)
        fault = Fault(from_ns=from_ns, to_ns=to_ns, reason=reason)
        self.ledger.fault(fault, consumer)

    def results(self, now: float = 100) -> list[ConsumerResult]:
        """Return what every consumer's account is at some time."""
        transports = dict.fromkeys(self.consumers, "rlp")
        return self.ledger.results(transports, T0 + round(now * NS))

    def cycles(self, now: float = 100) -> tuple[CycleResult, CycleResult]:
        """Return both cycles of the first consumer."""
        first, second = self.results(now)[0].cycles
        return first, second

    def told(self, now: float = 100) -> list[tuple[State, str]]:
        """Return how both cycles of the first consumer ended, and why."""
        return [(cycle.state, cycle.reason) for cycle in self.cycles(now)]


def accepted_run(*consumers: str) -> Run:
    """Return a run of which every message was accepted."""
    run = Run(*consumers)
    run.hand_over(Handover.ACCEPTED)
    return run
