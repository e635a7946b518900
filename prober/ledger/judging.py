"""From the fates of one cycle's messages to its result, for one consumer."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from prober.histogram import Frozen
from prober.ledger.accounts import Account, Presence, overlapping
from prober.ledger.intake import Intake, Word
from prober.ledger.states import Finding, judge
from prober.ledger.tally import Deadlines, Fate, spans_of
from prober.plan import NS
from prober.records import Counts, CycleResult, Fault, Span

Mask = NDArray[np.bool_]
_Spans = tuple[Span, ...]
_LOST = (Fate.UNSEEN, Fate.AFTER_DEADLINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One cycle, and what bears on it at every consumer."""

    index: int
    span: Span
    intake: Intake
    accounts: Iterable[Account]
    deadlines: Deadlines
    faults: list[Fault]
    """Of the prober, at all consumers."""
    now_ns: int

    def result(self, name: str, account: Account) -> CycleResult:
        """Judge the cycle for a consumer."""
        counts, gaps, damaged = self._account_for(account)
        counts, gaps, control = self._check_control(account, counts, gaps)
        first_ns, last_ns = self.intake.times(self.index)
        finding = self._finding(account, counts, gaps)
        state, reason = judge(replace(finding, control=control))
        latency = account.tally.latencies.get(self.index)
        return CycleResult(
            index=self.index,
            consumer=name,
            span=self.span,
            first_sent_ns=first_ns if counts.attempted else None,
            last_sent_ns=last_ns if counts.attempted else None,
            state=state,
            reason=reason,
            counts=counts,
            gaps=gaps,
            damaged=damaged,
            latency=Frozen() if latency is None else latency.freeze(),
        )

    def _account_for(self, account: Account) -> tuple[Counts, _Spans, _Spans]:
        """Return the counts, which messages were lost, and which came damaged."""
        sent = self.intake.sent(self.index)
        if not sent:
            return Counts(), (), ()
        self._reach(account)
        row = account.tally.cycles.values[self.index - account.tally.cycles.first]
        on_time, late = int(row["on_time"]), int(row["late"])
        if on_time + late == sent == self.span.count:  # nothing missing or damaged
            return (
                Counts(
                    attempted=self.span.count,
                    accepted=self.span.count,
                    on_time=on_time,
                    late=late,
                    duplicates=int(row["arrivals"]) - self.span.count,
                    reordered=int(row["reordered"]),
                ),
                (),
                (),
            )
        return self._ask_each(account, int(row["arrivals"]), int(row["reordered"]))

    def _check_control(
        self, account: Account, counts: Counts, gaps: _Spans
    ) -> tuple[Counts, _Spans, str]:
        """Take the control out of what was found missing; if it is not there, say so.

        Until here the withheld messages went through the accounts like any that was
        handed over and got lost, so that finding them proves how losses are found.
        """
        if not counts.attempted or not self.intake.plan.control:
            return counts, gaps, ""
        withheld = self.intake.words.of(self.span) == Word.WITHHELD
        here = account.tally.fates.of(self.span) != Fate.NOT_EXPECTED
        missing = np.zeros(self.span.count, dtype=np.bool_)
        for gap in gaps:
            missing[gap.first - self.span.first : gap.end - self.span.first] = True
        planted, found = int(np.count_nonzero(withheld & here)), withheld & missing
        if wrong := planted - int(np.count_nonzero(found)):
            words = (
                f"positive control wrong: {wrong:,} of {planted:,} withheld messages"
            )
            return counts, gaps, f"{words} were not found missing"
        whole = int(np.count_nonzero(withheld))
        cleared = replace(
            counts,
            attempted=counts.attempted - whole,
            accepted=counts.accepted - planted,
            lost=counts.lost - planted,
            not_expected=counts.not_expected - (whole - planted),
        )
        return cleared, self._spans(missing & ~withheld), ""

    def _reach(self, account: Account) -> None:
        self.intake.words.reach(self.span.end)
        account.tally.reach(self.span.end)

    def _ask_each(
        self, account: Account, arrivals: int, reordered: int
    ) -> tuple[Counts, _Spans, _Spans]:
        """Count message by message."""
        words, fates = (
            self.intake.words.of(self.span),
            account.tally.fates.of(self.span),
        )
        accepted, ambiguous = taken_in(words, self.span, self.accounts)
        other = fates == Fate.NOT_EXPECTED
        rejected = (words == Word.REJECTED) & ~accepted & ~other
        accepted &= ~other
        by_fate = np.bincount(fates[accepted], minlength=len(Fate)).tolist()
        seen = int(np.count_nonzero(fates > Fate.NOT_EXPECTED))
        counts = Counts(
            attempted=int(np.count_nonzero(words)),
            rejected=int(np.count_nonzero(rejected)),
            ambiguous=int(np.count_nonzero(ambiguous & ~other)),
            accepted=int(np.count_nonzero(accepted)),
            on_time=by_fate[Fate.ON_TIME],
            late=by_fate[Fate.LATE],
            corrupt=by_fate[Fate.CORRUPT],
            lost=by_fate[Fate.UNSEEN] + by_fate[Fate.AFTER_DEADLINE],
            duplicates=arrivals - seen,
            after_deadline=by_fate[Fate.AFTER_DEADLINE],
            not_expected=int(np.count_nonzero(other & (words != Word.NOT_YET))),
            reordered=reordered,
        )
        return (
            counts,
            self._spans(accepted & np.isin(fates, _LOST)),
            self._spans(accepted & (fates == Fate.CORRUPT)),
        )

    def _spans(self, marked: Mask) -> _Spans:
        """Return which messages of the cycle are marked."""
        return spans_of(np.flatnonzero(marked) + self.span.first)

    def _finding(self, account: Account, counts: Counts, gaps: _Spans) -> Finding:
        """Gather what bears on a cycle from its first send until it was final.

        It is final when the last of its messages has arrived, or else, some missing or
        their hand-over unknown, when they are all lost.

        That we were attached is told by what was sent after it and came, or else by any
        sign of life so late that it should have come before: what comes sooner may have
        been under way before a line that then stood still.
        """
        if not counts.attempted:
            return Finding(counts=counts)
        from_ns, sent_ns = self.intake.times(self.index)
        deadline_ns = sent_ns + self.deadlines.lost_after_ns
        to_ns, presence, tally = deadline_ns, account.presence, account.tally
        if 0 < counts.good == counts.accepted and not counts.ambiguous:
            row = tally.cycles.values[self.index - tally.cycles.first]
            to_ns = int(row["last_first_ns"])
        until = min(to_ns, self.now_ns)
        return Finding(
            counts=counts,
            own_fault=overlapping(self.faults, from_ns, until)
            or presence.faulty(from_ns, until),
            reader_away=presence.absent(from_ns, until),
            attached=presence.sent_ns > sent_ns
            or presence.heard_ns > sent_ns + self.deadlines.late_after_ns,
            held_back=self._held_back(presence, counts, gaps),
            blind=presence.blinded(from_ns, until),
            seconds_short=max(0, deadline_ns - self.now_ns) / NS,
        )

    def _held_back(self, presence: Presence, counts: Counts, gaps: _Spans) -> str:
        """Tell of a silence that all that is called lost was sent in, and came behind.

        While it was due nothing at all was received, and then it was: there is no sign
        that the line stood to the end of its time. While the silence lasts, or if
        something came that was sent in it, what is missing may still be coming.
        """
        if not counts.lost or not gaps:
            return ""
        _, sent_ns = self.intake.times(self.index)
        lost_after_ns = self.deadlines.lost_after_ns
        for silence in presence.silences_until(
            min(self.now_ns, sent_ns + lost_after_ns)
        ):
            slack_ns = presence.slack_ns(silence)
            coming = silence.from_ns == presence.heard_ns or (
                presence.sent_ns > silence.from_ns
                and self.now_ns <= silence.to_ns + slack_ns
            )
            if counts.lost > counts.after_deadline and not coming:
                continue
            until_ns = silence.to_ns + slack_ns - lost_after_ns
            first, end = self._end(silence.from_ns - slack_ns), self._end(until_ns)
            if first <= gaps[0].first and gaps[-1].end <= end:
                return silence.reason
        return ""

    def _end(self, at_ns: int) -> int:
        """Return about before which message of the cycle all was sent at a time."""
        first_ns, _ = self.intake.times(self.index)
        if at_ns < first_ns:
            return self.span.first
        return self.intake.sent_by(self.index, self.span, at_ns).end


def taken_in(
    words: NDArray[np.uint8], span: Span, accounts: Iterable[Account]
) -> tuple[Mask, Mask]:
    """Mark the messages that the pipeline took in, and those nobody can tell of.

    What any consumer has seen was taken in, whatever the writer knows of it. What was
    withheld is reckoned as if it had been: it has to be found missing.
    """
    seen = np.zeros(span.count, dtype=np.bool_)
    for account in accounts:
        account.tally.reach(span.end)
        seen |= account.tally.fates.of(span) > Fate.NOT_EXPECTED
    open_ = (words == Word.PENDING) | (words == Word.AMBIGUOUS)
    told = (words == Word.ACCEPTED) | (words == Word.WITHHELD)
    return told | seen, open_ & ~seen
