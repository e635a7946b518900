"""`prober check`: each step of the way to an environment, tried and told."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import rich_click as click
from rich.console import Console

from prober.cli import values
from prober.clock import NS, Clock, SystemClock
from prober.errors import UsageError

if TYPE_CHECKING:  # what imports gRPC is imported by who runs
    from prober.checks import Step
    from prober.config import Environment

_FAILED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """A Loggregator without configuration, as the options of the same names say."""

    agent: str | None
    rlp: str | None
    tls_dir: str | None
    agent_server_name: str
    rlp_server_name: str


@click.command("check", short_help="Which step of the way fails, and what mends it.")
@click.argument("env", required=False, metavar="[ENV]")
@click.option(
    "--config",
    metavar="FILE",
    help="Where ENV stands.  [default: ./prober.yaml, or the user's]",
)
@click.option(
    "--json",
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="Write the steps as JSON; without FILE, and alone, to stdout.",
)
@click.option("--quiet", "-q", is_flag=True, help="Show nothing.")
@click.option(
    "--agent",
    type=values.Address(),
    metavar="HOST:PORT",
    panel="A Loggregator without configuration",
    help="Write to this agent, forwarder agent or router.",
)
@click.option(
    "--rlp",
    type=values.Address(),
    metavar="HOST:PORT",
    panel="A Loggregator without configuration",
    help="Read from this reverse log proxy.",
)
@click.option(
    "--tls-dir",
    metavar="DIR",
    panel="A Loggregator without configuration",
    help="Where ca.crt, client.crt and client.key lie.",
)
@click.option(
    "--agent-server-name",
    metavar="NAME",
    default="metron",
    show_default=True,
    panel="A Loggregator without configuration",
    help="The name in its certificate; a router's is doppler.",
)
@click.option(
    "--rlp-server-name",
    metavar="NAME",
    default="reverselogproxy",
    show_default=True,
    panel="A Loggregator without configuration",
    help="The name in its certificate.",
)
@click.pass_context
def check(
    ctx: click.RichContext,
    /,
    env: str | None,
    config: str | None,
    json: str | None,
    quiet: bool,  # noqa: FBT001 - click's
    **ends: Any,  # noqa: ANN401
) -> None:
    """Try each step of the way to an environment, and say which fails and why.

    Names, connections, certificates, tokens, subscriptions, one message from every way
    in to every consumer, clocks: of all servers side by side, in less than 30 s. Some
    logs of our own source are written, and nothing is left behind.

    ENV is an environment of prober.yaml; without one, and without --agent and --rlp,
    it is the bundled reference stack. Exit codes: 0 all is well; 2 usage or
    configuration; 4 a step failed; 130 interrupted.
    """
    from prober.cli import checklist, output

    output.check_writable(json)
    clock = SystemClock()
    began_ns = clock.now_ns()
    try:
        chosen = _choose(env, config, Ends(**ends))
    except UsageError as error:
        if json is not None:
            failure = (_configuration(config, str(error), ok=False),)
            output.write_document(checklist.document(env or "", failure, 0), json)
        raise
    console = Console(stderr=True, quiet=quiet)
    if chosen.environment is None and chosen.ends is None:
        output.hint(console, "check")
    steps = asyncio.run(_check(chosen, clock, console))
    if env is not None:
        words = f"{env} is valid"
        steps = (_configuration(chosen.file, words, ok=True), *steps)
    seconds = (clock.now_ns() - began_ns) / NS
    if json is not None:
        output.write_document(checklist.document(chosen.name, steps, seconds), json)
    if not quiet:
        shown = Console(stderr=json == output.STDOUT)
        checklist.show(chosen.name, steps, seconds, shown)
    ctx.exit(_FAILED if checklist.failed(steps) else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """What is checked: an environment, two ends, or the bundled stack."""

    name: str
    environment: "Environment | None" = None
    file: str = ""
    """Where the environment stands."""
    ends: Ends | None = None


def _choose(env: str | None, config: str | None, ends: Ends) -> _Chosen:
    """Return what is checked; raises UsageError with every mistake there is."""
    from prober.config import load

    together = (ends.agent, ends.rlp, ends.tls_dir)
    if any(together) and not all(together):
        raise UsageError("--agent, --rlp and --tls-dir go together: give all three")
    if env is not None:
        if ends.agent is not None:
            raise UsageError(f"give either the environment {env} or --agent, not both")
        loaded = load(config)
        environment = loaded.environment(env)
        return _Chosen(name=env, environment=environment, file=str(loaded.path))
    if config is not None:
        raise UsageError("--config needs an environment of it: prober check ENV")
    if ends.agent is not None:
        return _Chosen(name=ends.agent, ends=ends)
    return _Chosen(name="reference")


async def _check(chosen: _Chosen, clock: Clock, console: Console) -> "tuple[Step, ...]":
    """Try every step, and tell on a terminal how many are done."""
    from prober.checks import check as check_all
    from prober.cli import checked

    probe = checked.probe(chosen.environment, clock)
    done = 0
    with console.status("checking") as status:

        def watch(_step: "Step") -> None:
            nonlocal done
            done += 1
            status.update(f"checking: {done:,} steps done")

        async with checked.targets(chosen.environment, chosen.ends, probe) as targets:
            return await check_all(
                targets, run_id=probe.run_id, plan=probe.plan, clock=clock, watch=watch
            )


def _configuration(file: str | None, words: str, *, ok: bool) -> "Step":
    from prober.checks import Step

    return Step(
        name="configuration",
        target=file or "the command line",
        ok=ok,
        seconds=0.0,
        words=words,
        remedy="" if ok else "prober config validate",
    )
