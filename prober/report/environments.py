"""Several environments over their windows, the worst first."""

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from prober import __version__
from prober.records import Calibration
from prober.report.environment import EnvironmentReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Environments:
    """Reports of one or several environments, the worst first."""

    version: str
    """Of prober, which made the report."""
    python: str
    made_ns: int
    reports: tuple[EnvironmentReport, ...]
    calibration: Calibration | None = None
    """What the instrument itself was found to be worth, where that is to be told."""


_ORDER = ("violated", "inconclusive", "no_data", "met", None)
"""Verdicts by how much they need somebody."""


def together(
    reports: Iterable[EnvironmentReport],
    made_ns: int,
    *,
    version: str = __version__,
    python: str = platform.python_version(),
) -> Environments:
    """Put reports in the order of their need: verdict, then budget, loss and name."""
    return Environments(
        version=version,
        python=python,
        made_ns=made_ns,
        reports=tuple(sorted(reports, key=_need)),
    )


def _need(report: EnvironmentReport) -> tuple[int, Fraction, Fraction, str]:
    worst = report.worst
    left, loss = Fraction(1), Fraction()
    if worst is not None:
        left = worst.budget.remaining if worst.budget else left
        loss = Fraction(worst.valid.bad, worst.valid.accepted)
    return _ORDER.index(report.verdict.state), left, -loss, report.environment
