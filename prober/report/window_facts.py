"""What stands behind the answer for an environment over a window, in its order."""

from collections.abc import Callable, Iterable
from fractions import Fraction

from prober import slo
from prober.bounds import WRITE_MAX
from prober.clock import NS
from prober.history import Annotation
from prober.records import State
from prober.report import facts
from prober.report.answer import left
from prober.report.environment import WORST_BURST, EnvironmentReport
from prober.report.facts import Fact, Table, counter_text, gaps_text
from prober.report.incidents import Incident, Noted
from prober.report.slots import DAY_NS
from prober.report.watched import SetAside, Watched
from prober.report.words import (
    STATES,
    duration,
    many,
    moment,
    rate,
    share_up,
    span,
    tight,
    times,
    what_was_read,
)
from prober.slo.blocking import HOLE_S

MOST_INCIDENTS = 5
_MOST_NOTES = 3
_MOST_ASIDES = 4
_WHEN = "%m-%d %H:%M"


def before(report: EnvironmentReport) -> tuple[Fact, ...]:
    """Return what comes first: budget, incidents, notes, and how far to trust it."""
    several = len(report.consumers) > 1  # then there is a table of them
    return (
        *([] if several else _each(report, "budget", _budget)),
        *_each(report, "pace", lambda each: pace(report, each)),
        *_incidents(report),
        *_notes(report),
        *_beside(report),
        *_each(report, "measured", _measured),
        *_each(report, "uncounted", _asides),
        *_each(report, "worst case", _worst_case),
        *facts.vitals(report.health),
    )


def after(report: EnvironmentReport) -> tuple[Fact, ...]:
    """Return what comes behind the latencies: rates, and how it was measured."""
    return (
        *_each(report, "in time", lambda each: _timely(report, each)),
        *_each(report, "way in", lambda each: _pushback(report, each)),
        *_rate(report),
        ("could hold", _recommendation(report)),
        *_read(report),
        ("judged", _judged(report)),
        ("window", window(report)),
        *_run(report),
    )


def counts(report: EnvironmentReport) -> Table:
    """Return what each consumer lost, of how many, and what is left to it."""
    # No header above what is left: it says so itself, also where columns are lines.
    header = ("messages", "accepted", "corrupt", "lost", "allowed", "")
    rows = []
    for each in report.consumers:
        v, budget = each.valid, each.budget
        figures = (f"{n:,}" for n in (v.accepted, v.corrupt, v.lost))
        allowed = "" if budget is None else f"{int(budget.allowed):,}"
        share = "" if budget is None else left(budget.remaining)
        rows.append((each.name, *figures, allowed, share))
    return Table(header=header, rows=tuple(rows))


def latencies(report: EnvironmentReport) -> Table:
    """Return the latencies of each consumer."""
    return facts.latencies((each.name, each.latency) for each in report.consumers)


def window(report: EnvironmentReport) -> str:
    """Return `30 d to 2027-01-16 00:00 UTC, rolling`."""
    to = moment(report.to_ns, "%Y-%m-%d %H:%M UTC")
    began = moment(report.from_ns, "%Y-%m-%d %H:%M")
    told = {
        "rolling": f"the last {span(report.seconds)}, to {to}",
        "calendar": f"{began} to {to}, by the calendar",
        "given": f"{began} to {to}",
    }[report.kind]
    if report.until_ns < report.to_ns:
        told += f", known until {moment(report.until_ns, '%Y-%m-%d %H:%M UTC')}"
    if report.first_ns is not None and report.first_ns > report.from_ns:
        told += f"; history begins {moment(report.first_ns, '%Y-%m-%d %H:%M')}"
    return told


def pace(report: EnvironmentReport, consumer: Watched) -> str:
    """Return how fast the budget goes, and when it is gone; empty without one."""
    found, budget = consumer.pace, consumer.budget
    if found is None or budget is None or budget.remaining <= 0:
        return ""
    known_ns = report.until_ns - found.from_ns
    length = slo.format_duration(max(1, known_ns // NS))
    lately = "the last day" if known_ns == DAY_NS else f"these {length}"
    if not found.bad:
        return f"nothing lost in {lately}"
    lost = f"{found.bad:,} lost in {lately}, {times(found.burn)} a sustainable pace"
    if found.exhausted_ns is None:
        return f"{lost}: the budget outlasts the window"
    gone = moment(found.exhausted_ns, "%Y-%m-%d %H:%M")
    lasts = slo.format_duration((found.exhausted_ns - report.until_ns) // NS)
    return f"{lost}: gone by {gone}, in {lasts}"


def _each(
    report: EnvironmentReport, label: str, tell: Callable[[Watched], str]
) -> Iterable[Fact]:
    """Tell of each consumer; once if it is the same for all, not where it is empty."""
    told = {each.name: tell(each) for each in report.consumers}
    if len(set(told.values())) == 1:
        text = next(iter(told.values()))
        return [(label, text)] if text else []
    texts = [f"{name}: {text}" for name, text in told.items() if text]
    return [("" if place else label, text) for place, text in enumerate(texts)]


def _budget(consumer: Watched) -> str:
    budget = consumer.budget
    if budget is None:
        return ""
    used, allowed = consumer.valid.bad, int(budget.allowed)
    return f"{allowed:,} allowed, {used:,} used, {left(budget.remaining)}"


def _incidents(report: EnvironmentReport) -> Iterable[Fact]:
    """Tell the largest in the order of time, and how many more there were."""
    largest = sorted(report.incidents, key=lambda each: -each.bad)[:MOST_INCIDENTS]
    several = len(report.consumers) > 1
    for place, each in enumerate(sorted(largest, key=lambda each: each.number)):
        told = incident(each, several=several)
        yield "" if place else "incidents", told
    rest = len(report.incidents) - len(largest)
    if rest > 0:
        most = max(e.bad for e in report.incidents if e not in largest)
        yield "", f"{rest:,} more, none larger than {most:,}"


def incident(found: Incident, *, several: bool) -> str:
    """Return what is known of an incident in one line, the size first.

    Of `several` consumers it tells which were hit.
    """
    length = slo.format_duration(max(1, (found.to_ns - found.from_ns) // NS))
    told = f"{moment(found.from_ns, _WHEN)}, {length}: {many(found.bad, 'message')}"
    if several:
        told += f" on {' and '.join(hit.consumer for hit in found.hits)}"
    if found.share is not None:
        told += f", {share_up(found.share)} of the budget"
    parts = [told]
    if found.upstream is not None:
        parts.append(WHERE[found.upstream])
    parts += [each for each in found.reasons if each.startswith("blind")]
    parts += _evidence(found)
    parts += [f"beside {_note(each)}" for each in found.notes]
    return "; ".join(parts)


def _evidence(found: Incident) -> Iterable[str]:
    """Tell what speaks for where it was: gaps, counters, and what they are worth."""
    if found.gap_sizes:
        yield gaps_text(found.gap_sizes)
    if found.platform is not None:
        for each in found.platform.counters:
            if each.increase:
                yield counter_text(each)
        yield found.platform.evidence


WHERE = {
    True: "on all consumers: before the fork, or a router stall",
    False: "the others got theirs: its own egress",
}
"""Where a loss was, by whether all consumers had it."""


def _note(note: Annotation) -> str:
    return f"{note.text} ({note.author}, {moment(note.from_ns, _WHEN)})"


def _notes(report: EnvironmentReport) -> Iterable[Fact]:
    """Tell what the latest notes cost, and how many more there were."""
    latest = report.notes[-_MOST_NOTES:]
    for place, each in enumerate(latest):
        yield "" if place else "noted", noted_text(each)
    rest = len(report.notes) - len(latest)
    if rest:
        yield "", f"{many(rest, 'earlier note')}"


def noted_text(found: Noted) -> str:
    """Return `deploy v41 (ci, 01-05 14:02): 9,800 messages, 22.8% of the budget`."""
    told = _note(found.annotation)
    if not found.bad:
        return f"{told}: nothing lost"
    share = "" if found.share is None else f", {share_up(found.share)} of the budget"
    return f"{told}: {many(found.bad, 'message')}{share}"


def _measured(consumer: Watched) -> str:
    if consumer.coverage is None:
        excluded = consumer.states[State.EXCLUDED]
        if not excluded:
            return "nothing was due"
        return f"nothing that counts: {many(excluded, 'cycle')} excluded, no other due"
    states = ((STATES[state], n) for state, n in consumer.states.items() if n)
    told = ", ".join(f"{n:,} {word}" for word, n in states)
    return f"{tight(consumer.coverage)} of the time; cycles: {told}"


def _asides(consumer: Watched) -> str:
    ordered = sorted(consumer.asides, key=lambda each: -each.cycles)
    told = [_aside(each) for each in ordered[:_MOST_ASIDES]]
    rest = sum(each.cycles for each in ordered[_MOST_ASIDES:])
    return "; ".join([*told, f"{rest:,} for other reasons"] if rest else told)


def _aside(aside: SetAside) -> str:
    told = f"{many(aside.cycles, 'cycle')} from {moment(aside.from_ns, _WHEN)}"
    told += f" in {aside.times:,} stretches" if aside.times > 1 else ""
    told += f", {STATES[aside.state]}"
    return f"{told}: {aside.reason}" if aside.reason else told


def _worst_case(consumer: Watched) -> str:
    if not consumer.unseen:
        return ""
    bad = consumer.valid.bad + consumer.unseen
    total = consumer.valid.accepted + consumer.unsure
    told = f"{consumer.unseen:,} of {consumer.unsure:,} went unseen"
    told += f"; if lost, {bad:,} of {total:,}, {slo.one_in(bad, total)}"
    budget = consumer.budget
    return f"{told}, {left(budget.remaining_if_unseen_lost)}" if budget else told


def _timely(report: EnvironmentReport, consumer: Watched) -> str:
    """Return the share that came in time: lost ones did not, either."""
    bad, total = consumer.timely
    if not total or report.run is None:
        return ""
    limit = span(report.run.plan.late_after_ns / NS)
    if not bad:
        return f"all {total:,} within {limit}"
    return f"{slo.format_ratio(bad, total)} within {limit}, {bad:,} late or lost"


def _pushback(report: EnvironmentReport, consumer: Watched) -> str:
    """Return what the way in refused, or held up: Loggregator promises never to."""
    counts = consumer.valid
    trouble = (
        (counts.rejected, "refused by the ingress"),
        (counts.ambiguous, "nobody knows whether accepted"),
    )
    told = ", ".join(f"{count:,} {word}" for count, word in trouble if count)
    told = told or ("nothing refused" if counts.attempted else "")
    longest = report.health.get(WRITE_MAX)
    if not told or longest is None:
        return told
    return f"{told}; a write took {duration(longest)} at most"


def _rate(report: EnvironmentReport) -> Iterable[Fact]:
    run = report.run
    if run is None:
        return
    told = "at no fixed pace"
    if run.every_ns is not None:
        size = run.plan.messages // max(1, run.plan.cycles)
        asked = size * NS / run.every_ns
        every = span(run.every_ns / NS)
        told = f"asked {many(size, 'message')} every {every} ({rate(asked)})"
    planned = max((each.planned for each in report.consumers), default=0)
    if planned and report.known_seconds:
        attempted = max(each.valid.attempted for each in report.consumers)
        got = attempted / report.known_seconds
        told += f", achieved {rate(got)} in cycles that count"
    kinds = "+".join(kind.value for kind in run.plan.kinds)
    yield "rate", f"{told}; {kinds}, {run.plan.size} bytes"


def _beside(report: EnvironmentReport) -> Iterable[Fact]:
    def tell(consumer: Watched) -> str:
        c = consumer.valid
        named = (
            (c.duplicates, "duplicate" if c.duplicates == 1 else "duplicates"),
            (c.reordered, "reordered"),
            (c.after_deadline, "after the deadline, still lost"),
            (c.unexplained, "unexplained"),
            (c.other_runs, "of other runs"),
        )
        return ", ".join(f"{count:,} {name}" for count, name in named if count)

    return _each(report, "beside", tell)


def _recommendation(report: EnvironmentReport) -> str:
    """Return the objective that this history would support."""
    found = report.recommendation
    if found is None:
        return "no objective yet: too little was measured"
    told = f"{slo.format_target(found.objective)} as an objective"
    remaining = found.budget.remaining
    if remaining is None:
        return told
    return f"{told}, its budget then {left(Fraction(remaining))}"


def _read(report: EnvironmentReport) -> Iterable[Fact]:
    run = report.run
    if run is None:
        return
    what = what_was_read(run.consumers, whole_firehose=run.plan.whole_firehose)
    to = ", ".join(run.written_to)
    yield "read", f"{what}; written to {to}" if to else what


def _judged(report: EnvironmentReport) -> str:
    """Return the assumptions behind the bound."""
    told = f"95 % confidence, one-sided, over hours; {_burst(report)}"
    longest = max((each.lengthened for each in report.consumers), default=1)
    if longest > 1:
        told += f"; losses lie side by side, so {longest:,} hours were taken as one"
    return told


def _burst(report: EnvironmentReport) -> str:
    """Return what one drop is taken to cost, and how that was chosen."""
    size, run = report.worst_burst, report.run
    rate = -(-run.plan.messages * NS // run.every_ns) if run and run.every_ns else 0
    if size == WORST_BURST:
        why = "a lap of a router's ring"
    elif size == slo.auto_worst_burst(rate=rate):
        why = f"what {HOLE_S} s cost in which nobody sees a hole, at {rate:,}/s"
    else:
        why = "as it was declared"
    return f"W = {size:,}, {why}"


def _run(report: EnvironmentReport) -> Iterable[Fact]:
    run = report.run
    made = f"prober {report.version}"
    if run is None:
        yield "run", made
        return
    began = moment(run.started_ns, "%Y-%m-%d %H:%M UTC")
    yield "run", f"{run.run_id} by {run.daemon} since {began}; {made}"
