"""`prober history`: what was measured, and what people added to it."""

from typing import TYPE_CHECKING

import rich_click as click

from prober.cli import values
from prober.cli.moments import Moment
from prober.cli.stored import known, location, opened, store_options
from prober.errors import UsageError

if TYPE_CHECKING:
    from prober.report.listing import Listing


@click.command("history", short_help="What was measured: cycles, runs, annotations.")
@click.argument("env", required=False, metavar="[ENV]")
@click.option(
    "--since",
    "--from",
    "from_ns",
    type=Moment(),
    metavar="TIME",
    help="Only what was due from then on: 24h, 14:02, 2026-07-01, '10m ago'.",
)
@click.option(
    "--to", "to_ns", type=Moment(), metavar="TIME", help="Only what was due before."
)
@click.option(
    "--limit",
    type=values.Count(1),
    metavar="N",
    default=1_000,
    show_default=True,
    help="At most N cycles of an environment, the newest; one for each consumer.",
)
@click.option(
    "--json",
    "out",
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="Write the list as JSON; without FILE, and alone, to stdout.",
)
@store_options
def history(
    *,
    env: str | None,
    from_ns: int | None,
    to_ns: int | None,
    limit: int,
    out: str | None,
    store: str | None,
    config: str | None,
) -> None:
    """List what history holds of ENV, or of every environment, the newest first.

    Cycles that ended alike are one line, an ad hoc run is one line; `--json` has each
    by itself. Times without an offset are UTC, given and shown. Cycles stand as people
    decided about them, with what was measured behind it.
    """
    from prober.cli import output
    from prober.report.listing import Listing

    if from_ns is not None and to_ns is not None and from_ns >= to_ns:
        raise UsageError("--to is not after --since: nothing lies between them")
    output.check_writable(out)
    with opened(location(store, config)) as history_:
        where = history_.where
        listings = []
        for name in known(history_, env):
            cycles = history_.cycles(
                name, from_ns=from_ns, to_ns=to_ns, limit=limit + 1
            )
            listing = Listing(
                environment=name,
                runs=tuple(history_.runs(name, from_ns=from_ns, to_ns=to_ns)),
                cycles=tuple(cycles[:limit]),
                annotations=tuple(
                    history_.annotations(name, from_ns=from_ns, to_ns=to_ns)
                ),
                cut=len(cycles) > limit,
            )
            listings.append(listing)
    _tell(listings, out, where)


def _tell(listings: list["Listing"], out: str | None, where: str) -> None:
    from rich.console import Console

    from prober import __version__
    from prober.cli import output
    from prober.report import listing, listing_json, screen, terminal

    if out is not None:
        output.write_document(listing_json.render(listings, __version__), out)
        return
    if not listings:
        click.echo(
            f"the history in {where} has no environment yet: `prober watch` adds them, "
            "and `prober run ENV`"
        )
    console = Console()
    for place, each in enumerate(listings):
        if place:
            console.print()
        told = screen.safe(listing.screen(each), console.encoding)
        terminal.show(told, console)
