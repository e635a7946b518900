"""`prober status`: how it stands now, worst first, from the store of any daemon."""

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import rich_click as click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from prober.cli import outlet, stored
from prober.clock import SystemClock
from prober.errors import UsageError

if TYPE_CHECKING:  # SQLAlchemy is imported by who reads a store
    from prober.report.now import Now
    from prober.store import Store

_FOLLOW_SECONDS = 2.0
_STYLES = {"bad": "bold red", "unsure": "bold yellow", "good": "green", "plain": ""}


@click.command("status", short_help="How it stands now, worst first.")
@click.argument("envs", nargs=-1, metavar="[ENV]...")
@click.option(
    "--config",
    metavar="FILE",
    help="Says where history is kept.  [default: ./prober.yaml, or the user's]",
)
@click.option(
    "--store",
    type=stored.Place(),
    metavar="FILE|URL",
    help="Read history there.  [default: the file's, or the user's data directory]",
)
@click.option("--follow", "-f", is_flag=True, help="Show it again every two seconds.")
@click.option(
    "--json",
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="Write it as JSON; without FILE, and alone, to stdout.",
)
@click.option("--nagios", is_flag=True, help="One line, and the exit codes of Nagios.")
@click.pass_context
def status(
    ctx: click.RichContext,
    /,
    envs: tuple[str, ...],
    config: str | None,
    *,
    store: str | None,
    follow: bool,
    json: str | None,
    nagios: bool,
) -> None:
    """Tell what is lost now, by whom, whose fault it is, and what to do.

    It is read from the history that a `prober watch` writes, on whatever machine: also
    what is overdue and not yet final. ENV shows one in full. Exit code 0, whatever is
    told; with --nagios 0 OK or excluded, 1 over budget, 2 losing, 3 not measured or not
    known.
    """
    from prober.cli import output
    from prober.report.now import json as now_json
    from prober.report.now import nagios as now_nagios
    from prober.store import open_store

    if follow and (json is not None or nagios):
        raise UsageError("--follow shows a screen: leave out --json and --nagios")
    with open_store(_place(config, store)) as opened:
        if follow:
            _follow(opened, envs)
            return
        found = _look(opened, envs)
    if nagios:
        click.echo(now_nagios.line(found))
        ctx.exit(now_nagios.code(found))
    if json is not None:
        document = now_json.document(found, SystemClock().now_ns())
        output.write_document(document, json)
    if json != output.STDOUT:
        console = Console()
        console.print(_screen(found, console, in_full=bool(envs)), crop=False)


def _place(config: str | None, store: str | None) -> str | None:
    """Return where history is kept; raises UsageError where there is none."""
    from prober import config as configuration
    from prober.store import exists

    place = store
    if place is None and (config is not None or configuration.find() is not None):
        place = configuration.load(config).store
    if not exists(place):
        raise UsageError(
            "there is no history yet: prober watch writes it, and --store says where "
            "another one is"
        )
    return place


def _look(store: "Store", envs: Sequence[str]) -> "list[Now]":
    from prober.report.now import now
    from prober.watch.knowing import known

    found = known(store, SystemClock().now_ns())
    names = [each.environment for each in found]
    unknown = [name for name in envs if name not in names]
    if unknown:
        raise UsageError(
            f"nothing is known of {' and '.join(unknown)}: the history in "
            f"{store.where} has {', '.join(names) or 'no environment'}"
        )
    return [now(each) for each in found if not envs or each.environment in envs]


def _screen(found: "Sequence[Now]", console: Console, *, in_full: bool) -> Group:
    from prober.report.now.screen import rows
    from prober.report.words import harmless

    width = console.width if console.is_terminal else 100
    return Group(
        *(
            Text(
                harmless(row.text, console.encoding),
                style=_STYLES[row.tone],
                no_wrap=True,
                overflow="ignore",
            )
            for row in rows(found, width=width, in_full=in_full)
        )
    )


def _follow(store: "Store", envs: Sequence[str]) -> None:
    """Show it again and again, until interrupted: that is how it ends."""
    console = Console()
    in_full = bool(envs)
    try:
        if not console.is_terminal:
            while not outlet.is_unread():
                console.print(_screen(_look(store, envs), console, in_full=in_full))
                sys.stdout.flush()
                time.sleep(_FOLLOW_SECONDS)
            return
        with Live(console=console, auto_refresh=False, screen=False) as live:
            while True:
                screen = _screen(_look(store, envs), console, in_full=in_full)
                live.update(screen, refresh=True)
                time.sleep(_FOLLOW_SECONDS)
    except KeyboardInterrupt:
        return
