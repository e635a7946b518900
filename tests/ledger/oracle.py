"""A ledger told in dicts and sets, one message at a time: slow, and plainly right."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction

from prober.plan import Plan
from prober.records import Counts, Fault, Handover, Span, State

INTACT = ("on_time", "late", "after_deadline")


class Connection:
    """When one connection of a consumer stood, and when it brought which message.

    Moments count what happened to the consumer.
    """

    def __init__(self, opened: int) -> None:
        self.opened = opened
        self.closed: int | None = None
        self.brought: list[tuple[int, int]] = []

    def overlaps(self, other: "Connection") -> bool:
        """Tell whether both stood at some moment."""
        return (other.closed is None or other.closed > self.opened) and (
            self.closed is None or self.closed > other.opened
        )

    def has_brought(self, sequence: int, since: int) -> bool:
        return any(at >= since and number == sequence for at, number in self.brought)


class Seen:
    """What one consumer saw, by sequence number."""

    def __init__(self) -> None:
        self.fate: dict[int, str] = {}
        self.arrivals: Counter[int] = Counter()
        self.reordered: set[int] = set()
        self.latencies: list[int] = []
        self.first_ns: dict[int, int] = {}
        self.unexplained = self.other_runs = 0
        self.highest = -1
        self.heard_ns = self.sent_ns = 0
        self.silences: list[tuple[int, int]] = []
        self.absences: list[tuple[int, int | None]] = []
        self.closed: dict[int, Counts] = {}
        self.gaps: dict[int, set[int]] = {}
        self.states: dict[int, State] = {}
        self.cycle_latencies: dict[int, list[int]] = defaultdict(list)
        self.faults: list[Fault] = []
        self.blindness: list[tuple[int, int | None]] = []
        self.moment = 0
        self.connections: dict[int, Connection] = {}
        self.copies = 0

    def connect(self, epoch: int) -> None:
        self.moment += 1
        self.connections[epoch] = Connection(self.moment)

    def disconnect(self, epoch: int) -> None:
        self.moment += 1
        self.connections[epoch].closed = self.moment

    def is_copy(self, epoch: int, sequence: int) -> bool:
        """Note an arrival; tell whether another connection beside it brought it first.

        Since both stood the other one had brought it, and this one had not.
        """
        mine = self.connections.get(epoch)
        if mine is None:
            return False
        self.moment += 1
        copy = False
        for other in self.connections.values():
            since = max(mine.opened, other.opened)
            if other is not mine and other.overlaps(mine):
                theirs = other.has_brought(sequence, since)
                copy = copy or (theirs and not mine.has_brought(sequence, since))
        mine.brought.append((self.moment, sequence))
        self.copies += copy
        return copy


class Oracle:
    """The same calls as a ledger's; nothing in it is clever."""

    def __init__(
        self, plan: Plan, late_ns: int, lost_ns: int, names: Iterable[str]
    ) -> None:
        self.plan, self.late_ns, self.lost_ns = plan, late_ns, lost_ns
        self.handed: dict[int, str] = {}
        self.attempted_ns: dict[int, int] = {}
        self.sent: dict[int, list[int]] = defaultdict(list)
        self.seen = {name: Seen() for name in names}
        self.faults: list[Fault] = []

    def attempt(self, span: Span, cycle: int, at_ns: int) -> None:
        for sequence in range(span.first, span.end):
            self.handed[sequence] = "pending"
            self.attempted_ns[sequence] = at_ns
        self.sent[cycle].append(at_ns)

    def hand_over(self, span: Span, handover: Handover) -> None:
        for sequence in range(span.first, span.end):
            self.handed[sequence] = handover.value

    def arrive(
        self, name: str, sequence: int, sent_ns: int, at_ns: int, epoch: int = 1
    ) -> None:
        seen = self.seen[name]
        seen.sent_ns = max(seen.sent_ns, sent_ns)
        if sequence not in self.handed:
            seen.unexplained += 1
            return
        copy = seen.is_copy(epoch, sequence)
        seen.arrivals[sequence] += not copy
        cycle = self.plan.cycle_of(sequence)
        assert cycle is not None
        if cycle in seen.closed:
            if not copy:
                self._straggle(seen, cycle, sequence, at_ns - sent_ns, at_ns)
        elif seen.fate.get(sequence) not in INTACT:
            seen.cycle_latencies[cycle].append(at_ns - sent_ns)
            latency = at_ns - sent_ns
            late = "late" if latency > self.late_ns else "on_time"
            lost = latency > self.lost_ns
            seen.fate[sequence] = "after_deadline" if lost else late
            seen.latencies.append(latency)
            seen.first_ns[sequence] = at_ns
            if sequence < seen.highest:
                seen.reordered.add(sequence)
        seen.highest = max(seen.highest, sequence)

    def damage(self, name: str, sequence: int | None, epoch: int = 1) -> None:
        seen = self.seen[name]
        if sequence is None or sequence not in self.handed:
            seen.unexplained += 1
            return
        copy = seen.is_copy(epoch, sequence)
        seen.arrivals[sequence] += not copy
        cycle = self.plan.cycle_of(sequence)
        assert cycle is not None
        if cycle in seen.closed:
            if not copy:
                self._straggle(seen, cycle, sequence, None, 0)
        else:
            seen.fate.setdefault(sequence, "corrupt")

    def _straggle(
        self, seen: Seen, cycle: int, sequence: int, latency: int | None, at_ns: int
    ) -> None:
        """Count what comes of a closed cycle: behind time if never seen, else again."""
        first = sequence not in seen.fate
        if first:
            seen.fate[sequence] = "straggler"
        if first and latency is not None:
            seen.latencies.append(latency)
            seen.first_ns[sequence] = at_ns
        more = Counts(after_deadline=1) if first else Counts(duplicates=1)
        seen.closed[cycle] += more

    def close(self, cycle: int, now_ns: int) -> None:
        """Keep what a cycle is now: nothing changes it but what is counted beside."""
        told = {
            name: (
                self.counts(name, cycle),
                self.gaps(name, cycle),
                self.state(name, cycle, now_ns),
            )
            for name in self.seen
        }
        for name, (counts, gaps, state) in told.items():
            seen = self.seen[name]
            seen.closed[cycle], seen.gaps[cycle] = counts, gaps
            seen.states[cycle] = state

    def hear(self, name: str, at_ns: int) -> None:
        """Note a sign of life, and the silence that it ends."""
        seen = self.seen[name]
        if seen.heard_ns and at_ns - seen.heard_ns > self.lost_ns * 5 // 6:
            seen.silences.append((seen.heard_ns, at_ns))
        seen.heard_ns = at_ns

    def leave(self, name: str, at_ns: int) -> None:
        """Begin an absence, with the silence before it."""
        seen = self.seen[name]
        if not seen.absences or seen.absences[-1][1] is not None:
            silent_ns = seen.heard_ns + 1 if seen.heard_ns else at_ns
            seen.absences.append((min(at_ns, silent_ns), None))

    def attach(self, name: str, at_ns: int) -> None:
        """End an absence, if there is one."""
        absences = self.seen[name].absences
        if absences and absences[-1][1] is None:
            absences[-1] = (absences[-1][0], at_ns)

    def miss(self, name: str, from_ns: int, to_ns: int) -> None:
        """Note an absence that is over, beside the one that may not be."""
        self.seen[name].absences.insert(0, (from_ns, to_ns))

    def blind(self, name: str, since_ns: int) -> None:
        self.seen[name].blindness.append((since_ns, None))

    def see(self, name: str, at_ns: int) -> None:
        since_ns, _ = self.seen[name].blindness.pop()
        self.seen[name].blindness.append((since_ns, at_ns))

    def final(self, cycle: int, now_ns: int) -> bool:
        """Tell whether a cycle was all sent, no word is owed, and all is in or late."""
        span = self.plan.span_of(cycle)
        numbers = range(span.first, span.end)
        if any(cycle in seen.closed for seen in self.seen.values()):
            return True
        if any(number not in self.handed for number in numbers):
            return False
        if any(
            self.handed[number] == "pending" and not self.accepted(number)
            for number in numbers
        ):
            return False
        last_ns = self.sent[cycle][-1]
        waiting = [
            seen
            for seen in self.seen.values()
            if any(seen.fate.get(each) not in ("on_time", "late") for each in numbers)
        ]
        bringing = any(
            from_ns - self.slack(from_ns, to_ns) <= last_ns <= to_ns
            and now_ns <= to_ns + self.slack(from_ns, to_ns)
            for seen in waiting
            for from_ns, to_ns in seen.silences
        )
        return not waiting or (now_ns > last_ns + self.lost_ns and not bringing)

    def slack(self, from_ns: int, to_ns: int) -> int:
        """Return how long before and behind a silence it may have held back."""
        return min((to_ns - from_ns) // 10, self.lost_ns * 5 // 6)

    def overdue(self, name: str, now_ns: int) -> set[int]:
        """Return what of open cycles was sent in time for being here, and is not."""
        seen = self.seen[name]
        return {
            sequence
            for sequence, word in self.handed.items()
            if word != "rejected"
            and sequence not in seen.fate
            and self.plan.cycle_of(sequence) not in seen.closed
            and self.attempted_ns[sequence] <= now_ns - self.late_ns
        }

    def accepted(self, sequence: int) -> bool:
        anywhere = any(sequence in seen.fate for seen in self.seen.values())
        return anywhere or self.handed.get(sequence) == "accepted"

    def gaps(self, name: str, cycle: int) -> set[int]:
        """Return which messages of a cycle were lost."""
        if cycle in self.seen[name].gaps:
            return self.seen[name].gaps[cycle]
        span, fate = self.plan.span_of(cycle), self.seen[name].fate
        return {
            sequence
            for sequence in range(span.first, span.end)
            if self.accepted(sequence)
            and fate.get(sequence, "after_deadline") == "after_deadline"
        }

    def counts(self, name: str, cycle: int) -> Counts:
        """Return a cycle's counts, each message asked in turn."""
        span, seen = self.plan.span_of(cycle), self.seen[name]
        if cycle in seen.closed:
            return seen.closed[cycle]
        told: Counter[str] = Counter()
        for sequence in range(span.first, span.end):
            handed = self.handed.get(sequence)
            if handed is None:
                continue
            told["attempted"] += 1
            told["reordered"] += sequence in seen.reordered
            fate = seen.fate.get(sequence)
            told["duplicates"] += max(0, seen.arrivals[sequence] - 1)
            if not self.accepted(sequence):
                told["rejected" if handed == "rejected" else "ambiguous"] += 1
                continue
            told["accepted"] += 1
            told["after_deadline"] += fate == "after_deadline"
            told[fate if fate in {"on_time", "late", "corrupt"} else "lost"] += 1
        return Counts(**told)

    def state(self, name: str, cycle: int, now_ns: int) -> State:
        """Return how a cycle ended, by the table of the reliability model."""
        counts, seen = self.counts(name, cycle), self.seen[name]
        if cycle in seen.states:
            return seen.states[cycle]
        if not counts.attempted:
            return State.MISSED
        span, sent = self.plan.span_of(cycle), self.sent[cycle]
        first_ns, deadline_ns = sent[0], sent[-1] + self.lost_ns
        final_ns = deadline_ns
        if counts.accepted and counts.good == counts.accepted and not counts.ambiguous:
            final_ns = max(
                seen.first_ns[n] for n in range(span.first, span.end) if n in seen.fate
            )
        final_ns = min(final_ns, now_ns)
        if any(
            fault.from_ns <= final_ns and fault.to_ns >= first_ns
            for fault in [*self.faults, *seen.faults]
        ):
            return State.INVALID
        away = within(seen.absences, first_ns, final_ns)
        if counts.ambiguous or not counts.accepted or away:
            return State.INCONCLUSIVE
        if not counts.bad:
            return State.PASS
        blind = within(seen.blindness, first_ns, final_ns)
        certain = blind or (
            self.attached(name, cycle)
            and not self.held_back(name, cycle, counts, now_ns)
        )
        over = now_ns >= deadline_ns
        return State.LOSS if over and certain else State.INCONCLUSIVE

    def attached(self, name: str, cycle: int) -> bool:
        """Tell whether a sign of life came that shows the path after the last send."""
        seen, last_ns = self.seen[name], self.sent[cycle][-1]
        return seen.sent_ns > last_ns or seen.heard_ns > last_ns + self.late_ns

    def held_back(self, name: str, cycle: int, counts: Counts, now_ns: int) -> bool:
        """Tell whether all that is missing was due in one silence, and came after.

        Or may still come, while what waited is coming.
        """
        if not counts.lost or counts.corrupt:
            return False
        gaps, seen = self.gaps(name, cycle), self.seen[name]
        until_ns = min(now_ns, self.sent[cycle][-1] + self.lost_ns)
        lasting = [(seen.heard_ns, until_ns)] if 0 < seen.heard_ns < until_ns else []
        for from_ns, to_ns in [*seen.silences, *lasting]:
            slack_ns = self.slack(from_ns, to_ns)
            over = now_ns > to_ns + slack_ns or seen.sent_ns <= from_ns
            whole = counts.lost == counts.after_deadline
            if over and not whole and (from_ns, to_ns) not in lasting:
                continue
            until_ns = to_ns + slack_ns - self.lost_ns
            sent_before = self.sent_by(cycle, from_ns - slack_ns)
            if sent_before <= min(gaps) and max(gaps) < self.sent_by(cycle, until_ns):
                return True
        return False

    def sent_by(self, cycle: int, at_ns: int) -> int:
        """Return before which message of a cycle all was sent at a time.

        By its even pace: when each was sent is nothing that a ledger remembers.
        """
        span, times = self.plan.span_of(cycle), self.sent[cycle]
        sent = [n for n in range(span.first, span.end) if n in self.handed]
        if at_ns < times[0]:
            return span.first
        if at_ns >= times[-1]:
            return sent[-1] + 1
        share = Fraction(at_ns - times[0], times[-1] - times[0])
        return sent[0] + 1 + int(share * (len(sent) - 1))


def within(times: Iterable[tuple[int, int | None]], from_ns: int, to_ns: int) -> bool:
    """Tell whether any of some times, the last perhaps not over, falls into another."""
    return any(
        since_ns <= to_ns and (until_ns is None or until_ns >= from_ns)
        for since_ns, until_ns in times
    )


def total(counts: Sequence[Counts]) -> Counts:
    """Return the sum of some counts."""
    return sum(counts, Counts())
