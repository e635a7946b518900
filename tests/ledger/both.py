"""A ledger and its oracle, who are told the same things at the same times."""

from array import array
from dataclasses import dataclass
from fractions import Fraction

from prober.ledger import Deadlines, Ledger
from prober.plan import Plan, Sizes
from prober.records import ConsumerResult, Fault, Handover, Kind, Outcome, Span
from prober.stamp import Sightings
from tests.ledger.oracle import Oracle

START_NS = 1_800_000_000_000_000_000
LATE_NS, LOST_NS = 5, 10
"""The deadlines of these histories, of which a step is some nanoseconds."""
NAMES = ("rlp", "gateway")


def plan_of(messages: int, cycles: int) -> Plan:
    """Return a plan of logs in batches of four at most, several to a cycle."""
    return Plan(
        messages=messages,
        cycles=cycles,
        rate=Fraction(400),
        sizes=Sizes(low=100, high=100),
        kinds=(Kind.LOG,),
        source_id="probe",
        seed=1,
    )


@dataclass(slots=True)
class Both:
    """A ledger and its oracle, who are told the same things at the same times."""

    plan: Plan
    ledger: Ledger
    oracle: Oracle
    raw: dict[str, int]
    """Arrivals of the run, whatever they were, by consumer."""
    now_ns: int = START_NS

    @classmethod
    def of(cls, plan: Plan) -> "Both":
        """Return both, for a plan."""
        deadlines = Deadlines(late_after_ns=LATE_NS, lost_after_ns=LOST_NS)
        return cls(
            plan,
            Ledger(plan, deadlines, NAMES),
            Oracle(plan, LATE_NS, LOST_NS, NAMES),
            dict.fromkeys(NAMES, 0),
        )

    def attempt(self, span: Span, cycle: int) -> None:
        self.ledger.attempt(span, cycle, self.now_ns)
        self.oracle.attempt(span, cycle, self.now_ns)

    def hand_over(self, span: Span, handover: Handover) -> None:
        self.ledger.hand_over(Outcome(span=span, handover=handover))
        self.oracle.hand_over(span, handover)

    def arrive(
        self,
        name: str,
        intact: list[int],
        damaged: list[int | None],
        epoch: int = 1,
    ) -> None:
        sent = [self.sent_ns(sequence) for sequence in intact]
        found = Sightings(
            sequences=array("q", intact),
            sent_ns=array("q", sent),
            damaged=damaged,
            other_runs=len(intact) % 2,
        )
        self.ledger.arrive(name, found, self.now_ns, epoch)
        for sequence in damaged:
            self.oracle.damage(name, sequence, epoch)
        for sequence, sent_ns in zip(intact, sent, strict=True):
            self.oracle.arrive(name, sequence, sent_ns, self.now_ns, epoch)
        self.oracle.seen[name].other_runs += found.other_runs
        self.oracle.hear(name, self.now_ns)
        self.raw[name] += len(intact) + len(damaged)

    def sent_ns(self, sequence: int) -> int:
        """Return what a message's stamp says; one that was never sent says now."""
        return self.oracle.attempted_ns.get(sequence, self.now_ns)

    def trail(self, name: str, epoch: int) -> None:
        """Receive a trailer, which is sent when all has been."""
        self.ledger.arrive(name, Sightings(trailers=[0]), self.now_ns, epoch)
        self.oracle.hear(name, self.now_ns)
        seen = self.oracle.seen[name]
        seen.sent_ns = max(seen.sent_ns, self.now_ns)

    def connect(self, name: str, epoch: int) -> None:
        self.ledger.connect(name, epoch)
        self.oracle.seen[name].connect(epoch)

    def disconnect(self, name: str, epoch: int) -> None:
        self.ledger.disconnect(name, epoch)
        self.oracle.seen[name].disconnect(epoch)

    def hear(self, name: str) -> None:
        self.ledger.hear(name, self.now_ns)
        self.oracle.hear(name, self.now_ns)

    def leave(self, name: str, ago_ns: int = 0) -> None:
        self.ledger.leave(name, self.now_ns - ago_ns, "gone")
        self.oracle.leave(name, self.now_ns - ago_ns)

    def attach(self, name: str) -> None:
        self.ledger.attach(name, self.now_ns)
        self.oracle.attach(name, self.now_ns)

    def miss(self, name: str, ago_ns: int) -> None:
        from_ns = self.now_ns - ago_ns
        absence = Fault(from_ns=from_ns, to_ns=self.now_ns, reason="cut off")
        self.ledger.miss(name, absence)
        self.oracle.miss(name, from_ns, self.now_ns)

    def blind(self, name: str, ago_ns: int) -> None:
        self.ledger.blind(name, self.now_ns - ago_ns)
        self.oracle.blind(name, self.now_ns - ago_ns)

    def see(self, name: str) -> None:
        self.ledger.see(name, self.now_ns)
        self.oracle.see(name, self.now_ns)

    def fault(self, name: str | None, ago_ns: int, lasted_ns: int) -> None:
        from_ns = self.now_ns - ago_ns
        fault = Fault(from_ns=from_ns, to_ns=from_ns + lasted_ns, reason="ours")
        self.ledger.fault(fault, name)
        kept = self.oracle.faults if name is None else self.oracle.seen[name].faults
        kept.append(fault)

    def close(self) -> None:
        """Close what is final, as a run does."""
        while (cycle := self.ledger.closed) < self.plan.cycles:
            if not self.ledger.final(cycle, self.now_ns):
                return
            self.ledger.close(cycle, self.now_ns)
            self.oracle.close(cycle, self.now_ns)

    def open(self) -> range:
        """Return the cycles that are not closed."""
        return range(self.ledger.closed, self.plan.cycles)

    def results(self) -> dict[str, ConsumerResult]:
        transports = dict.fromkeys(NAMES, "rlp")
        results = self.ledger.results(transports, self.now_ns)
        return {result.name: result for result in results}
