"""What an earlier run sent, from the report that `prober run --json` wrote of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from prober.cli import documents
from prober.clock import NS
from prober.errors import UsageError
from prober.ledger.audit import SentCycle
from prober.plan import Plan
from prober.records import Kind, PlanFacts, RunResult, Span, State
from prober.stamp import RUN_ALPHABET, RUN_WIDTH
from prober.units import parse_size

_SCHEMA = "prober.report/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A run as its report tells of it."""

    run: RunResult
    """Without consumers: what they saw is not what an archive has."""
    plan: Plan
    cycles: tuple[SentCycle, ...]


def read(path: str) -> Sent:
    """Return what a report tells; raises UsageError when the file is none of ours."""

    def take(document: dict[str, Any]) -> Sent:
        if document["schema"] != _SCHEMA:
            raise UsageError(
                f"{path} is {document['schema']!s:.40}, and not {_SCHEMA}: another "
                "version of prober wrote it"
            )
        return _sent(document)

    sent = documents.read(path, take, wrote="prober run --json")
    if not sent.cycles:
        raise UsageError(f"{path} tells of a run that never sent anything")
    return sent


def _sent(document: Mapping[str, Any]) -> Sent:
    run, asked = document["run"], document["run"]["plan"]
    plan = _plan(asked, run["seed"])
    if len(run["id"]) != RUN_WIDTH or not set(run["id"]) <= set(RUN_ALPHABET):
        raise ValueError(run["id"])
    return Sent(
        run=RunResult(
            run_id=run["id"],
            environment=run["environment"],
            mode=run["mode"],
            started_at_ns=_ns(run["started_at"]),
            ended_at_ns=_ns(run["ended_at"]),
            seed=plan.seed,
            partial=run["partial"],
            plan=_facts(asked, plan),
            rate_achieved=asked["rate"]["achieved"],
            written_to=tuple(run["written_to"]),
            consumers=(),
        ),
        plan=plan,
        cycles=_cycles(document, plan),
    )


def _plan(asked: Mapping[str, Any], seed: int) -> Plan:
    sizes, rate = parse_size(asked["size"]), asked["rate"]["asked"]
    if sizes is None:
        raise ValueError(asked["size"])
    return Plan(
        messages=asked["messages"],
        cycles=asked["cycles"],
        rate=None if rate is None else Fraction(rate),
        sizes=sizes,
        kinds=tuple(map(Kind, asked["kinds"])),
        source_id=asked["source_id"],
        seed=seed,
        control=asked.get("control", 0),
    )


def _facts(asked: Mapping[str, Any], plan: Plan) -> PlanFacts:
    deadlines = asked["deadlines"]
    return PlanFacts(
        messages=plan.messages,
        cycles=plan.cycles,
        rate_asked=asked["rate"]["asked"],
        size=str(plan.sizes),
        kinds=plan.kinds,
        source_id=plan.source_id,
        whole_firehose=asked["whole_firehose"],
        late_after_ns=round(deadlines["late_after_seconds"] * NS),
        lost_after_ns=round(deadlines["lost_after_seconds"] * NS),
        control=plan.control,
    )


def _cycles(document: Mapping[str, Any], plan: Plan) -> tuple[SentCycle, ...]:
    """Return the cycles, each as the consumer tells that was to get most of it."""
    unknown = {
        each["name"]: each["counts"]["ambiguous"] + each["counts"]["not_expected"]
        for each in document["consumers"]
    }
    return tuple(_cycle(each, plan, unknown) for each in document["cycles"])


def _cycle(
    cycle: Mapping[str, Any], plan: Plan, unknown: Mapping[str, int]
) -> SentCycle:
    span = Span(first=cycle["first"], count=cycle["count"])
    if plan.span_of(cycle["index"]) != span or not 0 <= cycle["index"] < plan.cycles:
        raise ValueError(span)
    seen = cycle["consumers"]
    fullest = max(seen, key=lambda each: each["accepted"])
    return SentCycle(
        index=cycle["index"],
        span=span,
        accepted=fullest["accepted"],
        exact=not unknown[fullest["name"]],
        aside=_aside([(State(each["state"]), each["reason"]) for each in seen]),
    )


_ASIDE = (State.MISSED, State.EXCLUDED, State.INVALID)
"""States of a cycle in which what was sent says nothing: by all consumers alike."""


def _aside(ended: list[tuple[State, str]]) -> tuple[State, str] | None:
    """Return how a cycle ended for the run itself, if that was no cycle to judge by.

    One consumer's reader that was too slow is no fault of what was sent.
    """
    states = {state for state, _ in ended}
    alike = len(states) == 1 and states <= set(_ASIDE)
    return ended[0] if alike else None


def _ns(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp()) * NS
