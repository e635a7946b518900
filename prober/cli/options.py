"""The options of `prober run`: what each is called, means, and may not be."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import Any

import rich_click as click

from prober.cli import stored, values
from prober.errors import UsageError
from prober.plan import Sizes
from prober.records import Kind
from prober.stamp import MAX_SIZE, WIDTH


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
    control: int
    late_after: int
    lost_after: int | None
    slo: Decimal | None
    worst_burst: int
    prove: bool
    until_decided: bool
    max_messages: int
    max_duration: int | None
    baseline: str | None
    explain: bool
    nagios: bool
    inconclusive_exit: int | None
    json: str | None
    junit: str | None
    report: tuple[str, ...]
    calibration: str | None
    quiet: bool
    agent: str | None
    rlp: str | None
    tls_dir: str | None
    agent_server_name: str
    rlp_server_name: str
    stack_process: bool
    writers: int | None
    readers: int | None
    pin: int | None
    find_limit: bool
    step: int
    yes: bool
    store: str | None
    accompany: bool
    command: tuple[str, ...] = ()
    """What stands behind `--`."""


_Command = Callable[..., Any]

_OPTIONS: tuple[Callable[[_Command], _Command], ...] = (
    click.argument("env", required=False, metavar="[ENV]"),
    click.option(
        "--config",
        metavar="FILE",
        panel="What is sent",
        help="Where ENV stands.  [default: ./prober.yaml, or the user's]",
    ),
    click.option(
        "--messages",
        type=values.Count(1),
        metavar="N",
        default=10_000,
        panel="What is sent",
        help="How many messages.  [default: 10,000]",
    ),
    click.option(
        "--cycles",
        type=values.Count(1),
        metavar="N",
        panel="What is sent",
        help="Blocks of messages that are judged one by one.  [default: 100]",
    ),
    click.option(
        "--rate",
        type=values.Rate(),
        metavar="N/s|max",
        default="2000/s",
        panel="What is sent",
        help="Messages a second, evenly spread.  [default: 2000/s, elsewhere 200/s]",
    ),
    click.option(
        "--size",
        type=values.Size(),
        metavar="N|LOW-HIGH",
        default="100",
        show_default=True,
        panel="What is sent",
        help="Bytes of a log's payload, of which the stamp takes 81.",
    ),
    click.option(
        "--kind",
        type=click.Choice([*(k.value for k in Kind), values.MIX]),
        metavar="KIND",
        multiple=True,
        default=["log"],
        panel="What is sent",
        help="log, counter, gauge, timer, event or mix; repeatable.  [default: log]",
    ),
    click.option(
        "--source-id",
        type=values.SourceId(),
        metavar="ID",
        default="prober",
        show_default=True,
        panel="What is sent",
        help="The source_id that messages are written under.",
    ),
    click.option(
        "--seed",
        type=values.Count(0),
        metavar="N",
        panel="What is sent",
        help="Of every random choice.  [default: drawn, and told]",
    ),
    click.option(
        "--control",
        type=values.Count(0),
        metavar="K",
        default=0,
        panel="How it is judged",
        help="Withhold K of each cycle, which have to be found missing.  [default: 0]",
    ),
    click.option(
        "--whole-firehose",
        is_flag=True,
        panel="How it is judged",
        help="Read every source, as a nozzle does, not only ours.",
    ),
    click.option(
        "--late-after",
        type=values.Duration(),
        metavar="TIME",
        default="5s",
        show_default=True,
        panel="How it is judged",
        help="A message that took longer is late.",
    ),
    click.option(
        "--lost-after",
        type=values.Duration(),
        metavar="TIME",
        panel="How it is judged",
        help="A message that took longer is lost.  [default: 10s, elsewhere 60s]",
    ),
    click.option(
        "--slo",
        type=values.Target(),
        metavar="PERCENT",
        panel="How it is judged",
        help="The objective, as 99.9 or 0.999.",
    ),
    click.option(
        "--worst-burst",
        type=values.WorstBurst(),
        metavar="N|auto",
        default="auto",
        panel="How it is judged",
        help="The most messages one drop can cost.  [default: auto, a ring of 1,000]",
    ),
    click.option(
        "--prove",
        is_flag=True,
        panel="How it is judged",
        help="Exit 0 only if the objective is proved, 1 if disproved, 3 if undecided.",
    ),
    click.option(
        "--until-decided",
        is_flag=True,
        panel="How it is judged",
        help="Go on until the objective is proved or disproved, and prove it so.",
    ),
    click.option(
        "--max-messages",
        type=values.Count(1),
        metavar="N",
        default=10_000_000,
        panel="How it is judged",
        help="Give up deciding after so many messages.  [default: 10,000,000]",
    ),
    click.option(
        "--max-duration",
        type=values.Duration(),
        metavar="TIME",
        panel="How it is judged",
        help="Give up deciding after so long.",
    ),
    click.option(
        "--json",
        is_flag=False,
        flag_value="-",
        metavar="[FILE]",
        panel="What is told",
        help="Write the report as JSON; without FILE, and alone, to stdout.",
    ),
    click.option(
        "--report",
        multiple=True,
        metavar="FILE",
        panel="What is told",
        help="Write the report; its suffix picks the format; repeatable.",
    ),
    click.option(
        "--calibration",
        metavar="FILE",
        panel="What is told",
        help="Tell with it what `prober calibrate --json FILE` found.",
    ),
    click.option(
        "--junit",
        metavar="FILE",
        panel="What is told",
        help="Write the verdict as JUnit XML, for CI.",
    ),
    click.option(
        "--baseline",
        metavar="FILE",
        panel="How it is judged",
        help="An earlier report in JSON: exit 5 if this run lost more.",
    ),
    click.option(
        "--explain",
        is_flag=True,
        panel="What is told",
        help="Show what stands behind the bounds: clustering, and the naive bound.",
    ),
    click.option(
        "--nagios",
        is_flag=True,
        panel="What is told",
        help="Exit as a monitoring plug-in: 0 OK, 2 CRITICAL, 3 UNKNOWN.",
    ),
    click.option(
        "--inconclusive-exit",
        type=values.ExitCode(),
        metavar="N",
        panel="What is told",
        help="Exit with N where it would be 3.",
    ),
    click.option(
        "--quiet",
        "-q",
        is_flag=True,
        panel="What is told",
        help="Show neither progress nor result.",
    ),
    click.option(
        "--store",
        type=stored.Place(),
        metavar="URL|none",
        panel="What is told",
        help="Where the run is kept.  [default: history; the bundled stack's nowhere]",
    ),
    click.option(
        "--while",
        "accompany",
        is_flag=True,
        panel="What is sent",
        help="Probe while the COMMAND behind -- runs, and tell what it cost.",
    ),
    click.option(
        "--agent",
        type=values.Address(),
        metavar="HOST:PORT",
        panel="A Loggregator without configuration",
        help="Write to this agent, forwarder agent or router.",
    ),
    click.option(
        "--rlp",
        type=values.Address(),
        metavar="HOST:PORT",
        panel="A Loggregator without configuration",
        help="Read from this reverse log proxy.",
    ),
    click.option(
        "--tls-dir",
        metavar="DIR",
        panel="A Loggregator without configuration",
        help="Where ca.crt, client.crt and client.key lie.",
    ),
    click.option(
        "--agent-server-name",
        metavar="NAME",
        default="metron",
        show_default=True,
        panel="A Loggregator without configuration",
        help="The name in its certificate; a router's is doppler.",
    ),
    click.option(
        "--rlp-server-name",
        metavar="NAME",
        default="reverselogproxy",
        show_default=True,
        panel="A Loggregator without configuration",
        help="The name in its certificate.",
    ),
    click.option(
        "--yes",
        is_flag=True,
        panel="A Loggregator without configuration",
        help="Agree to more than is usual there.",
    ),
    click.option(
        "--stack-process",
        is_flag=True,
        panel="The bundled stack",
        help="Run it in a process of its own.",
    ),
    click.option(
        "--find-limit",
        is_flag=True,
        panel="At high rates",
        help="Step the rate up from --rate until something is lost, and say where.",
    ),
    click.option(
        "--step",
        type=values.Duration(),
        metavar="TIME",
        default="5s",
        show_default=True,
        panel="At high rates",
        help="How long --find-limit keeps each rate.",
    ),
    click.option(
        "--writers",
        type=values.Count(1),
        metavar="N",
        panel="At high rates",
        help="Write from N processes for each way in.  [default: from this one]",
    ),
    click.option(
        "--readers",
        type=values.Count(1),
        metavar="N",
        panel="At high rates",
        help="Read in N processes for each consumer.  [default: in this one]",
    ),
    click.option(
        "--pin",
        type=values.Count(0),
        metavar="CPU",
        panel="At high rates",
        help="Hold this process to a CPU, its legs to the others.  [default: none]",
    ),
)


def run_options(command: _Command) -> _Command:
    """Give a command all of them."""
    return reduce(lambda inner, option: option(inner), reversed(_OPTIONS), command)


def check(options: Options, given: AbstractSet[str]) -> None:
    """Refuse what cannot be done, before anything is opened.

    `given` names the options that stand on the command line; raises UsageError.
    """
    if options.size.low > options.size.high:
        raise UsageError(
            f"--size {options.size} runs backwards: write {options.size.high}-"
            f"{options.size.low}"
        )
    if not WIDTH <= options.size.low <= options.size.high <= MAX_SIZE:
        raise UsageError(
            f"--size {options.size} cannot be: a stamp takes {WIDTH} bytes, and a "
            f"payload can have {MAX_SIZE:,}"
        )
    together = (options.agent, options.rlp, options.tls_dir)
    if any(together) and not all(together):
        raise UsageError("--agent, --rlp and --tls-dir go together: give all three")
    _check_decision(options, given)
    _check_command(options, given)
    if options.find_limit:
        _check_search(options, given)
    elif "step" in given:
        raise UsageError("--step belongs to --find-limit: add that")


def _check_search(options: Options, given: AbstractSet[str]) -> None:
    """Refuse what does not go with looking for a limit."""
    own = ("messages", "cycles", "until_decided", "prove", "slo", "baseline", "nagios")
    if clash := [name for name in own if name in given]:
        option = f"--{clash[0].replace('_', '-')}"
        raise UsageError(f"--find-limit tries rates of its own: leave {option} out")
    if options.accompany:
        raise UsageError("--find-limit and --while do not go together: choose one")
    if options.rate is None:
        raise UsageError("--find-limit starts at a rate: --rate N/s, and not max")


def _check_command(options: Options, given: AbstractSet[str]) -> None:
    if not options.accompany:
        if options.command:
            raise UsageError("a command behind -- is for --while: add that before it")
        return
    if options.until_decided or given & {"messages", "cycles"}:
        raise UsageError(
            "--while sends for as long as the command takes: bound it with "
            "--max-messages, not with --messages, --cycles or --until-decided"
        )
    if options.json == "-":
        raise UsageError("--while leaves standard output to the command: --json FILE")
    from prober.cli import companion

    companion.check(options.command)


def _check_decision(options: Options, given: AbstractSet[str]) -> None:
    if not options.until_decided:
        for name in ("max_messages", "max_duration"):
            if name in given and not options.accompany:
                option = f"--{name.replace('_', '-')}"
                raise UsageError(f"{option} belongs to --until-decided: add that")
    elif "messages" in given or "cycles" in given:
        raise UsageError(
            "--until-decided sends as many messages as it takes: bound it with "
            "--max-messages, not with --messages or --cycles"
        )
