# ruff: noqa: S311 - seeded choices, and what is expected stands left
import random
from collections.abc import Callable, Iterable
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.pipeline.letters import Letter, Post, opened
from prober.pipeline.pubsub import PubSub
from prober.rpc.loggregator_v2.egress_pb2 import (
    CounterSelector,
    EgressBatchRequest,
    EventSelector,
    GaugeSelector,
    LogSelector,
    Selector,
    TimerSelector,
)
from prober.rpc.loggregator_v2.envelope_pb2 import (
    Counter,
    Envelope,
    Event,
    Gauge,
    GaugeValue,
    Log,
    Timer,
)

LOGS = Selector(log=LogSelector())
COUNTERS = Selector(counter=CounterSelector())
GAUGES = Selector(gauge=GaugeSelector())
TIMERS = Selector(timer=TimerSelector())
EVENTS = Selector(event=EventSelector())
POST = Post(None)
WHOLE_FIREHOSE = [LOGS, COUNTERS, GAUGES, TIMERS, EVENTS]
KINDS = ["log", "counter", "gauge", "timer", "event"]


def log(source_id: str = "app") -> Envelope:
    """Return a log."""
    return Envelope(source_id=source_id, log=Log(payload=b"hello"))


def counter(name: str, source_id: str = "app") -> Envelope:
    """Return a counter."""
    return Envelope(source_id=source_id, counter=Counter(name=name))


def gauge(*names: str, source_id: str = "app") -> Envelope:
    """Return a gauge of these metrics."""
    metrics = {name: GaugeValue(value=1) for name in names}
    return Envelope(source_id=source_id, gauge=Gauge(metrics=metrics))


TIMER = Envelope(source_id="app", timer=Timer(name="t"))
EVENT = Envelope(source_id="app", event=Event(title="t"))
ONE_OF_EACH = [log(), counter("c"), gauge("g"), TIMER, EVENT]


class Subscribers:
    """A router's subscribers, and what each one got."""

    def __init__(self, seed: int = 1) -> None:
        self.pubsub = PubSub(random.Random(seed))
        self.received: list[list[Envelope]] = []

    def join(
        self, *selectors: Selector, shard_id: str = "", name: str = ""
    ) -> Callable[[], None]:
        """Subscribe; the next number is this one's."""
        self.received.append([])
        request = EgressBatchRequest(
            shard_id=shard_id, deterministic_name=name, selectors=selectors
        )
        received = self.received[-1]
        return self.pubsub.subscribe(
            request, lambda each: received.append(opened(each))
        )

    def counts(self, envelopes: Iterable[Envelope]) -> list[int]:
        """Publish, and tell how many of these each subscriber got."""
        before = [len(each) for each in self.received]
        for envelope in envelopes:
            self.pubsub.publish(POST.letter_of(envelope))
        return [
            len(each) - start for each, start in zip(self.received, before, strict=True)
        ]


def test_five_selectors_are_the_whole_firehose() -> None:
    """One selector a kind, each without a source: every envelope comes once."""
    subscribers = Subscribers()
    subscribers.join(*WHOLE_FIREHOSE)
    for envelope in ONE_OF_EACH:
        subscribers.pubsub.publish(POST.letter_of(envelope))

    assert [ONE_OF_EACH] == subscribers.received


@pytest.mark.parametrize("selector", WHOLE_FIREHOSE, ids=KINDS)
def test_a_selector_gets_its_own_kind_only(selector: Selector) -> None:
    """Of one envelope of each kind, one comes."""
    subscribers = Subscribers()
    subscribers.join(selector)

    kind = selector.WhichOneof("message")

    assert [1] == subscribers.counts(ONE_OF_EACH)
    assert kind == subscribers.received[0][0].WhichOneof("message")


@pytest.mark.parametrize(
    ("selected", "source_id", "expected"),
    [
        ("", "app", 1),
        ("", "", 1),
        ("app", "app", 1),
        ("app", "", 0),
        ("app", "APP", 0),
        ("app", "app-2", 0),
    ],
)
def test_a_source_id_matches_exactly(
    selected: str, source_id: str, expected: int
) -> None:
    """A selector's source_id is the envelope's, to the letter; empty is any."""
    subscribers = Subscribers()
    subscribers.join(Selector(source_id=selected, log=LogSelector()))

    assert [expected] == subscribers.counts([log(source_id)])


@pytest.mark.parametrize(
    ("selected", "name", "expected"),
    [("", "hits", 1), ("", "", 1), ("hits", "hits", 1), ("hits", "hit", 0)],
)
def test_a_counters_name_matches_exactly(
    selected: str, name: str, expected: int
) -> None:
    """A selector's counter name is the counter's, to the letter; empty is any."""
    subscribers = Subscribers()
    subscribers.join(Selector(counter=CounterSelector(name=selected)))

    assert [expected] == subscribers.counts([counter(name)])


@pytest.mark.parametrize(
    ("selected", "names", "expected"),
    [
        ([], ["cpu", "memory"], 1),
        ([], [], 1),
        (["cpu"], ["cpu"], 1),
        (["memory", "cpu"], ["cpu", "memory"], 1),
        (["cpu"], ["cpu", "memory"], 0),
        (["cpu", "memory"], ["cpu"], 0),
        (["cpu"], [], 0),
        (["cpu", "cpu"], ["cpu"], 0),
    ],
)
def test_a_gauge_matches_with_exactly_its_names(
    selected: list[str], names: list[str], expected: int
) -> None:
    """A selector's gauge names are all the names of the gauge; none is any."""
    subscribers = Subscribers()
    subscribers.join(Selector(gauge=GaugeSelector(names=selected)))

    assert [expected] == subscribers.counts([gauge(*names)])


def test_a_selector_without_message_is_skipped() -> None:
    """It selects nothing, and the others of the request work."""
    subscribers = Subscribers()
    subscribers.join(Selector(source_id="app"), TIMERS)

    assert [1] == subscribers.counts(ONE_OF_EACH)


def test_a_request_without_selectors_stays_silent() -> None:
    """It is accepted and never gets anything, a legacy selector notwithstanding."""
    pubsub, received = PubSub(random.Random(1)), list[Letter]()
    pubsub.subscribe(EgressBatchRequest(legacy_selector=LOGS), received.append)
    pubsub.publish(POST.letter_of(log()))

    assert 1 == pubsub.subscriptions
    assert [] == received


def test_an_envelope_without_message_goes_to_nobody() -> None:
    """No selector matches it."""
    subscribers = Subscribers()
    subscribers.join(*WHOLE_FIREHOSE)

    assert [0] == subscribers.counts([Envelope(source_id="app")])


@pytest.mark.parametrize("shard_id", ["", "a"])
def test_overlapping_selectors_deliver_twice(shard_id: str) -> None:
    """All logs, and the logs of one source: those come twice, shard or no shard."""
    subscribers = Subscribers()
    subscribers.join(
        LOGS, Selector(source_id="app", log=LogSelector()), shard_id=shard_id
    )

    assert [2] == subscribers.counts([log("app")])
    assert [1] == subscribers.counts([log("other")])


def test_the_same_selector_twice_delivers_twice_without_a_shard() -> None:
    """Each of the two is a subscription of its own."""
    subscribers = Subscribers()
    subscribers.join(LOGS, LOGS)

    assert [2] == subscribers.counts([log()])


def test_the_same_selector_twice_has_double_weight_within_a_shard() -> None:
    """It delivers once, and draws two lots to the other member's one."""
    subscribers = Subscribers()
    subscribers.join(LOGS, LOGS, shard_id="a")
    subscribers.join(LOGS, shard_id="a")
    double, single = subscribers.counts([log()] * 3000)

    assert 3000 == double + single
    assert 1000 == pytest.approx(single, abs=100)


def test_without_a_shard_everybody_gets_a_copy() -> None:
    """An empty shard_id is no shard."""
    subscribers = Subscribers()
    subscribers.join(LOGS)
    subscribers.join(LOGS)

    assert [5, 5] == subscribers.counts([log()] * 5)


def test_members_of_a_shard_share_at_random() -> None:
    """One member gets each envelope, each of them about as often, and not in turn."""
    subscribers = Subscribers()
    for _ in range(3):
        subscribers.join(LOGS, shard_id="a")
    shares = subscribers.counts([log()] * 3000)

    assert 3000 == sum(shares)
    assert [1000] * 3 == pytest.approx(shares, abs=100)
    assert {0, 1, 2} == {subscribers.counts([log()]).index(1) for _ in range(20)}


def test_the_seed_decides_who_gets_what() -> None:
    """Two routers of one seed choose alike."""
    shares = []
    for _ in range(2):
        subscribers = Subscribers(seed=7)
        subscribers.join(LOGS, shard_id="a")
        subscribers.join(LOGS, shard_id="a")
        shares.append([subscribers.counts([log()]) for _ in range(50)])

    assert shares[0] == shares[1]


def test_different_shards_get_a_copy_each() -> None:
    """Shards do not take anything from each other, nor from those without."""
    subscribers = Subscribers()
    for shard_id in ("a", "b", ""):
        subscribers.join(LOGS, shard_id=shard_id)

    assert [5, 5, 5] == subscribers.counts([log()] * 5)


def test_different_selectors_do_not_share() -> None:
    """All logs and the logs of one source, in one shard: both get everything."""
    subscribers = Subscribers()
    subscribers.join(LOGS, shard_id="a")
    subscribers.join(Selector(source_id="app", log=LogSelector()), shard_id="a")

    assert [5, 5] == subscribers.counts([log()] * 5)


METRICS = [counter("hits"), gauge("cpu", "memory")]


@pytest.mark.parametrize("envelope", METRICS, ids=["counter", "gauge"])
@pytest.mark.parametrize("names", [("x", "y", "z"), ("x", "", "")])
def test_one_name_makes_a_shard_deterministic(
    envelope: Envelope, names: tuple[str, ...]
) -> None:
    """Each counter and gauge then has one member that gets it, whoever came first."""
    shares = []
    for joining in (names, names[::-1]):
        subscribers = Subscribers()
        for name in joining:
            subscribers.join(*WHOLE_FIREHOSE, shard_id="a", name=name)
        counts = subscribers.counts([envelope] * 10)
        shares.append(sorted(zip(joining, counts, strict=True)))

    assert shares[0] == shares[1]
    assert [0, 0, 10] == sorted(count for _, count in shares[0])


def test_deterministic_members_divide_the_names() -> None:
    """Of many counters and gauges each member has some."""
    subscribers = Subscribers()
    for name in ("x", "y", "z"):
        subscribers.join(*WHOLE_FIREHOSE, shard_id="a", name=name)
    counters = subscribers.counts(counter(f"c{n}") for n in range(300))
    gauges = subscribers.counts(gauge(f"g{n}", "cpu") for n in range(300))

    assert [100] * 3 == pytest.approx(counters, abs=50)
    assert [100] * 3 == pytest.approx(gauges, abs=50)


@pytest.mark.parametrize(
    "envelope", [log(), TIMER, EVENT], ids=["log", "timer", "event"]
)
def test_logs_timers_and_events_stay_random(envelope: Envelope) -> None:
    """In a deterministic shard, too."""
    subscribers = Subscribers()
    for name in ("x", "y"):
        subscribers.join(*WHOLE_FIREHOSE, shard_id="a", name=name)

    assert [500] * 2 == pytest.approx(subscribers.counts([envelope] * 1000), abs=80)


def test_a_shard_is_random_again_when_the_named_member_left() -> None:
    """It is the members of the moment that count."""
    subscribers = Subscribers()
    leave = subscribers.join(COUNTERS, shard_id="a", name="x")
    subscribers.join(COUNTERS, shard_id="a")
    subscribers.join(COUNTERS, shard_id="a")
    leave()
    gone, *shares = subscribers.counts([counter("hits")] * 1000)

    assert 0 == gone
    assert [500] * 2 == pytest.approx(shares, abs=80)


def test_unsubscribed_is_gone() -> None:
    """Nothing comes any more, others are not touched, and twice does no harm."""
    subscribers = Subscribers()
    leave = subscribers.join(LOGS, LOGS, EVENTS, shard_id="a")
    subscribers.join(LOGS, shard_id="a")

    assert 2 == subscribers.pubsub.subscriptions

    leave()
    leave()

    assert 1 == subscribers.pubsub.subscriptions
    assert [0, 5] == subscribers.counts([log()] * 5)


def test_a_setter_may_unsubscribe_and_subscribe() -> None:
    """Who is subscribed may change while an envelope is handed out."""
    subscribers = Subscribers()

    def swap(_: Letter) -> None:
        leave()
        subscribers.join(LOGS)

    leave = subscribers.pubsub.subscribe(EgressBatchRequest(selectors=[LOGS]), swap)
    subscribers.pubsub.publish(POST.letter_of(log()))

    assert [1] == subscribers.counts([log()])


# The naive oracle: what was asked for in one list, looked through from end to end.

Thing: TypeAlias = tuple[str, str, frozenset[str]]
"""Source, kind and names: of an envelope, or asked for by a selector (empty: any)."""
Request: TypeAlias = tuple[str, list[Thing]]
"""A shard id, and what the selectors ask for."""

words = st.sampled_from(["", "a", "b"])
metrics = st.frozensets(st.sampled_from(["x", "y"]))
things: st.SearchStrategy[Thing] = st.one_of(
    st.tuples(words, st.sampled_from(["log", "timer", "event"]), st.just(frozenset())),
    st.tuples(words, st.just("counter"), st.sampled_from("xy").map(frozenset)),
    st.tuples(words, st.just("gauge"), metrics),
)
asked: st.SearchStrategy[Thing] = things | things.map(
    lambda thing: (thing[0], thing[1], frozenset())
)
joining = st.tuples(words, st.lists(asked, max_size=4))
leaving = st.integers(0, 9)


def selector_of(thing: Thing) -> Selector:
    """Return the selector that asks for this."""
    source_id, kind, names = thing
    match kind:
        case "counter":
            name = min(names, default="")
            return Selector(source_id=source_id, counter=CounterSelector(name=name))
        case "gauge":
            return Selector(source_id=source_id, gauge=GaugeSelector(names=names))
    selector = Selector(source_id=source_id)
    getattr(selector, kind).SetInParent()
    return selector


def envelope_of(thing: Thing) -> Envelope:
    """Return an envelope that is this."""
    source_id, kind, names = thing
    match kind:
        case "counter":
            return counter(min(names), source_id)
        case "gauge":
            return gauge(*names, source_id=source_id)
    envelope = Envelope(source_id=source_id)
    getattr(envelope, kind).SetInParent()
    return envelope


def wants(want: Thing, thing: Thing) -> bool:
    """Tell whether a selector matches, rule by rule."""
    return (
        want[0] in ("", thing[0])
        and want[1] == thing[1]
        and want[2] in (frozenset(), thing[2])
    )


def check_counts(members: dict[int, Request], thing: Thing, counts: list[int]) -> None:
    """Everyone has the copies due without a shard, each shard's were given once."""
    left, shards = list(counts), dict[tuple[str, Thing], list[int]]()
    for number, (shard_id, wanted) in members.items():
        for want in wanted:
            if not wants(want, thing):
                continue
            if shard_id:
                shards.setdefault((shard_id, want), []).append(number)
            else:
                left[number] -= 1

    assert len(shards) == sum(left)
    for number, share in enumerate(left):
        alone = sum({number} == set(shard) for shard in shards.values())
        together = sum(number in shard for shard in shards.values())

        assert alone <= share <= together


@given(st.lists(st.lists(asked, max_size=4), max_size=5), st.lists(things, max_size=20))
def test_together_is_as_one_after_the_other(
    requests: list[list[Thing]], sent: list[Thing]
) -> None:
    """Published at once, each subscriber gets the same envelopes in the same order."""
    single, together = Subscribers(), Subscribers()
    for number, wanted in enumerate(requests):
        for subscribers in (single, together):  # alone in its shard: nothing is drawn
            subscribers.join(*map(selector_of, wanted), shard_id=f"{number}" * 2)
    envelopes = [envelope_of(thing) for thing in sent]
    single.counts(envelopes)
    together.pubsub.publish_all(map(POST.letter_of, envelopes))

    assert single.received == together.received


@given(st.lists(things, min_size=1, max_size=20))
def test_together_a_shard_still_shares(sent: list[Thing]) -> None:
    """Of what is published at once, members of a shard share: nothing comes twice."""
    subscribers = Subscribers()
    for _ in range(2):
        subscribers.join(*WHOLE_FIREHOSE, shard_id="shared")
    subscribers.pubsub.publish_all(
        [POST.letter_of(envelope_of(thing)) for thing in sent]
    )

    assert len(sent) == sum(map(len, subscribers.received))


@given(st.lists(joining | leaving | things, max_size=30))
def test_everyone_gets_what_the_oracle_says(steps: list[Request | int | Thing]) -> None:
    """Whoever joins and leaves in between: copies and shares are those of the rules."""
    subscribers = Subscribers()
    members: dict[int, Request] = {}
    leaves: dict[int, Callable[[], None]] = {}
    for step in steps:
        if isinstance(step, int):
            members.pop(step, None)
            leaves.pop(step, lambda: None)()
        elif len(step) == 2:
            number, (shard_id, wanted) = len(subscribers.received), step
            members[number] = step
            leaves[number] = subscribers.join(
                *map(selector_of, wanted), shard_id=shard_id
            )
        else:
            check_counts(members, step, subscribers.counts([envelope_of(step)]))
    for leave in leaves.values():
        leave()

    assert {} == subscribers.pubsub._nodes
    assert 0 == subscribers.pubsub.subscriptions
