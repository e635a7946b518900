"""What a Prometheus scrapes of a daemon."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from prober.bounds import BOUNDS
from prober.clock import NS
from prober.history import Live, LiveConsumer
from prober.records import Counts, State
from prober.store import Waiting
from prober.watch.alerts.facts import Expiry
from prober.watch.metrics import Metrics
from prober.watch.standing import standing
from tests.watch.facts import START_NS, cycle, watched, window

OTHERS = ("rss_limit_bytes", "queue_high_water_bytes", "open_files", "cpu_ratio")
"""What the daemon measures on itself that has no bound."""
STEMS = ("prober_messages_", "prober_consumer_", "prober_slo_", "prober_")
"""What `…_` stands for, in the documentation."""


def samples(metrics: Metrics, name: str, **labels: str) -> list[Sample]:
    """Return the samples of a name that have some labels, as a scraper reads them."""
    families = text_string_to_metric_families(  # type: ignore[no-untyped-call]
        metrics.text()
    )
    return [
        sample
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """Return the value of the one such sample."""
    (found,) = samples(metrics, name, **labels)
    return float(found.value)


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of one environment with two consumers, and an objective."""
    metrics = Metrics()
    metrics.expect(watched("prod", "rlp", "gateway"))
    return metrics


def test_every_series_from_the_start(metrics: Metrics) -> None:
    """Before any cycle, each fate, state and reason is there, at 0."""
    for consumer in ("rlp", "gateway"):
        fates = samples(metrics, "prober_messages_total", consumer=consumer)
        assert {"on_time", "late", "corrupt", "lost"} == {
            each.labels["result"] for each in fates
        }
        cycles = samples(metrics, "prober_cycles_total", consumer=consumer)
        assert {state.value for state in State} == {c.labels["state"] for c in cycles}
        assert {0} == {each.value for each in [*fates, *cycles]}


def test_a_cycle_counts_at_once(metrics: Metrics) -> None:
    """The fates of a cycle add up to what was accepted, and the run is an exemplar."""
    counts = Counts(attempted=300, accepted=300, on_time=290, late=7, lost=2, corrupt=1)
    metrics.closed([cycle(0, State.LOSS, counts=counts, consumer="rlp")])

    fates = samples(metrics, "prober_messages_total", consumer="rlp")
    assert 300 == sum(each.value for each in fates)
    lost = next(each for each in fates if each.labels["result"] == "lost")
    assert lost.exemplar is not None
    assert {"run_id": "k3v9x2m4q7a"} == lost.exemplar.labels
    assert 1 == value(
        metrics, "prober_cycles_total", consumer="rlp", state="loss", reason="lost"
    )
    assert START_NS / NS < value(
        metrics, "prober_last_cycle_timestamp_seconds", consumer="rlp"
    )


def test_what_does_not_count(metrics: Metrics) -> None:
    """Messages of a cycle that is our fault are in no fate, and the cycle is told."""
    counts = Counts(
        attempted=300, rejected=7, ambiguous=5, accepted=288, on_time=88, lost=200
    )
    words = "our reader was 2.3 s behind (limit 1 s)"
    metrics.closed([cycle(0, State.INVALID, counts=counts, reason=words)])

    assert {0} == {each.value for each in samples(metrics, "prober_messages_total")}
    assert 7 == value(metrics, "prober_messages_rejected_total", consumer="rlp")
    assert 5 == value(metrics, "prober_messages_ambiguous_total", consumer="rlp")
    assert 1 == value(
        metrics,
        "prober_cycles_total",
        state="invalid",
        reason="reader_lag",
        consumer="rlp",
    )


def test_cycles_that_nobody_began(metrics: Metrics) -> None:
    """They are counted at every consumer, apart where it was we who fell behind."""
    watched_ = watched("prod", "rlp", "gateway")
    metrics.missed(watched_, 3, "no connection to the agent")
    metrics.missed(watched_, 2, "prober was not able to begin it in time")

    name = "prober_cycles_total"
    for consumer in ("rlp", "gateway"):
        told = {"state": "missed", "consumer": consumer}
        assert 3 == value(metrics, name, reason="other", **told)
        assert 2 == value(metrics, name, reason="behind", **told)


def test_reasons_make_no_series(metrics: Metrics) -> None:
    """Whatever a reason says, the labels are those from the start."""
    before = len(samples(metrics, "prober_cycles_total"))
    for index, state in enumerate(State):
        metrics.closed([cycle(index, state, reason=f"what nobody knew {index}")])

    assert before == len(samples(metrics, "prober_cycles_total"))


def test_latencies(metrics: Metrics) -> None:
    """A latency is counted in the first bucket that it does not exceed."""
    edge_ns = 1 << 20
    metrics.closed([cycle(0, State.PASS, latencies_ns=[edge_ns - 1, edge_ns * 3 // 2])])

    buckets = {
        each.labels["le"]: each.value
        for each in samples(
            metrics, "prober_delivery_latency_seconds_bucket", consumer="rlp"
        )
    }
    assert (1, 2, 2) == (
        buckets["0.001048576"],
        buckets["0.002097152"],
        buckets["+Inf"],
    )
    name = "prober_delivery_latency_seconds"
    assert 2 == value(metrics, f"{name}_count", consumer="rlp")
    sum_ns = (edge_ns - 1) + edge_ns * 3 // 2
    assert sum_ns / NS == value(metrics, f"{name}_sum", consumer="rlp")


def test_the_slowest(metrics: Metrics) -> None:
    """What took longer than the last bucket is in the one without an end."""
    metrics.closed([cycle(0, State.PASS, latencies_ns=[100 * NS])])

    found = samples(metrics, "prober_delivery_latency_seconds_bucket", consumer="rlp")
    assert [0, 1] == [each.value for each in found][-2:]


def test_standing(metrics: Metrics) -> None:
    """The objective, and what is left of its budget, over its window in history."""
    stands = standing(
        window([(60_000, 30), (60_000, 0)]), Decimal("0.999"), worst_burst=1
    )
    assert stands is not None
    metrics.stand(stands, {"1h": 0.5, "6h": None})

    assert 0.999 == value(metrics, "prober_slo_objective_ratio")
    assert 0.75 == value(metrics, "prober_slo_error_budget_remaining_ratio")
    assert 0.5 == value(metrics, "prober_slo_burn_rate", window="1h")
    assert [] == samples(metrics, "prober_slo_burn_rate", window="6h")
    point = value(metrics, "prober_slo_nines", bound="point")
    assert point > value(metrics, "prober_slo_nines", bound="lower95") > 2


def test_live(metrics: Metrics) -> None:
    """What goes on now: connections, what is overdue, and how well we are."""
    metrics.live(live())

    assert 1 == value(metrics, "prober_measuring", env="prod")
    assert 0 == value(metrics, "prober_consumer_connected", consumer="gateway")
    assert 12 == value(metrics, "prober_consumer_overdue_messages", consumer="rlp")
    assert 0.003 == value(metrics, "prober_own_loop_lag_max_seconds")


def test_the_dead_mans_handle(metrics: Metrics) -> None:
    """The daemon tells when it last did its round, and how it stands with its store."""
    away = Waiting(
        results=7, bytes=0, since_ns=START_NS, why="locked", overflowed=2, refused=0
    )
    metrics.round(START_NS, away, ())

    assert START_NS / NS == value(metrics, "prober_heartbeat_timestamp_seconds")
    assert 0 == value(metrics, "prober_store_up")
    assert 7 == value(metrics, "prober_store_waiting_results")
    assert 2 == value(metrics, "prober_store_dropped_results_total")


def test_no_longer_watched(metrics: Metrics) -> None:
    """An environment that left the configuration leaves the metrics."""
    metrics.live(live())
    metrics.forget("prod")

    assert "prod" not in metrics.text()


def test_hostile_names() -> None:
    """A name with quotes and line ends is still one label."""
    metrics = Metrics()
    metrics.expect(watched('a"b\n# EOF', "r\\", target=None))

    (found,) = samples(metrics, "prober_messages_total", result="lost")
    assert 'a"b\n# EOF' == found.labels["env"]


def full() -> Metrics:
    """Metrics of a daemon that knows everything that it can."""
    metrics = Metrics()
    metrics.expect(watched("prod", "rlp", "gateway"))
    metrics.live(live())
    there = Waiting(results=0, bytes=0, since_ns=None, why="", overflowed=0, refused=0)
    metrics.round(START_NS, there, ())
    stands = standing(window([(60_000, 3)]), Decimal("0.999"), worst_burst=1)
    assert stands is not None
    metrics.stand(stands, {"1h": 0.5})
    metrics.dated([Expiry(environment="", what="a", file="b", ends_ns=3 * NS)])
    return metrics


def test_when_certificates_end() -> None:
    """Each of ours is there by its file; that of the page is of no environment."""
    name = "prober_certificate_expiry_timestamp_seconds"

    assert 3 == value(full(), name, env="", what="a", file="b")


def test_every_metric_is_documented() -> None:
    """What is served stands in the documentation, and the other way round."""
    families = text_string_to_metric_families(  # type: ignore[no-untyped-call]
        full().text()
    )
    ends = {"counter": "_total", "info": "_info"}
    served = {each.name + ends.get(each.type, "") for each in families}

    assert documented() == served


def documented() -> set[str]:
    """Return the metrics that reports/README.md names; `…_x` continues the first."""
    text = Path("reports/README.md").read_text("utf-8")
    section = text.split("## Metrics")[1].split("\n## ")[0]
    found = set()
    for row in (line for line in section.splitlines() if line.startswith("| `prober_")):
        first, *others = re.findall(r"`(prober_[a-z_]+|…_[a-z_]+)`", row.split("|")[1])
        stem = next(each for each in STEMS if first.startswith(each))
        found |= {first, *(each.replace("…_", stem) for each in others)}
    for name in re.findall(r"`(prober_own_[a-z_]+)`", section):
        found.add(name)
    return found


@pytest.mark.parametrize("name", BOUNDS)
def test_every_bound_is_documented(name: str) -> None:
    """Bound and reason stand beside the metric, as the table has them."""
    bound = BOUNDS[name]
    text = Path("reports/README.md").read_text("utf-8")
    (row,) = [
        each for each in text.splitlines() if each.startswith(f"| `prober_own_{name}`")
    ]

    assert f"| `{bound.label}` |" in row
    assert "`watch.max_memory`" in row or f"| {bound.most:g} s |" in row


def live() -> Live:
    """Return an environment of which one consumer is away."""
    one = LiveConsumer(
        name="rlp",
        connected=True,
        blind=False,
        lag_seconds=0.001,
        under_way=20,
        due=30,
        overdue=12,
        overdue_since_ns=None,
        last_arrival_ns=START_NS,
    )
    other = LiveConsumer(
        name="gateway",
        connected=False,
        blind=False,
        lag_seconds=0.0,
        under_way=20,
        due=30,
        overdue=30,
        overdue_since_ns=None,
        last_arrival_ns=None,
        detail="404",
    )
    return Live(
        environment="prod",
        daemon="host:1",
        at_ns=START_NS,
        since_ns=START_NS,
        measuring=True,
        why_not="",
        ours=False,
        every_ns=60 * NS,
        last_cycle_ns=START_NS,
        retries=0,
        ended=False,
        consumers=(one, other),
        health={
            **dict.fromkeys(BOUNDS, 0.0),
            "loop_lag_max_seconds": 0.003,
            **dict.fromkeys(OTHERS, 1.0),
        },
        own_rate=5.0,
        foreign_rate=None,
        waiting=0,
    )
