"""JUnit XML for CI, a test case an objective.

One that was missed is a failure, a probe that could not be made an error, and what
cannot be told is skipped: neither green nor red.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import singledispatch
from xml.etree import ElementTree as ET

from prober import slo
from prober.clock import NS
from prober.report.comparison import Compared, Comparison
from prober.report.environment import EnvironmentReport
from prober.report.environments import Environments
from prober.report.formats import Subject
from prober.report.model import Consumer, Report
from prober.report.pages import pages
from prober.report.screen import Screen
from prober.report.terminal import plain
from prober.report.watched import Watched
from prober.report.words import harmless, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One test case: an objective of an environment, or a consumer's comparison."""

    suite: str
    name: str
    outcome: str | None
    """`failure`, `error` or `skipped`; None for passed."""
    message: str
    at_ns: int
    seconds: float
    properties: Mapping[str, object]
    page: Screen


_OUTCOMES: Mapping[str | None, str | None] = {
    "met": None,
    None: None,  # without an objective nothing can be missed
    "violated": "failure",
    "could_not_probe": "error",
    "inconclusive": "skipped",
    "no_data": "skipped",  # neither good nor bad
    # Of comparisons.
    "worse": "failure",
    "no_worse": None,
    "better": None,
    "too_short": "skipped",
}
"""What CI makes of a verdict."""


def render(subject: Subject) -> str:
    """Return a document with a suite a subject."""
    cases = list(_cases(subject))
    root = ET.Element("testsuites", {"name": "prober", **_totals(cases)})
    for case in cases:
        root.append(_suite(case))
    ET.indent(root)
    written = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{written}\n'


@singledispatch
def _cases(subject: Subject) -> Iterable[_Case]:
    raise TypeError(f"no test case is of {type(subject).__name__}")


@_cases.register
def _of_run(subject: Report) -> Iterable[_Case]:
    result = subject.result
    yield _Case(
        suite=result.environment,
        name=_objective(subject),
        outcome=_OUTCOMES[subject.verdict.state],
        message=subject.verdict.reason,
        at_ns=result.started_at_ns,
        seconds=(result.ended_at_ns - result.started_at_ns) / NS,
        properties=_properties(subject, subject.consumers),
        page=pages(subject)[0],
    )


@_cases.register
def _of_environments(subject: Environments) -> Iterable[_Case]:
    details = pages(subject)[-len(subject.reports) :]
    for report, page in zip(subject.reports, details, strict=False):
        yield _Case(
            suite=report.environment,
            name=_objective(report),
            outcome=_OUTCOMES[report.verdict.state],
            message=report.verdict.reason,
            at_ns=report.until_ns,
            seconds=0,
            properties=_properties(report, report.consumers),
            page=page,
        )


@_cases.register
def _of_comparison(subject: Comparison) -> Iterable[_Case]:
    (page,) = pages(subject)
    for each in subject.consumers:
        yield _Case(
            suite=f"{subject.before.label} and {subject.after.label}",
            name=f"{each.consumer} no worse than before",
            outcome=_OUTCOMES[each.state],
            message=each.reason,
            at_ns=subject.after.to_ns,
            seconds=0,
            properties=_compared(each),
            page=page,
        )


def _objective(report: Report | EnvironmentReport) -> str:
    if report.target is None:
        return "delivery, without an objective"
    return f"delivery {slo.format_target(report.target)}"


def _properties(
    report: Report | EnvironmentReport, consumers: Iterable[Consumer | Watched]
) -> Mapping[str, object]:
    """Return counts and bounds: of the promise, and of each consumer."""
    found: dict[str, object] = {
        "verdict": report.verdict.state,
        "claim": report.claim.state,
        "supports": report.claim.supports,
        "worst_burst": report.claim.worst_burst,
    }
    for each in consumers:
        left = each.budget.remaining if each.budget else None
        for name, value in (
            ("accepted", each.valid.accepted),
            ("lost", each.valid.lost),
            ("corrupt", each.valid.corrupt),
            ("sli", each.sli),
            ("upper95", each.bounds.upper_one_sided),
            ("budget_remaining", left),
            ("coverage", each.coverage),
        ):
            found[f"{each.name}.{name}"] = value
    return found


def _compared(each: Compared) -> Mapping[str, object]:
    (old_bad, old), (bad, total) = each.before.counted, each.after.counted
    return {
        "before.accepted": old,
        "before.bad": old_bad,
        "after.accepted": total,
        "after.bad": bad,
        "p_value": None if each.regression is None else each.regression.p_value,
    }


def _totals(cases: Iterable[_Case]) -> dict[str, str]:
    outcomes = [each.outcome for each in cases]
    return {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
    }


def _suite(case: _Case) -> ET.Element:
    attributes = {
        "name": harmless(case.suite),
        **_totals([case]),
        "skipped": str(int(case.outcome == "skipped")),
        "time": f"{case.seconds:.3f}",
        "timestamp": moment(case.at_ns, "%Y-%m-%dT%H:%M:%S"),
    }
    suite = ET.Element("testsuite", attributes)
    properties = ET.SubElement(suite, "properties")
    for name, value in case.properties.items():
        if value is not None:
            ET.SubElement(
                properties, "property", name=harmless(name), value=_figure(value)
            )
    test = ET.SubElement(
        suite,
        "testcase",
        name=harmless(case.name),
        classname=f"prober.{harmless(case.suite)}",
        time=f"{case.seconds:.3f}",
    )
    if case.outcome == "skipped":
        ET.SubElement(test, "skipped", message=harmless(case.message))
    elif case.outcome is not None:
        told = ET.SubElement(test, case.outcome, message=harmless(case.message))
        told.set("type", str(case.properties.get("verdict", case.outcome)))
        told.text = case.message if not case.page.line else " | ".join(case.page.line)
    ET.SubElement(test, "system-out").text = "\n".join(plain(case.page))
    return suite


def _figure(value: object) -> str:
    return repr(float(value)) if isinstance(value, Fraction) else harmless(str(value))
