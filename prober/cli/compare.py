"""`prober compare`: before and after, of runs, of their documents, of history."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from prober import slo as slo_
from prober.cli import documents, values
from prober.cli.reporting import file_options, files, show, write
from prober.cli.stored import known, location, opened, store_options
from prober.clock import NS
from prober.errors import UsageError

if TYPE_CHECKING:  # what is heavy is imported by who runs
    from prober.history import RunRecord
    from prober.report import Report
    from prober.report.comparison import Comparison, Side
    from prober.store import Store

_DEFAULT_NS = 30 * 86_400 * NS


@click.command(
    "compare", short_help="Did it get worse? Two runs, or a run and history."
)
@click.argument("before", metavar="A")
@click.argument("after", required=False, metavar="[B]")
@click.option(
    "--baseline",
    metavar="ENV",
    help="Hold the one run A against the history of ENV before it.",
)
@click.option(
    "--window",
    "window_ns",
    type=values.Duration(),
    metavar="TIME",
    help="How much of that history, as 7d.  [default: the objective's, else 30d]",
)
@click.option(
    "--slo",
    type=values.Target(),
    metavar="PERCENT",
    help="Only an excess of half of its budget matters.  [default: that of the run]",
)
@click.option(
    "--worst-burst",
    type=values.WorstBurst(),
    metavar="N|auto",
    default="auto",
    help="The most messages one drop can cost.  [default: auto, a ring of 1,000]",
)
@file_options
@store_options
@click.pass_context
def compare(
    ctx: click.Context,
    /,
    *,
    before: str,
    after: str | None,
    baseline: str | None,
    window_ns: int | None,
    slo: Decimal | None,
    worst_burst: int,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    json: str | None,
    quiet: bool,
    store: str | None,
    config: str | None,
) -> None:
    """Tell whether B lost more than A: before and after an upgrade.

    A and B are runs: the id of one in history, or a file that `prober run --json`
    wrote. With --baseline ENV the run A is the later side. Exit codes: 0 no worse,
    5 worse, 3 when nothing can be told.
    """
    from prober.report import comparison

    if (after is None) == (baseline is None):
        raise UsageError("give two runs, A and B, or one run and --baseline ENV")
    if window_ns is not None and baseline is None:
        raise UsageError("--window is of the history of --baseline: add that")
    wanted = files(outputs, formats, json=json)
    where = store, config
    if baseline is None:
        sides = _side(before, where), _side(str(after), where)
    else:
        later = _side(before, where)
        with opened(location(*where)) as history:
            (name,) = known(history, baseline)
            sides = _history(history, name, later, window_ns), later
    told = comparison.compare(*sides, target=slo, worst_burst=worst_burst)
    write(told, wanted)
    show(told, wanted, quiet=quiet)
    ctx.exit(told.exit_code)


def _side(run: str, where: tuple[str | None, str | None]) -> "Side":
    """Return one run as a side, of a file if there is one of that name.

    Raises UsageError for what is neither a document of a run nor one in history.
    """
    if Path(run).exists() or run.endswith(".json"):
        return read(run)
    with opened(location(*where)) as history:
        found = history.run(run)
        if found is None:
            raise UsageError(
                f"the history in {history.where} has no run {run!r:.40}, and no file "
                "is called so: `prober history` lists runs"
            )
        return _stored(history, found)


def read(path: str) -> "Side":
    """Return the run of a document as a side.

    Raises UsageError when the file is not a report of ours.
    """
    from prober.report.sides import side_of_document

    return documents.read(path, side_of_document, wrote="--json")


def against(before: "Side", report: "Report", worst_burst: int) -> "Comparison":
    """Hold a run that was just made against an earlier one."""
    from prober.report import comparison, sides

    later = sides.side_of_report(report)
    return comparison.compare(before, later, worst_burst=worst_burst)


def _stored(history: "Store", run: "RunRecord") -> "Side":
    from prober.report.sides import side_of_history

    cycles = history.cycles(run_id=run.run_id, oldest_first=True)
    try:
        return side_of_history(cycles, run)
    except ValueError as error:
        raise UsageError(f"nothing to compare: {error}") from None


def _history(
    history: "Store", name: str, later: "Side", window_ns: int | None
) -> "Side":
    """Return what an environment was like before a run."""
    from prober.report.sides import side_of_history

    runs = history.runs(name, mode="continuous", to_ns=later.from_ns, limit=1)
    if not runs:
        raise UsageError(
            f"{name} was not watched before {later.label}: there is nothing to hold it "
            "against"
        )
    length_ns = window_ns or runs[0].window_ns or _DEFAULT_NS
    window = slo_.rolling(later.from_ns, length_ns)
    cycles = history.cycles(
        name,
        mode="continuous",
        from_ns=window.start_ns,
        to_ns=later.from_ns,
        oldest_first=True,
    )
    try:
        return side_of_history(cycles, runs[0], label=f"history of {name}")
    except ValueError as error:
        raise UsageError(f"nothing to compare: {error}") from None
