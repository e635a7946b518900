"""`prober report`: what history says of environments, as a screen and as files."""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Literal

import rich_click as click

from prober.cli import again, values
from prober.cli import rows as rows_
from prober.cli.moments import Moment
from prober.cli.reporting import (
    calibration_of,
    file_options,
    files,
    show,
    write,
)
from prober.cli.stored import known, location, objective, opened, store_options
from prober.clock import NS, SystemClock
from prober.errors import UsageError

if TYPE_CHECKING:  # what is heavy is imported by who runs
    from prober.history import RunRecord
    from prober.report import Report
    from prober.report.environment import EnvironmentReport, WindowKind
    from prober.report.environments import Environments
    from prober.store import Store

_DEFAULT_NS = 30 * 86_400 * NS
"""Where no run tells the window of an objective."""

Unit = Literal["week", "month", "quarter", "year"]
UNITS: tuple[Unit, ...] = ("week", "month", "quarter", "year")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The window and the objective as the command line has them."""

    window_ns: int | None
    from_ns: int | None
    to_ns: int | None
    calendar: Unit | None
    slo: Decimal | None
    worst_burst: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A window of one environment, without its end."""

    kind: "WindowKind"
    from_ns: int
    to_ns: int


@click.command(
    "report", short_help="What history says of environments, and files of it."
)
@click.argument("envs", nargs=-1, metavar="[ENV|RUN]...")
@click.option(
    "--window",
    "window_ns",
    type=values.Duration(),
    metavar="TIME",
    help="The last so long, as 7d.  [default: the objective's, else 30d]",
)
@click.option(
    "--from", "from_ns", type=Moment(), metavar="TIME", help="Only from then on."
)
@click.option(
    "--to", "to_ns", type=Moment(), metavar="TIME", help="Only until then.  [now]"
)
@click.option(
    "--calendar",
    type=click.Choice(UNITS),
    help="The calendar's week, month, … in UTC, whose budget is known ahead.",
)
@click.option(
    "--slo",
    type=values.Target(),
    metavar="PERCENT",
    help="Hold it against this objective.  [default: the one that was probed for]",
)
@click.option(
    "--worst-burst",
    type=values.WorstBurst(),
    metavar="N|auto",
    help="The most messages one drop can cost.  [default: as it was probed]",
)
@click.option(
    "--rows",
    type=click.Choice(rows_.KINDS),
    help="Of CSV and Parquet: sums of hours or days, or each cycle.  [default: hours]",
)
@click.option(
    "--calibration",
    metavar="FILE",
    help="Tell with it what `prober calibrate --json FILE` found.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["violated", "at-risk"]),
    help="Exit 1 if an objective was missed, or less than a quarter of its budget is "
    "left; 3 if that cannot be told.",
)
@click.option(
    "--inconclusive-exit",
    type=values.ExitCode(),
    metavar="N",
    help="Under --fail-on, exit with N where it would be 3.",
)
@file_options
@store_options
@click.pass_context
def report(
    ctx: click.Context,
    /,
    *,
    envs: tuple[str, ...],
    rows: rows_.Kind | None,
    calibration: str | None,
    fail_on: str | None,
    inconclusive_exit: int | None,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    json: str | None,
    quiet: bool,
    store: str | None,
    config: str | None,
    **window: "int | Decimal | str | None",
) -> None:
    """Tell what history knows of each ENV, or of all of them, the worst first.

    The window is that of each environment's objective, up to now. Without -o one
    environment is a screen, and several are a table. `-o week.html -o week.json` writes
    both. A RUN, by its id, is told again as `prober run` told it. Times without an
    offset are UTC. Exit codes: 0, or under --fail-on 1 and 3.
    """
    from prober.report.environments import Environments

    asked = Asked(**window)  # type: ignore[arg-type]
    _check(asked)
    wanted = files(outputs, formats, json=json)
    rows_.check(rows, wanted)
    calibrated = calibration_of(calibration)
    with uncollected(), opened(location(store, config)) as history:
        told = _told(history, envs, asked, config)
        table = rows_.rows_of(history, told, rows)
        held = told.reports if isinstance(told, Environments) else (told,)
        _check_gate(held, fail_on, inconclusive_exit)
        told = replace(told, calibration=calibrated)
        write(told, wanted, table)
        show(told, wanted, quiet=quiet)
    ctx.exit(gate(held, fail_on, inconclusive_exit))


def _told(
    history: "Store", names: Sequence[str], asked: Asked, config: str | None
) -> "Environments | Report":
    """Return the report of environments, or of the one run that is named."""
    from prober.report.environments import together

    run = again.run_named(history, names)
    if run is not None:
        _check_run(asked)
        return again.report_of(history, run, asked.slo, asked.worst_burst)
    now_ns = SystemClock().now_ns()
    found = [
        _report(history, name, asked, now_ns, config) for name in _names(history, names)
    ]
    return together(found, now_ns)


def _check_run(asked: Asked) -> None:
    """Refuse a window of a run, which has its own."""
    times = asked.window_ns, asked.from_ns, asked.to_ns, asked.calendar
    if any(each is not None for each in times):
        raise UsageError(
            "a run has no other time than its own: leave out --window, --from, --to "
            "and --calendar"
        )


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the collector of cycles away from what is read.

    Records of hours refer to nothing that refers back, and there are tens of thousands:
    looking through them again and again is a fifth of a large report's time.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _check(asked: Asked) -> None:
    """Refuse windows that cannot be."""
    if asked.calendar and (asked.window_ns or asked.from_ns is not None):
        raise UsageError("give --calendar, or --window, or --from, not several")
    if asked.window_ns is not None and asked.from_ns is not None:
        raise UsageError("give --window or --from, not both")
    if asked.window_ns == 0:
        raise UsageError("--window 0s has no room for a cycle")
    ends = asked.from_ns, asked.to_ns
    if None not in ends and ends[0] >= ends[1]:  # type: ignore[operator]
        raise UsageError("--to is not after --from: nothing lies between them")


def _names(history: "Store", envs: Sequence[str]) -> list[str]:
    """Return the environments asked for, each once, or all that were ever watched.

    Raises UsageError, telling how to get one, where there is none.
    """
    if envs:
        what = "environment and no run"
        found = (known(history, env, what=what) for env in envs)
        return list(dict.fromkeys(chain.from_iterable(found)))
    watched = [each.name for each in history.environments() if each.first_ns]
    if not watched:
        raise UsageError(
            f"the history in {history.where} has no environment that was watched yet: "
            "`prober watch` keeps one, and `prober compare` takes single runs"
        )
    return watched


def _report(
    history: "Store", name: str, asked: Asked, now_ns: int, config: str | None
) -> "EnvironmentReport":
    """Return the report of one; of what was never watched by its configuration."""
    from prober.report.environment import build_environment

    runs = history.runs(name, mode="continuous", limit=1)
    run = runs[0] if runs else None
    stretch = stretch_of(asked, run, now_ns)
    return build_environment(
        history.history(name, stretch.from_ns, min(stretch.to_ns, now_ns + 1)),
        kind=stretch.kind,
        to_ns=stretch.to_ns,
        target=asked.slo if asked.slo or run else objective(name, config),
        worst_burst=asked.worst_burst,
        planned=_planned(stretch, run) if stretch.kind == "calendar" else None,
    )


def stretch_of(asked: Asked, run: "RunRecord | None", now_ns: int) -> Stretch:
    """Return the window that is asked for, of an environment's latest run."""
    from datetime import UTC

    from prober import slo

    end_ns = now_ns if asked.to_ns is None else asked.to_ns
    if asked.calendar is not None:
        window = slo.calendar(end_ns, asked.calendar, UTC)
        return Stretch(kind="calendar", from_ns=window.start_ns, to_ns=window.end_ns)
    if asked.from_ns is not None:
        if asked.from_ns >= end_ns:
            raise UsageError("--from lies in the future: nothing is known of it yet")
        return Stretch(kind="given", from_ns=asked.from_ns, to_ns=end_ns)
    length_ns = asked.window_ns or (run.window_ns if run else None) or _DEFAULT_NS
    window = slo.rolling(end_ns, length_ns)
    return Stretch(kind="rolling", from_ns=window.start_ns, to_ns=window.end_ns)


def _planned(stretch: Stretch, run: "RunRecord | None") -> int | None:
    """Return the messages that a calendar window has room for; None if not known."""
    from prober import slo

    if run is None or not run.every_ns:
        return None
    window = slo.Window(start_ns=stretch.from_ns, end_ns=stretch.to_ns)
    messages = run.plan.messages // max(1, run.plan.cycles)
    return window.planned(every_ns=run.every_ns, messages=messages)


def _check_gate(
    reports: Iterable["EnvironmentReport | Report"],
    fail_on: str | None,
    inconclusive_exit: int | None,
) -> None:
    """Refuse a gate that would be open whatever happened."""
    if inconclusive_exit is not None and fail_on is None:
        raise UsageError("--inconclusive-exit is for --fail-on: add that")
    without = [_name(each) for each in reports if each.target is None]
    if fail_on is not None and without:
        names = ", ".join(without)
        raise UsageError(f"--fail-on needs an objective of {names}: add --slo")


def _name(report: "EnvironmentReport | Report") -> str:
    from prober.report import Report

    if isinstance(report, Report):
        return f"run {report.result.run_id}"
    return report.environment


def gate(
    reports: Iterable["EnvironmentReport | Report"],
    fail_on: str | None,
    inconclusive_exit: int | None = None,
) -> int:
    """Return the exit code: what fails prevails over what cannot be told."""
    if fail_on is None:
        return 0
    codes = set(_codes(reports, at_risk=fail_on == "at-risk"))
    if 1 in codes:
        return 1
    if 3 in codes:  # noqa: PLR2004 - see the table of exit codes
        return 3 if inconclusive_exit is None else inconclusive_exit
    return 0


def _codes(
    reports: Iterable["EnvironmentReport | Report"], *, at_risk: bool
) -> Iterator[int]:
    for each in reports:
        yield each.verdict.exit_code
        if at_risk and _at_risk(each):
            yield 1


def _at_risk(report: "EnvironmentReport | Report") -> bool:
    """Tell whether little of the budget is left; a run has no status of its own."""
    from prober.report import Report
    from prober.slo.budgets import AT_RISK_BELOW

    if isinstance(report, Report):
        budgets = (each.budget for each in report.consumers)
        return any(each.remaining < AT_RISK_BELOW for each in budgets if each)
    return report.status in ("at_risk", "exhausted")
