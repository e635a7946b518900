"""The daemon's alerts as rules of Prometheus, by the names that Sloth gives them.

Dashboards that know Sloth's recordings (`slo:sli_error:ratio_rate5m`, labels `sloth_*`)
work with them as they are. Ratios are sums over sums, never means of ratios, and an
objective holds for each consumer: what is recorded is the worst one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from prober import slo
from prober.clock import NS
from prober.watch.alerts.burning import NAME as BURN
from prober.watch.alerts.burning import SLO, window_name
from prober.watch.alerts.unmeasured import IN_A_ROW
from prober.watch.alerts.unmeasured import NAME as NO_DATA
from prober.watch.alerts.warnings import BLIND, CERTIFICATE, SOON_NS

SERVICE = "loggregator-firehose"
DAEMON = "ProbeDaemonSilent"
_DAY_S = 86_400
_NO_DATA_SECONDS = 600
_HEARTBEAT_SECONDS = 120
"""The daemon makes a round every few seconds."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One environment's objective, and how often it is probed."""

    environment: str
    target: Decimal
    window_s: int
    every_s: int

    @property
    def identity(self) -> str:
        """What Sloth calls `sloth_id`."""
        return f"{SERVICE}-{self.environment}-{SLO}"

    @property
    def budget(self) -> str:
        """One minus the objective, exactly, as a number of Prometheus."""
        return f"{(1 - self.target).normalize():f}"

    @property
    def period(self) -> str:
        """The objective's window, as Prometheus writes it."""
        return window_name(self.window_s)

    def rules(self) -> tuple[slo.Rule, ...]:
        """Return its burn-rate rules; raises UsageError for a window without any."""
        return slo.burn_rules(round(self.window_s / _DAY_S), every_s=self.every_s)


def refusals(objective: Objective) -> list[str]:
    """Return why rules of an objective are left out: they could do no work."""
    found = (
        slo.refusal(
            rule,
            objective.target,
            period_s=objective.window_s,
            every_s=objective.every_s,
        )
        for rule in objective.rules()
    )
    return [f"{objective.environment}: {why}" for why in found if why]


def document(objectives: Sequence[Objective], cadences: Mapping[str, int]) -> Json:
    """Return a file of rules: recordings and alerts of objectives, and of all else.

    `cadences` tells of every environment how many seconds a cycle takes.
    """
    groups = [group for each in objectives for group in _groups(each)]
    others = [*(_no_data(*each) for each in cadences.items()), *_general()]
    return {"groups": [*groups, {"name": "prober-alerts", "rules": others}]}


def _groups(objective: Objective) -> Iterator[Json]:
    identity = objective.identity
    rules = slo.usable(
        objective.rules(),
        objective.target,
        period_s=objective.window_s,
        every_s=objective.every_s,
    )
    recordings = [*_sli(objective, rules)]
    yield {"name": f"sloth-slo-sli-recordings-{identity}", "rules": recordings}
    yield {
        "name": f"sloth-slo-meta-recordings-{identity}",
        "rules": [*_meta(objective)],
    }
    alerts = [_burn(objective, rule) for rule in rules]
    yield {"name": f"sloth-slo-alerts-{identity}", "rules": alerts}


def _labels(objective: Objective) -> dict[str, str]:
    return {
        "sloth_id": objective.identity,
        "sloth_service": SERVICE,
        "sloth_slo": f"{objective.environment}-{SLO}",
        "env": objective.environment,
    }


def _selector(objective: Objective, more: str = "") -> str:
    return f'env={_quoted(objective.environment)},mode="continuous"{more}'


def _quoted(text: str) -> str:
    """Write a text as a string of PromQL."""
    escaped = text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'"{escaped}"'


def _ratio(objective: Objective, window: str) -> str:
    """Return the loss ratio of the worst consumer over a window: sum over sum."""
    bad = _selector(objective, ',result=~"lost|corrupt"')
    total = _selector(objective)
    return (
        f"max(\n"
        f"  sum by (consumer) (increase(prober_messages_total{{{bad}}}[{window}]))\n"
        f"  /\n"
        f"  (sum by (consumer) (increase(prober_messages_total{{{total}}}[{window}]))"
        f" > 0)\n"
        f")"
    )


def _sli(objective: Objective, rules: Sequence[slo.Rule]) -> Iterator[Json]:
    windows = {s for rule in rules for s in (rule.short_s, rule.long_s)}
    for seconds in sorted({*windows, objective.window_s}):
        window = window_name(seconds)
        yield {
            "record": f"slo:sli_error:ratio_rate{window}",
            "expr": _ratio(objective, window),
            "labels": {**_labels(objective), "sloth_window": window},
        }


def _meta(objective: Objective) -> Iterator[Json]:
    labels = _labels(objective)
    mine = f"sloth_id={_quoted(objective.identity)}"
    budget = f"slo:error_budget:ratio{{{mine}}}"
    short = next(iter(sorted({r.short_s for r in objective.rules()})))
    on = "on(sloth_id) group_left"
    for record, expression in (
        ("slo:objective:ratio", f"vector({objective.target.normalize():f})"),
        ("slo:error_budget:ratio", f"vector({objective.budget})"),
        ("slo:time_period:days", f"vector({objective.window_s // _DAY_S})"),
        (
            "slo:current_burn_rate:ratio",
            f"slo:sli_error:ratio_rate{window_name(short)}{{{mine}}} / {on} {budget}",
        ),
        (
            "slo:period_burn_rate:ratio",
            f"slo:sli_error:ratio_rate{objective.period}{{{mine}}} / {on} {budget}",
        ),
        (
            "slo:period_error_budget_remaining:ratio",
            f"1 - slo:period_burn_rate:ratio{{{mine}}}",
        ),
    ):
        yield {"record": record, "expr": expression, "labels": labels}
    yield {
        "record": "sloth_slo_info",
        "expr": "vector(1)",
        "labels": {
            **labels,
            "sloth_mode": "cli-gen-prom",
            "sloth_objective": f"{(objective.target * 100).normalize():f}",
            "sloth_spec": "prometheus/v1",
            "sloth_version": "prober",
        },
    }


def _burn(objective: Objective, rule: slo.Rule) -> Json:
    mine = f"sloth_id={_quoted(objective.identity)}"
    least = f"({_number(rule.factor)} * {objective.budget})"
    long, short = window_name(rule.long_s), window_name(rule.short_s)
    expression = (
        f"slo:sli_error:ratio_rate{long}{{{mine}}} >= {least}\n"
        f"and on(sloth_id)\n"
        f"slo:sli_error:ratio_rate{short}{{{mine}}} >= {least}"
    )
    if rule.min_lossy:
        lossy = _selector(objective, ',state="loss"')
        # An increase is extrapolated: half a cycle less is not one cycle fewer.
        expression += (
            f"\nand on()\n"
            f"max(sum by (consumer) (increase(prober_cycles_total{{{lossy}}}[{long}])))"
            f" >= {rule.min_lossy - 0.5:g}"
        )
    return {
        "alert": BURN,
        "expr": expression,
        "labels": {
            "sloth_severity": rule.severity,
            "severity": rule.severity,
            "env": objective.environment,
            "slo": SLO,
            "long_window": long,
        },
        "annotations": {
            "summary": (
                f"{objective.environment}: the error budget of "
                f"{slo.format_target(objective.target)} over {objective.period} burns "
                f"{_number(rule.factor)} times too fast, or faster"
            ),
            "description": (
                "{{ $value | humanizePercentage }} of the probe's messages were lost "
                f"or damaged over {long}; see prober status {objective.environment}."
            ),
        },
    }


def _no_data(environment: str, every_s: int) -> Json:
    after_s = max(_NO_DATA_SECONDS, IN_A_ROW * every_s)
    last = f"prober_last_cycle_timestamp_seconds{{env={_quoted(environment)}}}"
    return {
        "alert": NO_DATA,
        # It is 0 until a first cycle counts, which has to come within that time too.
        "expr": (
            f"time() - min({last} > 0) > {after_s}\n"
            f"or\n"
            f"max_over_time(min({last})[{after_s}s:]) == 0"
        ),
        "labels": {"severity": "ticket", "env": environment},
        "annotations": {
            "summary": f"{environment}: nothing is measured",
            "description": (
                f"No cycle counted for {slo.format_duration(after_s)}; why not is told "
                f"by prober status {environment}."
            ),
        },
    }


def _general() -> Iterator[Json]:
    """Yield what holds for every environment, and for the daemon itself."""
    yield {
        "alert": BLIND,
        "expr": "max by (env) (prober_consumer_blind) == 1",
        "labels": {"severity": "ticket"},
        "annotations": {
            "summary": "{{ $labels.env }}: old subscriptions miss what new ones get",
            "description": "Every nozzle that was connected then misses it, too.",
        },
    }
    ends = "prober_certificate_expiry_timestamp_seconds"
    yield {
        "alert": CERTIFICATE,
        "expr": f"{ends} - time() < {SOON_NS // NS}",
        "labels": {"severity": "ticket"},
        "annotations": {
            "summary": (
                "{{ if $labels.env }}{{ $labels.env }}: {{ end }}{{ $labels.what }} "
                "{{ if gt $value 0.0 }}ends in {{ $value | humanizeDuration }}"
                "{{ else }}has expired{{ end }}"
            ),
            "description": "Renew {{ $labels.file }}; it is read again.",
        },
    }
    yield {
        "alert": DAEMON,
        "expr": (
            f"time() - prober_heartbeat_timestamp_seconds > {_HEARTBEAT_SECONDS}\n"
            "or\n"
            "absent(prober_heartbeat_timestamp_seconds)"
        ),
        "for": "5m",
        "labels": {"severity": "ticket"},
        "annotations": {
            "summary": "prober watch does not do its rounds",
            "description": "What it watches is measured by nobody.",
        },
    }


def _number(value: Fraction) -> str:
    """Write an exact factor: 14.4, and 0.9333 with the digits that it takes."""
    return f"{Decimal(value.numerator) / value.denominator:.10f}".rstrip("0").rstrip(
        "."
    )
