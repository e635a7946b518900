"""What every format says, in words: one screen a subject, and one before several."""

from collections import Counter
from collections.abc import Iterable
from functools import singledispatch

from prober import slo
from prober.report import calibration, window_facts
from prober.report.answer import HOLES, finding, left, line_of, lossy, promise, whose
from prober.report.comparison import Comparison
from prober.report.comparison_facts import comparison_screen
from prober.report.environment import EnvironmentReport
from prober.report.environments import Environments
from prober.report.facts import Table
from prober.report.model import Report
from prober.report.screen import Screen, safe, screen
from prober.report.words import many, moment, span, tight


@singledispatch
def pages(subject: Report | Environments | Comparison) -> tuple[Screen, ...]:
    """Return the screens of a subject; of several environments an overview first."""
    raise TypeError(f"no report is of {type(subject).__name__}")


@pages.register
def _of_run(subject: Report) -> tuple[Screen, ...]:
    return (screen(subject), *calibrated(subject))


@pages.register
def _of_environments(subject: Environments) -> tuple[Screen, ...]:
    told = tuple(environment(each) for each in subject.reports)
    first = () if len(told) == 1 else (overview(subject),)
    return (*first, *told, *calibrated(subject))


def calibrated(subject: Report | Environments | Comparison) -> tuple[Screen, ...]:
    """Return what the instrument was found to be worth, where that is to be told."""
    if isinstance(subject, Comparison) or subject.calibration is None:
        return ()
    return (calibration.section(subject.calibration),)


@pages.register
def _of_comparison(subject: Comparison) -> tuple[Screen, ...]:
    return (comparison_screen(subject),)


def environment(report: EnvironmentReport) -> Screen:
    """Put an environment's report into words."""
    several = len(report.consumers) > 1
    tables = (window_facts.counts(report),) if several else ()
    latencies = (window_facts.latencies(report),) if report.consumers else ()
    parts = (
        *tables,
        window_facts.before(report),
        *latencies,
        window_facts.after(report),
    )
    return safe(
        Screen(
            title=report.environment,
            state=report.verdict.state,
            answer=tuple(sentences(report)),
            line=tuple(line(report)),
            parts=tuple(part for part in parts if part),
        )
    )


def sentences(report: EnvironmentReport) -> list[str]:
    """Return what it comes to; each opens with that in capitals."""
    judged = report.verdict.state is not None
    found = report.verdict.reason if judged else _finding(report)
    told = [found.replace(":", f" ({_length(report)}):", 1)]
    holes = report.verdict.state in HOLES
    told += promise(report.claim, report.target, report.needed, holes=holes)
    if report.first_ns is None:
        told.append(_never(report))
    if (now := report.excluded) is not None:
        until = moment(now.to_ns, "%Y-%m-%d %H:%M UTC")
        told.append(f"EXCLUDED until {until} by {now.author}: {now.text.rstrip('.')}.")
    return told


def _never(report: EnvironmentReport) -> str:
    """Return why windows have nothing, though somebody may well have measured."""
    if not report.ad_hoc:
        return "NEVER MEASURED: history has no cycle of it."
    return (
        "NEVER WATCHED: prober watch measures windows, and history has "
        f"{many(report.ad_hoc, 'ad hoc run')} of it alone: "
        f"prober history {report.environment} tells of them."
    )


def _length(report: EnvironmentReport) -> str:
    """Return `30 d`, or `1.1 d of 30 d` where history is younger."""
    whole, known = span(report.seconds), report.known_seconds
    if report.first_ns is None or known >= report.seconds:
        return whole
    return f"{slo.format_duration(int(known))} of {whole}"


def _finding(report: EnvironmentReport) -> str:
    return finding(report.worst, whose(report.worst, report.consumers))


def line(report: EnvironmentReport) -> list[str]:
    """Return the parts of the one-line form, for the worst consumer."""
    worst = report.worst
    if worst is None:
        return []
    hours = lossy(worst.lossy_hours, "lossy hour", worst.largest_hour)
    where = whose(worst, report.consumers)
    return line_of(worst, report.claim, hours, where)


STANDING = {
    "violated": "over budget",
    "inconclusive": "cannot tell",
    "no_data": "no data",
    "could_not_probe": "no data",
    "met": "within budget",
    None: "no objective",
}
"""How an environment stands to its budget, by its verdict."""


def standing(report: EnvironmentReport) -> str:
    """Return how an environment stands, in two words."""
    return STANDING[report.verdict.state if report.worst else "no_data"]


def overview(subject: Environments) -> Screen:
    """Put several environments side by side, the worst first."""
    header = ("environment", "", "lost", "accepted", "rate", "budget", "measured")
    found = Counter(map(standing, subject.reports))
    parts = [f"{count:,} {words}" for words, count in found.items()]
    opening = f"{many(len(subject.reports), 'environment')}: {', '.join(parts)}."
    return safe(
        Screen(
            title="environments, worst first",
            state=subject.reports[0].verdict.state if subject.reports else None,
            answer=(opening,),
            line=(),
            parts=(
                Table(header=header, rows=tuple(map(_row, subject.reports))),
                tuple(_headlines(subject.reports)),
            ),
        )
    )


def _row(report: EnvironmentReport) -> tuple[str, ...]:
    worst = report.worst
    stands = standing(report)
    if worst is None:
        return (report.environment, stands, "", "", "", "", "")
    bad, total = worst.valid.bad, worst.valid.accepted
    return (
        report.environment,
        stands,
        f"{bad:,}",
        f"{total:,}",
        slo.one_in(bad, total),
        left(worst.budget.remaining) if worst.budget else "",
        "" if worst.coverage is None else tight(worst.coverage),
    )


def _headlines(reports: Iterable[EnvironmentReport]) -> Iterable[tuple[str, str]]:
    """Tell in a sentence what is wrong with those with which something is."""
    for each in reports:
        if each.worst is None or each.verdict.state not in ("met", None):
            yield each.environment, sentences(each)[0]
