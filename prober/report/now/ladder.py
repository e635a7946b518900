"""When a reverse log proxy, or a traffic controller, next tries a router again.

After losing a router it waits 1 ms, 10 ms, 100 ms, 1 s, 10 s, and then 100 s again and
again, for each subscription by itself, and tells its consumers nothing of it: a
subscription made meanwhile is served at once, and the old ones are blind.

    lost at 0   tries at  0.001  0.011  0.111  1.111  11.111  111.111  211.111 …
"""

from collections.abc import Iterator

_FIRST_NS = 1_000_000
_TIMES = 10
_MOST_NS = 100_000_000_000


def next_try_ns(lost_ns: int, now_ns: int) -> int:
    """Return when the first try is that was not over by now: blindness can end then."""
    return next(at for at in _tries(lost_ns) if at >= now_ns)


def _tries(lost_ns: int) -> Iterator[int]:
    wait, at = _FIRST_NS, lost_ns
    while True:
        at += wait
        yield at
        wait = min(wait * _TIMES, _MOST_NS)
