"""`prober run --find-limit`: the highest rate that is carried, and where it broke."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from rich.console import Console

from prober.cli.deciding import followers
from prober.cli.interrupting import interruptible
from prober.cli.jobs import job_of
from prober.cli.options import Options
from prober.clock import NS, SystemClock
from prober.config.models import Limits
from prober.errors import CouldNotProbe
from prober.records import BufferDrops, CycleResult, RunResult, State
from prober.search import End, Found, Search

if TYPE_CHECKING:  # what imports gRPC is imported by who runs
    from prober.cli.resolving import Target
    from prober.cli.targets import Ends
    from prober.report import Report

CYCLES = 50
ON_SCHEDULE = 0.95
"""The share of a rate that has to be kept for it to count as tried."""
_FACTS = ("side by side", "lost in", "buffers", "platform")
"""What of a report tells where something was lost."""
_DOUBTS = {State.INVALID: Found.OWN, State.INCONCLUSIVE: Found.UNSURE}
_EXITS = {
    # It was asked for a limit: where there is none to tell, evidence is missing.
    End.FOUND: 0,
    End.BOUND: 0,
    End.OWN: 3,
    End.UNSURE: 3,
    End.INTERRUPTED: 130,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rate that was tried, and what came of it."""

    rate: int
    found: Found
    words: str
    report: "Report"

    @property
    def result(self) -> RunResult:
        """What was measured."""
        return self.report.result

    @property
    def where(self) -> list[tuple[str, str]]:
        """What tells where something was lost, by label."""
        from prober.report import facts

        told, label = [], ""
        for name, text in facts.facts(self.report):
            label = name or label
            if label in _FACTS:
                told.append((name, text))
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a search came to."""

    environment: str
    seconds: float
    """How long each rate was kept."""
    search: Search
    bound: str
    """What bounds the search, if something does."""
    failure: str = ""
    """Why a step could not be made at all, which ended the search."""
    steps: tuple[Step, ...]

    @property
    def end(self) -> End:
        """Why it is over."""
        return self.search.end or End.INTERRUPTED

    @property
    def exit_code(self) -> int:
        """What to leave with."""
        return _EXITS[self.end]

    def last(self, found: Found) -> Step | None:
        """Return the last step that came to something."""
        return next((s for s in reversed(self.steps) if s.found is found), None)


class FirstLoss:
    """Has enough as soon as anything is lost."""

    def __init__(self) -> None:
        self.made = False

    def take(self, cycle: Mapping[str, CycleResult]) -> None:
        """Take in the next cycle, as every consumer saw it."""
        self.made |= any(each.state is State.LOSS for each in cycle.values())


def run(options: Options, target: "Target") -> int:
    """Search, tell and write; return the exit code."""
    from prober.cli import limited, output

    output.check_writable(options.json)
    console = Console(stderr=True, quiet=options.quiet)
    found = asyncio.run(_search(options, target, console))
    if options.json is not None:
        output.write_document(limited.document(found), options.json)
    if not options.quiet:
        limited.show(found, Console(stderr=options.json == output.STDOUT))
    return found.exit_code


async def _search(options: Options, target: "Target", console: Console) -> Limit:
    from prober.cli import limited

    most, bound = _bound(options, target)
    search = Search(
        start=max(1, int(options.rate or 1)),
        most=most,
        gentle=target.reference is None,
    )
    steps: list[Step] = []
    failure = ""
    clock = SystemClock()
    opening = limited.opening(target.name, search, bound, options.step / NS)
    console.print(opening, style="dim", highlight=False)
    async with (
        interruptible() as stop,
        target.ends(options, clock, job_of(options, target).plan) as ends,
    ):
        walk = _Walk(options, target, ends, clock, stop)
        while (rate := search.next()) is not None:
            if walk.spent(rate):
                search.end = End.BOUND
                bound = f"the limit of {walk.budget:,} messages: raise {target.where}"
                break
            try:
                step = await walk.step(rate, console)
            except CouldNotProbe as error:
                if not steps:
                    raise
                search.end, failure = End.UNSURE, str(error)
                break
            if stop.is_set():
                search.end = End.INTERRUPTED
                break
            steps.append(step)
            search.take(rate, step.found)
            console.print(limited.line(step), highlight=False, soft_wrap=True)
    return Limit(
        environment=target.name,
        seconds=options.step / NS,
        search=search,
        bound=bound,
        failure=failure,
        steps=tuple(steps),
    )


def _bound(options: Options, target: "Target") -> tuple[int | None, str]:
    """Return the highest rate that may be asked, and what says so."""
    if target.limits is None:
        return None, ""
    usual = Limits().rate
    if options.yes:
        if target.environment is None:
            return None, ""
        return int(target.limits.rate), f"limits.rate: raise {target.where}"
    rate = min(target.limits.rate, usual)
    words = (
        f"limits.rate: raise {target.where}, and add --yes"
        if target.limits.rate <= usual
        else f"the usual {float(usual):,g}/s: add --yes"
    )
    return int(rate), words


class _Walk:
    """One step after the other over one pipeline that stays open."""

    def __init__(
        self,
        options: Options,
        target: "Target",
        ends: "Ends",
        clock: SystemClock,
        stop: asyncio.Event,
    ) -> None:
        from prober.cli.legs import pin

        self._options, self._target, self._ends = options, target, ends
        self._clock, self._stop = clock, stop
        self._free = pin(options.pin)
        self._sent = 0
        self._dropped: dict[str, int] = {}
        limits = target.limits
        unbound = limits is None or (options.yes and target.environment is None)
        self.budget = None if unbound or limits is None else limits.messages
        """Messages that all steps together may send; None for no bound."""

    def spent(self, rate: int) -> bool:
        """Tell whether a step at a rate would send more than may be sent."""
        if self.budget is None:
            return False
        return self._sent + self._messages(rate) > self.budget

    def _messages(self, rate: int) -> int:
        return max(rate * self._options.step // NS, CYCLES)

    async def step(self, rate: int, console: Console) -> Step:
        """Try a rate, until it is over or something is lost."""
        from prober import report
        from prober.cli.display import watching
        from prober.cli.legs import Processes
        from prober.probe import Controls, probe

        asked = replace(
            self._options,
            rate=Fraction(rate),
            messages=self._messages(rate),
            cycles=CYCLES,
        )
        job = replace(job_of(asked, self._target), alarms=self._ends.alarms)
        enough = asyncio.Event()
        with watching(console if console.is_terminal else Console(quiet=True)) as show:
            result = await probe(
                job,
                self._ends.writers(self._clock),
                self._ends.readers(self._clock, job),
                self._clock,
                Controls(
                    stop=self._stop,
                    enough=enough,
                    observer=show,
                    on_cycle=followers(enough, FirstLoss()),
                    platform=self._ends.platform(self._clock, job),
                ),
                legs=Processes(self._ends, self._clock, job, self._free).legs(
                    writers=self._options.writers, readers=self._options.readers
                ),
            )
        self._sent += sum(each.attempted for each in result.writers)
        result = replace(result, stack_drops=await self._drops())
        found, words = judge(result, rate)
        told = report.build(result, None)
        return Step(rate=rate, found=found, words=words, report=told)

    async def _drops(self) -> tuple[BufferDrops, ...]:
        """Return what the bundled stack's buffers dropped since the last step."""
        now = await self._ends.drops()
        before, self._dropped = self._dropped, {b.buffer: b.dropped for b in now}
        return tuple(
            replace(each, dropped=each.dropped - before.get(each.buffer, 0))
            for each in now
        )


def judge(result: RunResult, rate: int) -> tuple[Found, str]:
    """Return what a step came to, and why.

    What counts is believed first: a loss in a cycle that counts is the pipeline's,
    whatever we did wrong in others.
    """
    lost = [
        f"{c.name} lost {c.valid.bad:,} of {c.valid.accepted:,}"
        for c in result.consumers
        if c.valid.bad
    ]
    if lost:
        return Found.BROKE, ", ".join(lost)
    for state, found in (
        (State.INVALID, Found.OWN),
        (State.INCONCLUSIVE, Found.UNSURE),
    ):
        reason = _first(result, state)
        if reason:
            return found, reason
    achieved = result.rate_achieved or 0.0
    if achieved < ON_SCHEDULE * rate:
        return Found.OWN, f"only {achieved:,.0f}/s were sent{_held_up(result)}"
    return Found.CLEAN, ""


def _first(result: RunResult, state: State) -> str:
    """Return why the first cycle ended in a state, if one did, and how many."""
    reasons = [
        each.reason
        for c in result.consumers
        for each in c.cycles
        if each.state is state
    ]
    if not reasons:
        return ""
    return f"{reasons[0]} ({len(reasons):,} cycles)" if reasons[1:] else reasons[0]


def _held_up(result: RunResult) -> str:
    """Say whether it was the way in that made us late."""
    slow = [w.blocked.quantile(0.5) or 0 for w in result.writers]
    worst = max(slow, default=0) / NS
    return f": a write took {worst * 1e3:.1f} ms, half of the time" if worst else ""
