"""A run that history keeps, told again: what `prober report RUN` does."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from prober.errors import UsageError

if TYPE_CHECKING:  # what is heavy is imported by who runs
    from decimal import Decimal

    from prober.history import RunRecord
    from prober.report import Report
    from prober.store import Store


def run_named(history: "Store", names: Sequence[str]) -> "RunRecord | None":
    """Return the run that is asked for; None where environments are.

    An environment of that name goes first. Raises UsageError for several runs, and for
    a daemon's, which has no end.
    """
    environments = {each.name for each in history.environments()}
    found = [history.run(name) for name in names if name not in environments]
    runs = [run for run in found if run is not None]
    if not runs:
        return None
    if len(names) > 1:
        raise UsageError(
            "give environments, or one run: each run is a report of its own"
        )
    (run,) = runs
    if run.mode == "continuous":
        from prober.report.words import moment

        began = moment(run.started_ns, "%Y-%m-%dT%H:%M")
        raise UsageError(
            f"{run.run_id} is a daemon's run, of which windows tell: `prober report "
            f"{run.environment} --from {began}`"
        )
    return run


def report_of(
    history: "Store",
    run: "RunRecord",
    target: "Decimal | None",
    worst_burst: int | None,
) -> "Report":
    """Return the report of a run as it was made, or held against another objective.

    Raises UsageError where none of its cycles is kept any more.
    """
    from prober import report, slo
    from prober.report.again import result_of
    from prober.report.cost import WINDOW_NS

    result = result_of(run, history.cycles(run_id=run.run_id, oldest_first=True))
    if not any(each.cycles for each in result.consumers):
        raise UsageError(
            f"history keeps no cycle of run {run.run_id} any more: there is nothing to "
            "tell"
        )
    if target is None and run.target is not None:
        target = slo.parse_target(run.target)
    return report.build(
        result,
        target,
        worst_burst=run.worst_burst if worst_burst is None else worst_burst,
        window_ns=run.window_ns or WINDOW_NS,
    )
