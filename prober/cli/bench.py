"""`prober bench`: what this machine's prober can send, read and account for."""

import asyncio
from typing import TYPE_CHECKING

import rich_click as click

from prober import cpus
from prober.cli import values

if TYPE_CHECKING:  # what imports gRPC is imported by who runs
    from rich.console import Console

    from prober.bench.results import Bench

_SECONDS, _QUICK_SECONDS, _LEAST_SECONDS = 2.0, 0.5, 0.2
_INTERRUPTED = 130


@click.command("bench", short_help="What this machine's prober can do, and be trusted.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.1, max=3600),
    metavar="N",
    help="How long each measurement takes.  [default: 2, quick 0.5]",
)
@click.option(
    "--quick",
    is_flag=True,
    help="Only the reverse log proxy's way, and shortly: a first idea.",
)
@click.option(
    "--pin",
    type=values.Count(0),
    metavar="CPU",
    help="Hold the prober to one CPU, and the null pipeline to the others.",
)
@click.option(
    "--json",
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="Write the figures as JSON; without FILE, and alone, to stdout.",
)
@click.option("--quiet", "-q", is_flag=True, help="Show neither progress nor result.")
@click.pass_context
def bench(
    ctx: click.RichContext,
    /,
    *,
    seconds: float | None,
    quick: bool,
    pin: int | None,
    json: str | None,
    quiet: bool,
) -> None:
    """Measure what this machine's prober can do, beside a pipeline that does nothing.

    The writer, the readers and the ledger are those of `prober run`; the null pipeline,
    in a process of its own on loopback, swallows what is sent, and gives out envelopes
    as a reverse log proxy, an RLP gateway or a traffic controller would. The result is
    remembered: `prober run` warns when it is asked for more than could be trusted.

    Exit codes: 0 measured; 2 usage; 4 could not measure; 130 interrupted, after what
    was measured was told.
    """
    if pin is not None:
        cpus.expect_one()

    from rich.console import Console

    from prober.bench.results import render
    from prober.cli import benched, output

    output.check_writable(json)
    console = Console(stderr=True, quiet=quiet)
    seconds = seconds or (_QUICK_SECONDS if quick else _SECONDS)
    made = asyncio.run(_measure(seconds, console, pin=pin, quick=quick))
    if json is not None:
        output.write_document(render(made), json)
    if not quiet:
        benched.show(made, Console(stderr=json == output.STDOUT))
    if made.partial:
        ctx.exit(_INTERRUPTED)
    if seconds < _LEAST_SECONDS:
        words = f"not remembered: {seconds:g} s each are too short to rely on"
        console.print(words, style="yellow", highlight=False)
    else:
        _remember(made, console)


async def _measure(
    seconds: float, console: "Console", *, pin: int | None, quick: bool
) -> "Bench":
    """Make one measurement after the other, and tell how far it is."""
    import tempfile
    from pathlib import Path

    from prober.bench import memory, suite
    from prober.bench.ends import Setting
    from prober.bench.results import Bench
    from prober.cli import benched
    from prober.cli.interrupting import interruptible
    from prober.clock import SystemClock
    from prober.report import words

    free = cpus.usable()
    if pin is not None:
        cpus.hold([pin])
    clock, machine = SystemClock(), memory.machine()
    began_ns = clock.now_ns()
    cases = suite.QUICK if quick else suite.FULL
    made = []
    with tempfile.TemporaryDirectory(prefix="prober-bench-") as directory:
        suite.provide(Path(directory), began_ns)
        async with interruptible() as stop:
            setting = Setting(
                directory=Path(directory),
                seconds=seconds,
                clock=clock,
                null_cpus=() if pin is None else cpus.others(pin, free),
                stop=stop,
            )
            with benched.watching(cases, console) as told:
                async for result in suite.results(cases, setting):
                    made.append(result)
                    told(result)
            interrupted = stop.is_set()
    return Bench(
        machine=machine,
        measured_at=words.moment(began_ns, "%Y-%m-%dT%H:%M:%SZ"),
        seconds=seconds,
        pinned=pin,
        partial=interrupted,
        results=tuple(made),
    )


def _remember(made: "Bench", console: "Console") -> None:
    """Keep the figures; that they cannot be kept is no reason to fail."""
    from prober.bench import memory

    try:
        memory.remember(made)
    except OSError as error:
        words = f"the figures are not remembered: {memory.place()}: {error.strerror}"
        console.print(words, style="yellow", highlight=False, markup=False)
