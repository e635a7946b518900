"""`prober run`: one probe, one screen, one exit code."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import rich_click as click
from click.core import ParameterSource

from prober import cpus
from prober.cli.deciding import EarlyDecision, LossGuard, followers
from prober.cli.interrupting import interruptible
from prober.cli.options import Options, check, run_options
from prober.clock import SystemClock
from prober.errors import CouldNotProbe
from prober.plan import Plan
from prober.records import RunResult

if TYPE_CHECKING:  # what imports gRPC is imported by who runs
    from rich.console import Console

    from prober.cli.companion import Companion
    from prober.cli.resolving import Target
    from prober.cli.targets import Ends
    from prober.probe import Job
    from prober.report import Report

_CYCLES = 100
_LEAST_CYCLE = 100
_COMMAND = "prober.cli.run.command"


class _Run(click.RichCommand):
    """Takes what stands behind `--` apart: it is another command's, options and all."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            place = args.index("--")
            ctx.meta[_COMMAND] = tuple(args[place + 1 :])
            args = args[:place]
        return super().parse_args(ctx, args)


@click.command(
    "run",
    cls=_Run,
    short_help="One probe: write, read back, account, judge.",
    options_metavar="[OPTIONS] [--while] [-- COMMAND...]",
)
@run_options
@click.pass_context
def run(
    ctx: click.RichContext,
    /,
    env: str | None,
    config: str | None,
    **given: Any,  # noqa: ANN401
) -> None:
    """Write known messages into a Loggregator, and account for every one of them.

    ENV is an environment of prober.yaml; without one, and without --agent and --rlp,
    it is the bundled reference stack. Exit codes: 0 met, or no objective given;
    1 violated; 2 usage; 3 inconclusive; 4 could not probe; 5 lost more than the
    baseline; 130 interrupted.

    With --while -- COMMAND the probe begins before the command and ends after it; the
    screen goes to standard error, and the exit code is the command's where the probe's
    own would be 0.
    """
    if given["pin"] is not None:
        cpus.expect_one()

    from prober.cli.resolving import resolve

    said = {name for name in given if _was_said(ctx, name)}
    options = Options(**given, command=ctx.meta.get(_COMMAND, ()))
    check(options, said)
    options, target = resolve(options, env, config, said)
    ctx.exit((_search if options.find_limit else _run)(options, target))


def _search(options: Options, target: "Target") -> int:
    from prober.cli import find_limit

    return find_limit.run(options, target)


def _was_said(ctx: click.RichContext, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _run(options: Options, target: "Target") -> int:
    """Probe, tell and write; return the exit code."""
    from prober import report
    from prober.cli import compare, output, reporting
    from prober.cli.companion import Companion
    from prober.cli.jobs import job_of
    from prober.cli.remembering import remember
    from prober.probe import unprobed
    from prober.report.comparison import reasons

    wanted = reporting.files(options.report, json=options.json, junit=options.junit)
    calibration = reporting.calibration_of(options.calibration)
    before = None if options.baseline is None else compare.read(options.baseline)
    job = job_of(options, target)
    decision = _decision(options, job.plan)
    companion = Companion(options.command, SystemClock())
    failure = None
    try:
        result = asyncio.run(_probe(options, target, job, decision, companion))
    except CouldNotProbe as error:
        failure, result = error, unprobed(job, SystemClock().now_ns())
    result = replace(result, command=companion.ran)
    if decision:
        decision.close(result.consumers)
    told = report.build(
        result,
        options.slo,
        worst_burst=options.worst_burst,
        early=decision.processes if decision else (),
        explain=options.explain,
        failure=str(failure) if failure else None,
        window_ns=target.window_ns,
    )
    told = replace(told, calibration=calibration)
    quiet = options.quiet or failure is not None
    reporting.write(told, wanted)
    reporting.show(told, wanted, quiet=quiet, aside=bool(options.command))
    if not quiet:
        output.say(*filter(None, [companion.not_started]))
    remember(result, options, target)
    state = None
    if before is not None and failure is None:
        against = compare.against(before, told, options.worst_burst)
        state = against.state
        if not quiet:
            output.say(*reasons(against))
    code = _exit_code(told, options, state)
    if failure is not None:
        raise _with_code(failure, code, companion)
    return code or companion.exit_code


def _exit_code(told: "Report", options: Options, compared: str | None) -> int:
    """Return the probe's own exit code, with what a baseline had to say."""
    from prober import slo
    from prober.report.comparison import UNTOLD

    return slo.exit_code(
        told.verdict,
        told.claim,
        prove=options.prove or options.until_decided,
        nagios=options.nagios,
        inconclusive_exit=options.inconclusive_exit,
        regressed=compared == "worse",
        untold=compared in UNTOLD,
        interrupted=told.result.partial,
    )


def _with_code(
    error: CouldNotProbe, code: int, companion: "Companion"
) -> CouldNotProbe:
    """Return an error that leaves with a code, and tells of a command not started."""
    told = type(error)("; ".join(filter(None, (str(error), companion.not_started))))
    told.exit_code = code
    return told


def _decision(options: Options, plan: Plan) -> EarlyDecision | None:
    if not options.until_decided or options.slo is None:
        return None
    cycle = plan.messages // plan.cycles
    return EarlyDecision(options.slo, worst_burst=options.worst_burst, cycle=cycle)


async def _probe(
    options: Options,
    target: "Target",
    job: "Job",
    decision: EarlyDecision | None,
    companion: "Companion",
) -> RunResult:
    """Open what is to be probed, and probe it, while a command runs if there is one."""
    from rich.console import Console

    from prober.cli import trusted
    from prober.cli.display import watching
    from prober.cli.legs import Processes, pin
    from prober.probe import Controls, probe

    clock = SystemClock()
    console = Console(stderr=True, quiet=options.quiet)
    # What is lost while a command runs is what one wants to see: the rate is bounded.
    guarded = target.reference is None and not options.command
    guard = LossGuard(job.plan if guarded else None)
    shown = Console(quiet=True) if options.command else console
    enough = asyncio.Event()
    async with (
        interruptible(companion.tell) as stop,
        target.ends(options, clock, job.plan) as ends,
        companion.beside(stop, enough),
    ):
        free = pin(options.pin)
        _announce(console, target, job, ends)
        with watching(shown) as observer:
            controls = Controls(
                stop=stop,
                enough=enough,
                observer=companion.observing(observer),
                on_cycle=followers(enough, *([decision] if decision else []), guard),
                platform=ends.platform(clock, job),
                agents=ends.agent_metrics(),
            )
            job = replace(job, alarms=ends.alarms)
            result = await probe(
                job,
                ends.writers(clock),
                ends.readers(clock, job),
                clock,
                controls,
                legs=Processes(ends, clock, job, free).legs(
                    writers=options.writers, readers=options.readers
                ),
            )
        warnings = (
            *result.warnings,
            *guard.words(),
            *trusted.warnings(job.plan.rate, result),
        )
        drops = await ends.drops()
    return replace(result, stack_drops=drops, warnings=warnings)


def _announce(console: "Console", target: "Target", job: "Job", ends: "Ends") -> None:
    """Say what a run will cost a pipeline, or that it is our own, before it does."""
    from prober.cli import output

    if target.reference is None:
        told = _announcement(job.plan, ends, open_end=job.at_most)
        console.print(told, style="dim", highlight=False)
    elif target.environment is None:
        output.hint(console, "run")


def _announcement(plan: Plan, ends: "Ends", *, open_end: bool) -> str:
    """Return how much is to be sent, to whom, and how fast."""
    from prober import slo

    rate, took = "as fast as possible", ""
    if plan.rate is not None:
        rate = f"{float(plan.rate):,g}/s"
        took = f" for {slo.format_duration(plan.messages / plan.rate)}"
    most = "at most " if open_end else ""
    bytes_ = plan.messages * (plan.sizes.low + plan.sizes.high) / 2
    agents = ", ".join(each.address for each in ends.ways_in)
    return (
        f"sending {most}{plan.messages:,} messages of {plan.sizes} bytes "
        f"({bytes_ / 1e6:,.1f} MB and what is wrapped around it) to {agents}, "
        f"{rate}{took}"
    )
