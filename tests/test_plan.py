import itertools
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.errors import UsageError
from prober.plan import MAX_BATCH, MAX_CYCLES, MAX_MESSAGES, NS, Plan, Sizes
from prober.records import Kind, Span

WINDOW_NS = NS // 20
ALL_KINDS = tuple(Kind)
rates = st.fractions(min_value=Fraction(1, 10), max_value=50_000, max_denominator=1000)


def plan_of(
    messages: int = 1000,
    cycles: int = 10,
    *,
    rate: Fraction | int | None = None,
    sizes: tuple[int, int] = (100, 100),
    kinds: tuple[Kind, ...] = (Kind.LOG,),
    seed: int = 1,
) -> Plan:
    """Return a plan of which only what matters is named."""
    return Plan(
        messages=messages,
        cycles=cycles,
        rate=None if rate is None else Fraction(rate),
        sizes=Sizes(low=sizes[0], high=sizes[1]),
        kinds=kinds,
        source_id="probe",
        seed=seed,
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw a plan of up to 5,000 messages, at some rate or as fast as possible."""
    messages = draw(st.integers(1, 5000))
    cycles = draw(st.integers(1, min(messages, 200)))
    return plan_of(messages, cycles, rate=draw(st.none() | rates))


@given(plans())
def test_spans_partition_the_messages(plan: Plan) -> None:
    """The cycles' spans follow each other from 0 to the last message, none empty."""
    spans = [plan.span_of(cycle) for cycle in range(plan.cycles)]

    assert 0 == spans[0].first
    assert plan.messages == spans[-1].end
    assert all(one.end == other.first for one, other in itertools.pairwise(spans))
    assert all(span.count > 0 for span in spans)


@given(plans())
def test_the_first_cycle_takes_the_remainder(plan: Plan) -> None:
    """All cycles but the first are equally long, and the first is not shorter."""
    first, *others = (plan.span_of(cycle).count for cycle in range(plan.cycles))

    assert plan.messages // plan.cycles + plan.messages % plan.cycles == first
    assert {plan.messages // plan.cycles} >= set(others)


def test_the_drawn_example_of_spans() -> None:
    """10 messages in 3 cycles are 0..3, 4..6 and 7..9."""
    plan = plan_of(10, 3)
    expected = [Span(first=0, count=4), Span(first=4, count=3), Span(first=7, count=3)]

    assert expected == [plan.span_of(cycle) for cycle in range(3)]


@given(plans())
def test_the_cycle_of_a_message_is_the_one_whose_span_has_it(plan: Plan) -> None:
    """One by one or in bulk, every number is told the cycle that its span says."""
    expected = [
        cycle for cycle in range(plan.cycles) for _ in range(plan.span_of(cycle).count)
    ]
    numbers = np.arange(plan.messages)

    assert expected == [plan.cycle_of(number) for number in range(plan.messages)]
    assert expected == plan.cycles_of(numbers).tolist()


@pytest.mark.parametrize("sequence", [-1, 1000, 10**11])
def test_a_number_outside_of_the_plan_has_no_cycle(sequence: int) -> None:
    """Numbers below 0 and from the number of messages on belong to no cycle."""
    assert plan_of(1000).cycle_of(sequence) is None


@given(plans())
def test_sends_cover_every_message_once_and_in_order(plan: Plan) -> None:
    """The batches, end to end, are all sequence numbers from the first to the last."""
    sent = [n for send in plan.sends() for n in range(send.span.first, send.span.end)]

    assert list(range(plan.messages)) == sent


@given(plans())
def test_a_batch_lies_within_one_cycle_and_is_never_too_large(plan: Plan) -> None:
    """A batch has 1 to 100 messages, all of the cycle that it names."""
    for send in plan.sends():
        cycle = plan.span_of(send.cycle)

        assert 1 <= send.span.count <= MAX_BATCH
        assert cycle.first <= send.span.first
        assert send.span.end <= cycle.end


@given(plans())
def test_batches_are_due_in_an_open_loop(plan: Plan) -> None:
    """A batch is due when its first message is: its number over the rate, to the ns."""
    for send in plan.sends():
        exact = 0 if plan.rate is None else send.span.first * NS / plan.rate

        assert int(exact) == send.due_ns == plan.due_ns(send.span.first)


def test_the_time_does_not_drift_over_a_long_run() -> None:
    """At 3 messages a second, number 3 * 10**9 is due after 10**9 s exactly."""
    plan = plan_of(10**10, 1, rate=3)

    assert 10**9 * NS == plan.due_ns(3 * 10**9)


@given(
    st.integers(1, 40),
    st.fractions(min_value=1, max_value=20_000, max_denominator=10),
)
def test_sending_is_smooth_within_the_second(cycles: int, rate: Fraction) -> None:
    """No 50 ms hold more messages than their share and one batch."""
    plan = plan_of(2000, cycles, rate=rate)
    sends = list(plan.sends())
    most = rate * WINDOW_NS / NS + max(send.span.count for send in sends) + 1
    first = held = 0
    for send in sends:
        held += send.span.count
        while sends[first].due_ns <= send.due_ns - WINDOW_NS:
            held -= sends[first].span.count
            first += 1

        assert held <= most


@pytest.mark.parametrize(
    ("rate", "count", "apart_ns"),
    [
        (2000, 20, 10_000_000),
        (50, 1, 20_000_000),
        (150, 1, 6_666_666),
        (1_000_000, 100, 100_000),
    ],
)
def test_the_pace_of_some_rates(rate: int, count: int, apart_ns: int) -> None:
    """Batches come every 10 ms where the rate fills them, single messages below."""
    one, other = itertools.islice(plan_of(rate=rate, cycles=1).sends(), 2)

    assert count == one.span.count
    assert 0 == one.due_ns
    assert apart_ns == other.due_ns


def test_as_fast_as_possible_is_full_batches_due_at_once() -> None:
    """Without a rate every batch is full and due at the start."""
    sends = list(plan_of(1000, 1).sends())

    assert {(MAX_BATCH, 0)} == {(send.span.count, send.due_ns) for send in sends}


@given(st.integers(-(2**70), 2**70), st.integers(0, 10**11))
def test_the_same_seed_gives_the_same_messages(seed: int, sequence: int) -> None:
    """Kind and size depend on the plan's fields alone, whatever was asked before."""
    one, other = (plan_of(kinds=ALL_KINDS, sizes=(1, 5000), seed=seed) for _ in "ab")
    one.kind_of(0)

    assert one.kind_of(sequence) == other.kind_of(sequence)
    assert one.size_of(sequence) == other.size_of(sequence)


@given(st.integers(-(2**70), 2**70), st.integers(0, 10**11), st.integers(1, 50))
def test_a_span_s_kinds_and_sizes_are_its_messages(
    seed: int, first: int, count: int
) -> None:
    """What is told of many messages at once is what is told of each."""
    for plan in (
        plan_of(kinds=ALL_KINDS, sizes=(1, 5000), seed=seed),
        plan_of(kinds=ALL_KINDS[:1], sizes=(100, 100), seed=seed),
    ):
        span = Span(first=first, count=count)
        numbers = range(first, first + count)

        assert [plan.kind_of(n) for n in numbers] == plan.kinds_of(span)
        assert [plan.size_of(n) for n in numbers] == plan.sizes_of(span)


@pytest.mark.parametrize(("seed", "other"), [(1, 2), (0, -1), (7, 2**40)])
def test_another_seed_gives_other_messages(seed: int, other: int) -> None:
    """Two seeds agree on no more kinds and sizes than chance would have it."""
    plans = [plan_of(kinds=ALL_KINDS, sizes=(1, 5000), seed=s) for s in (seed, other)]
    kinds, sizes = (
        sum(one == two for one, two in zip(*drawn, strict=True))
        for drawn in (
            [[plan.kind_of(n) for n in range(2000)] for plan in plans],
            [[plan.size_of(n) for n in range(2000)] for plan in plans],
        )
    )

    assert kinds == pytest.approx(400, abs=100)
    assert sizes < 10


def test_kind_and_size_are_drawn_apart() -> None:
    """Every size goes with every kind: neither tells the other."""
    plan = plan_of(kinds=ALL_KINDS, sizes=(1, 5))
    pairs = Counter((plan.kind_of(n), plan.size_of(n)) for n in range(5000))

    assert 25 == len(pairs)
    assert min(pairs.values()) > 140
    assert max(pairs.values()) < 260


@given(st.integers(1, 1000), st.integers(0, 1000), st.integers(0, 10**11))
def test_sizes_stay_in_their_range(low: int, more: int, sequence: int) -> None:
    """No payload is smaller or larger than asked for."""
    assert low <= plan_of(sizes=(low, low + more)).size_of(sequence) <= low + more


def test_both_ends_of_a_range_occur() -> None:
    """The range of sizes includes its ends."""
    plan = plan_of(sizes=(100, 103))

    assert {100, 101, 102, 103} == {plan.size_of(n) for n in range(200)}


def test_one_kind_is_every_message_s_kind() -> None:
    """A plan of one kind sends nothing else."""
    plan = plan_of(kinds=(Kind.EVENT,))

    assert {Kind.EVENT} == {plan.kind_of(n) for n in range(1000)}


@pytest.mark.parametrize(
    ("sizes", "words"), [((100, 100), "100"), ((100, 2000), "100-2000")]
)
def test_sizes_are_written_as_they_are_asked_for(
    sizes: tuple[int, int], words: str
) -> None:
    """A fixed size is one number, a range is two."""
    assert words == str(Sizes(low=sizes[0], high=sizes[1]))


@pytest.mark.parametrize("messages", [0, -1, MAX_MESSAGES])
def test_a_number_of_messages_that_cannot_be(messages: int) -> None:
    """No messages, or more than a stamp can number, are refused in one sentence."""
    with pytest.raises(UsageError) as caught:
        plan_of(messages)

    assert str(caught.value) == (
        f"cannot send {messages:,} messages: "
        "ask for 1 or more, and fewer than 100,000,000,000"
    )


@pytest.mark.parametrize("cycles", [0, -1, 1001])
def test_a_number_of_cycles_that_cannot_be(cycles: int) -> None:
    """No cycles, or more than messages, are refused in one sentence."""
    with pytest.raises(UsageError) as caught:
        plan_of(1000, cycles)

    assert str(caught.value) == (
        f"cannot cut 1,000 messages into {cycles:,} cycles: "
        "ask for 1 cycle or more, and no more than there are messages"
    )


def test_more_cycles_than_a_stamp_can_number() -> None:
    """The largest number of a cycle is kept for primers and trailers."""
    with pytest.raises(UsageError) as caught:
        plan_of(10**9, MAX_CYCLES + 1)

    assert str(caught.value) == (
        "cannot count 100,000,000 cycles: ask for 99,999,999 or fewer"
    )
    assert MAX_CYCLES == plan_of(10**9, MAX_CYCLES).cycles


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_that_cannot_be(rate: int) -> None:
    """A rate of nothing is refused in one sentence."""
    with pytest.raises(UsageError) as caught:
        plan_of(rate=rate)

    assert str(caught.value) == "a rate must be above 0 messages a second"


@pytest.mark.parametrize(
    ("sizes", "words"), [((0, 100), "0-100"), ((200, 100), "200-100"), ((0, 0), "0")]
)
def test_a_size_that_cannot_be(sizes: tuple[int, int], words: str) -> None:
    """Empty payloads and ranges that run backwards are refused in one sentence."""
    with pytest.raises(UsageError) as caught:
        plan_of(sizes=sizes)

    assert f"a size cannot be {words}: ask for LOW-HIGH bytes" == str(caught.value)


@pytest.mark.parametrize("kinds", [(), (Kind.LOG, Kind.LOG)])
def test_kinds_that_cannot_be(kinds: tuple[Kind, ...]) -> None:
    """No kind, or one twice, is refused in one sentence."""
    with pytest.raises(UsageError) as caught:
        plan_of(kinds=kinds)

    assert str(caught.value) == ("name each kind of envelope once, and at least one")


@pytest.mark.parametrize(("messages", "cycles"), [(1, 1), (MAX_MESSAGES - 1, 1)])
def test_the_outermost_plans_that_can_be(messages: int, cycles: int) -> None:
    """One message, and the most that a stamp can number, are plans."""
    assert Span(first=0, count=messages) == plan_of(messages, cycles).span_of(0)


def test_longer_tick_makes_larger_batches() -> None:
    """Who writes to many pipelines gathers for longer: as many, in fewer batches."""
    usual = plan_of(messages=100, cycles=1, rate=Fraction(1_000, 60))
    calm = replace(usual, tick=Fraction(1, 4))

    assert 100 == len(list(usual.sends()))
    assert [4] * 25 == [send.span.count for send in calm.sends()]
    assert {240_000_000} == {
        after.due_ns - before.due_ns
        for before, after in itertools.pairwise(calm.sends())
    }
