"""What a daemon does first with an environment's history: close what was left open.

Cycles that were open when their daemon died become inconclusive; ticks that nobody
began since are missed, with the reason; an environment without a past has none.
"""

from collections.abc import Callable

from prober.history import Live
from prober.store import Store
from prober.watch.schedule import Cadence
from prober.watch.watched import Watched

LONGEST_NS = 95 * 86_400 * 1_000_000_000
"""Cycles are kept one by one for so long: what was missed before is missed unseen."""
DEAD = "prober was not running"


def mend(watched: Watched, daemon: str, now_ns: int) -> Callable[[Store], None]:
    """Return what closes the cycles that were left open."""

    def do(store: Store) -> None:
        store.mend(watched.name, daemon=daemon, now_ns=now_ns)

    return do


def miss_since_last(watched: Watched, first: int) -> Callable[[Store], None]:
    """Return what records the ticks between the last that is known and `first`."""
    cadence = Cadence(every_ns=watched.every_ns)
    first_ns = cadence.due_ns(first)

    def do(store: Store) -> None:
        last = store.latest(watched.name)
        if not last:
            return
        behind_ns = max(last[0].scheduled_ns + 1, first_ns - LONGEST_NS)
        from_ns = cadence.due_ns(cadence.next(behind_ns))
        if from_ns < first_ns:
            store.record_missed(
                watched.name,
                from_ns,
                first_ns,
                every_ns=watched.every_ns,
                planned=watched.sample.messages,
                consumers=tuple(watched.consumers),
                reason=_reason(store.live([watched.name])),
            )

    return do


def _reason(lives: list[Live]) -> str:
    """Return why nobody measured, by the last word of whoever left on purpose."""
    words = [(each.at_ns, each.why_not) for each in lives if each.ended]
    return f"{DEAD}: {max(words)[1]}" if words else DEAD
