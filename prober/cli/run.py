"""`prober run`: one probe, one screen, one exit code."""

import asyncio
import contextlib
import secrets
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import starmap
from typing import TYPE_CHECKING, Any

import rich_click as click
from click.core import ParameterSource

from prober.cli import values
from prober.cli.deciding import EarlyDecision
from prober.cli.options import Options, check, run_options
from prober.clock import NS, SystemClock
from prober.errors import CouldNotProbe
from prober.ledger import Deadlines
from prober.plan import Plan
from prober.records import RunResult
from prober.stamp import RUN_ALPHABET, RUN_WIDTH

if TYPE_CHECKING:  # what imports gRPC is imported by who runs
    from prober.cli.targets import Ends
    from prober.probe import Job

_CYCLES = 100
_LEAST_CYCLE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Defaults:
    """What is asked for when nothing is: of the bundled stack, or of any other."""

    rate: int
    lost_after_ns: int


_BUNDLED = _Defaults(rate=2_000, lost_after_ns=10 * NS)
_ELSEWHERE = _Defaults(rate=200, lost_after_ns=60 * NS)


@click.command("run", short_help="One probe: write, read back, account, judge.")
@run_options
@click.pass_context
def run(ctx: click.RichContext, /, **given: Any) -> None:  # noqa: ANN401
    """Write known messages into a Loggregator, and account for every one of them.

    Without --agent and --rlp that is the bundled reference stack. Exit codes: 0 met, or
    no objective given; 1 violated; 2 usage; 3 inconclusive; 4 could not probe;
    130 interrupted.
    """
    chosen = Options(**given)
    said = {name for name in given if _was_said(ctx, name)}
    check(chosen, said)
    if "rate" not in said:
        rate = (_BUNDLED if chosen.bundled else _ELSEWHERE).rate
        chosen = replace(chosen, rate=Fraction(rate))
    ctx.exit(_run(chosen))


def _was_said(ctx: click.RichContext, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _run(options: Options) -> int:
    """Probe, tell and write; return the exit code."""
    from prober import report, slo
    from prober.cli import baseline, output
    from prober.probe import unprobed

    output.check_writable(options.json)
    before = None if options.baseline is None else baseline.read(options.baseline)
    job = _job(options)
    decision = _decision(options, job.plan)
    failure = None
    try:
        result = asyncio.run(_probe(options, job, decision))
    except CouldNotProbe as error:
        failure, result = error, unprobed(job, SystemClock().now_ns())
    if decision:
        decision.close(result.consumers)
    told = report.build(
        result,
        options.slo,
        worst_burst=options.worst_burst,
        early=decision.processes if decision else (),
        explain=options.explain,
        failure=str(failure) if failure else None,
    )
    quiet = options.quiet or failure is not None
    output.write(told, options.json, quiet=quiet)
    found = {}
    if before is not None and failure is None:
        found = baseline.regressions(told, before, options.slo)
        if not quiet:
            output.say(*starmap(baseline.sentence, found.items()))
    code = slo.exit_code(
        told.verdict,
        told.claim,
        prove=options.prove or options.until_decided,
        nagios=options.nagios,
        inconclusive_exit=options.inconclusive_exit,
        regressed=any(each.regressed for each in found.values()),
        interrupted=result.partial,
    )
    if failure is not None:
        raise _with_code(failure, code)
    return code


def _with_code(error: CouldNotProbe, code: int) -> CouldNotProbe:
    error.exit_code = code
    return error


def _job(options: Options) -> "Job":
    """Return what is to be done; raises UsageError for a plan that cannot be."""
    from prober.probe import Job

    defaults = _BUNDLED if options.bundled else _ELSEWHERE
    messages, cycles = options.messages, options.cycles
    if options.until_decided:
        messages = options.max_messages
        # What is bet on is a block of at least a worst burst: no need for less.
        cycles = max(1, messages // max(options.worst_burst, _LEAST_CYCLE))
    plan = Plan(
        messages=messages,
        cycles=cycles or min(_CYCLES, messages),
        rate=options.rate,
        sizes=options.size,
        kinds=values.kinds(options.kind),
        source_id=options.source_id,
        seed=secrets.randbits(32) if options.seed is None else options.seed,
    )
    return Job(
        run_id="".join(secrets.choice(RUN_ALPHABET) for _ in range(RUN_WIDTH)),
        environment=options.environment,
        plan=plan,
        deadlines=Deadlines(
            late_after_ns=options.late_after,
            lost_after_ns=options.lost_after or defaults.lost_after_ns,
        ),
        whole_firehose=options.whole_firehose,
        max_send_ns=options.max_duration,
    )


def _decision(options: Options, plan: Plan) -> EarlyDecision | None:
    if not options.until_decided or options.slo is None:
        return None
    cycle = plan.messages // plan.cycles
    return EarlyDecision(options.slo, worst_burst=options.worst_burst, cycle=cycle)


async def _probe(
    options: Options, job: "Job", decision: EarlyDecision | None
) -> RunResult:
    """Open what is to be probed, and probe it."""
    from rich.console import Console

    from prober.cli.display import watching
    from prober.probe import Controls, probe

    clock = SystemClock()
    console = Console(stderr=True, quiet=options.quiet)
    async with _interruptible() as stop, _ends(options, clock, job) as ends:
        if not options.bundled:
            console.print(_announcement(job.plan, ends.agent), style="dim")
        enough = asyncio.Event()
        with watching(console) as observer:
            controls = Controls(
                stop=stop,
                enough=enough,
                observer=observer,
                on_cycle=decision.watch(enough) if decision else lambda _: None,
            )
            result = await probe(
                job,
                [lambda report: ends.writer(clock, report)],
                ends.ways_out(clock, job),
                clock,
                controls,
            )
        return replace(result, stack_drops=await ends.drops())


@contextlib.asynccontextmanager
async def _ends(
    options: Options, clock: SystemClock, job: "Job"
) -> AsyncIterator["Ends"]:
    from prober.cli import targets

    if options.bundled:
        own_process = options.stack_process
        async with targets.bundled(clock, job.plan, own_process=own_process) as ends:
            yield ends
        return
    yield targets.elsewhere(
        agent=str(options.agent),
        rlp=str(options.rlp),
        tls_dir=str(options.tls_dir),
        agent_name=options.agent_server_name,
        rlp_name=options.rlp_server_name,
    )


@contextlib.asynccontextmanager
async def _interruptible() -> AsyncIterator[asyncio.Event]:
    """Yield an event that the first Ctrl-C sets; the second one aborts.

    SIGTERM does the same, so that whoever stops the process gets a partial result.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - within a coroutine there is one

    def interrupt() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    caught = (signal.SIGINT, signal.SIGTERM)
    for each in caught:
        loop.add_signal_handler(each, interrupt)
    try:
        yield stop
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        for each in caught:
            loop.remove_signal_handler(each)


def _announcement(plan: Plan, agent: str) -> str:
    """Say what a run will cost the pipeline, before it does."""
    rate, took = "as fast as possible", ""
    if plan.rate is not None:
        rate = f"{float(plan.rate):,g}/s"
        took = f" for {float(plan.messages / plan.rate):,.0f} s"
    return (
        f"sending {plan.messages:,} messages of {plan.sizes} bytes to {agent}, "
        f"{rate}{took}"
    )
