"""Which rows tables of a report have: `--rows` of `prober report`."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

from prober.errors import UsageError
from prober.history import HOUR_NS

if TYPE_CHECKING:  # what is heavy is imported by who runs
    import pandas as pd

    from prober.cli.reporting import File
    from prober.history import CycleRecord
    from prober.report import Report
    from prober.report.environment import EnvironmentReport
    from prober.report.environments import Environments
    from prober.report.formats import Rows
    from prober.store import Store

Kind = Literal["hours", "days", "cycles"]
KINDS: tuple[Kind, ...] = ("hours", "days", "cycles")
_DAY_NS = 24 * HOUR_NS


def check(kind: Kind | None, wanted: Sequence["File"]) -> None:
    """Refuse rows for which there is no file."""
    from prober.report.formats import TABULAR

    if kind is not None and not any(each.format in TABULAR for each in wanted):
        raise UsageError("--rows is of CSV and Parquet: add -o FILE.csv")


def rows_of(
    history: "Store", told: "Environments | Report", kind: Kind | None
) -> "Rows | None":
    """Return the rows that are asked for; None for those that the report has itself.

    Cycles are read when they are written, so that history has to be open until then.

    Raises UsageError for hours and days of a run, which has cycles alone.
    """
    from prober.report import Report, frames
    from prober.report.formats import Rows

    if isinstance(told, Report):
        if kind in ("hours", "days"):
            raise UsageError("a run has rows of cycles alone: leave out --rows")
        return None
    if kind == "days":
        days = frames.windows(told.reports, every="1D")
        return Rows(parts=lambda: (days,))
    if kind == "cycles":
        return Rows(parts=partial(_cycles, history, told.reports))
    return None


def _cycles(
    history: "Store", reports: "Sequence[EnvironmentReport]"
) -> "Iterator[pd.DataFrame]":
    """Yield a frame without rows, and one for each day that has any."""
    from prober.report import frames

    yield frames.cycles(())
    for report in reports:
        yield from map(frames.cycles, filter(None, _parts(history, report)))


def _parts(
    history: "Store", report: "EnvironmentReport"
) -> Iterator[list["CycleRecord"]]:
    """Yield the cycles that became final in a window, those due in a day at a time."""
    lost_after_ns = report.run.plan.lost_after_ns if report.run else 0
    from_ns = report.from_ns - lost_after_ns - HOUR_NS
    for start_ns in range(from_ns, report.until_ns, _DAY_NS):
        due = history.cycles(
            report.environment,
            mode="continuous",
            from_ns=start_ns,
            to_ns=min(start_ns + _DAY_NS, report.until_ns),
            oldest_first=True,
        )
        yield [
            each
            for each in due
            if each.state is not None
            and report.from_ns <= (each.final_ns or 0) < report.until_ns
        ]
