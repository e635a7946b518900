"""`prober run`: one probe, one screen, one exit code."""

import asyncio
import contextlib
import secrets
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import rich_click as click
from click.core import ParameterSource

from prober.cli import values
from prober.clock import NS, SystemClock
from prober.errors import CouldNotProbe, UsageError
from prober.ledger import Deadlines
from prober.plan import Plan, Sizes
from prober.records import Kind, RunResult
from prober.stamp import MAX_SIZE, RUN_ALPHABET, RUN_WIDTH, WIDTH

if TYPE_CHECKING:  # what imports gRPC is imported by who runs
    from prober.cli.targets import Ends
    from prober.probe import Job

_CYCLES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Defaults:
    """What is asked for when nothing is: of the bundled stack, or of any other."""

    rate: int
    lost_after_ns: int


_BUNDLED = _Defaults(rate=2_000, lost_after_ns=10 * NS)
_ELSEWHERE = _Defaults(rate=200, lost_after_ns=60 * NS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line as it was given; see the options of `run` for each."""

    messages: int
    cycles: int | None
    rate: Fraction | None
    size: Sizes
    kind: tuple[str, ...]
    source_id: str
    whole_firehose: bool
    seed: int | None
    late_after: int
    lost_after: int | None
    slo: Decimal | None
    worst_burst: int
    json: str | None
    quiet: bool
    agent: str | None
    rlp: str | None
    tls_dir: str | None
    agent_server_name: str
    rlp_server_name: str
    stack_process: bool
    yes: bool

    @property
    def bundled(self) -> bool:
        """Whether the reference stack is probed."""
        return self.agent is None

    @property
    def environment(self) -> str:
        """What reports call the pipeline."""
        return "reference" if self.bundled else str(self.agent)


@click.command("run", short_help="One probe: write, read back, account, judge.")
@click.option(
    "--messages",
    type=values.Count(1),
    metavar="N",
    default=10_000,
    panel="What is sent",
    help="How many messages.  [default: 10,000]",
)
@click.option(
    "--cycles",
    type=values.Count(1),
    metavar="N",
    panel="What is sent",
    help="Blocks of messages that are judged one by one.  [default: 100]",
)
@click.option(
    "--rate",
    type=values.Rate(),
    metavar="N/s|max",
    default="2000/s",
    panel="What is sent",
    help="Messages a second, evenly spread.  [default: 2000/s, elsewhere 200/s]",
)
@click.option(
    "--size",
    type=values.Size(),
    metavar="N|LOW-HIGH",
    default="100",
    show_default=True,
    panel="What is sent",
    help="Bytes of a log's payload, of which the stamp takes 81.",
)
@click.option(
    "--kind",
    type=click.Choice([*(k.value for k in Kind), values.MIX]),
    metavar="KIND",
    multiple=True,
    default=["log"],
    panel="What is sent",
    help="log, counter, gauge, timer, event or mix; repeatable.  [default: log]",
)
@click.option(
    "--source-id",
    metavar="ID",
    default="prober",
    show_default=True,
    panel="What is sent",
    help="The source_id that messages are written under.",
)
@click.option(
    "--seed",
    type=values.Count(0),
    metavar="N",
    panel="What is sent",
    help="Of every random choice.  [default: drawn, and told]",
)
@click.option(
    "--whole-firehose",
    is_flag=True,
    panel="How it is judged",
    help="Read every source, as a nozzle does, not only ours.",
)
@click.option(
    "--late-after",
    type=values.Duration(),
    metavar="TIME",
    default="5s",
    show_default=True,
    panel="How it is judged",
    help="A message that took longer is late.",
)
@click.option(
    "--lost-after",
    type=values.Duration(),
    metavar="TIME",
    panel="How it is judged",
    help="A message that took longer is lost.  [default: 10s, elsewhere 60s]",
)
@click.option(
    "--slo",
    type=values.Target(),
    metavar="PERCENT",
    panel="How it is judged",
    help="The objective, as 99.9 or 0.999.",
)
@click.option(
    "--worst-burst",
    type=values.Count(1),
    metavar="N",
    default=1_000,
    panel="How it is judged",
    help="The most messages that a single drop can cost.  [default: 1,000]",
)
@click.option(
    "--json",
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    panel="What is told",
    help="Write the report as JSON; without FILE to stdout, and nothing else there.",
)
@click.option(
    "--quiet",
    "-q",
    is_flag=True,
    panel="What is told",
    help="Show neither progress nor result.",
)
@click.option(
    "--agent",
    type=values.Address(),
    metavar="HOST:PORT",
    panel="Another Loggregator",
    help="Write to this agent, forwarder agent or router.",
)
@click.option(
    "--rlp",
    type=values.Address(),
    metavar="HOST:PORT",
    panel="Another Loggregator",
    help="Read from this reverse log proxy.",
)
@click.option(
    "--tls-dir",
    metavar="DIR",
    panel="Another Loggregator",
    help="Where ca.crt, client.crt and client.key lie.",
)
@click.option(
    "--agent-server-name",
    metavar="NAME",
    default="metron",
    show_default=True,
    panel="Another Loggregator",
    help="The name in its certificate; a router's is doppler.",
)
@click.option(
    "--rlp-server-name",
    metavar="NAME",
    default="reverselogproxy",
    show_default=True,
    panel="Another Loggregator",
    help="The name in its certificate.",
)
@click.option(
    "--yes",
    is_flag=True,
    panel="Another Loggregator",
    help="Agree to --rate max there.",
)
@click.option(
    "--stack-process",
    is_flag=True,
    panel="The bundled stack",
    help="Run it in a process of its own.",
)
@click.pass_context
def run(ctx: click.RichContext, /, **given: Any) -> None:  # noqa: ANN401
    """Write known messages into a Loggregator, and account for every one of them.

    Without --agent and --rlp that is the bundled reference stack. Exit codes: 0 met, or
    no objective given; 1 violated; 2 usage; 3 inconclusive; 4 could not probe;
    130 interrupted.
    """
    options = Options(**given)
    _check(options, rate_given=_was_given(ctx, "rate"))
    if not _was_given(ctx, "rate"):
        rate = (_BUNDLED if options.bundled else _ELSEWHERE).rate
        options = replace(options, rate=Fraction(rate))
    ctx.exit(_run(options))


def _was_given(ctx: click.RichContext, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _check(options: Options, *, rate_given: bool) -> None:
    """Refuse what cannot be done, before anything is opened."""
    if not WIDTH <= options.size.low <= options.size.high <= MAX_SIZE:
        raise UsageError(
            f"--size {options.size} cannot be: a stamp takes {WIDTH} bytes, and a "
            f"payload can have {MAX_SIZE:,}"
        )
    together = (options.agent, options.rlp, options.tls_dir)
    if any(together) and not all(together):
        raise UsageError("--agent, --rlp and --tls-dir go together: give all three")
    if options.stack_process and not options.bundled:
        raise UsageError("--stack-process is for the bundled stack, not for --agent")
    if not options.bundled and rate_given and options.rate is None and not options.yes:
        raise UsageError(
            "--rate max against a deployed pipeline can make it drop other people's "
            "messages: add --yes to agree"
        )
    if options.lost_after is not None and options.lost_after < options.late_after:
        raise UsageError("--lost-after cannot be shorter than --late-after")


def _run(options: Options) -> int:
    """Probe, tell and write; return the exit code."""
    from prober import report, slo
    from prober.cli import output
    from prober.probe import unprobed

    output.check_writable(options.json)
    job = _job(options)
    failure = None
    try:
        result = asyncio.run(_probe(options, job))
    except CouldNotProbe as error:
        failure, result = error, unprobed(job, SystemClock().now_ns())
    told = report.build(
        result,
        options.slo,
        worst_burst=options.worst_burst,
        failure=str(failure) if failure else None,
    )
    output.write(told, options.json, quiet=options.quiet or failure is not None)
    if failure is not None:
        raise failure
    return slo.exit_code(told.verdict, told.claim, interrupted=result.partial)


def _job(options: Options) -> "Job":
    """Return what is to be done; raises UsageError for a plan that cannot be."""
    from prober.probe import Job

    defaults = _BUNDLED if options.bundled else _ELSEWHERE
    plan = Plan(
        messages=options.messages,
        cycles=options.cycles or min(_CYCLES, options.messages),
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
    )


async def _probe(options: Options, job: "Job") -> RunResult:
    """Open what is to be probed, and probe it."""
    from rich.console import Console

    from prober.cli.display import watching
    from prober.probe import Controls, probe

    clock = SystemClock()
    console = Console(stderr=True, quiet=options.quiet)
    async with _interruptible() as stop, _ends(options, clock, job) as ends:
        if not options.bundled:
            console.print(_announcement(job.plan, ends.agent), style="dim")
        with watching(console) as observer:
            result = await probe(
                job,
                lambda report: ends.writer(clock, report),
                ends.readers(clock, job),
                clock,
                Controls(stop=stop, observer=observer),
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
