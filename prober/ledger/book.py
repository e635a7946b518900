"""The ledger of one run: what was handed in, what came out, and each message's fate."""

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from prober.ledger.seams import Seams
from prober.ledger.states import Finding, judge
from prober.ledger.tally import Deadlines, Fate, Tally, join_spans, spans_of
from prober.plan import NS, Plan
from prober.records import (
    ConsumerResult,
    Counts,
    CycleResult,
    Fault,
    Handover,
    Kind,
    Outcome,
    Span,
    State,
)
from prober.stamp import Sightings

_COUNTED = (State.PASS, State.LOSS)
_LOST = (Fate.UNSEEN, Fate.AFTER_DEADLINE)
_BLIND = "blind readers: a new subscription got what this one missed"
Mask = NDArray[np.bool_]


class _Handed(enum.IntEnum):
    """The producer's side of a message."""

    NOT_YET = 0
    PENDING = 1  # sent, and not yet acknowledged
    REJECTED = 2
    AMBIGUOUS = 3
    ACCEPTED = 4


_HANDED = {
    Handover.ACCEPTED: _Handed.ACCEPTED,
    Handover.REJECTED: _Handed.REJECTED,
    Handover.AMBIGUOUS: _Handed.AMBIGUOUS,
}


@dataclass(slots=True)
class _Account:
    """One consumer: its tally, and when it could be trusted to see."""

    tally: Tally
    seams: Seams
    heard_ns: int = 0
    """When anything was last received: the consumer was attached until then."""
    faults: list[Fault] = field(default_factory=list)
    absences: list[Fault] = field(default_factory=list)
    away_since: tuple[int, str] | None = None
    blindness: list[Fault] = field(default_factory=list)
    blind_since_ns: int | None = None

    def absent(self, from_ns: int, to_ns: int) -> str:
        """Return why the consumer was away at some time between the two."""
        if self.away_since is not None and self.away_since[0] <= to_ns:
            return self.away_since[1]
        return _overlapping(self.absences, from_ns, to_ns)

    def blind(self, from_ns: int, to_ns: int) -> str:
        """Return why the consumer got nothing though it was there, in that time."""
        if self.blind_since_ns is not None and self.blind_since_ns <= to_ns:
            return _BLIND
        return _overlapping(self.blindness, from_ns, to_ns)


def _overlapping(faults: Sequence[Fault], from_ns: int, to_ns: int) -> str:
    hits = (f.reason for f in faults if f.from_ns <= to_ns and f.to_ns >= from_ns)
    return next(hits, "")


def _here(fates: NDArray[np.uint8], worst: Fate) -> Mask:
    """Mark messages that came, with some fate or a better one, or cannot come."""
    mask: Mask = (fates >= worst) | (fates == Fate.NOT_EXPECTED)
    return mask


@dataclass(frozen=True, slots=True, kw_only=True)
class _Intake:
    """Which messages count as accepted, and which nobody can tell of."""

    accepted: Mask
    ambiguous: Mask

    def of(self, expected: Mask) -> "_Intake":
        """Return what of it is expected at one consumer."""
        return _Intake(
            accepted=self.accepted & expected, ambiguous=self.ambiguous & expected
        )


class Ledger:
    """Accounts for every message of a plan, for every consumer of the pipeline.

    Register spans with `attempt` before they are sent; book what writers and readers
    report; ask for `results` when the run has ended. Times are Unix nanoseconds.

    `consumers` may tell which kinds each one's way out can carry: of the others nothing
    is expected there, whatever became of them.
    """

    def __init__(
        self,
        plan: Plan,
        deadlines: Deadlines,
        consumers: Mapping[str, Collection[Kind]] | Sequence[str],
    ) -> None:
        self._plan = plan
        self._deadlines = deadlines
        self._handed = np.zeros(plan.messages, dtype=np.uint8)
        self._first_sent_ns = np.zeros(plan.cycles, dtype=np.int64)
        self._last_sent_ns = np.zeros(plan.cycles, dtype=np.int64)
        self._faults: list[Fault] = []
        if not isinstance(consumers, Mapping):
            consumers = dict.fromkeys(consumers, tuple(Kind))
        self._accounts = {
            name: _Account(Tally.of(plan, kinds), Seams(plan.messages))
            for name, kinds in consumers.items()
        }

    # The producer's side.

    def attempt(self, span: Span, cycle: int, at_ns: int) -> None:
        """Register messages of one cycle that are about to be sent."""
        self._handed[span.first : span.end] = _Handed.PENDING
        if not self._first_sent_ns[cycle]:
            self._first_sent_ns[cycle] = at_ns
        self._last_sent_ns[cycle] = at_ns

    def hand_over(self, outcome: Outcome) -> None:
        """Book a writer's word on messages that were attempted."""
        span = outcome.span
        self._handed[span.first : span.end] = _HANDED[outcome.handover]

    @property
    def attempted(self) -> int:
        """How many messages were attempted so far."""
        return int(np.count_nonzero(self._handed))

    # The consumers' side.

    def arrive(
        self,
        consumer: str,
        found: Sightings,
        at_ns: int,
        epoch: int = 1,
        each_ns: NDArray[np.int64] | None = None,
    ) -> None:
        """Book what was found in something received over a consumer's connection.

        All came at `at_ns`, or the intact messages each at its own time, and none after
        that.
        """
        account = self._accounts[consumer]
        account.heard_ns = max(account.heard_ns, at_ns)
        tally, seams = account.tally, account.seams
        tally.other_runs += found.other_runs
        for sequence in found.damaged:
            if sequence is not None and self._was_sent(sequence):
                copy = seams.copies(epoch, np.array([sequence]))
                tally.damage(self._plan, sequence, copy=bool(copy[0]))
            else:
                tally.unexplained += 1
        sequences = np.asarray(found.sequences, dtype=np.int64)
        if sequences.size:
            sent = self._were_sent(sequences)
            tally.unexplained += int(np.count_nonzero(~sent))
            sent_ns = np.asarray(found.sent_ns, dtype=np.int64)[sent]
            known = sequences[sent]
            copies = seams.copies(epoch, known)
            came_ns = at_ns if each_ns is None else each_ns[sent]
            tally.arrive(
                self._plan, self._deadlines, known, sent_ns, came_ns, copies=copies
            )

    def _was_sent(self, sequence: int) -> bool:
        return bool(self._were_sent(np.array([sequence]))[0])

    def _were_sent(self, sequences: NDArray[np.int64]) -> Mask:
        known = (sequences >= 0) & (sequences < self._plan.messages)
        known[known] = self._handed[sequences[known]] != _Handed.NOT_YET
        return known

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
        account = self._accounts[consumer]
        account.heard_ns = max(account.heard_ns, at_ns)

    def leave(self, consumer: str, at_ns: int, reason: str) -> None:
        """Note that a consumer sees nothing from now on.

        Nor can it be told what it saw since it last heard anything: a peer that hangs
        is noticed late.
        """
        account = self._accounts[consumer]
        if account.away_since is None:
            since_ns = min(at_ns, account.heard_ns + 1 if account.heard_ns else at_ns)
            account.away_since = (since_ns, reason)

    def attach(self, consumer: str, at_ns: int) -> None:
        """Note that a consumer sees everything from now on."""
        account = self._accounts[consumer]
        if account.away_since is not None:
            since_ns, reason = account.away_since
            absence = Fault(from_ns=since_ns, to_ns=at_ns, reason=reason)
            account.absences.append(absence)
            account.away_since = None

    def blind(self, consumer: str, since_ns: int) -> None:
        """Note that the platform left a consumer's subscription behind since then."""
        self._accounts[consumer].blind_since_ns = since_ns

    def see(self, consumer: str, at_ns: int) -> None:
        """Note that a blind consumer's subscription gets everything again."""
        account = self._accounts[consumer]
        if account.blind_since_ns is not None:
            account.blindness.append(
                Fault(from_ns=account.blind_since_ns, to_ns=at_ns, reason=_BLIND)
            )
            account.blind_since_ns = None

    def overdue_since(self, consumer: str, before_ns: int) -> int | None:
        """Return when the first message was sent that should have come by now.

        Of the cycles sent before a time, and not yet given up: the first send of the
        first in which something is missing; None if nothing is.
        """
        lost_ns = before_ns - self._deadlines.lost_after_ns
        sent = (self._last_sent_ns > lost_ns) & (self._last_sent_ns <= before_ns)
        fates = self._accounts[consumer].tally.fates
        for cycle in np.flatnonzero(sent):
            span = self._plan.span_of(int(cycle))
            here = slice(span.first, span.end)
            unseen = fates[here] == Fate.UNSEEN
            if np.any(unseen & (self._handed[here] != _Handed.REJECTED)):
                return int(self._first_sent_ns[cycle])
        return None

    def fault(self, fault: Fault, consumer: str | None = None) -> None:
        """Note a measured fault of the prober, at one consumer or (None) at all."""
        faults = self._faults if consumer is None else self._accounts[consumer].faults
        last = faults[-1] if faults else None
        if last and last.from_ns <= fault.from_ns <= last.to_ns:  # it goes on
            latest = max(last, fault, key=lambda each: each.to_ns)
            faults[-1] = replace(latest, from_ns=last.from_ns)
        else:
            faults.append(fault)

    def merge(self, consumer: str, tally: Tally) -> None:
        """Take in what another reader of the same consumer saw."""
        self._accounts[consumer].tally.merge(tally)

    # What follows from both.

    def received(self, consumer: str) -> int:
        """How many messages reached a consumer intact so far, each counted once."""
        fates = self._accounts[consumer].tally.fates
        return int(np.count_nonzero(fates >= Fate.AFTER_DEADLINE))

    def complete(self, consumer: str) -> bool:
        """Tell whether nothing more can come: all that may have been taken in is here.

        Messages whose stream broke may still come; refused ones may not.
        """
        fates = self._accounts[consumer].tally.fates
        may_come = (self._handed != _Handed.NOT_YET) & (
            self._handed != _Handed.REJECTED
        )
        return bool(np.all(_here(fates[may_come], Fate.AFTER_DEADLINE)))

    def pending(self) -> bool:
        """Tell whether a writer still owes its word on some messages."""
        return bool(np.any(self._handed == _Handed.PENDING))

    def final(self, cycle: int, now_ns: int) -> bool:
        """Tell whether nothing can change a cycle any more, for any consumer.

        Everything sent of it has arrived everywhere, or its last deadline has passed.
        """
        span = self._plan.span_of(cycle)
        handed = self._handed[span.first : span.end]
        if handed[-1] == _Handed.NOT_YET:  # the last is sent last
            return False
        if np.any(handed == _Handed.NOT_YET) or self._owed(span):
            return False
        if now_ns > int(self._last_sent_ns[cycle]) + self._deadlines.lost_after_ns:
            return True
        return all(
            np.all(_here(account.tally.fates[span.first : span.end], Fate.LATE))
            for account in self._accounts.values()
        )

    def _owed(self, span: Span) -> bool:
        """Tell whether a writer still owes its word on messages that nobody saw."""
        pending = self._handed[span.first : span.end] == _Handed.PENDING
        return bool(np.any(pending & self._intake(span).ambiguous))

    def judge(self, cycle: int, now_ns: int) -> dict[str, CycleResult]:
        """Judge one cycle as of now, for each consumer."""
        span = self._plan.span_of(cycle)
        intake = self._intake(span)
        return {
            name: self._judge(name, cycle, span, intake, now_ns)
            for name in self._accounts
        }

    def results(
        self, transports: dict[str, str], now_ns: int, cycles: int | None = None
    ) -> list[ConsumerResult]:
        """Judge every cycle as of now, and return each consumer's account.

        `cycles` is how many were to be sent, of those planned; None for all.
        """
        scheduled = range(self._plan.cycles if cycles is None else cycles)
        judged = [self.judge(cycle, now_ns) for cycle in scheduled]
        return [
            self._result(name, transports[name], tuple(each[name] for each in judged))
            for name in self._accounts
        ]

    def _intake(self, span: Span) -> _Intake:
        """Return what the pipeline took in of a span.

        What any consumer has seen was taken in, whatever the writer knows of it.
        """
        here = slice(span.first, span.end)
        handed = self._handed[here]
        seen = np.zeros(span.count, dtype=np.bool_)
        for account in self._accounts.values():
            seen |= account.tally.fates[here] > Fate.NOT_EXPECTED
        open_ = (handed == _Handed.PENDING) | (handed == _Handed.AMBIGUOUS)
        return _Intake(
            accepted=(handed == _Handed.ACCEPTED) | seen, ambiguous=open_ & ~seen
        )

    def _result(
        self, name: str, transport: str, cycles: tuple[CycleResult, ...]
    ) -> ConsumerResult:
        tally = self._accounts[name].tally
        counted = [cycle for cycle in cycles if cycle.state in _COUNTED]
        beside = Counts(unexplained=tally.unexplained, other_runs=tally.other_runs)
        return ConsumerResult(
            name=name,
            transport=transport,
            counts=sum((cycle.counts for cycle in cycles), beside),
            valid=sum((cycle.counts for cycle in counted), Counts()),
            latency=tally.latency,
            gaps=join_spans(gap for cycle in counted for gap in cycle.gaps),
            cycles=cycles,
        )

    def _judge(
        self, name: str, cycle: int, span: Span, intake: _Intake, now_ns: int
    ) -> CycleResult:
        fates = self._accounts[name].tally.fates[span.first : span.end]
        intake = intake.of(fates != Fate.NOT_EXPECTED)
        counts = self._count(name, cycle, span, intake)
        state, reason = judge(self._finding(name, cycle, counts, now_ns))
        lost = intake.accepted & np.isin(fates, _LOST)
        sent = counts.attempted > 0
        return CycleResult(
            index=cycle,
            consumer=name,
            span=span,
            first_sent_ns=int(self._first_sent_ns[cycle]) if sent else None,
            last_sent_ns=int(self._last_sent_ns[cycle]) if sent else None,
            state=state,
            reason=reason,
            counts=counts,
            gaps=spans_of(np.flatnonzero(lost) + span.first),
        )

    def _count(self, name: str, cycle: int, span: Span, intake: _Intake) -> Counts:
        here = slice(span.first, span.end)
        tally = self._accounts[name].tally
        handed, fates = self._handed[here], tally.fates[here]
        accepted, ambiguous = intake.accepted, intake.ambiguous
        by_fate = np.bincount(fates[accepted], minlength=len(Fate))
        refused = (handed == _Handed.REJECTED) & ~accepted
        other = fates == Fate.NOT_EXPECTED
        after = int(by_fate[Fate.AFTER_DEADLINE])
        seen = int(np.count_nonzero(fates > Fate.NOT_EXPECTED))
        return Counts(
            attempted=int(np.count_nonzero(handed)),
            rejected=int(np.count_nonzero(refused & ~other)),
            ambiguous=int(np.count_nonzero(ambiguous)),
            accepted=int(np.count_nonzero(accepted)),
            on_time=int(by_fate[Fate.ON_TIME]),
            late=int(by_fate[Fate.LATE]),
            corrupt=int(by_fate[Fate.CORRUPT]),
            lost=int(by_fate[Fate.UNSEEN]) + after,
            duplicates=int(tally.arrivals[cycle]) - seen,
            after_deadline=after,
            not_expected=int(np.count_nonzero(other & (handed != _Handed.NOT_YET))),
            reordered=int(tally.reordered[cycle]),
        )

    def _finding(self, name: str, cycle: int, counts: Counts, now_ns: int) -> Finding:
        """Gather what bears on a cycle from its first send until it was final.

        It is final when the last of its messages has arrived, or else, some missing or
        their hand-over unknown, when they are all lost.
        """
        account = self._accounts[name]
        from_ns, sent_ns = self._first_sent_ns[cycle], self._last_sent_ns[cycle]
        deadline_ns = int(sent_ns) + self._deadlines.lost_after_ns
        complete = 0 < counts.good == counts.accepted and not counts.ambiguous
        to_ns = account.tally.last_first_ns[cycle] if complete else deadline_ns
        until = int(min(to_ns, now_ns))
        return Finding(
            counts=counts,
            own_fault=_overlapping(self._faults, from_ns, until)
            or _overlapping(account.faults, from_ns, until),
            reader_away=account.absent(from_ns, until),
            attached=account.heard_ns > sent_ns,
            blind=account.blind(from_ns, until),
            seconds_short=max(0, deadline_ns - now_ns) / NS,
        )
