"""One consumer's side of the ledger: its tally, and when it could be trusted to see."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from prober.histogram import Histogram
from prober.ledger.seams import Seams
from prober.ledger.tally import Fate, Tally
from prober.ledger.unseen import Unseen
from prober.plan import NS
from prober.records import Counts, CycleResult, Fault, Span, State

COUNTED = (State.PASS, State.LOSS)
_BLIND = "blind readers: a new subscription got what this one missed"


@dataclass(slots=True)
class _Away:
    """A time in which a consumer sees nothing, and that is not over."""

    since_ns: int
    reason: str
    detail: str
    """Why, in the peer's words: of the first time that they were told."""
    latest: str = ""
    """Of the last time."""

    def go_on(self, detail: str) -> None:
        """Note why it is still so."""
        self.detail = self.detail or detail
        self.latest = detail or self.latest

    @property
    def words(self) -> str:
        """What it is called: how it began, and why it is not over."""
        told = f"{self.reason}: {self.detail}" if self.detail else self.reason
        again = self.latest not in {"", self.detail}
        return f"{told}; then: {self.latest}" if again else told


@dataclass(slots=True)
class Presence:
    """When one consumer was there to see, as far as that is known."""

    patience_ns: int
    """How long nothing is received until that is remembered as a silence."""
    heard_ns: int = 0
    """When anything was last received: the consumer was attached until then."""
    sent_ns: int = 0
    """When the newest was sent of what came: its whole path stood after that."""
    silences: list[Fault] = field(default_factory=list)
    """The long ones that are over."""
    _faults: list[Fault] = field(default_factory=list)
    _absences: list[Fault] = field(default_factory=list)
    _away: _Away | None = None
    _blindness: list[Fault] = field(default_factory=list)
    _blind_since_ns: int | None = None

    def hear(self, at_ns: int) -> None:
        """Note that the transport was alive."""
        if self.heard_ns and at_ns - self.heard_ns > self.patience_ns:
            self.silences.append(_silence(self.heard_ns, at_ns))
        self.heard_ns = max(self.heard_ns, at_ns)

    def prove(self, sent_ns: int) -> None:
        """Note that something of ours came, and when it had been sent."""
        self.sent_ns = max(self.sent_ns, sent_ns)

    def silences_until(self, at_ns: int) -> list[Fault]:
        """Return the silences; the last may be one that was not over at a time."""
        if not 0 < self.heard_ns < at_ns:
            return self.silences
        return [*self.silences, _silence(self.heard_ns, at_ns)]

    def slack_ns(self, silence: Fault) -> int:
        """Return how long a silence bears on what is before and behind it.

        Some was under way when it began, and what waited takes its time to come.
        """
        return min((silence.to_ns - silence.from_ns) // 10, self.patience_ns)

    def is_bringing(self, sent_ns: int, now_ns: int) -> bool:
        """Tell whether what was sent at a time may come just now, out of a silence."""
        for silence in self.silences:
            slack_ns = self.slack_ns(silence)
            bears = silence.from_ns - slack_ns <= sent_ns <= silence.to_ns
            if bears and now_ns <= silence.to_ns + slack_ns:
                return True
        return False

    def leave(self, at_ns: int, reason: str, detail: str = "") -> None:
        """Note that nothing is seen from now on, nor since anything was last heard.

        Or why that is still so, if it was noted before.
        """
        if self._away is None:
            since_ns = min(at_ns, self.heard_ns + 1 if self.heard_ns else at_ns)
            self._away = _Away(since_ns, reason, detail)
        else:
            self._away.go_on(detail)

    def attach(self, at_ns: int) -> None:
        """Note that everything is seen from now on."""
        away, self._away = self._away, None
        if away is not None:
            absence = Fault(from_ns=away.since_ns, to_ns=at_ns, reason=away.words)
            self._absences.append(absence)

    def miss(self, absence: Fault) -> None:
        """Note that not everything was seen in a time, by who knows better than we."""
        self._absences.insert(0, absence)

    def blind(self, since_ns: int) -> None:
        """Note that the platform left the subscription behind since then."""
        self._blind_since_ns = since_ns

    def see(self, at_ns: int) -> None:
        """Note that the subscription gets everything again."""
        if self._blind_since_ns is not None:
            self._blindness.append(
                Fault(from_ns=self._blind_since_ns, to_ns=at_ns, reason=_BLIND)
            )
            self._blind_since_ns = None

    @property
    def is_blind(self) -> bool:
        """Whether the subscription is left behind now."""
        return self._blind_since_ns is not None

    def fault(self, fault: Fault) -> None:
        """Note a measured fault of the prober at this consumer."""
        add_fault(self._faults, fault)

    def faulty(self, from_ns: int, to_ns: int) -> str:
        """Return what fault of the prober there was at some time between the two."""
        return overlapping(self._faults, from_ns, to_ns)

    def absent(self, from_ns: int, to_ns: int) -> str:
        """Return why the consumer was away at some time between the two."""
        if told := overlapping(self._absences, from_ns, to_ns):
            return told
        away = self._away
        return away.words if away is not None and away.since_ns <= to_ns else ""

    def blinded(self, from_ns: int, to_ns: int) -> str:
        """Return why the consumer got nothing though it was there, in that time."""
        if self._blind_since_ns is not None and self._blind_since_ns <= to_ns:
            return _BLIND
        return overlapping(self._blindness, from_ns, to_ns)

    def forget(self, before_ns: int) -> None:
        """Forget what was over before a time that nothing is judged for any more."""
        for kept in (
            self._faults,
            self._absences,
            self._blindness,
            self.silences,
        ):
            forget(kept, before_ns)


def _silence(from_ns: int, to_ns: int) -> Fault:
    seconds = (to_ns - from_ns) / NS
    words = f"nothing at all came over the connection for {seconds:.1f} s"
    return Fault(from_ns=from_ns, to_ns=to_ns, reason=words)


def add_fault(faults: list[Fault], fault: Fault) -> None:
    """Add a fault to those in order of time; one that goes on is made longer."""
    last = faults[-1] if faults else None
    if last and last.from_ns <= fault.from_ns <= last.to_ns:
        latest = max(last, fault, key=lambda each: each.to_ns)
        faults[-1] = Fault(
            from_ns=last.from_ns, to_ns=latest.to_ns, reason=latest.reason
        )
    else:
        faults.append(fault)


def overlapping(faults: Sequence[Fault], from_ns: int, to_ns: int) -> str:
    """Return the reason of the first fault that falls into some time."""
    hits = (f.reason for f in faults if f.from_ns <= to_ns and f.to_ns >= from_ns)
    return next(hits, "")


def forget(faults: list[Fault], before_ns: int) -> None:
    """Drop the faults that had ended before a time."""
    if faults and faults[0].to_ns < before_ns:
        faults[:] = [each for each in faults if each.to_ns >= before_ns]


@dataclass(slots=True)
class Closed:
    """What is kept of closed cycles, of which nothing changes any more."""

    keep: bool
    """Keep the result of each cycle; else only sums, in the same memory for ever."""
    counts: Counts = field(default_factory=Counts)
    valid: Counts = field(default_factory=Counts)
    latency: Histogram = field(default_factory=Histogram)
    cycles: list[CycleResult] = field(default_factory=list)

    def add(self, result: CycleResult) -> None:
        """Take in the next cycle."""
        self.counts += result.counts
        if result.state in COUNTED:
            self.valid += result.counts
        self.latency.merge(Histogram.thaw(result.latency))
        if self.keep:
            self.cycles.append(result)

    def straggle(self, cycle: int, counts: Counts) -> None:
        """Count what came of a cycle behind time, and changes nothing of its end."""
        self.counts += counts
        if self.keep:
            result = self.cycles[cycle]
            self.cycles[cycle] = result.with_stragglers(counts)
            if result.state in COUNTED:
                self.valid += counts


@dataclass(slots=True)
class Account:
    """All that is known of one consumer."""

    tally: Tally
    closed: Closed
    presence: Presence
    seams: Seams = field(default_factory=Seams)
    unseen: Unseen = field(default_factory=Unseen)
    """Of closed cycles."""
    complete_before: int = 0
    """All messages before this one are here that may come."""

    def straggle(
        self, sequences: NDArray[np.int64], latency_ns: NDArray[np.int64] | None
    ) -> None:
        """Book messages of closed cycles; damaged ones if no latency is told."""
        first = self.unseen.take(sequences)
        cycles = self.tally.plan.cycles_of(sequences)
        for cycle in np.unique(cycles).tolist():
            mine = cycles == cycle
            late = int(np.count_nonzero(first & mine))
            again = int(np.count_nonzero(mine)) - late
            counts = Counts(after_deadline=late, duplicates=again)
            self.closed.straggle(cycle, counts)
        if latency_ns is not None:
            self.tally.intact += int(np.count_nonzero(first))
            self.closed.latency.add(latency_ns[first])

    def merge(self, other: Tally) -> None:
        """Take in what another reader saw, some of it perhaps of closed cycles."""
        end = min(self.tally.fates.first, other.fates.end)
        first = other.fates.first
        if first < end:
            fates = other.fates.of(Span(first=first, count=end - first))
            came = np.flatnonzero(fates > Fate.NOT_EXPECTED) + first
            late = came[self.unseen.take(came)]
            self.tally.intact += int(
                np.count_nonzero(fates[late - first] > Fate.CORRUPT)
            )
            plan, cycles = self.tally.plan, other.cycles
            open_ = min(self.tally.cycles.first, cycles.end)
            for cycle in range(cycles.first, open_):
                arrivals = int(cycles.values["arrivals"][cycle - cycles.first])
                after = int(np.count_nonzero(plan.cycles_of(late) == cycle))
                counts = Counts(after_deadline=after, duplicates=arrivals - after)
                self.closed.straggle(cycle, counts)
                self.closed.latency.merge(other.latencies.get(cycle, Histogram()))
        self.tally.merge(other)

    def here(self, cycle: int, count: int) -> bool:
        """Tell whether all of an open cycle came in time that can come this way."""
        row = self.tally.cycles.values[cycle - self.tally.cycles.first]
        return bool(row["on_time"] + row["late"] + row["aside"] == count)

    def came_whole(self, cycle: int) -> bool:
        """Tell whether every message of an open cycle came in time."""
        row = self.tally.cycles.values[cycle - self.tally.cycles.first]
        came = row["on_time"] + row["late"]
        return bool(came == self.tally.plan.span_of(cycle).count)

    def close(self, result: CycleResult, missing: Sequence[Span]) -> None:
        """Keep the result of the first open cycle, and forget its messages."""
        self.closed.add(result)
        self.unseen.add(missing)
        self.tally.latencies.pop(result.index, None)
        self.tally.release(result.span.end)
        self.seams.release(result.span.end)
        if result.first_sent_ns is not None:
            self.presence.forget(result.first_sent_ns)
