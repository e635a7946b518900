"""A comparison in words: before and after side by side, and what to make of it."""

from collections.abc import Iterable

from prober import slo
from prober.report.comparison import Compared, Comparison, Side, reasons
from prober.report.facts import Fact, Table, latencies
from prober.report.screen import Screen, safe
from prober.report.words import many, moment

_STATES = {
    "worse": "violated",
    "no_data": "inconclusive",
    "too_short": "inconclusive",
    "no_worse": "met",
    "better": "met",
}
"""How a comparison is coloured: as the verdict that it is most like."""


def comparison_screen(found: Comparison) -> Screen:
    """Put a comparison into words."""
    return safe(
        Screen(
            title=f"{found.before.label} and {found.after.label}",
            state=_STATES[found.state],
            answer=reasons(found),
            line=(),
            parts=tuple(
                part
                for part in (_counts(found), _latencies(found), tuple(_facts(found)))
                if part
            ),
        )
    )


def _counts(found: Comparison) -> Table | None:
    rows = []
    for each in found.consumers:
        for when, sample in (("before", each.before), ("after", each.after)):
            bad, total = sample.counted
            figures = (f"{total:,}", f"{bad:,}", slo.one_in(bad, total))
            cycles = f"{len(sample.blocks):,} of {sample.cycles:,}"
            rows.append((f"{each.consumer} {when}", *figures, cycles))
    header = ("messages", "accepted", "lost", "rate", "cycles")
    return Table(header=header, rows=tuple(rows)) if rows else None


def _latencies(found: Comparison) -> Table | None:
    measured = [
        (f"{each.consumer} {when}", sample.latency)
        for each in found.consumers
        for when, sample in (("before", each.before), ("after", each.after))
    ]
    return latencies(measured) if measured else None


def _facts(found: Comparison) -> Iterable[Fact]:
    for each in found.consumers:
        yield "test", _test(each, several=len(found.consumers) > 1)
    if found.alone:
        yield "not compared", f"only on one side: {', '.join(found.alone)}"
    for text in found.unlike:
        yield "warning", text
    yield "judged", _judged(found)
    yield "before", _side(found.before)
    yield "after", _side(found.after)


def _test(each: Compared, *, several: bool) -> str:
    """Return how it was tested, and what the test could have seen at best."""
    before, after = each.blocks
    where = f"{each.consumer}: " if several else ""
    blocks = (
        f"{many(after, 'block')} against {before:,}, each of {each.block:,} or more"
    )
    if each.regression is None:
        return f"{where}{blocks}: no test"
    how = "all arrangements counted" if each.regression.exact else "9,999 drawn"
    p, least = map(slo.format_p, (each.regression.p_value, each.floor))
    return f"{where}{blocks}; labels exchanged, {how}: p = {p} (at best {least})"


def _judged(found: Comparison) -> str:
    told = "worse if p <= 0.01"
    if found.target is not None:
        asked = slo.format_target(found.target)
        told += f" and by half of the budget of {asked}"
    return f"{told}; one drop can cost {found.worst_burst:,}"


def _side(side: Side) -> str:
    began = moment(side.from_ns, "%Y-%m-%d %H:%M:%S")
    ended = moment(side.to_ns, "%Y-%m-%d %H:%M:%S UTC")
    # A history is called by its environment already.
    of = f" of {side.environment}"
    which = side.label if side.label.endswith(of) else side.label + of
    return f"{which}, {began} to {ended}, prober {side.version}"
