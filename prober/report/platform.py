"""Loggregator's own counters, summed up, and held against what the ledger found.

They are evidence, and no proof: they tell of everybody's envelopes, most of them of all
consumers at once, and come through the pipeline that is losing data.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from prober import slo
from prober.ledger.scraped import COUNTERS, OWN_AGENT
from prober.records import CutOff, PlatformIncrease

DROPPED = "dropped"
DROPS = COUNTERS
"""The counters of envelopes; the others count streams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformCounter:
    """One counter of one kind of component, over all of its instances."""

    component: str
    counter: str
    direction: str
    increase: int
    instances: int
    rose: tuple[PlatformIncrease, ...]
    """Those that grew, most first."""
    silent: int
    """Instances that were not heard of for several intervals: itself a sign of loss."""
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What the platform's counters say, and what that is worth."""

    counters: tuple[PlatformCounter, ...]
    cut_offs: tuple[CutOff, ...]
    """Of our consumers, as the traffic controller tells of them."""
    evidence: str
    """One sentence: how what rose and what was lost go together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What the sentence depends on."""

    read: bool
    dropped: int
    streams: int
    """Streams refused, and consumers cut off."""
    ours: tuple[str, ...]
    """Our consumers that were cut off."""
    lost: int
    fits: tuple[str, ...]
    """Components that lost something and of whose rings gaps are whole multiples."""


def platform_of(
    increases: Sequence[PlatformIncrease] | None,
    lost: int,
    rings: Iterable[str],
    cut_offs: tuple[CutOff, ...] = (),
) -> Platform | None:
    """Hold counters against losses; None when nobody looked at them.

    `lost` is summed over consumers, as a router's drops are over subscriptions; `rings`
    are the owners of rings that gaps are whole multiples of: `router`, `agent`.
    """
    if increases is None:
        return None
    counters = tuple(_sum_up(increases))
    risen = {_owner(each) for each in counters if each.increase}
    dropped = _once(each for each in counters if each.counter in DROPS)
    case = _Case(
        read=bool(counters or cut_offs),
        dropped=dropped,
        streams=sum(e.increase for e in counters if e.counter not in DROPS),
        ours=tuple(dict.fromkeys(each.consumer for each in cut_offs)),
        lost=lost,
        fits=tuple(sorted({owner for owner in rings if owner in risen})),
    )
    told = next(tell for holds, tell in _EVIDENCE if holds(case))
    return Platform(counters=counters, cut_offs=cut_offs, evidence=told(case))


def _owner(counter: PlatformCounter) -> str:
    return "agent" if counter.component == OWN_AGENT else counter.component


def _once(counters: Iterable[PlatformCounter]) -> int:
    """Sum up; where the Firehose tells of all agents, ours are among them."""
    found: dict[tuple[str, str, str], int] = {}
    for each in counters:
        key = (_owner(each), each.counter, each.direction)
        found[key] = max(found.get(key, 0), each.increase)
    return sum(found.values())


def _sum_up(increases: Iterable[PlatformIncrease]) -> Iterable[PlatformCounter]:
    def identity(each: PlatformIncrease) -> tuple[str, str, str]:
        return each.component, each.counter, each.direction

    for (component, counter, direction), found in groupby(
        sorted(increases, key=identity), identity
    ):
        group = sorted(found, key=lambda each: -each.increase)
        yield PlatformCounter(
            component=component,
            counter=counter,
            direction=direction,
            increase=sum(each.increase for each in group),
            instances=len({each.instance for each in group}),
            rose=tuple(each for each in group if each.increase),
            silent=len({each.instance for each in group if each.silent_ns}),
            from_ns=min(each.from_ns for each in group),
            to_ns=max(each.to_ns for each in group),
        )


def _ring(case: _Case) -> str:
    if not case.fits:
        return ""
    return f"; gaps are whole laps of {' and '.join(case.fits)} rings, which fits"


_EVIDENCE: tuple[tuple[Callable[[_Case], bool], Callable[[_Case], str]], ...] = (
    # The first that holds is told. Where something rose it says no more than that it
    # may have been ours: no counter names a subscription, or whose the envelopes were.
    # Only of consumers that are too slow an event tells who they were.
    (
        lambda c: not c.read,
        lambda _: "none of Loggregator's own counters came",
    ),
    (
        lambda c: not c.lost and not c.dropped,
        lambda _: "nothing was dropped",
    ),
    (
        lambda c: not c.dropped and bool(c.ours),
        lambda c: f"none dropped: {' and '.join(c.ours)} did not keep up",
    ),
    (
        lambda c: not c.lost,
        lambda _: "not ours: what was lost were envelopes of other sources or readers",
    ),
    (
        lambda c: not c.dropped and bool(c.streams),
        lambda c: f"{c.lost:,} lost, none dropped: was it our stream that was ended?",
    ),
    (
        # In flight when something died, on the reconnect ladder, in batches too large.
        lambda c: not c.dropped,
        lambda c: (
            f"these counted none, though {c.lost:,} {slo.were(c.lost)} lost: what an "
            "agent drops stands in its own metrics; broken connections, readers left "
            "behind and batches too large are counted nowhere"
        ),
    ),
    (
        lambda c: c.dropped < c.lost,
        lambda c: (
            f"evidence, no proof: less than the {c.lost:,} lost, so some were lost "
            f"where nobody counts, or not told of yet{_ring(c)}"
        ),
    ),
    (
        lambda _: True,
        lambda c: (
            f"evidence, no proof: enough for the {c.lost:,} lost, though no counter "
            f"tells whose they were{_ring(c)}"
        ),
    ),
)
