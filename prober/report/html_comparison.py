"""The page of a comparison: before and after."""

from prober import slo
from prober.report import charts
from prober.report.charts import Chart
from prober.report.comparison import Compared, Comparison, Sample
from prober.report.comparison_facts import comparison_screen
from prober.report.facts import Fact, Table
from prober.report.html_parts import LOOKS, Page, Section, filled, split


def comparison_page(found: Comparison) -> Page:
    """Return everything that is told of a comparison, in its order."""
    told = comparison_screen(found)
    tables = tuple(part for part in told.parts if isinstance(part, Table))
    facts: tuple[Fact, ...] = tuple(
        fact for part in told.parts if not isinstance(part, Table) for fact in part
    )
    sides = ("before", "after")
    return Page(
        anchor="comparison",
        title=f"{found.before.environment}: before and after",
        origin=told.title,
        look=LOOKS[told.state],
        answer=tuple(map(split, told.answer)),
        tiles=(),
        first=tuple(
            _chart(found, each, place) for place, each in enumerate(found.consumers)
        ),
        sections=filled(
            [
                Section(title="What changed", tables=tables[:1]),
                Section(title="How fast", tables=tables[1:]),
                Section(
                    title="How far to trust it",
                    facts=tuple(fact for fact in facts if fact[0] not in sides),
                ),
                Section(
                    title="How it was measured",
                    facts=tuple(fact for fact in facts if fact[0] in sides),
                ),
            ]
        ),
    )


def _chart(found: Comparison, one: Compared, place: int) -> Chart:
    whose = f", {one.consumer}" if len(found.consumers) > 1 else ""
    data = charts.Intervals(
        name=f"comparison-{place}",
        title=f"What arrived, before and after{whose}",
        counted=(
            _counted("before", one.before, found.worst_burst),
            _counted("after", one.after, found.worst_burst),
        ),
        target=found.target,
    )
    return charts.intervals(data)


def _counted(label: str, sample: Sample, worst_burst: int) -> charts.Counted:
    bad, total = sample.counted
    blocks = slo.blocks(sample.blocks, worst_burst)
    bounds = slo.interval((each.bad for each in blocks), total, worst_burst=worst_burst)
    return charts.Counted(
        label=label, bad=bad, total=total, lower=bounds.lower, upper=bounds.upper
    )
