"""All trials of a calibration, some side by side; the doubtful ones again, alone."""

import asyncio
import contextlib
import logging
import multiprocessing
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from prober.calibration.bench import PATIENCE_SECONDS, Bench
from prober.calibration.trials import TRIALS, Plan
from prober.clock import SystemClock
from prober.pipeline import certificates
from prober.pipeline.faults import FaultKind
from prober.records import Calibration, Trial

WORKERS = 4
"""Trials mostly wait: more of them than cores run side by side."""
_ATTEMPTS = 3
"""How often a trial is made of which nothing could be said."""
_HOST = "127.0.0.1"

OnTrial: TypeAlias = Callable[[Trial], None]
"""Told of each trial when it is over, in the order in which they end."""
_Make: TypeAlias = Callable[[Plan, int, Path], Awaitable[Trial]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """How a calibration is steered and watched from outside."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it, and no further trial is begun."""
    on_trial: OnTrial = lambda _: None


async def calibrate(
    plans: Sequence[Plan],
    *,
    seed: int = 0,
    workers: int = WORKERS,
    controls: Controls | None = None,
    exact_up_to: float | None = None,
) -> Calibration:
    """Make every trial, and return them in the order of `plans`.

    Each of `workers` processes makes one at a time; with none they are made here, one
    after the other. Trials of which nothing could be said, since this machine was too
    busy, are made again by themselves.
    """
    controls, started_ns = controls or Controls(), SystemClock().now_ns()
    with tempfile.TemporaryDirectory(prefix="prober-calibrate-") as folder:
        shared = Path(folder, "shared")
        await asyncio.to_thread(certificates.provide, shared, started_ns, _HOST)
        async with _makers(workers) as make:
            work = _Work(make, seed, Path(folder), shared, controls)
            made = await work.make_all(plans, max(1, workers))
    return Calibration(
        started_at_ns=started_ns,
        ended_at_ns=SystemClock().now_ns(),
        seed=seed,
        trials=tuple(made[plan.name] for plan in plans if plan.name in made),
        partial=len(made) < len(plans),
        left_out=len(TRIALS) - len(plans),
        exact_up_to=exact_up_to,
    )


class _Work:
    """The trials that are made, and those that have to be made again."""

    def __init__(
        self, make: _Make, seed: int, folder: Path, shared: Path, controls: Controls
    ) -> None:
        self._make, self._seed, self._controls = make, seed, controls
        self._folder, self._shared = folder, shared
        self._made: dict[str, Trial] = {}

    async def make_all(self, plans: Sequence[Plan], at_a_time: int) -> dict[str, Trial]:
        places = asyncio.Semaphore(at_a_time)

        async def wait_and_try(plan: Plan) -> None:
            async with places:
                await self._try(plan, 1)

        async with asyncio.TaskGroup() as tasks:
            for plan in plans:
                tasks.create_task(wait_and_try(plan))
        for attempt in range(2, _ATTEMPTS + 1):
            for plan in plans:
                if plan.name in self._made and self._made[plan.name].agrees is None:
                    await self._try(plan, attempt)
        return self._made

    async def _try(self, plan: Plan, attempt: int) -> None:
        if self._controls.stop.is_set():
            return
        own = self._folder / f"{plan.name} {attempt}"
        tls_dir = own if _rotates(plan) else self._shared
        trial = replace(await self._make(plan, self._seed, tls_dir), attempts=attempt)
        self._made[plan.name] = trial
        if trial.agrees is not None or attempt == _ATTEMPTS:
            self._controls.on_trial(trial)


def _rotates(plan: Plan) -> bool:
    """Tell whether a trial replaces the certificates, which then are its own."""
    return any(each.kind is FaultKind.ROTATE_CERTIFICATES for each in plan.faults)


@contextlib.asynccontextmanager
async def _makers(workers: int) -> AsyncIterator[_Make]:
    """Yield what makes a trial: here, or in one of some processes."""
    if not workers:
        yield lambda plan, seed, tls_dir: Bench(plan, seed, tls_dir).run()
        return
    # Who dies with a lock in hand is noticed here; a `multiprocessing.Pool` hangs.
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin_process
    )

    async def make(plan: Plan, seed: int, tls_dir: Path) -> Trial:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(2 * PATIENCE_SECONDS):
                return await loop.run_in_executor(pool, _make_here, plan, seed, tls_dir)
        except (BrokenProcessPool, TimeoutError):
            words = "the process that made it was ended, or hung"
            return Trial(
                name=plan.name,
                words=plan.words,
                faults=tuple(map(str, plan.faults)),
                trouble=words,
            )

    before = multiprocessing.active_children()
    with pool:
        try:
            yield make
        finally:
            for process in multiprocessing.active_children():
                if process not in before:
                    process.kill()  # whatever it is at


def _begin_process() -> None:
    """Leave Ctrl-C, a wish to end, and all words to the process that conducts."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _make_here(plan: Plan, seed: int, tls_dir: Path) -> Trial:
    return asyncio.run(Bench(plan, seed, tls_dir).run())
