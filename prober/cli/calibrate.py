"""`prober calibrate`: known faults, injected and measured, side by side."""

import asyncio
import contextlib
import difflib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import rich_click as click

from prober.errors import UsageError

if TYPE_CHECKING:  # what imports gRPC is imported by who runs
    from rich.console import Console

    from prober.calibration import Plan
    from prober.records import Calibration, Trial

_DISAGREES, _CANNOT_TELL, _INTERRUPTED = 1, 3, 130


@click.command("calibrate", short_help="Injects known faults, and measures them.")
@click.option(
    "--only",
    metavar="TRIAL",
    multiple=True,
    panel="Trials",
    help="Make this trial; several times for several.  [default: all]",
)
@click.option(
    "--list",
    "listing",
    is_flag=True,
    panel="Trials",
    help="Tell which trials there are, and leave.",
)
@click.option(
    "--seed",
    type=int,
    metavar="N",
    default=0,
    show_default=True,
    panel="Trials",
    help="Of every random choice.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    metavar="N",
    default=4,
    show_default=True,
    panel="Trials",
    help="Processes that make a trial each; 0 makes all in this one.",
)
@click.option(
    "--json",
    metavar="FILE",
    panel="Output",
    help="Write a document, prober.calibration/v1; - is standard output.",
)
@click.option(
    "--explain",
    is_flag=True,
    panel="Output",
    help="Show what was done in each trial, and what a user is told then.",
)
@click.option("--quiet", is_flag=True, panel="Output", help="Show no screen.")
@click.pass_context
def calibrate(
    ctx: click.RichContext,
    *,
    only: tuple[str, ...],
    listing: bool,
    seed: int,
    workers: int,
    json: str | None,
    explain: bool,
    quiet: bool,
) -> None:
    """Prove on the bundled Loggregator that this prober reports what was done.

    Each trial does something to known messages: drops, doubles, delays, damages them,
    cuts lines, kills components, upgrades them. A witness inside tells what became of
    each message, and that is held against what the prober measured. Exit codes: 0 all
    agree; 1 one disagrees; 2 usage; 3 this machine was too busy to tell;
    130 interrupted.
    """
    from rich.console import Console

    from prober.cli import output
    from prober.report import calibration as told

    plans = _plans(only)
    if listing:
        for plan in plans:
            click.echo(f"{plan.name:<22}{plan.words}")
        return
    output.check_writable(json)
    made = asyncio.run(
        _calibrate(plans, seed, workers, Console(stderr=True, quiet=quiet))
    )
    if json is not None:
        output.write_document(told.document(made), json)
    if not quiet:
        told.render(made, Console(stderr=json == output.STDOUT), explain=explain)
    ctx.exit(_code(made))


def _plans(only: Sequence[str]) -> "Sequence[Plan]":
    from prober.calibration import TRIALS

    known = {plan.name: plan for plan in TRIALS}
    for name in only:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "--list tells which"
            raise UsageError(f"there is no trial {name!r}: {hint}")
    return [plan for plan in TRIALS if not only or plan.name in only]


async def _calibrate(
    plans: "Sequence[Plan]", seed: int, workers: int, console: "Console"
) -> "Calibration":
    from prober import calibration
    from prober.bench.memory import last
    from prober.cli.interrupting import interruptible

    bench = last()
    async with interruptible() as stop:
        with _watching(len(plans), console) as on_trial:
            return await calibration.calibrate(
                plans,
                seed=seed,
                workers=workers,
                controls=calibration.Controls(stop=stop, on_trial=on_trial),
                exact_up_to=bench.trust_up_to("rlp") if bench else None,
            )


@contextlib.contextmanager
def _watching(total: int, console: "Console") -> "Iterator[Callable[[Trial], None]]":
    """Yield what shows how far it is: a line that goes away, and nothing elsewhere."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.completed:.0f} of {task.total:.0f} trials"),
        BarColumn(bar_width=None),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=total)
        yield lambda _: progress.advance(task)


def _code(made: "Calibration") -> int:
    if made.disagreeing:
        return _DISAGREES
    if made.partial:
        return _INTERRUPTED
    return _CANNOT_TELL if made.untold else 0
