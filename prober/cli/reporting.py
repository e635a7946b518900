"""Which files a report is written to, in which formats, and how they are written."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import rich_click as click

from prober.cli import output
from prober.errors import UsageError

if TYPE_CHECKING:  # commands import what they need when they run
    from prober.records import Calibration
    from prober.report.formats import Rows, Subject

_Command = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file that is to be written, and the name of its format."""

    path: str
    """`-` for standard output."""
    format: str


def file_options(command: _Command) -> _Command:
    """Add the options that say what is written, beside the screen or in its place."""
    for option in (
        click.option("--quiet", "-q", is_flag=True, help="Show no screen."),
        click.option(
            "--json",
            is_flag=False,
            flag_value="-",
            metavar="[FILE]",
            help="Write it as JSON; without FILE, and alone, to stdout.",
        ),
        click.option(
            "--format",
            "formats",
            multiple=True,
            metavar="NAME",
            help="The format of -o, where its name does not tell it; without -o, to "
            "stdout.",
        ),
        click.option(
            "--output",
            "-o",
            "outputs",
            multiple=True,
            metavar="FILE",
            help="Write the report; its suffix picks the format; repeatable.",
        ),
    ):
        command = option(command)
    return command


def files(
    outputs: Sequence[str],
    formats: Sequence[str] | None = None,
    *,
    json: str | None = None,
    junit: str | None = None,
) -> tuple[File, ...]:
    """Return what is to be written.

    `--format` stands once for each `-o`, in their order, or once for all of them; alone
    it means standard output; None where a command has no such option. `json` and
    `junit` are files of these formats.

    Raises UsageError for what does not go together, for names that are no formats, and
    for formats whose libraries are not there.
    """
    from prober.report.formats import FORMATS, by_suffix

    otherwise = "" if formats is None else ", or give --format"
    formats = formats or ()
    for name in formats:
        if name not in FORMATS:
            raise UsageError(f"no format {name!r:.40}: there are {', '.join(FORMATS)}")
    if formats and not outputs:
        outputs = [output.STDOUT] * len(formats)
    if formats and len(formats) not in (1, len(outputs)):
        raise UsageError("give --format once, or once for each -o")
    named = [*formats] * len(outputs) if len(formats) == 1 else [*formats]
    chosen = named or [by_suffix(path, otherwise) for path in outputs]
    found = [File(path=p, format=f) for p, f in zip(outputs, chosen, strict=True)]
    found += [
        File(path=path, format=name)
        for name, path in (("json", json), ("junit", junit))
        if path is not None
    ]
    _check(found)
    return tuple(found)


def _check(found: Sequence[File]) -> None:
    from prober.report.formats import FORMATS

    paths = [each.path for each in found]
    for path in paths:
        if paths.count(path) > 1:
            where = "standard output" if path == output.STDOUT else path
            raise UsageError(f"only one report can go to {where}")
        output.check_writable(path)
    for each in found:
        FORMATS[each.format].load()


def write(
    subject: "Subject", found: Iterable[File], rows: "Rows | None" = None
) -> None:
    """Write every file; what cannot be written goes to standard output instead.

    JSON first: it holds everything, whatever becomes of the others. `rows` are those of
    tables, where they are not the subject's own.
    """
    from prober.report.formats import FORMATS, TABULAR

    for each in sorted(found, key=lambda each: each.format != "json"):
        what = rows if rows is not None and each.format in TABULAR else subject
        output.write_document(FORMATS[each.format].document(what), each.path)


def show(
    subject: "Subject", found: Iterable[File], *, quiet: bool, aside: bool = False
) -> None:
    """Show the screen, on standard error where standard output is a document's.

    And if it is somebody else's, which `aside` says. Nothing if `quiet`.
    """
    from rich.console import Console

    from prober.report import terminal

    if not quiet:
        taken = output.STDOUT in {each.path for each in found}
        terminal.render(subject, Console(stderr=aside or taken))


def calibration_of(path: str | None) -> "Calibration | None":
    """Return the calibration that a file tells of; None without one.

    Raises UsageError when it is no document of a calibration.
    """
    if path is None:
        return None
    from prober.cli import documents
    from prober.report.calibrated import calibration_of

    return documents.read(path, calibration_of, wrote="prober calibrate --json")
