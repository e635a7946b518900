"""What a Prometheus scrapes: counters of messages and cycles, and how it stands.

All counters of a cycle grow together when it is final, and every set of labels is there
from the start, at 0. What is told of a budget is computed from history, so that a
restart changes none of it.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.openmetrics.exposition import (
    CONTENT_TYPE_LATEST,
    generate_latest,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from prober import __version__
from prober.bounds import BOUNDS, RSS_LIMIT
from prober.clock import NS
from prober.history import CycleRecord, Live, LiveConsumer
from prober.report.now import Silence
from prober.slo import parse_target
from prober.store import Waiting
from prober.watch.alerts.facts import Expiry
from prober.watch.counters import BESIDE, FATES, POWERS, Series
from prober.watch.standing import Standing
from prober.watch.watched import Watched

CONTENT_TYPE = CONTENT_TYPE_LATEST
SLO = "delivery"
"""The one objective of an environment: the share of messages that is delivered."""
MODE = "continuous"

_Key = tuple[str, str]
"""Environment and consumer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upkeep:
    """How the daemon itself stands, beside its environments."""

    at_ns: int
    waiting: Waiting
    silent: int


class Metrics(Collector):
    """Keeps what is counted since the start, and renders it; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[_Key, Series] = {}
        self._targets = dict[str, Decimal]()
        self._lives: dict[str, Live] = {}
        self._standings: dict[str, Standing] = {}
        self._burns: dict[str, Mapping[str, float | None]] = {}
        self._upkeep: _Upkeep | None = None
        self._expiries: Sequence[Expiry] = ()
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def expect(self, watched: Watched) -> None:
        """Make every series of an environment be there, at 0 where it is new."""
        with self._lock:
            for consumer in watched.consumers:
                self._series.setdefault((watched.name, consumer), Series())
            if watched.target is None:
                self._targets.pop(watched.name, None)
            else:
                self._targets[watched.name] = parse_target(watched.target)

    def forget(self, environment: str) -> None:
        """Leave out an environment that is no longer watched."""
        with self._lock:
            for key in [key for key in self._series if key[0] == environment]:
                del self._series[key]
            for kept in (self._targets, self._lives, self._standings, self._burns):
                kept.pop(environment, None)

    def closed(self, cycles: Sequence[CycleRecord]) -> None:
        """Count one cycle as all its consumers saw it, at once."""
        with self._lock:
            for cycle in cycles:
                key = (cycle.environment, cycle.consumer)
                self._series.setdefault(key, Series()).add(cycle)

    def missed(self, watched: Watched, cycles: int, reason: str) -> None:
        """Count cycles that nobody began, at every consumer."""
        with self._lock:
            for consumer in watched.consumers:
                series = self._series.setdefault((watched.name, consumer), Series())
                series.miss(cycles, reason)

    def live(self, live: Live) -> None:
        """Take what is going on in an environment."""
        with self._lock:
            self._lives[live.environment] = live

    def stand(self, standing: Standing, burns: Mapping[str, float | None]) -> None:
        """Take how an environment stands, and its burn rate by window (`1h`)."""
        with self._lock:
            self._standings[standing.environment] = standing
            self._burns[standing.environment] = burns

    def round(self, at_ns: int, waiting: Waiting, silent: Sequence[Silence]) -> None:
        """Take how the daemon itself stands."""
        with self._lock:
            self._upkeep = _Upkeep(at_ns=at_ns, waiting=waiting, silent=len(silent))

    def dated(self, expiries: Sequence[Expiry]) -> None:
        """Take when certificates of ours end."""
        with self._lock:
            self._expiries = expiries

    def text(self) -> str:
        """Return everything in the text form of OpenMetrics 1.0."""
        text: bytes = generate_latest(self._registry)  # type: ignore[no-untyped-call]
        return text.decode()

    def describe(self) -> Iterable[Metric]:
        """Return nothing: there are no other collectors to clash with."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every family, all of one moment."""
        with self._lock:
            families = [
                *self._messages(),
                self._cycles(),
                self._latency(),
                *self._now(),
                *self._slo(),
                self._certificates(),
                *self._daemon(),
            ]
        yield from families

    def _messages(self) -> Iterator[Metric]:
        messages = CounterMetricFamily(
            "prober_messages",
            "Accepted messages of cycles that count, by what became of them.",
            labels=["env", "slo", "mode", "consumer", "result"],
        )
        for (env, consumer), series in self._series.items():
            for result, count in series.fates.items():
                messages.add_sample(
                    "prober_messages_total",
                    {
                        "env": env,
                        "slo": SLO,
                        "mode": MODE,
                        "consumer": consumer,
                        "result": result,
                    },
                    count,
                    exemplar=_exemplar(result, series),
                )
        yield messages
        for name, (words, _) in BESIDE.items():
            family = CounterMetricFamily(
                f"prober_messages_{name}", words, labels=["env", "mode", "consumer"]
            )
            for (env, consumer), series in self._series.items():
                family.add_metric([env, MODE, consumer], series.beside[name])
            yield family

    def _cycles(self) -> Metric:
        family = CounterMetricFamily(
            "prober_cycles",
            "Final cycles, by how they ended and why.",
            labels=["env", "mode", "consumer", "state", "reason"],
        )
        for (env, consumer), series in self._series.items():
            for (state, reason), count in series.cycles.items():
                family.add_metric([env, MODE, consumer, state.value, reason], count)
        return family

    def _latency(self) -> Metric:
        family = HistogramMetricFamily(
            "prober_delivery_latency_seconds",
            "Send to receive, of intact first arrivals in cycles that count.",
            labels=["env", "consumer"],
        )
        edges = [*(repr((1 << power) / NS) for power in POWERS), "+Inf"]
        for (env, consumer), series in self._series.items():
            counts = zip(edges, accumulate(series.buckets), strict=True)
            sum_ns = series.latency_ns
            seconds = None if sum_ns is None else sum_ns / NS
            family.add_metric([env, consumer], list(counts), seconds)
        return family

    def _now(self) -> Iterator[Metric]:
        last = _gauge(
            "prober_last_cycle_timestamp_seconds",
            "When the last cycle that counts was final; 0 before any.",
            "env",
            "consumer",
        )
        for key, series in self._series.items():
            final_ns = series.last.final_ns if series.last else 0
            last.add_metric(key, (final_ns or 0) / NS)
        yield last
        measuring = _gauge("prober_measuring", "Whether an environment is.", "env")
        own = _gauge(
            "prober_own_messages_per_second", "What we add to the pipeline.", "env"
        )
        for env, live in self._lives.items():
            measuring.add_metric([env], live.measuring)
            own.add_metric([env], live.own_rate)
        yield from (measuring, own)
        yield from self._consumers()
        yield from self._health()

    def _consumers(self) -> Iterator[Metric]:
        for name, words, of in _OF_CONSUMERS:
            family = _gauge(f"prober_consumer_{name}", words, "env", "consumer")
            for env, live in self._lives.items():
                for consumer in live.consumers:
                    family.add_metric([env, consumer.name], of(consumer))
            yield family

    def _health(self) -> Iterator[Metric]:
        """Yield what the daemon measures on itself, by the names that it has there."""
        names = dict.fromkeys(
            name for each in self._lives.values() for name in each.health
        )
        for name in names:
            family = _gauge(f"prober_own_{name}", _measured(name), "env")
            for env, live in self._lives.items():
                if name in live.health:
                    family.add_metric([env], live.health[name])
            yield family

    def _slo(self) -> Iterator[Metric]:
        objective = _gauge("prober_slo_objective_ratio", "The objective.", "env", "slo")
        for env, target in self._targets.items():
            objective.add_metric([env, SLO], float(target))
        yield objective
        for name, words, of in _OF_STANDINGS:
            family = _gauge(f"prober_slo_{name}", words, "env", "slo")
            for env, standing in self._standings.items():
                value = of(standing)
                if value is not None:  # nothing is known: no figure stands for that
                    family.add_metric([env, SLO], value)
            yield family
        nines = _gauge(
            "prober_slo_nines",
            "Nines of the window: counted, and supported with 95 % confidence.",
            *("env", "slo", "bound"),
        )
        burn = _gauge(
            "prober_slo_burn_rate",
            "Of the worst consumer; 1 spends the budget exactly in its window.",
            *("env", "slo", "window"),
        )
        for env, standing in self._standings.items():
            both = {"point": standing.nines, "lower95": standing.nines_supported}
            _add(nines, env, both)
            _add(burn, env, self._burns[env])
        yield from (nines, burn)

    def _certificates(self) -> Metric:
        family = _gauge(
            "prober_certificate_expiry_timestamp_seconds",
            "When a certificate of ours ends; of no environment those of the page.",
            *("env", "what", "file"),
        )
        for each in self._expiries:
            labels = [each.environment, each.what, each.file]
            family.add_metric(labels, each.ends_ns / NS)
        return family

    def _daemon(self) -> Iterator[Metric]:
        yield InfoMetricFamily("prober_build", "What runs.", {"version": __version__})
        kept = self._upkeep
        if kept is None:
            return
        for name, words, value in (
            # A dead man's handle: alert when it is old.
            (
                "heartbeat_timestamp_seconds",
                "When the daemon last did its round.",
                kept.at_ns / NS,
            ),
            (
                "store_up",
                "Whether history can be written.",
                kept.waiting.since_ns is None,
            ),
            (
                "silent_neighbours",
                "Environments of other daemons that nobody speaks of.",
                kept.silent,
            ),
            (
                "store_waiting_results",
                "Results that wait in memory for it.",
                kept.waiting.results,
            ),
        ):
            family = _gauge(f"prober_{name}", words)
            family.add_metric([], value)
            yield family
        dropped = CounterMetricFamily(
            "prober_store_dropped_results", "Results that found no room there."
        )
        dropped.add_metric([], kept.waiting.overflowed)
        yield dropped


_OF_CONSUMERS: tuple[tuple[str, str, Callable[[LiveConsumer], float]], ...] = (
    ("connected", "Whether its stream is up.", lambda c: c.connected),
    ("blind", "Whether a new subscription gets what it misses.", lambda c: c.blind),
    ("lag_seconds", "From arrival to booking.", lambda c: c.lag_seconds),
    ("overdue_messages", "Sent, and late already.", lambda c: c.overdue),
)
_OF_STANDINGS: tuple[tuple[str, str, Callable[[Standing], float | None]], ...] = (
    (
        "error_budget_remaining_ratio",
        "Of the worst consumer's budget; negative when overspent.",
        lambda s: s.budget.remaining,
    ),
    ("coverage_ratio", "Cycles that count, of those scheduled.", lambda s: s.coverage),
)


def _gauge(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, labels=labels)


def _measured(name: str) -> str:
    """Return what a figure of ours is, and from where on it voids cycles."""
    words = "Measured on the prober itself over the last minute"
    if name not in BOUNDS:
        return f"{words}."
    bound = BOUNDS[name]
    most = RSS_LIMIT if name == "rss_bytes" else f"{bound.most:g}"
    return f"{words}: {bound.shown}; more than {most} voids cycles."


def _add(
    family: GaugeMetricFamily, env: str, values: Mapping[str, float | None]
) -> None:
    for label_, value in values.items():
        if value is not None:
            family.add_metric([env, SLO, label_], value)


def _exemplar(result: str, series: Series) -> Exemplar | None:
    """Return the run of the cycle that last added to a fate."""
    bad = result in ("lost", "corrupt")
    cycle = series.last_bad if bad else series.last
    if cycle is None or cycle.final_ns is None or not FATES[result](cycle.counts):
        return None
    value = float(FATES[result](cycle.counts))
    return Exemplar({"run_id": cycle.run_id}, value, cycle.final_ns / NS)
