"""An OpenMetrics text file, for whatever collects such files: gauges of one report.

They are called `prober_report_…`, so that they never mix with the counters of a daemon.
"""

from collections.abc import Iterable
from functools import singledispatch

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from prober.clock import NS
from prober.report.comparison import Comparison
from prober.report.environment import EnvironmentReport
from prober.report.environments import Environments
from prober.report.formats import Subject
from prober.report.model import Consumer, Report
from prober.report.watched import Watched
from prober.report.words import harmless

_VERDICTS = ("met", "violated", "inconclusive", "no_data", "could_not_probe")


def render(subject: Subject) -> str:
    """Return the report as OpenMetrics text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(_families(subject)))
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return text.decode()


class _Told(Collector):
    """Families that were worked out beforehand."""

    def __init__(self, families: Iterable["_Family"]) -> None:
        self._families = [each.metric for each in families if each.metric.samples]

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._families


class _Family:
    """A gauge with its labels; values that are None are left out.

    One with quantiles is a summary: only these may have them.
    """

    def __init__(self, name: str, words: str, *labels: str) -> None:
        kind = "summary" if "quantile" in labels else "gauge"
        self.metric, self._labels = Metric(f"prober_report_{name}", words, kind), labels

    def add(self, value: float | None, *labels: str) -> None:
        if value is not None:
            of = dict(zip(self._labels, map(harmless, labels), strict=True))
            self.metric.add_sample(self.metric.name, of, float(value))


@singledispatch
def _families(subject: Subject) -> list[_Family]:
    raise TypeError(f"no metrics are of {type(subject).__name__}")


@_families.register
def _of_run(subject: Report) -> list[_Family]:
    times = _Family("end_timestamp_seconds", "What is told of ended then.", "env")
    times.add(subject.result.ended_at_ns / NS, subject.result.environment)
    return [times, *_environments([(subject.result.environment, subject)])]


@_families.register
def _of_environments(subject: Environments) -> list[_Family]:
    times = _Family("end_timestamp_seconds", "What is told of ended then.", "env")
    starts = _Family("start_timestamp_seconds", "The window began then.", "env")
    for each in subject.reports:
        times.add(each.until_ns / NS, each.environment)
        starts.add(each.from_ns / NS, each.environment)
    named = [(each.environment, each) for each in subject.reports]
    return [times, starts, *_environments(named)]


@_families.register
def _of_comparison(subject: Comparison) -> list[_Family]:
    sides = ("consumer", "side")
    bad = _Family("compared_bad", "Messages lost or damaged, before and after.", *sides)
    accepted = _Family("compared_accepted", "Messages that count.", *sides)
    worse = _Family("regressed", "1 where it got worse.", "consumer")
    chance = _Family("p_value", "Chance of such loss had nothing changed.", "consumer")
    for each in subject.consumers:
        for side, sample in (("before", each.before), ("after", each.after)):
            bad.add(sample.counted.bad, each.consumer, side)
            accepted.add(sample.counted.total, each.consumer, side)
        worse.add(float(each.state == "worse"), each.consumer)
        if each.regression is not None:
            chance.add(each.regression.p_value, each.consumer)
    return [bad, accepted, worse, chance]


def _environments(
    reports: Iterable[tuple[str, Report | EnvironmentReport]],
) -> list[_Family]:
    objective = _Family("objective_ratio", "Share to be delivered.", "env")
    verdict = _Family("verdict", "1 for the verdict that holds.", "env", "verdict")
    supports = _Family("supports_ratio", "What can be promised, at 95 %.", "env")
    consumers = _Consumers()
    for env, report in reports:
        if report.target is not None:
            objective.add(float(report.target), env)
            for each in _VERDICTS:
                verdict.add(float(each == report.verdict.state), env, each)
        supports.add(report.claim.supports, env)
        for consumer in report.consumers:
            consumers.add(env, consumer)
    return [objective, verdict, supports, *consumers.families()]


class _Consumers:
    """The families of which every consumer has a sample."""

    def __init__(self) -> None:
        of = ("env", "consumer")
        self._messages = _Family(
            "messages", "Messages that count, by fate.", *of, "result"
        )
        self._cycles = _Family("cycles", "Cycles, by how they ended.", *of, "state")
        self._budget = _Family("budget_remaining_ratio", "What is left of it.", *of)
        self._coverage = _Family("coverage_ratio", "Cycles that count.", *of)
        self._nines = _Family("nines", "Counted, and to be claimed.", *of, "bound")
        self._latency = _Family("latency_seconds", "Send to receive.", *of, "quantile")

    def add(self, env: str, consumer: Consumer | Watched) -> None:
        """Add one consumer's samples."""
        of = (env, consumer.name)
        for fate in ("on_time", "late", "corrupt", "lost"):
            self._messages.add(getattr(consumer.valid, fate), *of, fate)
        for state, count in consumer.states.items():
            self._cycles.add(count, *of, state.value)
        if consumer.budget is not None:
            self._budget.add(float(consumer.budget.remaining), *of)
        if consumer.coverage is not None:
            self._coverage.add(float(consumer.coverage), *of)
        self._nines.add(consumer.nines, *of, "point")
        self._nines.add(consumer.bounds.nines_lower, *of, "lower95")
        took = consumer.latency
        for quantile, seconds in (
            ("0.5", took.p50),
            ("0.9", took.p90),
            ("0.99", took.p99),
            ("0.999", took.p999),
            ("1.0", took.max),
        ):
            self._latency.add(seconds, *of, quantile)

    def families(self) -> list[_Family]:
        """Return them in their order."""
        return [
            self._messages,
            self._cycles,
            self._budget,
            self._coverage,
            self._nines,
            self._latency,
        ]
