import itertools
from collections.abc import Callable
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prober.histogram import Histogram
from prober.plan import Plan
from prober.records import Counts, Handover, Span, State
from tests.ledger.both import LATE_NS, LOST_NS, NAMES, Both, plan_of
from tests.ledger.oracle import total

COUNTED = (State.PASS, State.LOSS)

thorough = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


Step = Callable[[Both], None]
names = st.sampled_from(NAMES)


@st.composite
def arrivals(draw: st.DrawFn, messages: int) -> Step:
    """Draw an arrival: intact, doubled, damaged, and never sent, in any order."""
    numbers = st.integers(0, messages + 1)
    name = draw(names)
    intact = draw(st.lists(numbers, max_size=6))
    damaged = draw(st.lists(st.none() | numbers, max_size=2))
    return lambda both: both.arrive(name, intact, damaged)


@st.composite
def signs(draw: st.DrawFn) -> Step:
    """Draw what is learnt beside the messages: evidence, absence, faults of ours."""
    name = draw(names)
    ago, lasted = draw(st.integers(0, 12)), draw(st.integers(0, 6))
    anyone = draw(st.none() | names)
    steps: list[Step] = [
        lambda both: both.hear(name),
        lambda both: both.leave(name),
        lambda both: both.attach(name),
        lambda both: both.fault(anyone, ago, lasted),
    ]
    return draw(st.sampled_from(steps))


@st.composite
def histories(draw: st.DrawFn, *, signs_often: int = 1) -> Both:
    """Draw a run's whole history, told to both, with more signs or fewer."""
    messages = draw(st.integers(1, 24))
    both = Both.of(plan_of(messages, draw(st.integers(1, min(messages, 4)))))
    kinds = ["word", "come", "come", "all", "close", *["sign"] * signs_often]
    sends = list(both.plan.sends())
    for send in sends[: draw(st.integers(0, 2 * len(sends)))]:
        both.attempt(send.span, send.cycle)
        if draw(st.booleans()):
            both.hand_over(send.span, Handover.ACCEPTED)
        for kind in draw(st.lists(st.sampled_from(kinds), max_size=4)):
            both.now_ns += draw(st.integers(0, 4))
            draw(steps(kind, both.plan, send.span))(both)
    both.now_ns += draw(st.integers(0, 2 * LOST_NS))
    for _ in range(signs_often):
        draw(signs())(both)
        both.now_ns += draw(st.integers(0, LOST_NS))
    return both


def steps(kind: str, plan: Plan, last: Span) -> st.SearchStrategy[Step]:
    """Return the steps of a kind, after a span was sent."""
    if kind == "sign":
        return signs()
    if kind == "close":
        return st.just(Both.close)
    if kind == "come":
        return arrivals(plan.messages)
    if kind == "word":
        return st.builds(word, parts(last), st.sampled_from(Handover))
    return st.builds(everything, names, st.just(last))


def word(span: Span, handover: Handover) -> Step:
    """Return the step in which the writer tells of a span."""
    return lambda both: both.hand_over(span, handover)


def everything(name: str, last: Span) -> Step:
    """Return the step in which all comes that was sent so far, some of it again."""
    return lambda both: both.arrive(name, list(range(last.end)), [])


@st.composite
def parts(draw: st.DrawFn, span: Span) -> Span:
    """Draw a part of a span."""
    first = draw(st.integers(span.first, span.end - 1))
    return Span(first=first, count=draw(st.integers(1, span.end - first)))


@thorough
@given(histories())
def test_every_count_is_the_oracle_s(both: Both) -> None:
    """Whatever happens in whatever order, each count of each cycle is right."""
    for name, result in both.results().items():
        expected = [both.oracle.counts(name, n) for n in range(both.plan.cycles)]

        assert expected == [cycle.counts for cycle in result.cycles]


@thorough
@given(histories(signs_often=4))
def test_every_state_is_the_oracle_s(both: Both) -> None:
    """Whatever happens in whatever order, each cycle ends in the state of the model."""
    for name, result in both.results().items():
        expected = [
            both.oracle.state(name, n, both.now_ns) for n in range(both.plan.cycles)
        ]

        assert expected == [cycle.state for cycle in result.cycles]


@thorough
@given(histories())
def test_what_is_final_does_not_change(both: Both) -> None:
    """A cycle is told final when all is here or its time is up, and then stays so."""
    plan, ledger = both.plan, both.ledger
    final = [ledger.final(cycle, both.now_ns) for cycle in range(plan.cycles)]
    before = {cycle: ledger.judge(cycle, both.now_ns) for cycle in both.open()}

    assert final == [
        both.oracle.final(cycle, both.now_ns) for cycle in range(plan.cycles)
    ]

    both.now_ns += 1
    for name in NAMES:
        both.arrive(name, list(range(plan.messages)), [])
    for cycle in both.open():
        for name, told in ledger.judge(cycle, both.now_ns).items():
            was = before[cycle][name].counts

            assert not final[cycle] or was.good == told.counts.good


@thorough
@given(histories())
def test_judging_one_cycle_is_judging_all(both: Both) -> None:
    """A cycle judged by itself is what it is among all others."""
    for name, result in both.results().items():
        for cycle in both.open():
            assert result.cycles[cycle] == both.ledger.judge(cycle, both.now_ns)[name]


@thorough
@given(histories())
def test_every_account_adds_up(both: Both) -> None:
    """Both sums hold in each cycle and over all, and no raw arrival is left out."""
    for name, result in both.results().items():
        counts = result.counts
        unique = counts.good + counts.after_deadline

        assert all(cycle.counts.balanced() for cycle in result.cycles)
        assert counts.balanced()
        assert result.valid.balanced()
        assert both.raw[name] == (
            unique + counts.duplicates + counts.corrupt + counts.unexplained
        )


@thorough
@given(histories())
def test_totals_are_sums_over_cycles(both: Both) -> None:
    """A consumer's counts are its cycles', the valid ones those of PASS and LOSS."""
    for name, result in both.results().items():
        seen = both.oracle.seen[name]
        beside = Counts(unexplained=seen.unexplained, other_runs=seen.other_runs)
        valid = [c.counts for c in result.cycles if c.state in COUNTED]

        assert total([c.counts for c in result.cycles]) + beside == result.counts
        assert total(valid) == result.valid


@thorough
@given(histories())
def test_gaps_are_exactly_what_was_lost(both: Both) -> None:
    """The gaps hold each lost number once, as the fewest spans there can be."""
    for name, result in both.results().items():
        for cycle in result.cycles:
            numbers = [n for gap in cycle.gaps for n in range(gap.first, gap.end)]

            assert sorted(both.oracle.gaps(name, cycle.index)) == numbers
            assert cycle.counts.lost == len(numbers)
        counted = [c.index for c in result.cycles if c.state in COUNTED]
        lost = sorted(n for c in counted for n in both.oracle.gaps(name, c))
        gaps = result.gaps

        assert lost == [n for gap in gaps for n in range(gap.first, gap.end)]
        assert all(a.end < b.first for a, b in itertools.pairwise(gaps))


@thorough
@given(histories())
def test_latencies_are_those_of_first_intact_arrivals(both: Both) -> None:
    """The histogram has each message that came intact, with its first latency."""
    for name, result in both.results().items():
        expected = Histogram()
        expected.add(both.oracle.seen[name].latencies)

        assert expected == result.latency
        assert both.ledger.received(name) == result.latency.count


@thorough
@given(histories())
def test_what_is_told_on_the_way(both: Both) -> None:
    """Attempted, pending and complete say at any time what the oracle would."""
    handed = both.oracle.handed
    may_come = {
        n
        for n, word in handed.items()
        if word != "rejected" and both.plan.cycle_of(n) in both.open()
    }

    assert len(handed) == both.ledger.attempted
    for name in NAMES:
        come = set(both.oracle.seen[name].first_ns)

        assert (may_come <= come) == both.ledger.complete(name)


@thorough
@given(histories())
def test_what_is_overdue_is_told_at_any_time(both: Both) -> None:
    """What has not come in time, and is not given up, is counted as it changes."""
    for _ in range(2):
        for name in NAMES:
            expected = both.oracle.overdue(name, both.now_ns)

            assert len(expected) == both.ledger.overdue(name, both.now_ns)
        both.arrive("rlp", list(range(0, both.plan.messages, 2)), [1])
        both.close()
        both.now_ns += LATE_NS


@thorough
@given(both=histories(), again=st.booleans())
def test_closing_changes_nothing_that_is_known(both: Both, *, again: bool) -> None:
    """A closed cycle keeps its counts, gaps and latencies; what comes is beside."""
    both.close()
    before = both.results()
    for name in NAMES:
        both.arrive(name, list(range(both.plan.messages)), [0])
        both.arrive(name, list(range(both.plan.messages)) * again, [])

    for name, result in both.results().items():
        for cycle in range(both.ledger.closed):
            was, now = before[name].cycles[cycle], result.cycles[cycle]
            late = replace(
                now.counts,
                after_deadline=was.counts.after_deadline,
                duplicates=was.counts.duplicates,
            )

            assert was == replace(now, counts=late)
            assert both.oracle.counts(name, cycle) == now.counts


@thorough
@given(histories())
def test_without_its_cycles_a_ledger_has_the_same_sums(both: Both) -> None:
    """Where no cycle is kept, only the sums of what came behind time may differ."""
    both.ledger._keep = False
    for name, result in both.results().items():
        begun = sum(both.oracle.counts(name, n).attempted for n in both.open())
        before = sum(
            both.oracle.counts(name, n).attempted for n in range(both.ledger.closed)
        )

        assert () == result.cycles
        assert begun + before == result.counts.attempted


@thorough
@given(histories())
def test_latencies_of_a_cycle_are_of_its_messages(both: Both) -> None:
    """Each cycle has the latencies of its own first arrivals, until it was closed."""
    for name, result in both.results().items():
        for cycle in result.cycles:
            expected = Histogram()
            expected.add(both.oracle.seen[name].cycle_latencies[cycle.index])

            assert expected.freeze() == cycle.latency


@thorough
@given(histories(signs_often=0))
def test_a_consumer_without_a_sign_is_judged_by_its_messages(both: Both) -> None:
    """Without absences and faults a started cycle is never INVALID or MISSED."""
    for result in both.results().values():
        states = {c.state for c in result.cycles if c.counts.attempted}

        assert states <= {State.PASS, State.LOSS, State.INCONCLUSIVE}


@thorough
@given(histories())
def test_judging_changes_nothing(both: Both) -> None:
    """Asking for results twice gives the same, and later ones the same counts."""
    before, again = both.results(), both.results()
    both.now_ns += 100 * LOST_NS
    later = both.results()

    assert before == again
    for name, result in before.items():
        kept = [replace(c, state=State.PASS, reason="") for c in result.cycles]
        kept_later = [
            replace(c, state=State.PASS, reason="") for c in later[name].cycles
        ]

        assert kept == kept_later
