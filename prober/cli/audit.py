"""`prober audit`: what of a run reached the archive behind the Firehose."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import rich_click as click

from prober.cli import values
from prober.errors import UsageError

if TYPE_CHECKING:  # what imports numpy is imported by who runs
    from prober.cli.sent import Sent
    from prober.ledger.audit import Audit

_STDIN = "-"


@click.command("audit", short_help="What of a run reached an archive: reads exports.")
@click.argument("run")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--report",
    "path",
    metavar="FILE",
    help="The run's report, as `prober run --json FILE` wrote it.",
)
@click.option(
    "--slo",
    type=values.Target(),
    metavar="PERCENT",
    help="The objective of the archive, as 99.9 or 0.999.",
)
@click.option(
    "--json",
    "out",
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="Write the audit as JSON; without FILE, and alone, to stdout.",
)
@click.option("--quiet", "-q", is_flag=True, help="Show no result.")
@click.pass_context
def audit(
    ctx: click.RichContext,
    /,
    *,
    run: str,
    files: tuple[str, ...],
    path: str | None,
    slo: Decimal | None,
    out: str | None,
    quiet: bool,
) -> None:
    """Find a run's messages in an export of an archive, and account for them.

    RUN is the run's report, or its id together with --report. Each FILE is text or
    bytes of any kind, packed with gzip or not; without one, or for -, standard input
    is read. Give all files of the time: what is in none of them is missing.

    Exit codes: 0 met, or no objective given; 1 violated; 2 usage; 3 cannot tell.
    """
    from prober.cli import output, sent

    output.check_writable(out)
    if path is None and not Path(run).exists():
        raise UsageError(
            f"there is no report {run!r:.200}: name the file that `prober run --json "
            "FILE` wrote, or add --report FILE to the run's id"
        )
    found = _of_run(sent.read(path or run), None if path is None else run)
    ctx.exit(_tell(found, files or (_STDIN,), slo, out, quiet=quiet))


def _of_run(sent: "Sent", run: str | None) -> "Sent":
    """Make sure that a report is of the run that was asked for."""
    if run not in (None, sent.run.run_id):
        raise UsageError(f"the report is of run {sent.run.run_id}, and not of {run}")
    return sent


def _tell(
    sent: "Sent",
    files: tuple[str, ...],
    slo: Decimal | None,
    out: str | None,
    *,
    quiet: bool,
) -> int:
    """Read the export, tell what was found, and return the exit code."""
    from dataclasses import replace

    from rich.console import Console

    from prober import report
    from prober.cli import output
    from prober.ledger.audit import Audit
    from prober.report import audit as words
    from prober.report import terminal

    account = Audit(sent.plan, sent.cycles)
    size = sum(_take(each, account, sent) for each in files)
    export = words.Export(
        files=tuple("standard input" if each == _STDIN else each for each in files),
        size=size,
        primers=account.primers,
        trailers=account.trailers,
    )
    told = report.build(replace(sent.run, consumers=(account.result(),)), slo)
    if out is not None:
        output.write_document(words.render(told, export), out)
    if not quiet:
        console = Console(stderr=out == output.STDOUT)
        terminal.show(words.screen(told, export, console.encoding), console)
    return told.verdict.exit_code


def _take(name: str, account: "Audit", sent: "Sent") -> int:
    """Take in one file of the export; return its size in bytes."""
    from prober.egress.export import sightings
    from prober.ingress.envelopes import AsSent
    from prober.stamp import Scanner

    scanner = Scanner(sent.run.run_id, sent.plan.cycle_of)
    with _opened(name) as file:
        counting = _Counting(file)
        largest = sent.plan.sizes.high
        for found in sightings(counting, name, scanner, largest, AsSent):
            account.take(found)
    return counting.size


class _Counting:
    """A file that knows how much of it was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0

    def read(self, size: int) -> bytes:
        """Read some bytes; none at the end."""
        piece = self._file.read(size)
        self.size += len(piece)
        return piece


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """Yield a file to read; raises UsageError for what cannot be read."""
    if name == _STDIN:
        if sys.stdin.isatty():
            raise UsageError("nothing to audit: name a FILE, or pipe an export in")
        yield sys.stdin.buffer
        return
    try:
        with Path(name).open("rb") as file:
            yield file
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error
