"""The facts behind the answer: tables, and labelled lines that wrap."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from prober import slo
from prober.bounds import WRITE_MAX
from prober.clock import NS
from prober.histogram import Histogram
from prober.ledger.scraped import EXPIRED
from prober.records import BufferDrops, Reached, State, WriterResult
from prober.report import paths
from prober.report.cost import outlasted, sentence
from prober.report.model import Aside, Consumer, GapSize, Latency, Report
from prober.report.platform import DROPPED, DROPS, PlatformCounter
from prober.report.words import (
    MARKS,
    STATES,
    duration,
    many,
    moment,
    rate,
    what_was_read,
)

_MOST_GAPS = 4
_MOST_ASIDES = 3
_MOST_MARKS = 40
_WRONG = "positive control wrong"

Fact = tuple[str, str]
"""Label and text; the label is empty where the one above still holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A row of figures for each consumer; the first column is its name."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(report: Report) -> tuple[Table, ...]:
    """Return fates and latencies; nothing without consumers."""
    if not report.consumers:
        return ()
    measured = ((each.name, each.latency) for each in report.consumers)
    return _counts(report), latencies(measured)


def facts(report: Report) -> list[Fact]:
    """Return what else there is to say, those parts that apply."""
    return [*before(report), *after(report)]


def before(report: Report) -> list[Fact]:
    """Return what comes before latencies: what happened, and how far to trust it."""
    return [
        *_meanwhile(report),
        *_each(report, "cycles", _states),
        *_each(report, "in order", _course),
        *_each(report, "lost in", _gaps),
        *_each(report, "beside", _beside),
        *_across(report),
        *_stack(report),
        *_platform(report),
        *_paths(report),
        *_each(report, "uncounted", _asides),
        *_control(report),
        *(("warning", text) for text in report.result.warnings),
        *vitals(report.result.health),
    ]


def after(report: Report) -> list[Fact]:
    """Return what comes behind them: how writers fared, and how it was measured."""
    return [
        *_pushback(report),
        ("rate", _rate(report)),
        *_explanations(report),
        ("read", _read(report)),
        ("run", _run(report)),
    ]


def _counts(report: Report) -> Table:
    header = ("attempted", "accepted", "on time", "late", "corrupt", "lost")
    rows = []
    for each in report.consumers:
        c = each.counts
        fates = (c.attempted, c.accepted, c.on_time, c.late, c.corrupt, c.lost)
        rows.append((each.name, *(f"{fate:,}" for fate in fates)))
    return Table(header=("messages", *header), rows=tuple(rows))


def latencies(measured: Iterable[tuple[str, Latency]]) -> Table:
    """Return the quantiles of each, by what it is called."""
    header = ("latency", "p50", "p90", "p99", "p99.9", "max")
    rows = []
    for name, took in measured:
        times = (took.p50, took.p90, took.p99, took.p999, took.max)
        rows.append((name, *map(duration, times)))
    return Table(header=header, rows=tuple(rows))


def _each(report: Report, label: str, tell: Callable[[Consumer], str]) -> list[Fact]:
    """Return what there is to tell of each consumer; once if it is the same for all."""
    told = [(each.name, tell(each)) for each in report.consumers]
    if len({text for _, text in told}) == 1:
        return [(label, told[0][1])] if told[0][1] else []
    texts = [f"{name}: {text}" for name, text in told if text]
    return [(label if not i else "", text) for i, text in enumerate(texts)]


def _meanwhile(report: Report) -> Iterable[Fact]:
    """Return what was lost while a command ran."""
    command, result = report.result.command, report.result
    if command is None:
        return
    yield "meanwhile", sentence(command, report.cost)
    more = outlasted(command, result.plan.messages, partial=result.partial)
    if more:
        yield "", more


def _states(consumer: Consumer) -> str:
    found = ((STATES[state], n) for state, n in consumer.states.items() if n)
    return ", ".join(f"{n:,} {word}" for word, n in found)


def _course(consumer: Consumer) -> str:
    """Return `...##....  # lossy`, a mark a cycle or more; empty if all passed."""
    course = consumer.course
    if set(course) <= {State.PASS}:
        return ""
    step = -(-len(course) // _MOST_MARKS)
    groups = [course[at : at + step] for at in range(0, len(course), step)]
    worst = [next(s for s in MARKS if s in group) for group in groups]
    legend = [f"{MARKS[s]} {STATES[s]}" for s in MARKS if s in {*worst} - {State.PASS}]
    legend += [f"{step} cycles a mark"] if step > 1 else []
    return f"{''.join(MARKS[s] for s in worst)}  {', '.join(legend)}"


def _asides(consumer: Consumer) -> str:
    told = [_aside(each) for each in consumer.asides[:_MOST_ASIDES]]
    rest = sum(each.cycles for each in consumer.asides[_MOST_ASIDES:])
    return "; ".join([*told, f"{rest:,} for other reasons"] if rest else told)


def _aside(aside: Aside) -> str:
    """Return `3 cycles from 03:04:00, our fault: loop lag 2.3 s`."""
    told = many(aside.cycles, "cycle")
    if aside.first_sent_ns is not None:
        told += f" from {moment(aside.first_sent_ns)}"
    told += f", {STATES[aside.state]}"
    told += f": {aside.reason}" if aside.reason else ""
    return f"{told}, {aside.unseen:,} unseen" if aside.unseen else told


def _gaps(consumer: Consumer) -> str:
    return gaps_text(consumer.gap_sizes)


def gaps_text(sizes: Sequence[GapSize]) -> str:
    """Return the largest gaps, and how many smaller ones there were."""
    told = [_gap(each) for each in sizes[:_MOST_GAPS]]
    rest = sum(each.times for each in sizes[_MOST_GAPS:])
    return "; ".join([*told, f"{rest:,} smaller"] if rest else told)


def _gap(gap: GapSize) -> str:
    """Return `2 gaps of 3,000 = 3 x 1,000, a router ring`."""
    told = f"{many(gap.times, 'gap')} of {gap.size:,}"
    if gap.ring is None:
        return told
    laps = gap.size // gap.ring
    multiple = f" = {laps:,} x {gap.ring:,}" if laps > 1 else ""
    return f"{told}{multiple}, {_ring(gap.owners)}"


def _ring(owners: Sequence[str]) -> str:
    names = ["RLP" if owner == "rlp" else owner for owner in owners]
    article = "an" if names[0][:1] in "aeiouR" else "a"
    return f"{article} {' or '.join(names)} ring"


def _beside(consumer: Consumer) -> str:
    """Return the counts beside the partition, those that are not 0."""
    c = consumer.counts
    named = (
        (c.rejected, "refused by the ingress"),
        (c.ambiguous, "nobody knows whether accepted"),
        (c.not_expected, "not expected"),
        (c.duplicates, "duplicate" if c.duplicates == 1 else "duplicates"),
        (c.reordered, "reordered"),
        (c.after_deadline, "after the deadline, still lost"),
        (c.unexplained, "unexplained"),
        (c.other_runs, "of other runs"),
    )
    return ", ".join(f"{count:,} {name}" for count, name in named if count)


def _stack(report: Report) -> Iterable[Fact]:
    """Tell what the bundled stack knows to have dropped beside what was found lost."""
    drops = report.stack_drops
    if drops is None:
        return
    buffers = [_buffer(each) for each in drops.buffers if each.dropped]
    told = f"dropped {drops.dropped:,}"
    told += f" ({', '.join(buffers)})" if buffers else ""
    if drops.under_way:
        told += f", {drops.under_way:,} still on their way at the end"
    if drops.lost is not None:
        agree = "they agree" if drops.agrees else "THEY DISAGREE"
        told += f", lost {drops.lost:,}: {agree}"
    yield "buffers", told


def _buffer(drops: BufferDrops) -> str:
    return f"{drops.buffer} {drops.dropped:,}"


def _platform(report: Report) -> Iterable[Fact]:
    """Tell which of Loggregator's own counters grew, and what that is worth."""
    found = report.platform
    lost = any(each.counts.lost for each in report.consumers)
    if found is None or not (found.counters or found.cut_offs or lost):
        return  # too short a run to hear of them
    moved = [each for each in found.counters if each.increase or each.silent]
    texts = [counter_text(each) for each in moved]
    still = _still([each for each in found.counters if each not in moved], moved)
    texts += [f"no rise of {', '.join(still)}"] if still else []
    texts += [
        f"{each.consumer} was cut off as a slow consumer, as the traffic controller "
        f"tells at {moment(each.at_ns)}"
        for each in found.cut_offs
    ]
    for place, text in enumerate([*texts, found.evidence]):
        yield "" if place else "platform", text


def _still(
    counters: Sequence[PlatformCounter], moved: Sequence[PlatformCounter]
) -> list[str]:
    """Return what did not rise; without a direction where that holds in all."""

    def kind(each: PlatformCounter) -> tuple[str, str]:
        return each.component, each.counter

    parted = {kind(each) for each in moved}
    named = (
        _called(each if kind(each) in parted else replace(each, direction=""))
        for each in counters
    )
    return list(dict.fromkeys(named))


def counter_text(counter: PlatformCounter) -> str:
    """Return `router egress drops rose by 30 from 08:00:01 to 08:00:16 at 1 of 8`."""
    rose = f"rose by {counter.increase:,}" if counter.increase else "did not rise"
    told = f"{_called(counter)} {rose}"
    told += f" from {moment(counter.from_ns)} to {moment(counter.to_ns)}"
    if counter.instances > 1:
        told += f" at {len(counter.rose):,} of {counter.instances:,}"
    limit = _LIMITS.get((counter.component, counter.counter, counter.direction))
    told += f", {limit}" if limit and counter.increase else ""
    if not counter.silent:
        return told
    silent = f"{counter.silent:,} of {counter.instances:,} fell silent"
    return f"{told}; {silent}, itself a sign of loss"


def _called(counter: PlatformCounter) -> str:
    """Return `router egress drops`."""
    name = "drops" if counter.counter in DROPS else counter.counter
    return " ".join(filter(None, (counter.component, counter.direction, name)))


_LIMITS = {
    ("router", DROPPED, "egress"): "summed over all subscriptions of all consumers",
    ("router", DROPPED, "ingress"): "of everybody's envelopes",
    ("RLP", DROPPED, "egress"): "summed over all of its consumers",
    ("agent", DROPPED, "ingress"): "of everybody's envelopes",
    ("agent", DROPPED, "egress"): "of everybody's envelopes",
    ("own agent", DROPPED, "ingress"): "of everybody's envelopes on its machine",
    ("own agent", DROPPED, "egress"): "of everybody's envelopes on its machine",
    ("own agent", EXPIRED, "egress"): "of everybody's envelopes, to any destination",
}
"""What a counter cannot tell apart."""


def _across(report: Report) -> Iterable[Fact]:
    """Return where losses lie as seen by several consumers: before the fork, or behind.

    A stall of a router that overruns every subscription's ring looks like the former.
    """
    found = report.across
    if found is None or not found.messages:
        return
    if not found.lost_by_all + found.lost_by_some:
        yield "side by side", f"all consumers got all {found.messages:,}"
        return
    by_all = f"lost by all {found.lost_by_all:,}"
    if found.lost_by_all:
        by_all += " (before the fork, or a router stall that hit every subscription)"
    alone = [
        f"by {name} alone {count:,} (its own egress)"
        for name, count in found.lost_only_by.items()
        if count
    ]
    by_some = f"by some {found.lost_by_some:,}"
    yield "side by side", "; ".join([by_all, by_some, *alone])


def _pushback(report: Report) -> Iterable[Fact]:
    """Return how the ways in differ, and how long they held the writer up."""
    writers = report.result.writers
    for each in writers:
        if each.trouble:
            yield "way in", f"{each.written_to}: nothing was written: {each.trouble}"
            continue
        trouble = [
            f"{count:,} {word}"
            for count, word in (
                (each.rejected, "rejected"),
                (each.ambiguous, "ambiguous"),
            )
            if count
        ]
        if len(writers) > 1 or trouble:
            told = [many(each.attempted, "message"), *trouble]
            told += _lost_by(each) if len(writers) > 1 else []
            why = f"; {each.refusal}" if trouble and each.refusal else ""
            told.append(f"{_held_up(each)}{why}")
            yield "way in", f"{each.written_to}: {', '.join(told)}"
        elif each.attempted:
            yield "way in", f"nothing refused, {_held_up(each)}"


def _held_up(writer: WriterResult) -> str:
    """Return how long writes took: Loggregator promises never to hold anybody up."""
    if writer.blocked.max_ns is None:
        return "how long a write took is not known"
    found = (writer.blocked.quantile(q) or 0 for q in (0.5, 0.99, 1))
    p50, p99, longest = (duration(ns / NS) for ns in found)
    return f"a write took {p50} (p50), {p99} (p99), {longest} at most"


def _lost_by(writer: WriterResult) -> list[str]:
    """Return what each consumer lost, or got damaged, of what went in there."""
    if not any(each.bad for each in writer.reached):
        return ["none lost"] if writer.reached else []
    several = len(writer.reached) > 1
    return [
        _bad(each) + (f" by {each.consumer}" if several else "")
        for each in writer.reached
    ]


def _bad(reached: Reached) -> str:
    """Return `30 lost and 2 damaged`."""
    words = [f"{reached.lost:,} lost"] if reached.lost or not reached.corrupt else []
    words += [f"{reached.corrupt:,} damaged"] if reached.corrupt else []
    return " and ".join(words)


def _paths(report: Report) -> Iterable[Fact]:
    """Return how much of the platform the ways in reach, and which one stands out."""
    words = [paths.routers_words(report.routers), *map(paths.apart_words, report.apart)]
    for place, text in enumerate(filter(None, words)):
        yield "" if place else "paths", text


def _explanations(report: Report) -> Iterable[Fact]:
    """Return why the bounds are not narrower, for those who asked."""
    for place, each in enumerate(report.explanations):
        found, plain = each.diagnostics, each.naive
        where = f"{each.consumer}: " if len(report.explanations) > 1 else ""
        figures = [
            f"{many(each.blocks, 'block')}",
            f"k_eff {found.k_eff:.2f} equal bursts",
            _figure("deff", found.deff),
            _figure("n_eff", found.n_eff),
            _figure("ICC", found.icc),
            f"lossy neighbours p {slo.format_p(found.neighbours_p)}",
        ]
        yield "" if place else "explain", where + ", ".join(filter(None, figures))
        upper = slo.format_share(1 - Fraction(plain.clopper_pearson_upper))
        plainly = f"lost one by one it would support {upper} (Clopper-Pearson)"
        yield "", f"{plainly}: not to be believed of losses in bursts"


def _figure(name: str, value: float | None) -> str:
    return "" if value is None else f"{name} {value:.3g}"


def _rate(report: Report) -> str:
    plan, achieved = report.result.plan, report.result.rate_achieved
    asked = "as fast as possible" if plan.rate_asked is None else rate(plan.rate_asked)
    got = "too few to tell" if achieved is None else rate(achieved)
    kinds = "+".join(kind.value for kind in plan.kinds)
    late = _sent_late(report.result.send_lag)
    return f"asked {asked}, achieved {got}{late}; {kinds}, {plan.size} bytes"


def _sent_late(lag: Histogram | None) -> str:
    """Return how smooth the pacing was: how late batches went out, if any were due."""
    if lag is None or lag.max_ns is None:
        return ""
    p99, longest = (duration((lag.quantile(q) or 0) / NS) for q in (0.99, 1))
    return f", each batch sent within {p99} (p99), {longest} at most"


def _control(report: Report) -> Iterable[Fact]:
    """Return what came of the messages that were withheld to test ourselves."""
    control = report.result.plan.control
    if not control:
        return
    begun = [c.outcomes for c in report.cycles if c.first_sent_ns is not None]
    wrong = sum(any(o.reason.startswith(_WRONG) for o in each) for each in begun)
    planted = f"{many(control * len(begun), 'message')} withheld on purpose"
    found = "each found missing, at every consumer"
    if wrong:
        found = f"in {many(wrong, 'cycle')} not all of them found missing: our fault"
    yield "control", f"{planted}, {found}"


def _read(report: Report) -> str:
    result = report.result
    transports = {each.name: each.transport for each in report.consumers}
    what = what_was_read(transports, whole_firehose=result.plan.whole_firehose)
    to = ", ".join(result.written_to)
    return f"{what}; written to {to}" if to else what


def vitals(health: Mapping[str, float]) -> Iterable[Fact]:
    """Tell what was measured on ourselves, if anything was."""
    found = [_vital(name, value) for name, value in health.items() if name != WRITE_MAX]
    if found:
        yield "ourselves", ", ".join(found)


def _vital(name: str, value: float) -> str:
    if not math.isfinite(value):
        return f"{name.replace('_', ' ')} no data"
    if name.endswith("_seconds"):
        return f"{name.removesuffix('_seconds').replace('_', ' ')} {duration(value)}"
    return f"{name.replace('_', ' ')} {value:,g}"


def _run(report: Report) -> str:
    result = report.result
    seconds = (result.ended_at_ns - result.started_at_ns) / NS
    began = moment(result.started_at_ns, "%Y-%m-%d %H:%M:%S UTC")
    return f"{result.run_id}, {began}, {seconds:,.1f} s, prober {report.version}"
