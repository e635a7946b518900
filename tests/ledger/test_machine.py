"""A run whose steps come in any order, beside an oracle that is asked after each."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from prober.records import ConsumerResult, Handover, Span, State
from tests.ledger.both import LATE_NS, LOST_NS, NAMES, Both, plan_of

MESSAGES = 24
names = st.sampled_from(NAMES)
numbers = st.integers(0, MESSAGES + 1)
"""Of messages, some of which no plan has."""
picks = st.integers(0, 2)
ago = st.integers(0, LATE_NS)
SPOILT = ("dropped", "damaged", "doubled")
TROUBLE = ("blind", "cut off", "ours", "ours, everywhere")
words = st.sampled_from([Handover.ACCEPTED, *Handover])


class History(RuleBasedStateMachine):
    """A run of one writer and two consumers, from its first send to its last sign."""

    both: Both

    @initialize(
        messages=st.integers(4, MESSAGES),
        cycles=st.integers(1, 4),
        each=st.integers(1, 2),
        batches=st.integers(1, 3),
    )
    def begin(self, messages: int, cycles: int, each: int, batches: int) -> None:
        """Both consumers are subscribed, or just renew it, and the run begins well."""
        self.both = Both.of(plan_of(messages, cycles))
        self.to_send = list(self.both.plan.sends())
        self.pending: list[int] = []
        self.open: dict[str, list[int]] = {name: [] for name in NAMES}
        """Each consumer's connections that stand, by their epochs, oldest first."""
        self.cursor: dict[tuple[str, int], int] = {}
        """What each connection brings next, if nothing is dropped."""
        self.epochs = 0
        for name in each * NAMES:
            self.connect(name)
        self.send(batches, Handover.ACCEPTED)

    @property
    def sent(self) -> int:
        """How many messages were sent so far: the first ones."""
        return len(self.both.oracle.handed)

    # The producer's side.

    @precondition(lambda self: self.to_send)
    @rule(batches=st.integers(1, 4), word=st.none() | words)
    def send(self, batches: int, word: Handover | None) -> None:
        """Batches are sent, the first of a cycle opens it; word of them may come."""
        for send in self.to_send[:batches]:
            self.both.attempt(send.span, send.cycle)
            self.pending += range(send.span.first, send.span.end)
        del self.to_send[:batches]
        if word is not None and self.pending:
            self.acknowledge(MESSAGES, word)

    @precondition(lambda self: self.pending)
    @rule(
        count=st.sampled_from([1, 3, MESSAGES]),
        word=words,
        after_ns=st.sampled_from([0, LATE_NS]),
    )
    def acknowledge(self, count: int, word: Handover, after_ns: int = 0) -> None:
        """The writer tells of the next messages, or of all: its stream may break."""
        self.wait(after_ns)
        told = self.pending[:count]
        self.both.hand_over(Span(first=told[0], count=len(told)), word)
        del self.pending[:count]

    # The consumers' side.

    @rule(
        name=names,
        pick=picks,
        count=st.integers(1, 8),
        spoilt=picks,
        how=st.sampled_from(SPOILT),
    )
    def bring(self, name: str, pick: int, count: int, spoilt: int, how: str) -> None:
        """A connection brings the next messages, the first of them spoilt."""
        if (epoch := self._picked(name, pick)) is not None:
            begin = self.cursor[name, epoch]
            end = min(begin + count, self.sent)
            first = min(begin + spoilt, end)
            some, intact = list(range(begin, first)), list(range(first, end))
            damaged: list[int | None] = [*some] if how == "damaged" else []
            self.both.arrive(
                name, (some * 2 if how == "doubled" else []) + intact, damaged, epoch
            )
            self.cursor[name, epoch] = end

    @rule(
        name=names,
        spoilt=picks,
        how=st.sampled_from(SPOILT),
        lag_ns=st.sampled_from([0, 0, LATE_NS, LATE_NS + 1, LOST_NS, LOST_NS + 1]),
    )
    def catch_up(self, name: str, spoilt: int, how: str, lag_ns: int) -> None:
        """All connections of a consumer bring all that is to come, perhaps too late."""
        self.wait(lag_ns)
        for pick in range(len(self.open[name])):
            self.bring(name, pick, MESSAGES, spoilt, how)

    @rule(
        name=names,
        pick=picks,
        intact=st.lists(numbers, max_size=6),
        damaged=st.lists(st.none() | numbers, max_size=2),
    )
    def jumble(
        self, name: str, pick: int, intact: list[int], damaged: list[int | None]
    ) -> None:
        """A connection brings anything: doubled, damaged, long closed, never sent."""
        if (epoch := self._picked(name, pick)) is not None:
            self.both.arrive(name, intact, damaged, epoch)

    def _picked(self, name: str, pick: int) -> int | None:
        """Return one of a consumer's connections, if it has any."""
        standing = self.open[name]
        return standing[pick % len(standing)] if standing else None

    # What its connections do.

    @rule(name=names)
    def connect(self, name: str) -> None:
        """Another connection begins beside any others: what is sent then, it brings."""
        if len(self.open[name]) < 3:
            self.epochs += 1
            self.open[name].append(self.epochs)
            self.cursor[name, self.epochs] = self.sent
            self.both.connect(name, self.epochs)

    @precondition(lambda self: self.to_send)
    @rule(name=names)
    def renew(self, name: str) -> None:
        """A connection that ends has a successor beside it: both bring the same."""
        self.connect(name)
        self.send(2, Handover.ACCEPTED)
        self.bring(name, 0, MESSAGES, 0, "dropped")
        self.cut(name, 0)

    @rule(name=names)
    def attach(self, name: str) -> None:
        """A connection is found to bring everything, which ends an absence."""
        if self.open[name]:
            self.both.attach(name)

    @rule(name=names, pick=picks)
    def cut(self, name: str, pick: int) -> None:
        """A connection breaks; with the last one the consumer is away."""
        if (epoch := self._picked(name, pick)) is not None:
            self.both.disconnect(name, epoch)
            self.open[name].remove(epoch)
            if not self.open[name]:
                self.both.leave(name)

    @rule(name=names, ago_ns=ago, kind=st.sampled_from(TROUBLE))
    def trouble(self, name: str, ago_ns: int, kind: str) -> None:
        """It is learnt that a consumer could not see for a while, and whose fault."""
        if kind == "ours":
            self.both.fault(name, ago_ns, ago_ns // 2)
        elif kind == "ours, everywhere":
            self.both.fault(None, ago_ns, ago_ns)
        elif kind == "cut off":
            self.both.miss(name, ago_ns)
            if self.open[name]:
                self.both.leave(name, ago_ns)
        elif self.both.ledger.presence(name).is_blind:
            self.both.see(name)
        else:
            self.both.blind(name, ago_ns)

    @rule(name=names, pick=picks, sign=st.sampled_from(["heartbeat", "trailer"]))
    def sign(self, name: str, pick: int, sign: str) -> None:
        """A consumer that has a connection hears of it."""
        epoch = self._picked(name, pick)
        if epoch is not None and sign == "trailer":
            self.both.trail(name, epoch)
        elif epoch is not None:
            self.both.hear(name)

    # What concerns all.

    @rule(passed_ns=st.sampled_from([1, 2, LATE_NS, LOST_NS]))
    def wait(self, passed_ns: int) -> None:
        """Time passes, and it is asked: messages become late, and lost."""
        self.both.now_ns += passed_ns
        self.holds()

    @rule(heard=st.sampled_from([NAMES, NAMES[:1], ()]))
    def settle(self, heard: tuple[str, ...]) -> None:
        """The stream ends well, nothing comes in time; then perhaps a sign; the end."""
        if self.pending:
            self.acknowledge(MESSAGES, Handover.ACCEPTED)
        self.both.now_ns += LOST_NS + 1
        for name in heard:
            self.sign(name, 0, "heartbeat")
        self.close()

    @rule()
    def close(self) -> None:
        """What is final is closed."""
        self.both.close()

    @invariant()
    def holds(self) -> None:
        """At any time the ledger says what the oracle does, and what can be."""
        results = self.both.results()
        self._tells_of_the_whole()
        for name, result in results.items():
            self._tells_of_each_cycle(name, result)
            self._adds_up(name, result)
            self._has_evidence(name, result)

    def _tells_of_each_cycle(self, name: str, result: ConsumerResult) -> None:
        """Counts, gaps and state of each cycle, open or closed, are the oracle's."""
        oracle, now_ns = self.both.oracle, self.both.now_ns
        for each in result.cycles:
            gaps = {n for gap in each.gaps for n in range(gap.first, gap.end)}

            assert oracle.counts(name, each.index) == each.counts
            assert oracle.state(name, each.index, now_ns) == each.state
            assert oracle.gaps(name, each.index) == gaps

    def _tells_of_the_whole(self) -> None:
        """So is what is overdue, what came, what is connected, and what is final."""
        oracle, ledger, now_ns = self.both.oracle, self.both.ledger, self.both.now_ns
        for name in NAMES:
            assert len(oracle.overdue(name, now_ns)) == ledger.overdue(name, now_ns)
            assert len(oracle.seen[name].first_ns) == ledger.received(name)
            assert set(self.open[name]) == ledger._accounts[name].seams._open
        for cycle in range(self.both.plan.cycles):
            assert oracle.final(cycle, now_ns) == ledger.final(cycle, now_ns)

    def _adds_up(self, name: str, result: ConsumerResult) -> None:
        """All that was sent has one fate, and all that came is counted once."""
        told, copies = result.counts, self.both.oracle.seen[name].copies
        accepted = told.on_time + told.late + told.corrupt + told.lost
        seen = told.good + told.after_deadline + told.corrupt + told.duplicates

        assert self.sent == accepted + told.rejected + told.ambiguous
        assert self.both.raw[name] == seen + told.unexplained + copies

    def _has_evidence(self, name: str, result: ConsumerResult) -> None:
        """No loss is told of an open cycle before its time, nor without a sign."""
        seen = self.both.oracle.seen[name]
        away = [since for since, until in seen.absences if until is None]
        for each in result.cycles[self.both.ledger.closed :]:
            if each.state is State.LOSS:
                last_ns = each.last_sent_ns or 0
                over_ns = last_ns + LOST_NS

                assert over_ns <= self.both.now_ns
                assert seen.blindness or last_ns < max(seen.heard_ns, seen.sent_ns)
                assert all(over_ns < since for since in away)


TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=160, stateful_step_count=40, deadline=None, derandomize=True
)
