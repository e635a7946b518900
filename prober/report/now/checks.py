"""Is it mine? What is held against us, each with its bound, in the daemon's figures."""

from collections.abc import Callable
from dataclasses import dataclass

from prober.bounds import most
from prober.history import Live
from prober.records import State
from prober.report.now.case import Case
from prober.report.words import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One way in which it could be our own fault, and whether it is not."""

    name: str
    well: bool
    words: str


def checks(case: Case) -> tuple[Check, ...]:
    """Return what was looked at; nothing of a daemon that is not heard of."""
    live = case.live
    if live is None or not case.heard:
        return ()
    found = [_streams(live)]
    found += [
        Check(
            name=name,
            well=live.health[key] <= most(live.health, key),
            words=words(live.health[key]),
        )
        for name, key, words in _FIGURES
        if key in live.health
    ]
    if live.foreign_rate is not None:
        seen = live.foreign_rate > 0
        words = "foreign logs seen" if seen else "no foreign logs seen either"
        found.append(Check(name="foreign", well=seen, words=words))
    found += _void(case)
    return tuple(found)


_FIGURES: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("loop", "loop_lag_max_seconds", lambda s: f"loop lag {duration(s)}"),
    ("reader", "reader_lag_max_seconds", lambda s: f"readers {duration(s)} behind"),
    ("collector", "gc_pause_max_seconds", lambda s: f"collector's pause {duration(s)}"),
    ("clock", "clock_step_max_seconds", lambda s: f"clock step {duration(s)}"),
    ("queue", "queue_full_max_seconds", lambda s: f"queue full for {duration(s)}"),
    ("cpu", "cpu_wait_max_seconds", lambda s: f"waited {duration(s)} for a CPU"),
    ("memory", "rss_bytes", lambda b: f"own memory {b / 1e6:,.0f} MB"),
)


def _streams(live: Live) -> Check:
    away = [each for each in live.consumers if not each.connected]
    if not away:
        words = "streams up" if live.consumers else "no stream yet"
        return Check(name="streams", well=bool(live.consumers), words=words)
    by_detail: dict[str, list[str]] = {}
    for each in away:
        by_detail.setdefault(each.detail, []).append(each.name)
    words = "; ".join(
        f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} not attached"
        + (f": {detail}" if detail else "")
        for detail, names in by_detail.items()
    )
    return Check(name="streams", well=False, words=words)


def _void(case: Case) -> list[Check]:
    """Return the last cycle's own word, if that was void for a fault of ours."""
    if case.unsure is None or case.unsure[0] is not State.INVALID:
        return []
    return [Check(name="cycle", well=False, words=case.unsure[1])]
