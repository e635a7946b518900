"""How an environment stands, as one literal table, worst first."""

import enum
from collections.abc import Callable

from prober.report.now.case import Case


class Condition(enum.Enum):
    """How it stands with an environment now; in the order of getting up for it."""

    LOSING = "losing"
    NOT_MEASURED = "not_measured"
    OVER_BUDGET = "over_budget"
    UNSURE = "unsure"
    EXCLUDED = "excluded"
    STARTING = "starting"
    LEFT = "left"
    OK = "ok"


TITLES = {
    Condition.LOSING: "LOSING",
    Condition.NOT_MEASURED: "NOT MEASURED",
    Condition.OVER_BUDGET: "OVER BUDGET",
    Condition.UNSURE: "CANNOT TELL",
    Condition.EXCLUDED: "EXCLUDED",
    Condition.STARTING: "NO CYCLE YET",
    Condition.LEFT: "NOT WATCHED",
    Condition.OK: "OK",
}


def _spent(case: Case) -> bool:
    return case.budget is not None and case.budget.status == "exhausted"


_TABLE: tuple[tuple[Condition, Callable[[Case], bool]], ...] = (
    # No daemon was ever heard of: what the store holds is all there is.
    (Condition.LEFT, lambda c: c.live is None or c.live.ended),
    # Nobody has spoken for three periods: what was true then is not known of now.
    (Condition.NOT_MEASURED, lambda c: c.silent),
    # Somebody said so: whatever happens now, it is to count for nothing.
    (Condition.EXCLUDED, lambda c: c.excluded is not None),
    # Messages are missing: that is worse than anything that we do not know.
    (Condition.LOSING, lambda c: c.heard and bool(c.missing) and _measuring(c)),
    # It has only just begun: nothing has failed yet.
    (
        Condition.STARTING,
        lambda c: c.last_final_ns is None and c.live is not None and not c.live.retries,
    ),
    # The daemon speaks, and says that it sees nothing.
    (Condition.NOT_MEASURED, lambda c: not _measuring(c)),
    # All is well now, and the objective is missed all the same.
    (Condition.OVER_BUDGET, _spent),
    # The last cycle does not count: our fault, or nobody can tell.
    (Condition.UNSURE, lambda c: c.unsure is not None),
    (Condition.OK, lambda _: True),
)
"""The first row that holds decides."""


def _measuring(case: Case) -> bool:
    return case.live is not None and case.live.measuring


def condition_of(case: Case) -> Condition:
    """Return how it stands."""
    return next(condition for condition, holds in _TABLE if holds(case))
