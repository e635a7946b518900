"""An agent's own totals: what they grew by, whatever becomes of the agent."""

from prober.ledger.scraped import ScrapedCounters, Totals

IN = ("dropped", frozenset({("direction", "ingress"), ("metric_version", "2.0")}))
OUT = ("dropped", frozenset({("direction", "egress"), ("metric_version", "2.0")}))
EXPIRED = ("egress_expired_total", frozenset({("protocol", "loggregator")}))


def grown(*looks: Totals) -> dict[tuple[str, str], int]:
    """What counters grew by over some looks, a second apart."""
    counters = ScrapedCounters("10.0.0.1:14824")
    for number, look in enumerate(looks, start=1):
        counters.take(look, number)
    return {(e.counter, e.direction): e.increase for e in counters.increases()}


def test_what_was_there_before_is_not_counted() -> None:
    """Only the difference to the first look is the run's."""
    assert {("dropped", "ingress"): 0} == grown({IN: 10_000})
    assert {("dropped", "ingress"): 3} == grown(
        {IN: 10_000}, {IN: 10_001}, {IN: 10_003}
    )


def test_restart_begins_at_nothing() -> None:
    """A total that fell belongs to a new life, and all of it is new."""
    assert {("dropped", "ingress"): 12} == grown({IN: 100}, {IN: 105}, {IN: 7})


def test_series_that_appears_was_nothing_before() -> None:
    """A counter that is there only after a while has grown by all it has."""
    assert {("dropped", "egress"): 4, ("dropped", "ingress"): 0} == grown(
        {IN: 1}, {IN: 1, OUT: 4}
    )


def test_forwarder_agents_expired_envelopes_are_its_drops_on_the_way_out() -> None:
    """What a forwarder agent could not hand on in time has a counter of its own."""
    assert {("egress_expired_total", "egress"): 2} == grown({EXPIRED: 1}, {EXPIRED: 3})


def test_nothing_was_seen() -> None:
    """Without a look there is nothing to tell."""
    assert {} == grown()


def test_times_are_those_of_the_first_and_the_last_look() -> None:
    """What grew did so between the two."""
    counters = ScrapedCounters("10.0.0.1:14824")
    counters.take({IN: 0}, 5)
    counters.take({IN: 1}, 9)

    (found,) = counters.increases()
    assert ("own agent", "10.0.0.1:14824", 5, 9) == (
        found.component,
        found.instance,
        found.from_ns,
        found.to_ns,
    )
