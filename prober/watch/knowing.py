"""What a store knows of environments now: of this are `prober status` and the page.

A store is read; nothing is asked of a daemon.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from prober.history import CycleRecord, Live
from prober.report.now import Known
from prober.report.now.case import RECENT_NS
from prober.slo import Summary
from prober.store import Store
from prober.watch.alerts.keeper import KEPT, State, severities

WINDOW_NS = 30 * 86_400 * 1_000_000_000
"""Of an environment that has no objective."""

Window = Callable[[str, int, int], Summary]
"""Reads an environment from one time up to another, as `Store.summary` does."""
Recent = Callable[[str, int], Sequence[CycleRecord]]
"""Reads the continuous cycles due since a time, as `Store.recent` does."""


def known(
    store: Store,
    now_ns: int,
    names: Collection[str] = (),
    lives: Iterable[Live] = (),
    *,
    window: Window | None = None,
    recent: Recent | None = None,
) -> list[Known]:
    """Return what is known of environments, by default of all that were ever watched.

    `lives` are words of daemons that the store may not have yet; `window` reads
    windows, where somebody keeps them, and `recent` the last hour, where its latencies
    are needed, too.
    """
    window, recent = window or store.summary, recent or store.recent
    fresher = {(each.environment, each.daemon): each for each in lives}
    told = {(each.environment, each.daemon): each for each in store.live()}
    words = list((told | fresher).values())
    watched = [each.name for each in store.environments() if each.first_ns is not None]
    every = dict.fromkeys([*watched, *(each.environment for each in words)])
    states = store.kept(KEPT, State).values()
    watched_now = {each.environment for each in words if not each.ended}
    return [
        replace(
            _of_one(store, name, now_ns, window, recent),
            lives=[each for each in words if each.environment == name],
            # What a daemon left firing when it went, fires no more.
            firing=severities(states, name) if states and name in watched_now else None,
        )
        for name in (names or sorted(every))
    ]


def _of_one(
    store: Store, name: str, now_ns: int, window: Window, recent: Recent
) -> Known:
    runs = store.runs(name, mode="continuous", limit=1)
    window_ns = (runs[0].window_ns if runs else None) or WINDOW_NS
    return Known(
        environment=name,
        at_ns=now_ns,
        lives=(),
        recent=recent(name, now_ns - RECENT_NS),
        window=window(name, now_ns + 1 - window_ns, now_ns + 1) if runs else None,
    )
