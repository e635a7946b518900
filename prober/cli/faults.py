"""Faults from the command line: the options, what begins, and what came of it."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click

if TYPE_CHECKING:  # what imports gRPC is imported by who runs
    from prober.pipeline.faults import Scenario
    from prober.pipeline.stack import ReferenceStack

_F = TypeVar("_F", bound=Callable[..., Any])


def options(command: _F) -> _F:
    """Add the options to a command."""
    listing = click.option(
        "--list-faults",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_list,
        panel="Faults",
        help="Tell which faults there are and what they take, and leave.",
    )
    fault = click.option(
        "--fault",
        metavar="FAULT",
        multiple=True,
        panel="Faults",
        help="What is done to it, KIND:KEY=VALUE,… or a scenario FILE.yaml; any number "
        "of times.",
    )
    return fault(listing(command))


def scenario(given: Iterable[str], seed: int) -> "Scenario | None":
    """Return what was asked for; None for nothing. Raises UsageError."""
    from prober.config.faults import scenario as read

    faults = tuple(given)
    return read(faults, seed) if faults else None


def begin(stack: "ReferenceStack") -> None:
    """Begin with what was asked for, and tell of it on standard error."""
    if stack.laboratory is not None:
        stack.laboratory.tell = _tell
        stack.begin_faults()


def sum_up(stack: "ReferenceStack") -> None:
    """Tell how many envelopes each fault met, to be held beside what was measured."""
    from prober.pipeline.faults import Targets

    touched = stack.laboratory.touched if stack.laboratory else {}
    for fault, count in touched.items():
        if fault.takes.targets is Targets.ENVELOPES:
            _tell(f"{fault}: met {count:,} envelopes")


def _tell(words: str) -> None:
    click.echo(f"{datetime.now(UTC):%H:%M:%S} {words}", err=True)


def _list(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - click's
    """Show every kind of fault and its settings; those in brackets may be left out."""
    if not asked:
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from prober.pipeline.faults import KINDS

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for kind, takes in KINDS.items():
        needed = ("where", *takes.needs)
        names = (*takes.settings, "after")
        settings = (name if name in needed else f"[{name}]" for name in names)
        told = Text(f"{takes.words}\n").append(" ".join(settings), style="dim")
        grid.add_row(Text(kind.value, style="bold"), told)
    Console().print(grid)
    ctx.exit()
