"""Nothing is measured: silence must not stay neutral, whoever's fault it is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from prober import slo
from prober.clock import NS
from prober.records import State
from prober.watch.alerts.facts import (
    Alert,
    Environment,
    Severity,
    Situation,
    Tail,
    sentences,
    several,
)

NAME = "ProbeNoData"
SILENT = "ProbeDaemonSilent"
IN_A_ROW = 3
"""Cycles of a consumer that cannot count, one after the other."""
LEAST_COVERAGE = Fraction(1, 2)
_HOUR_S = 3_600
_MINUTE_NS = 60 * NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """How long nothing was measured before somebody is told, and how loudly."""

    ours: bool | None
    """Whether the fault is ours; None for either."""
    after_ns: int
    severity: Severity


DELAYS = (
    # The first that has passed. A platform that closes its streams may be down for
    # everybody; our own trouble costs coverage, and no sleep.
    Delay(ours=False, after_ns=30 * _MINUTE_NS, severity="page"),
    Delay(ours=True, after_ns=240 * _MINUTE_NS, severity="page"),
    Delay(ours=None, after_ns=10 * _MINUTE_NS, severity="ticket"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One environment, or a consumer of it, of which nothing is known."""

    environment: str
    consumer: str
    """Empty where none of its consumers is measured."""
    since_ns: int
    ours: bool
    why: str


def evaluate(situation: Situation) -> list[Alert]:
    """Return what is to be told: one alert a cause, however many environments."""
    return [
        *_no_data(situation),
        *(
            Alert(
                name=SILENT,
                severity="ticket",
                labels={"env": each.environment},
                summary=(
                    f"{each.environment}: its daemon {each.daemon} has said nothing "
                    f"for {_span(situation.at_ns - each.since_ns)}"
                ),
                description=sentences(
                    "Nobody measures it, and nobody else would tell",
                    each.said and f"The last it said was: {each.said}",
                    f"What to do: look on {each.daemon} whether prober watch is up",
                ),
            )
            for each in situation.silent
        ),
    ]


def _no_data(situation: Situation) -> Iterator[Alert]:
    gaps = [gap for each in situation.environments for gap in _gaps(each, situation)]
    found: dict[tuple[Severity, bool], list[Gap]] = {}
    for gap in gaps:
        severity = _severity(gap, situation.at_ns)
        if severity is not None:
            found.setdefault((severity, gap.ours), []).append(gap)
    hints = {each.name: each.hint for each in situation.environments}
    for (severity, ours), those in found.items():
        yield _alert(severity, those, situation.at_ns, hints, ours=ours)


def _severity(gap: Gap, at_ns: int) -> Severity | None:
    lasted_ns = at_ns - gap.since_ns
    return next(
        (
            delay.severity
            for delay in DELAYS
            if delay.ours in (None, gap.ours) and lasted_ns >= delay.after_ns
        ),
        None,
    )


def _gaps(environment: Environment, situation: Situation) -> Iterable[Gap]:
    """Return what is not measured of an environment; all its consumers as one."""
    live = environment.live
    if live is not None and live.ended:
        return []
    if live is not None and not live.measuring:
        since_ns = min([live.since_ns, *_starts(environment)])
        return [_gap(environment.name, "", since_ns, live.why_not, ours=live.ours)]
    gaps = [
        _gap(environment.name, name, since_ns, why, ours=_ours(tail))
        for name, tail in environment.tails.items()
        for since_ns, why in _of(tail, environment, situation.at_ns)
    ]
    if gaps and len(gaps) == len(environment.tails):
        first = min(gaps, key=lambda gap: gap.since_ns)
        return [replace(first, consumer="")]
    return gaps


def _ours(tail: Tail) -> bool:
    """Tell whether it was we who spoiled its last cycle, as far as was measured."""
    return tail.last is not None and tail.last.state in (State.INVALID, State.MISSED)


def _gap(
    environment: str, consumer: str, since_ns: int, why: str, *, ours: bool
) -> Gap:
    return Gap(
        environment=environment,
        consumer=consumer,
        since_ns=since_ns,
        ours=ours,
        why=why,
    )


def _starts(environment: Environment) -> Iterator[int]:
    for tail in environment.tails.values():
        if tail.idle:
            yield tail.idle[0].scheduled_ns


def _of(tail: Tail, environment: Environment, at_ns: int) -> Iterator[tuple[int, str]]:
    """Yield since when a consumer is not measured, and why; nothing if it is."""
    if tail.idle_cycles >= IN_A_ROW:
        yield tail.idle[0].scheduled_ns, tail.idle[-1].reason
        return
    record = tail.record()
    if record.first_ns is None or at_ns - record.first_ns < _HOUR_S * NS:
        return
    sums = record.sums(at_ns, _HOUR_S)
    expected = max(_HOUR_S // environment.every_s, sums.cycles) - sums.excluded
    if expected > 0 and Fraction(sums.valid, expected) < LEAST_COVERAGE:
        share = slo.format_share(Fraction(sums.valid, expected), 0)
        # Half of an hour is gone: it is told at once.
        yield at_ns - _HOUR_S // 2 * NS, f"measured {share} of the last hour"


def _alert(
    severity: Severity,
    gaps: list[Gap],
    at_ns: int,
    hints: Mapping[str, str],
    *,
    ours: bool,
) -> Alert:
    names = [
        f"{g.environment} ({g.consumer})" if g.consumer else g.environment for g in gaps
    ]
    longest = at_ns - min(gap.since_ns for gap in gaps)
    whys = dict.fromkeys(gap.why for gap in gaps if gap.why)
    hint = next((h for gap in gaps if (h := hints.get(gap.environment, ""))), "")
    return Alert(
        name=NAME,
        severity=severity,
        labels={"cause": "ours" if ours else "platform"},
        summary=(
            f"nothing is measured of {several(names)}, for up to {_span(longest)}: "
            + ("our own fault" if ours else "the platform gives us nothing")
        ),
        description=sentences(
            several(whys),
            "What happens meanwhile is known to nobody: it is neither good nor bad",
            hint and f"What to do: {hint}",
        ),
        environments=tuple(dict.fromkeys(gap.environment for gap in gaps)),
    )


def _span(length_ns: int) -> str:
    return slo.format_duration(length_ns / NS)
