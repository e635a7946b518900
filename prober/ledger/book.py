"""The ledger of one run: what was handed in, what came out, and each message's fate.

Messages have bytes here only while their cycle is open. A cycle that nothing can change
any more is closed: its result is kept, and what still comes of it is counted beside.

    closed cycles      open cycles                 to come
    results, sums      a byte for the writer,      nothing
    spans unseen       one for each consumer
                     ^ first                     ^ sent so far
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from prober.errors import InternalError
from prober.histogram import Histogram
from prober.ledger.accounts import (
    COUNTED,
    Account,
    Closed,
    Presence,
    add_fault,
    forget,
)
from prober.ledger.intake import Intake, Word
from prober.ledger.judging import Case, taken_in
from prober.ledger.overdue import Overdue
from prober.ledger.tally import Deadlines, Fate, Tally, join_spans, spans_of
from prober.plan import Plan
from prober.records import (
    ConsumerResult,
    Counts,
    CycleResult,
    Fault,
    Kind,
    Outcome,
    Span,
)
from prober.stamp import Sightings

_PART = 1 << 16
"""Messages that are looked at together, where the first that is missing is sought."""
Sequences = NDArray[np.int64]


class Ledger:
    """Accounts for every message of a plan, for every consumer of the pipeline.

    Register spans with `attempt` before they are sent, once each and in order; book
    what writers and readers report; `close` cycles when they are `final`; ask for
    `results` when the run has ended. Times are Unix nanoseconds.

    `consumers` may tell which kinds each one's way out can carry: of the others nothing
    is expected there, whatever became of them. Without `keep_cycles` only sums are kept
    of closed cycles, so that a run without an end takes no more memory.
    """

    def __init__(
        self,
        plan: Plan,
        deadlines: Deadlines,
        consumers: Mapping[str, Collection[Kind]] | Sequence[str],
        *,
        keep_cycles: bool = True,
    ) -> None:
        self._plan = plan
        self._deadlines = deadlines
        self._keep = keep_cycles
        self._intake = Intake(plan, mark_ns=deadlines.late_after_ns // 100)
        self._faults: list[Fault] = []
        if not isinstance(consumers, Mapping):
            consumers = dict.fromkeys(consumers, tuple(Kind))
        self._accounts = {
            name: Account(
                tally=Tally.of(plan, kinds),
                closed=Closed(keep_cycles),
                presence=Presence(patience_ns=deadlines.lost_after_ns * 5 // 6),
            )
            for name, kinds in consumers.items()
        }
        self._overdue = Overdue(self._intake, deadlines.late_after_ns)
        self.closed = 0
        """How many cycles are closed: the first ones."""

    # The producer's side.

    def attempt(self, span: Span, cycle: int, at_ns: int) -> None:
        """Register messages of one cycle that are about to be sent."""
        first = not self._intake.sent(cycle)
        self._intake.attempt(span, cycle, at_ns)
        if first and self._plan.control:
            self._withhold(cycle)

    def _withhold(self, cycle: int) -> None:
        """Register a cycle's positive control, which nobody waits for."""
        numbers = self._plan.withheld_of(cycle)
        self._intake.withhold(numbers, cycle)
        for account in self._accounts.values():
            account.tally.reach(self._plan.span_of(cycle).end)
            account.tally.withhold(numbers, cycle)

    def leave_out(self, span: Span, cycle: int) -> None:
        """Register messages of one cycle that will not be sent: it was too late."""
        self._intake.leave_out(span, cycle)

    def hand_over(self, outcome: Outcome) -> None:
        """Book a writer's word on messages that were attempted."""
        first = outcome.span.first
        self._intake.hand_over(outcome)
        self._overdue.doubt(first)
        for account in self._accounts.values():
            account.complete_before = min(account.complete_before, first)

    @property
    def attempted(self) -> int:
        """How many messages were attempted so far."""
        return self._intake.attempted

    # The consumers' side.

    def arrive(
        self,
        consumer: str,
        found: Sightings,
        at_ns: int,
        epoch: int = 1,
        each_ns: Sequences | None = None,
    ) -> None:
        """Book what was found in something received over a consumer's connection.

        All came at `at_ns`, or the intact messages each at its own time, and none after
        that.
        """
        account = self._accounts[consumer]
        account.presence.hear(at_ns)
        if found.trailers:  # sent when everything had been
            account.presence.prove(at_ns)
        account.tally.other_runs += found.other_runs
        for sequence in found.damaged:
            self._damage(account, sequence, epoch)
        sequences = np.asarray(found.sequences, dtype=np.int64)
        if not sequences.size:
            return
        sent_ns = np.asarray(found.sent_ns, dtype=np.int64)
        account.presence.prove(min(at_ns, int(sent_ns.max())))
        came_ns = at_ns if each_ns is None else each_ns
        sent = self._intake.were_sent(sequences)
        if not sent.all():
            account.tally.unexplained += int(np.count_nonzero(~sent))
            sequences, sent_ns, came_ns = _only(sent, sequences, sent_ns, came_ns)
        copies = account.seams.copies(epoch, sequences)
        if sequences.size and sequences.min() < self._intake.words.first:
            old = sequences < self._intake.words.first
            late = old if copies is None else old & ~copies
            account.straggle(sequences[late], (came_ns - sent_ns)[late])
            copies = None if copies is None else copies[~old]
            sequences, sent_ns, came_ns = _only(~old, sequences, sent_ns, came_ns)
        self._overdue.arrive(account.tally, sequences)
        account.tally.arrive(
            self._deadlines, sequences, sent_ns, came_ns, copies=copies
        )

    def _damage(self, account: Account, sequence: int | None, epoch: int) -> None:
        """Book the arrival of a damaged message."""
        numbers = np.array([-1 if sequence is None else sequence])
        if sequence is None or not self._intake.were_sent(numbers)[0]:
            account.tally.unexplained += 1
            return
        copies = account.seams.copies(epoch, numbers)
        copy = copies is not None and bool(copies[0])
        if sequence >= self._intake.words.first:
            self._overdue.arrive(account.tally, numbers)
            account.tally.damage(sequence, copy=copy)
        elif not copy:
            account.straggle(numbers, None)

    def connect(self, consumer: str, epoch: int) -> None:
        """Note that a consumer asks for a connection, beside any that it has."""
        self._accounts[consumer].seams.open(epoch)

    def disconnect(self, consumer: str, epoch: int) -> None:
        """Note that one of a consumer's connections is gone."""
        self._accounts[consumer].seams.close(epoch)

    def proven(self, consumer: str, epoch: int) -> bool:
        """Tell whether a connection brings all that an older one beside it brings."""
        return self._accounts[consumer].seams.proven(epoch)

    def hear(self, consumer: str, at_ns: int) -> None:
        """Note that a consumer's transport was alive."""
        self._accounts[consumer].presence.hear(at_ns)

    def leave(self, consumer: str, at_ns: int, reason: str, detail: str = "") -> None:
        """Note that a consumer sees nothing from now on; `detail` is the peer's word.

        Nor can it be told what it saw since it last heard anything: a peer that hangs
        is noticed late. Of one that is away already, why it has not come back.
        """
        self._accounts[consumer].presence.leave(at_ns, reason, detail)

    def attach(self, consumer: str, at_ns: int) -> None:
        """Note that a consumer sees everything from now on."""
        self._accounts[consumer].presence.attach(at_ns)

    def miss(self, consumer: str, absence: Fault) -> None:
        """Note that a consumer saw not everything in a time, as is known only now."""
        self._accounts[consumer].presence.miss(absence)

    def blind(self, consumer: str, since_ns: int) -> None:
        """Note that the platform left a consumer's subscription behind since then."""
        self._accounts[consumer].presence.blind(since_ns)

    def see(self, consumer: str, at_ns: int) -> None:
        """Note that a blind consumer's subscription gets everything again."""
        self._accounts[consumer].presence.see(at_ns)

    def fault(self, fault: Fault, consumer: str | None = None) -> None:
        """Note a measured fault of the prober, at one consumer or (None) at all."""
        if consumer is None:
            add_fault(self._faults, fault)
        else:
            self._accounts[consumer].presence.fault(fault)

    def merge(self, consumer: str, tally: Tally) -> None:
        """Take in what another reader of the same consumer saw."""
        self._accounts[consumer].merge(tally)
        self._overdue.doubt(0)

    # What follows from both.

    def received(self, consumer: str) -> int:
        """How many messages reached a consumer intact so far, each counted once."""
        return self._accounts[consumer].tally.intact

    def unexplained(self, consumer: str) -> int:
        """How many arrivals of ours at a consumer were never sent."""
        return self._accounts[consumer].tally.unexplained

    def overdue(self, consumer: str, now_ns: int) -> int:
        """How many messages are late at a consumer: sent, and nothing seen of them.

        Those given up, whose cycle is closed, are not among them.
        """
        return self._overdue.at(self._account(consumer).tally, now_ns)

    def overdue_since(self, consumer: str, before_ns: int) -> int | None:
        """Return when the first message was sent that should have come by now.

        Of what was sent before a time, and is not yet given up: the first send of the
        first cycle in which something is missing; None if nothing is.
        """
        lost_ns = before_ns - self._deadlines.lost_after_ns
        for cycle, sent in self._intake.cycles.items():
            if sent.first_ns > before_ns:
                break
            begun = sent.count and sent.last_ns > lost_ns
            if begun and self._is_missing(consumer, cycle, before_ns):
                return sent.first_ns
        return None

    def _is_missing(self, consumer: str, cycle: int, before_ns: int) -> bool:
        """Tell whether something of an open cycle is still to come."""
        account, span = self._account(consumer), self._plan.span_of(cycle)
        if account.here(cycle, span.count):
            return False
        part = self._intake.sent_by(cycle, span, before_ns)
        unseen = account.tally.fates.of(part) == Fate.UNSEEN
        return bool(np.any(unseen & (self._intake.words.of(part) >= Word.PENDING)))

    def due(self, now_ns: int) -> int:
        """Return how many messages of open cycles should have come by now."""
        words = self._intake.words
        end = self._intake.sent_before(now_ns - self._deadlines.late_after_ns)
        span = Span(first=words.first, count=max(0, end - words.first))
        told = words.of(span)
        return int(np.count_nonzero(told >= Word.PENDING))

    def under_way(self, consumer: str) -> int:
        """Return how many messages of open cycles a consumer has not seen yet."""
        words, tally = self._intake.words, self._account(consumer).tally
        span = Span(first=words.first, count=words.end - words.first)
        told, unseen = words.of(span), tally.fates.of(span) == Fate.UNSEEN
        return int(np.count_nonzero(unseen & (told >= Word.PENDING)))

    def presence(self, consumer: str) -> Presence:
        """Return when a consumer was there to see."""
        return self._accounts[consumer].presence

    def _account(self, consumer: str) -> Account:
        """Return a consumer's account, with room for all that was sent."""
        account = self._accounts[consumer]
        account.tally.reach(self._intake.words.end)
        return account

    def complete(self, consumer: str) -> bool:
        """Tell whether nothing more can come: all that may have been taken in is here.

        Messages whose stream broke may still come; refused ones may not.
        """
        account, words = self._account(consumer), self._intake.words
        first = max(account.complete_before, words.first)
        while first < words.end:
            part = Span(first=first, count=min(_PART, words.end - first))
            told, fates = words.of(part), account.tally.fates.of(part)
            here = (fates >= Fate.AFTER_DEADLINE) | (fates == Fate.NOT_EXPECTED)
            here |= told < Word.PENDING
            account.complete_before = part.end
            if not here.all():
                account.complete_before = first + int(np.argmin(here))
                return False
            first = part.end
        return True

    def final(self, cycle: int, now_ns: int) -> bool:
        """Tell whether nothing can change a cycle any more, for any consumer.

        Everything sent of it has arrived everywhere, or its last deadline has passed,
        and no line is just bringing what it held back.
        """
        if cycle < self.closed:
            return True
        count = self._plan.span_of(cycle).count
        if self._intake.sent(cycle) + self._intake.left_out(cycle) < count:
            return False
        _, last_ns = self._intake.times(cycle)
        accounts = [self._account(name) for name in self._accounts]
        waiting = [each for each in accounts if not each.here(cycle, count)]
        if waiting and now_ns <= last_ns + self._deadlines.lost_after_ns:
            return False
        if any(each.presence.is_bringing(last_ns, now_ns) for each in waiting):
            return False
        return not self._owed(cycle)

    def _owed(self, cycle: int) -> bool:
        """Tell whether a writer still owes its word on messages that nobody saw."""
        if any(each.came_whole(cycle) for each in self._accounts.values()):
            return False
        span = self._plan.span_of(cycle)
        words = self._intake.words.of(span)
        _, open_ = taken_in(words, span, self._accounts.values())
        return bool(np.any((words == Word.PENDING) & open_))

    def judge(self, cycle: int, now_ns: int) -> dict[str, CycleResult]:
        """Judge one open cycle as of now, for each consumer."""
        case = Case(
            index=cycle,
            span=self._plan.span_of(cycle),
            intake=self._intake,
            accounts=self._accounts.values(),
            deadlines=self._deadlines,
            faults=self._faults,
            now_ns=now_ns,
        )
        return {name: case.result(name, each) for name, each in self._accounts.items()}

    def close(self, cycle: int, now_ns: int) -> dict[str, CycleResult]:
        """Judge the first open cycle, keep its result, and forget its messages.

        Raises InternalError when it is another's turn.
        """
        if cycle != self.closed:
            raise InternalError(f"cycle {self.closed} is to be closed before {cycle}")
        judged = self.judge(cycle, now_ns)
        span = self._plan.span_of(cycle)
        self._overdue.close(span, [each.tally for each in self._accounts.values()])
        for name, account in self._accounts.items():
            missing: tuple[Span, ...] = ()
            if not account.came_whole(cycle):
                fates = account.tally.fates.of(span)
                missing = spans_of(np.flatnonzero(fates == Fate.UNSEEN) + span.first)
            account.close(judged[name], missing)
        forget(self._faults, self._intake.times(cycle)[0])
        self._intake.release(span.end, cycle)
        self.closed = cycle + 1
        return judged

    def results(
        self, transports: Mapping[str, str], now_ns: int, cycles: int | None = None
    ) -> list[ConsumerResult]:
        """Judge every open cycle as of now, and return each consumer's account.

        `cycles` is how many were to be sent, of those planned; None for all. If cycles
        are not kept, those that were never begun are not told of, either.
        """
        scheduled = self._plan.cycles if cycles is None else cycles
        if not self._keep:
            scheduled = self.closed + len(self._intake.cycles)
        judged = [self.judge(each, now_ns) for each in range(self.closed, scheduled)]
        return [
            self._result(name, transports[name], [each[name] for each in judged])
            for name in self._accounts
        ]

    def _result(
        self, name: str, transport: str, rest: Sequence[CycleResult]
    ) -> ConsumerResult:
        tally, closed = self._accounts[name].tally, self._accounts[name].closed
        cycles = (*closed.cycles, *rest) if self._keep else ()
        beside = Counts(unexplained=tally.unexplained, other_runs=tally.other_runs)
        valid = [each.counts for each in rest if each.state in COUNTED]
        latency = Histogram()
        latency.merge(closed.latency)
        latency.merge(tally.latency)
        return ConsumerResult(
            name=name,
            transport=transport,
            counts=Counts.total(
                [closed.counts, beside, *(each.counts for each in rest)]
            ),
            valid=Counts.total([closed.valid, *valid]),
            latency=latency,
            gaps=join_spans(
                gap for each in cycles if each.state in COUNTED for gap in each.gaps
            ),
            cycles=cycles,
        )


def _only(
    some: NDArray[np.bool_],
    sequences: Sequences,
    sent_ns: Sequences,
    came_ns: int | Sequences,
) -> tuple[Sequences, Sequences, int | Sequences]:
    """Return the columns of some messages."""
    came = came_ns if isinstance(came_ns, int) else came_ns[some]
    return sequences[some], sent_ns[some], came
