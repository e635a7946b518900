"""What stands on a report's page, in its order: the answer first, the method last."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prober import slo
from prober.report import run_pictures
from prober.report.answer import left, sentences
from prober.report.charts import Chart
from prober.report.facts import Fact, Table, facts, tables
from prober.report.model import Consumer, Report
from prober.report.words import moment, tight

Look = str
"""How a verdict looks: `good`, `bad`, `unsure`, `none`."""

LOOKS: Mapping[str | None, Look] = {
    "met": "good",
    "violated": "bad",
    "inconclusive": "unsure",
    "no_data": "unsure",
    "could_not_probe": "unsure",
    None: "none",
}
"""By the verdict's state; shape and words say the same as the colour."""

LOUD = ("corrupt", "lost")
"""Columns whose figures stand out when they are not 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure that is seen at first sight, and what it is."""

    figure: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and what stands below it; empty parts are left out."""

    title: str
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    facts: Sequence[Fact] = ()
    warnings: Sequence[str] = field(default=())

    def __bool__(self) -> bool:
        """Tell whether there is anything to say."""
        return bool(self.charts or self.tables or self.facts or self.warnings)


def run_page(report: Report) -> Mapping[str, object]:
    """Return everything that the page of one run shows."""
    opening, *more = map(split, sentences(report))
    result = report.result
    seconds = (result.ended_at_ns - result.started_at_ns) / 1e9
    began = moment(result.started_at_ns, "%Y-%m-%d %H:%M:%S UTC")
    return {
        "title": result.environment,
        "origin": f"run {result.run_id}, {began}, {seconds:,.1f} s",
        "look": LOOKS[report.verdict.state],
        "opening": opening,
        "more": more,
        "tiles": tiles(report.worst, report.claim),
        "first": run_pictures.budget_charts(report.worst),
        "sections": [each for each in _sections(report) if each],
        "version": report.version,
        "loud": LOUD,
    }


def split(sentence: str) -> tuple[str, str]:
    """Return what a sentence comes to, in capitals, and the rest of it."""
    opening, _, rest = sentence.partition(": ")
    if not rest:
        return "", sentence
    return opening, rest[:1].upper() + rest[1:]


def tiles(worst: Consumer | None, claim: slo.Claim) -> list[Tile]:
    """Return the figures of the worst consumer that are seen first."""
    if worst is None:
        return []
    valid = worst.valid
    found = [
        Tile(figure=f"{valid.bad:,}", label=f"of {valid.accepted:,} lost or damaged"),
    ]
    if valid.bad:
        rate = slo.one_in(valid.bad, valid.accepted)
        nines = slo.format_nines(valid.bad, valid.accepted)
        ratio = slo.format_ratio(valid.bad, valid.accepted)
        found.append(Tile(figure=rate, label="lost or damaged"))
        found.append(Tile(figure=ratio, label=f"arrived, {nines}"))
    if worst.budget is not None:
        figure, _, word = left(worst.budget.remaining).partition(" ")
        found.append(Tile(figure=figure, label=f"{word} of the error budget"))
    if claim.supports is not None:
        supports = "nothing yet"
        if claim.supports > 0:
            supports = slo.format_share(claim.supports)
        found.append(Tile(figure=supports, label="supported as a promise"))
    if worst.coverage is not None:
        figure = "all" if worst.coverage == 1 else tight(worst.coverage)
        found.append(Tile(figure=figure, label="of the time measured"))
    return found


_WHERE: Mapping[str, str] = {
    "in order": "",  # drawn
    "lost in": "happened",
    "beside": "happened",
    "side by side": "happened",
    "buffers": "happened",
    "platform": "happened",
    "cycles": "trust",
    "uncounted": "trust",
    "ourselves": "trust",
    "way in": "speed",
    "rate": "speed",
    "explain": "measured",
    "read": "measured",
    "run": "measured",
}
"""In which section a fact stands, by its label; warnings stand apart."""


def _sections(report: Report) -> Iterable[Section]:
    told = _grouped(facts(report))
    counted, latencies = tables(report) or ((), ())
    yield Section(
        title="What happened",
        charts=[*run_pictures.course_charts(report), *run_pictures.where_charts(report)],
        tables=[counted] if counted else [],
        facts=told.get("happened", ()),
    )
    yield Section(
        title="How far to trust it",
        warnings=report.result.warnings,
        facts=told.get("trust", ()),
    )
    yield Section(
        title="How fast",
        charts=run_pictures.latency_charts(report),
        tables=[latencies] if latencies else [],
        facts=told.get("speed", ()),
    )
    yield Section(
        title="How it was measured",
        facts=[*told.get("measured", ()), *_method(report)],
    )


def _grouped(found: Iterable[Fact]) -> Mapping[str, Sequence[Fact]]:
    grouped: dict[str, list[Fact]] = {}
    above = ""
    for label, text in found:
        above = label or above
        if above != "warning":
            grouped.setdefault(_WHERE[above], []).append((label, text))
    return grouped


def _method(report: Report) -> Iterable[Fact]:
    late, lost = (
        slo.format_duration(ns / 1e9)
        for ns in (
            report.result.plan.late_after_ns,
            report.result.plan.lost_after_ns,
        )
    )
    yield "deadlines", f"late after {late}, lost after {lost}"
    claim = report.claim
    if claim.supports is not None:
        burst = f"one drop can cost {claim.worst_burst:,} messages"
        yield "promise", f"at 95 % confidence, if {burst}"
    yield "versions", f"prober {report.version}, Python {report.python}"
