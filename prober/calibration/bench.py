"""One trial: a stack with its faults, a probe through it, and both accounts of it."""

import asyncio
import math
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from prober import plan as planning
from prober import slo
from prober.calibration.compare import (
    AFTER_DEADLINE,
    ASIDE,
    COUNTED,
    compare,
    rings,
)
from prober.calibration.ends import Ends
from prober.calibration.trials import DEADLINES, Plan
from prober.calibration.truth import Truth
from prober.clock import NS, SystemClock
from prober.errors import ProberError
from prober.ingress.envelopes import INSTANCE
from prober.pipeline.faults import Scenario
from prober.pipeline.stack import ReferenceStack
from prober.probe import Controls, Job, Phase, Progress, probe
from prober.records import Comparison, RunResult, Span, State, Trial
from prober.stamp import RUN_ALPHABET, RUN_WIDTH

_SOURCE = "prober"
_BUSY_SECONDS = 0.5
"""A lag of our own, below what voids cycles, beyond which nobody is to be accused."""
_KEPT = 0.5
"""The share of a trial's rate below which its faults do not meet what they are for."""
PATIENCE_SECONDS = 60.0
"""How long a trial may take; the longest needs a quarter of that."""
_TARGET = "99.9"
_DOORS = {"gateway": "gateway", "v1": "firehose"}


class SteppedClock(SystemClock):
    """The machine's time, with a wall clock that can be set without touching it."""

    def __init__(self) -> None:
        super().__init__()
        self._set_ns = 0

    def set(self, by_ns: int) -> None:
        """Set the wall clock forward, or back."""
        self._set_ns += by_ns

    def step_ns(self) -> int:
        """Return by how much the wall clock was set since this clock was created."""
        return super().step_ns() + self._set_ns


class Bench:
    """One trial's stack, clock and run."""

    def __init__(self, plan: Plan, seed: int, tls_dir: Path) -> None:
        self._plan, self._clock = plan, SteppedClock()
        self._job = _job(plan, seed)
        self._stack = ReferenceStack(
            agents=plan.agents,
            routers=plan.routers,
            profile=plan.profile,
            seed=seed,
            clock=self._clock,
            tls_dir=str(tls_dir),
            doors=[_DOORS[name] for name in plan.consumers if name in _DOORS],
            track=(_SOURCE, INSTANCE),
            faults=Scenario(faults=plan.faults, seed=seed, witness=True),
        )
        self._begun = False

    async def run(self) -> Trial:
        """Make the trial; whatever breaks it is told in the trial."""
        began_ns = self._clock.now_ns()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._stack:
                trial = await self._probe()
        except TimeoutError:
            words = f"it did not end within {PATIENCE_SECONDS:.0f} s"
            trial = _trial(self._plan, trouble=words)
        except (ProberError, ExceptionGroup) as error:
            trial = _trial(self._plan, trouble=_sentence(error))
        return replace(trial, seconds=(self._clock.now_ns() - began_ns) / NS)

    async def _probe(self) -> Trial:
        ends = Ends(self._stack, self._job, self._clock)
        openers = {name: ends.opener(name) for name in self._plan.consumers}
        result = await probe(
            self._job,
            ends.writers(),
            openers,
            self._clock,
            Controls(observer=self._observe),
        )
        kinds = {name: ends.carried(name) for name in self._plan.consumers}
        carried_by = self._job.plan.carried_by
        whole = Span(first=0, count=self._plan.messages)
        expected = {
            name: set(np.flatnonzero(carried_by(kinds[name], whole)).tolist())
            for name in kinds
        }
        return self._judge(result, expected)

    def _observe(self, progress: Progress) -> None:
        """Let the faults begin with the first message."""
        if progress.phase is Phase.PRIMING or self._begun:
            return
        self._begun = True
        laboratory = self._stack.laboratory
        assert laboratory is not None  # noqa: S101 - the stack was started with faults
        laboratory.on_step.append(self._clock.set)
        self._stack.begin_faults()

    def _judge(self, result: RunResult, expected: dict[str, set[int]]) -> Trial:
        laboratory = self._stack.laboratory
        assert laboratory is not None and laboratory.witness is not None  # noqa: S101, PT018
        truths = {
            each.name: Truth(laboratory.witness, self._job.run_id, each.name, DEADLINES)
            for each in result.consumers
        }
        figures = compare(self._plan, result, truths, expected)
        if self._plan.ring is not None:
            dropped = sum(each.dropped for each in self._stack.drops())
            figures += rings(self._plan, result.consumers[0], dropped)
        trial = _trial(self._plan, figures, result)
        return (
            trial
            if trial.agrees
            else replace(trial, trouble=_trouble(self._plan, trial, result))
        )


def _trial(
    plan: Plan,
    figures: Sequence[Comparison] = (),
    result: RunResult | None = None,
    trouble: str = "",
) -> Trial:
    consumers = result.consumers if result else ()
    return Trial(
        name=plan.name,
        words=plan.words,
        faults=tuple(map(str, plan.faults)),
        comparisons=tuple(figures),
        states={each.name: each.states() for each in consumers},
        said=tuple(dict.fromkeys(_said(result))) if result else (),
        cost=_cost(result) if result and plan.costs else "",
        trouble=trouble,
    )


def _said(result: RunResult) -> Iterator[str]:
    """Yield what a user is told beside the counts."""
    yield from result.warnings
    for consumer in result.consumers:
        for cycle in consumer.cycles:
            if cycle.state not in COUNTED:
                yield cycle.reason


def _cost(result: RunResult) -> str:
    """Say what was lost for good, and what went unseen, as shares of a budget."""
    seen = slo.evidence_of(result.consumers[0])
    bad, total = seen.counted
    budget = slo.budget(bad, total, _TARGET)
    aside = sum(c.state not in COUNTED for c in result.consumers[0].cycles)
    words = (
        f"{bad:,} of {total:,} lost; {_TARGET} % allows {int(budget.allowed or 0):,}"
    )
    if budget.consumed is not None:
        spent = math.ceil(budget.consumed * 10) / 10
        words += f", so it spent {spent:,.1f} times the budget of that time"
    uncounted = f"{slo.many(aside, 'cycle')} could not be counted"
    return f"{words}; {uncounted}, {seen.unsure.bad:,} unseen"


def _trouble(plan: Plan, trial: Trial, result: RunResult) -> str:
    """Return what, rather than the prober, may be the reason that a trial disagrees."""
    busy = _busy(plan, trial, result)
    if busy:
        return f"this machine was too busy: {busy}"
    return _unlucky(plan, trial, result)


def _busy(plan: Plan, trial: Trial, result: RunResult) -> str:
    """Return what shows that this machine could not do what was asked of it."""
    lag = max(
        result.health.get("loop_lag_max_seconds", 0),
        result.health.get("reader_lag_max_seconds", 0),
    )
    if lag > _BUSY_SECONDS:
        return f"we were {lag:.1f} s behind"
    if result.rate_achieved and result.rate_achieved < _KEPT * plan.rate:
        return f"{result.rate_achieved:,.0f}/s were sent"
    cycles = [cycle for each in result.consumers for cycle in each.cycles]
    void = [cycle.reason for cycle in cycles if cycle.state is State.INVALID]
    if void and plan.aside is not State.INVALID:
        return void[0]
    late = {
        c.consumer: c.measured - c.injected
        for c in trial.comparisons
        if c.what == AFTER_DEADLINE
    }
    slow = sum(
        late[each.name]
        for each in result.consumers
        if (each.latency.max_ns or 0) > DEADLINES.lost_after_ns and late[each.name] > 0
    )
    # They left the stack in time, and came: there is only this machine between.
    return f"{slow:,} took too long from the stack to us" if slow else ""


def _unlucky(plan: Plan, trial: Trial, result: RunResult) -> str:
    """Return why a trial could not show what it is for."""
    wrong = {each.what for each in trial.comparisons if not each.agrees}
    if not plan.aside or wrong != {ASIDE}:
        return ""
    if plan.aside in {each.cycles[-1].state for each in result.consumers}:
        return "the trial ended before all was well again"
    # A long back-off can leave all of it to cycles that do not count.
    lossy = any(states[State.LOSS] for states in trial.states.values())
    return "" if lossy else "what was lost was lost while nobody could count it"


def _job(plan: Plan, seed: int) -> Job:
    return Job(
        run_id="".join(secrets.choice(RUN_ALPHABET) for _ in range(RUN_WIDTH)),
        environment="calibration",
        plan=planning.Plan(
            messages=plan.messages,
            cycles=plan.cycles,
            rate=Fraction(plan.rate),
            sizes=planning.Sizes(low=100, high=100),
            kinds=plan.kinds,
            source_id=_SOURCE,
            seed=seed,
        ),
        deadlines=DEADLINES,
        whole_firehose=plan.whole_firehose,
    )


def _sentence(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
