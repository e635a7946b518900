"""A line of words for each question that is asked at 3 a.m.; empty where none applies.

Figures are cut off so that they never flatter: losses up, what is left down.
"""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

from prober.clock import NS
from prober.history import Annotation, Live, LiveConsumer
from prober.records import PlatformIncrease
from prober.report.now.case import RECENT_NS, Case
from prober.report.now.checks import checks
from prober.report.now.conditions import TITLES, Condition
from prober.report.now.ladder import next_try_ns
from prober.report.words import STATES, many, moment, rate
from prober.slo.words import floor_text, format_loss, format_target

_FEW_NOTES = 2
_DAY_NS = 86_400 * NS
_DROPPED = "dropped"
_ALL_EXCLUDED = "nothing counted: all cycles are excluded"
_TOLD_IF_WELL = ("streams", "loop", "reader", "foreign")
"""The rest is told when it is not well."""


def headline(case: Case, condition: Condition) -> str:
    """Return how it stands, since when, and whether anybody is woken for it."""
    title = TITLES[condition]
    live = case.live
    if condition is Condition.LOSING:
        title += _since(case)
    elif condition is Condition.EXCLUDED and case.excluded is not None:
        until = clock(case.excluded.to_ns, case.at_ns)
        title += f" until {until} by {case.excluded.author}: {case.excluded.text}"
        title += _meanwhile(case)
    elif condition is Condition.NOT_MEASURED and live is not None:
        since = live.at_ns if case.silent else live.since_ns
        title += f" {_ago(case, since)}: {_why_not(case)}"
    elif condition is Condition.UNSURE and case.unsure is not None:
        state, reason = case.unsure
        title += f": {STATES[state]}" + (f", {reason}" if reason else "")
    elif condition is Condition.LEFT and live is not None:
        title += f": {live.why_not or 'its daemon left'}"
    elif condition in (Condition.OK, Condition.OVER_BUDGET):
        title += _last_cycle(case)
    return title


def _since(case: Case) -> str:
    """Return since when something is lost, where that is known."""
    if case.since_ns is None:
        return ""
    if case.long:
        return f" for {elapsed(RECENT_NS / NS)} or longer"
    return f" since {clock(case.since_ns, case.at_ns)} ({_ago(case, case.since_ns)})"


def _meanwhile(case: Case) -> str:
    """Return what goes on while nothing counts, where that is nothing good."""
    if case.heard and case.missing:
        return f"; losing{_since(case)} meanwhile"
    if case.heard and case.live is not None and not case.live.measuring:
        return f"; not measured meanwhile: {_why_not(case)}"
    return ""


def alerts(case: Case) -> str:
    """Return whom the alerts wake: `ticket, no page`; nothing if nobody looked."""
    firing = case.known.firing
    if firing is None:
        return ""
    return {
        (True, True): "page and ticket",
        (True, False): "page",
        (False, True): "ticket, no page",
        (False, False): "no alert",
    }["page" in firing, "ticket" in firing]


def _why_not(case: Case) -> str:
    live = case.live
    assert live is not None  # noqa: S101 - who asks has one
    if case.silent:
        said = f"; it said: {live.why_not}" if live.why_not else ""
        return f"{live.daemon} is silent{said}"
    return f"{live.why_not or 'no reason was told'} ({_WHOSE[_mine(live)]})"


def _mine(live: Live) -> str:
    """Return whether it is our fault that nothing is measured.

    Where nothing ever was, a daemon takes it for ours: it may have the wrong address.
    """
    if not live.ours:
        return "no"
    return "perhaps" if live.last_cycle_ns is None else "yes"


_WHOSE = {
    "yes": "ours",
    "perhaps": "perhaps ours: it never measured yet",
    "no": "theirs",
}


def _last_cycle(case: Case) -> str:
    if case.last_final_ns is None:
        return ""
    return f", last cycle {_ago(case, case.last_final_ns)} ago"


def now(case: Case) -> str:
    """Return what is missing at this moment, and when that is final."""
    if case.overdue:
        after = _after(case)
        parts = [f"{_part(c)} overdue{after[0]} on {c.name}" for c in case.overdue]
        if len({_part(c) for c in case.overdue}) == 1:
            names = " AND ".join(each.name for each in case.overdue)
            parts = [f"{_part(case.overdue[0])} overdue{after[0]} on {names}"]
        return "; ".join(parts) + after[1]
    parts = [
        f"{each.bad:,} of {each.total:,} lost on {each.consumer} in "
        f"{many(each.cycles, 'cycle')}"
        for each in case.losing.values()
    ]
    return "; ".join(parts) + (", the last of them final" if parts else "")


def _after(case: Case) -> tuple[str, str]:
    window = case.known.window
    if window is None or window.run is None:
        return "", ""
    plan = window.run.plan
    late, lost = (ns / NS for ns in (plan.late_after_ns, plan.lost_after_ns))
    return f" > {late:g} s", f"; final at {lost:g} s"


def _part(consumer: LiveConsumer) -> str:
    if consumer.due < 100:  # noqa: PLR2004 - of so few a share tells too much
        return f"{consumer.overdue:,} of {consumer.due:,}"
    return format_loss(Fraction(consumer.overdue, consumer.due))


def who(case: Case) -> str:
    """Return who misses them: everybody, one way out, or only who was there before."""
    if case.blind:
        return (
            f"{' and '.join(case.blind)}: subscriptions of before are blind; a NEW one "
            "gets all: every nozzle that was connected misses them too"
        )
    if not case.missing:
        return ""
    rest = [name for name in case.names if name not in case.missing]
    if rest:
        return (
            f"{' and '.join(case.missing)} alone; {' and '.join(rest)} "
            f"{'gets' if len(rest) == 1 else 'get'} all: lost on "
            f"{'its' if len(case.missing) == 1 else 'their'} own way out"
        )
    if len(case.missing) == 1:
        return f"{case.missing[0]}, the only consumer: nothing to compare with"
    return f"all {len(case.missing)} consumers: lost before they fork, or by a router"


def mine(case: Case) -> str:
    """Return whether it is our own fault, and by what that is known."""
    live, found = case.live, checks(case)
    if live is None or not found:
        return ""
    ours = [each for each in found if not each.well]
    if not ours:
        told = (each.words for each in found if each.name in _TOLD_IF_WELL)
        return f"no: {', '.join(told)}"
    # Of what keeps it from measuring, and of nothing else, the daemon has judged.
    judged = not live.measuring and all(each.name == "streams" for each in ours)
    word = _mine(live) if judged else "perhaps"
    return f"{word}: {'; '.join(each.words for each in ours)}"


def platform(case: Case) -> str:
    """Return what Loggregator counted itself, and when blindness may end."""
    since = case.since_ns
    parts = list(_risen(case, since))
    if not parts and case.known.recent and since is not None:
        parts = ["its own counters show no drops"]
    if case.blind and since is not None:
        ends = next_try_ns(since, case.at_ns)
        parts.append(f"reconnect ladder ends by {clock(_up(ends), case.at_ns)}")
    return "; ".join([*parts, *filter(None, [unread(case)])])


def unread(case: Case) -> str:
    """Return why it is not known what agents drop themselves; empty where it is."""
    live = case.live if case.heard else None
    return "; ".join(live.unread) if live is not None else ""


def _risen(case: Case, since: int | None) -> Iterable[str]:
    if since is None:
        return
    rose: Counter[tuple[str, str, str]] = Counter()
    for each in _increases(case, since):
        rose[each.component, each.direction, each.counter] += each.increase
    for (component, direction, counter), increase in rose.most_common():
        what = "drops" if counter == _DROPPED else counter
        yield (
            " ".join(filter(None, (component, direction, what)))
            + f" rose by {increase:,}"
        )


def _increases(case: Case, since: int) -> Iterable[PlatformIncrease]:
    """Return each cycle's increases once, though every consumer's record has them."""
    seen = set()
    for cycle in case.known.recent:
        if cycle.scheduled_ns + _HALF_CYCLE_NS >= since:
            for each in cycle.platform:
                if each.increase and each not in seen:
                    seen.add(each)
                    yield each


_HALF_CYCLE_NS = 30 * NS
"""Counters come every five seconds, so that a drop may be told in the cycle before."""


def load(case: Case) -> str:
    """Return our own share of the traffic, where all of it is read."""
    live = case.live
    if live is None or not case.heard or live.foreign_rate is None:
        return ""
    whole = live.own_rate + live.foreign_rate
    return f"{rate(live.own_rate)} of ours, of {rate(whole)} that the Firehose brings"


def budget(case: Case) -> str:
    """Return what is left of the error budget, and how long it lasts at this pace."""
    if case.target is None:
        return "" if case.known.window is None else "no objective"
    days = case.window_ns / _DAY_NS
    asked = f"{format_target(case.target).replace(' ', ' ')}/{days:g} d"
    left = case.budget
    if left is None or left.remaining is None:
        seen = [each for each in case.evidence if each.coverage is not None]
        nothing = "nothing counted yet" if seen or not case.evidence else _ALL_EXCLUDED
        return f"{asked}: {nothing}"
    exact = Fraction(left.remaining)
    told = f"{asked}: {floor_text(100 * exact, 0)} % left"
    if exact <= 0:
        spent = floor_text(1 - exact, 1)
        return f"{asked}: spent {spent} times over"
    if left.status == "unknown":
        told += " (too little was measured to be sure)"
    gone = case.gone_in_ns
    if gone is not None and gone < case.window_ns:
        told += f"; at this pace gone in {elapsed(gone / NS)}"
    return told


def changed(case: Case) -> str:
    """Return what happened in the last day, the latest first."""
    window = case.known.window
    notes = (
        []
        if window is None
        else [
            each
            for each in window.annotations
            if each.kind != "reclassify"
            and case.at_ns - each.from_ns < _DAY_NS
            and each.from_ns <= case.at_ns
        ]
    )
    latest = sorted(notes, key=lambda each: -each.from_ns)[:_FEW_NOTES]
    return "; ".join(
        f"{clock(each.from_ns, case.at_ns)} {_excluded(case, each)}{each.text} "
        f"({each.author})"
        for each in latest
    )


def _excluded(case: Case, each: Annotation) -> str:
    if each.kind != "exclude":
        return ""
    return f"excluded until {clock(each.to_ns, case.at_ns)}: "


def clock(at_ns: int, now_ns: int) -> str:
    """Return a time of today as a clock shows it, any other with its date."""
    if abs(now_ns - at_ns) < _DAY_NS:
        return moment(at_ns)
    return moment(at_ns, "%Y-%m-%d %H:%M:%S")


def _up(at_ns: int) -> int:
    """Round a time up to ten seconds: it says `by`."""
    return -(-at_ns // (10 * NS)) * 10 * NS


def _ago(case: Case, at_ns: int) -> str:
    return elapsed((case.at_ns - at_ns) / NS)


def elapsed(seconds: float) -> str:
    """Return `74 s`, `6 min`, `11 h`: a time that has passed, cut off."""
    for size, unit in ((172_800, "d"), (7_200, "h"), (120, "min")):
        if seconds >= size:
            return (
                f"{int(seconds // {'d': 86_400, 'h': 3_600, 'min': 60}[unit]):,} {unit}"
            )
    return f"{max(0, int(seconds)):,} s"
