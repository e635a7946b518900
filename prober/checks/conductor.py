"""A check from end to end: every target beside the others, step by step."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from prober.checks.findings import Finding, Step, StepFailed, Watch
from prober.checks.table import Row, rows
from prober.checks.timing import Deadline, Limits, within
from prober.checks.trip import Courier
from prober.checks.visits import Authority, Target, Terms, Visit, WayIn, WayOut
from prober.clock import NS, Clock
from prober.errors import ProberError
from prober.plan import Plan


async def check(
    targets: Sequence[Target],
    *,
    run_id: str,
    plan: Plan,
    clock: Clock,
    limits: Limits | None = None,
    watch: Watch = lambda _: None,
) -> tuple[Step, ...]:
    """Try every step of every target; return them grouped by target, in order.

    Messages are logs of the plan's source_id that bear the run's id. Nothing raises
    but being cancelled: what fails is in the steps. A target ends with its first step
    that fails; `watch` is told of each as it is done.
    """
    limits = limits or Limits()
    ways_in = [each.target for each in targets if isinstance(each, WayIn)]
    terms = Terms(
        clock=clock,
        limits=limits,
        deadline=Deadline(clock, limits.total),
        courier=Courier(run_id, plan, ways_in, clock),
    )
    over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        visits = [
            tasks.create_task(_Visitor(each, terms, over, watch).visit())
            for each in targets
        ]
        consumers = [
            task
            for task, each in zip(visits, targets, strict=True)
            if isinstance(each, WayOut)
        ]
        await asyncio.gather(*consumers)
        over.set()
    return tuple(step for task in visits for step in task.result())


class _Visitor:
    """Takes the steps of one target."""

    def __init__(
        self, target: Target, terms: Terms, over: asyncio.Event, watch: Watch
    ) -> None:
        self._target, self._terms = target, terms
        self._over = over
        """Set when no consumer waits for messages any more."""
        self._watch = watch
        self._steps: list[Step] = []

    async def visit(self) -> list[Step]:
        """Take them all, or as many as go well."""
        began_ns = self._terms.clock.now_ns()
        try:
            async with AsyncExitStack() as held:
                await self._visit(
                    Visit(target=self._target, terms=self._terms, held=held)
                )
        except Exception as error:  # noqa: BLE001 - it must not hide other targets
            words = f"a fault of ours: {type(error).__name__}: {error}"
            failure = StepFailed(words, "please report it")
            self._note("check", began_ns, failure)
        return self._steps

    async def _visit(self, visit: Visit) -> None:
        courier, target = self._terms.courier, self._target
        match target:
            case WayIn():
                try:
                    await self._take(visit)
                finally:
                    works = visit.writer is not None
                    courier.decide(target.target, works=works)
                if visit.writer is not None:
                    async with asyncio.TaskGroup() as tasks:
                        carrying = courier.carry(target.target, visit.writer)
                        task = tasks.create_task(carrying)
                        await self._over.wait()
                        task.cancel()
            case WayOut():
                courier.want()
                try:
                    await self._take(visit)
                finally:
                    courier.enough()
            case Authority():
                await self._take(visit)

    async def _take(self, visit: Visit) -> None:
        for row in rows(self._target):
            began_ns = self._terms.clock.now_ns()
            found = await self._try(row, visit)
            self._note(row.name, began_ns, found)
            if isinstance(found, StepFailed):
                return

    async def _try(self, row: Row, visit: Visit) -> Finding | StepFailed:
        terms = self._terms
        limit: float = getattr(terms.limits, row.limit)
        seconds = min(limit, terms.deadline.left())
        try:
            async with within(terms.clock, seconds):
                return await row.do(visit)
        except TimeoutError:
            pass
        except StepFailed as failure:
            return failure
        except ProberError as error:
            return StepFailed(str(error))
        try:
            return row.late(visit, round(seconds, 1))
        except StepFailed as failure:
            return failure

    def _note(self, name: str, began_ns: int, found: Finding | StepFailed) -> None:
        step = Step(
            name=name,
            target=self._target.target,
            ok=found.ok,
            seconds=(self._terms.clock.now_ns() - began_ns) / NS,
            words=found.words,
            remedy=found.remedy,
        )
        self._steps.append(step)
        self._watch(step)
