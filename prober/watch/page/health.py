"""Is it our own fault? The daemon's figures against their bounds."""

from collections.abc import Mapping

from prober.bounds import BOUNDS, most
from prober.clock import NS
from prober.history import LiveConsumer
from prober.report.facts import Table
from prober.report.now.sentences import elapsed
from prober.report.words import duration, rate
from prober.watch.page.glance import NONE
from prober.watch.page.looking import Seen

_QUEUED = "queue_high_water_bytes"


def _bytes(value: float) -> str:
    return f"{value / 1e6:,.1f} MB"


def _written(name: str, value: float) -> str:
    return _bytes(value) if name.endswith("_bytes") else duration(value)


def _row_of(name: str, figures: Mapping[str, float]) -> tuple[str, str, str]:
    """Return how a figure is called, what it is, and its bound."""
    bound = f"at most {_written(name, most(figures, name))}"
    return BOUNDS[name].shown, _written(name, figures[name]), bound


def health(seen: Seen) -> Table | None:
    """Return what the daemon measured on itself in the last minute; None unheard."""
    live = seen.now.live
    if live is None or seen.now.silent or live.ended:
        return None
    rows = [_row_of(name, live.health) for name in BOUNDS if name in live.health]
    if _QUEUED in live.health:
        rows.append(("waited in readers' queues", _bytes(live.health[_QUEUED]), ""))
    if live.measuring:
        rows.append(("our own messages", rate(live.own_rate), "as configured"))
    if live.foreign_rate is not None:
        rows.append(
            ("others' messages seen", rate(live.foreign_rate), "more than none")
        )
    if live.unread:
        rows.append(("agents whose metrics cannot be read", f"{len(live.unread)}", ""))
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
