"""Is it our own fault? The daemon's figures against their bounds."""

from collections.abc import Callable, Mapping

from prober.clock import NS
from prober.history import LiveConsumer
from prober.report.facts import Table
from prober.report.now.checks import LAG_LIMIT_SECONDS
from prober.report.now.sentences import elapsed
from prober.report.words import duration, rate
from prober.watch.page.glance import NONE
from prober.watch.page.looking import Seen


def _bytes(value: float) -> str:
    return f"{value / 1e6:,.1f} MB"


_LIMIT = f"at most {LAG_LIMIT_SECONDS:g} s"
_FIGURES: Mapping[str, tuple[str, Callable[[float], str], str]] = {
    # What a daemon measures on itself: how it is called, written, and its bound.
    "loop_lag_max_seconds": ("event loop behind", duration, _LIMIT),
    "reader_lag_max_seconds": ("readers behind", duration, _LIMIT),
    "gc_pause_max_seconds": ("longest collector's pause", duration, _LIMIT),
    "clock_step_max_seconds": ("clock step", duration, _LIMIT),
    "queue_high_water_bytes": ("waited in readers' queues", _bytes, ""),
    "rss_bytes": ("own memory", _bytes, ""),
}


def health(seen: Seen) -> Table | None:
    """Return what the daemon measured on itself in the last minute; None unheard."""
    live = seen.now.live
    if live is None or seen.now.silent or live.ended:
        return None
    rows = [
        (words, write(live.health[key]), bound)
        for key, (words, write, bound) in _FIGURES.items()
        if key in live.health
    ]
    if live.measuring:
        rows.append(("our own messages", rate(live.own_rate), "as configured"))
    if live.foreign_rate is not None:
        rows.append(
            ("others' messages seen", rate(live.foreign_rate), "more than none")
        )
    rows.append(("results that wait for the store", f"{live.waiting:,}", ""))
    return Table(header=("last minute", "measured", "bound"), rows=tuple(rows))


def consumers(seen: Seen) -> Table | None:
    """Return the consumers side by side as the daemon sees them; None unheard."""
    live = seen.now.live
    if live is None or seen.now.silent or live.ended or not live.consumers:
        return None
    header = (
        "consumer",
        "stream",
        "overdue",
        "due",
        "under way",
        "behind",
        "last seen",
    )
    rows = [_row(each, seen.now.at_ns) for each in live.consumers]
    return Table(header=header, rows=tuple(rows))


def _row(each: LiveConsumer, at_ns: int) -> tuple[str, ...]:
    stream = "blind" if each.blind else "up" if each.connected else "away"
    seen_ns = each.last_arrival_ns
    return (
        each.name,
        stream,
        f"{each.overdue:,}",
        f"{each.due:,}",
        f"{each.under_way:,}",
        duration(each.lag_seconds) if each.connected else NONE,
        "never" if seen_ns is None else f"{elapsed((at_ns - seen_ns) / NS)} ago",
    )
