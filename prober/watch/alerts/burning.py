"""The error budget burns: pairs of windows, held against each consumer's cycles."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prober import slo
from prober.errors import UsageError
from prober.report.words import many, times
from prober.watch.alerts.facts import Alert, Environment, Situation, sentences

NAME = "FirehoseErrorBudgetBurn"
SLO = "delivery"
_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """One rule that fires, at the consumer where it burns most."""

    environment: Environment
    consumer: str
    alert: slo.Alert
    bad: int
    total: int
    """Of the rule's long window."""


def rules_of(environment: Environment) -> tuple[slo.Rule, ...]:
    """Return the rules that can do their work for an environment; none without one."""
    if environment.target is None:
        return ()
    days = round(environment.window_s / _DAY_S)
    try:
        rules = slo.burn_rules(days, every_s=environment.every_s)
    except UsageError:
        return ()
    return slo.usable(
        rules,
        environment.target,
        period_s=environment.window_s,
        every_s=environment.every_s,
    )


Firing = Mapping[tuple[str, str], frozenset[slo.Rule]]


def evaluate(situation: Situation) -> tuple[list[Alert], Firing]:
    """Return what fires, and by environment and consumer the rules that do."""
    alerts: list[Alert] = []
    firing: dict[tuple[str, str], frozenset[slo.Rule]] = {}
    for environment in situation.environments:
        burns: dict[slo.Rule, list[Burn]] = {}
        for consumer, found in _by_consumer(environment, situation):
            key = (environment.name, consumer)
            firing[key] = frozenset(each.alert.rule for each in found)
            for burn in found:
                burns.setdefault(burn.alert.rule, []).append(burn)
        page = any(rule.severity == "page" for rule in burns)
        alerts += [
            _alert(found)
            for rule, found in burns.items()
            if rule.severity == "page" or not page  # who was paged needs no ticket
        ]
    return alerts, firing


def _by_consumer(
    environment: Environment, situation: Situation
) -> Iterator[tuple[str, list[Burn]]]:
    rules = rules_of(environment)
    if environment.target is None or not rules:
        return
    for consumer, tail in environment.tails.items():
        record = tail.record()
        found = slo.evaluate(
            rules,
            record,
            environment.target,
            now_ns=situation.at_ns,
            every_s=environment.every_s,
            firing=situation.burning.get((environment.name, consumer), ()),
        )
        sums = {r: record.sums(situation.at_ns, r.long_s) for r in rules}
        yield (
            consumer,
            [
                Burn(
                    environment=environment,
                    consumer=consumer,
                    alert=each,
                    bad=sums[each.rule].bad,
                    total=sums[each.rule].total,
                )
                for each in found
                if each.firing
            ],
        )


def _alert(burns: list[Burn]) -> Alert:
    """Return one alert for all consumers at which a rule fires."""
    worst = max(burns, key=lambda each: each.alert.burn_long or 0)
    rule, environment = worst.alert.rule, worst.environment
    window = slo.format_duration(rule.long_s)
    names = " and ".join(each.consumer for each in burns)
    return Alert(
        name=NAME,
        severity=rule.severity,
        labels={
            "env": environment.name,
            "slo": SLO,
            "long_window": window_name(rule.long_s),
        },
        summary=(
            f"{environment.name}: {worst.bad:,} of {worst.total:,} lost in {window} "
            f"on {names}; {_gone(worst)}"
        ),
        description=sentences(
            f"The error budget burns at {times(worst.alert.burn_long or 0, 3)} the "
            f"rate at which it would last ({float(rule.factor):g} is a "
            f"{rule.severity})",
            f"{many(worst.alert.lossy_cycles, 'cycle')} of the last {window} lost "
            "something",
            environment.hint and f"What to do: {environment.hint}",
        ),
    )


def _gone(burn: Burn) -> str:
    """Say how long the budget lasts if it goes on so."""
    standing, rate = burn.environment.standing, burn.alert.burn_short
    if standing is None or standing.budget.remaining is None:
        return "what is left of the budget is not known"
    remaining = standing.budget.remaining
    if remaining <= 0:
        return "the budget is spent"
    seconds = slo.time_to_exhaustion(remaining, rate or 0, burn.environment.window_s)
    left = slo.format_share(remaining, 0)
    if seconds is None:
        return f"{left} of the budget is left"
    gone = slo.format_duration(seconds)
    return f"{left} of the budget is left, gone in {gone} at this pace"


def burn_rates(environment: Environment, at_ns: int) -> Mapping[str, float | None]:
    """Return the burn rate of the worst consumer by window, for metrics."""
    if environment.target is None:
        return {}
    rules = rules_of(environment)
    windows = {seconds for rule in rules for seconds in (rule.long_s, rule.short_s)}
    records = [tail.record() for tail in environment.tails.values()]
    found = {}
    for seconds in sorted(windows):
        sums = [record.sums(at_ns, seconds) for record in records]
        rates = [slo.burn_rate(s.bad, s.total, environment.target) for s in sums]
        found[window_name(seconds)] = max(
            (r for r in rates if r is not None), default=None
        )
    return found


def window_name(seconds: int) -> str:
    """Return `5m`, `1h`, `3d`: a window as Prometheus writes it."""
    for size, unit in ((_DAY_S, "d"), (3_600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
