"""What happened: losses joined over consumers and time, beside what people noted."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from prober.clock import NS
from prober.history import Annotation, Stretch
from prober.records import PlatformIncrease, State
from prober.report.model import RINGS, GapSize, gap_sizes_of
from prober.report.platform import Platform, platform_of

JOINED_NS = 600 * NS
"""Losses less than ten minutes apart are one incident: one fault, flapping."""
BEFORE_NS = 1_800 * NS
"""What was noted up to half an hour before an incident stands beside it."""
UNDER_WAY_NS = 120 * NS
"""A cycle that was under way when something began has its loss in it, though it was due
before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """What an incident cost one consumer."""

    consumer: str
    bad: int
    total: int
    """Accepted in its lossy cycles."""
    cycles: int
    largest_loss: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Stretches of loss that belong together in time, over all consumers."""

    number: int
    """From 1 on, in the order of time."""
    from_ns: int
    """When the first lossy cycle was due."""
    to_ns: int
    """When the last one was final."""
    bad: int
    """Messages lost or damaged on the consumer that it hit hardest: nobody knows how
    many of several consumers' losses are the same ones."""
    hits: tuple[Hit, ...]
    """By consumer, the one hit hardest first."""
    spared: tuple[str, ...]
    """Consumers of the window that lost nothing meanwhile."""
    share: Fraction | None
    """Of the window's budget, on the consumer where it is most; None without one."""
    reasons: tuple[str, ...]
    """As the cycles say it, each once."""
    gap_sizes: tuple[GapSize, ...]
    """Largest first."""
    platform: Platform | None
    """What Loggregator's own counters said; None when none of them grew."""
    notes: tuple[Annotation, ...]
    """What people noted of that time, and of the half hour before."""

    @property
    def upstream(self) -> bool | None:
        """Whether all consumers were hit: before they fork, or a stall of a router.

        False points at an egress; None with one consumer, which cannot tell.
        """
        if len(self.hits) + len(self.spared) == 1:
            return None
        return not self.spared


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What somebody noted, and what the incidents cost that began then, or soon after.

    Beside each other is all that is known: not that one is why of the other.
    """

    annotation: Annotation
    bad: int
    """On the consumer that lost most."""
    share: Fraction | None
    """Of the window's budget."""
    incidents: tuple[int, ...]
    """Their numbers."""


def incidents_of(
    stretches: Iterable[Stretch],
    allowed: Mapping[str, Fraction | None],
    annotations: Sequence[Annotation],
) -> tuple[Incident, ...]:
    """Join stretches of loss that overlap, or are less than ten minutes apart.

    `allowed` holds the bad messages that the objective allows in the window, by
    consumer: it also tells which consumers there are.
    """
    lossy = sorted(
        (each for each in stretches if each.state is State.LOSS),
        key=lambda each: (each.from_ns, each.consumer),
    )
    groups: list[list[Stretch]] = []
    until = None
    for each in lossy:
        if until is None or each.from_ns > until + JOINED_NS:
            groups.append([])
            until = each.to_ns
        groups[-1].append(each)
        until = max(until, each.to_ns)
    return tuple(
        _incident(number, group, allowed, annotations)
        for number, group in enumerate(groups, 1)
    )


def _incident(
    number: int,
    stretches: Sequence[Stretch],
    allowed: Mapping[str, Fraction | None],
    annotations: Sequence[Annotation],
) -> Incident:
    from_ns, to_ns = stretches[0].from_ns, max(each.to_ns for each in stretches)
    hits = _hits(stretches)
    sizes: Counter[int] = Counter()
    for each in stretches:
        sizes.update(each.gap_sizes)
    gap_sizes = gap_sizes_of(sizes, RINGS)
    return Incident(
        number=number,
        from_ns=from_ns,
        to_ns=to_ns,
        bad=hits[0].bad,
        hits=hits,
        spared=tuple(sorted(allowed.keys() - {hit.consumer for hit in hits})),
        share=_share({hit.consumer: hit.bad for hit in hits}, allowed),
        reasons=tuple(dict.fromkeys(e.reason for e in stretches if e.reason)),
        gap_sizes=gap_sizes,
        platform=_platform(stretches, sum(hit.bad for hit in hits), gap_sizes),
        notes=tuple(
            each
            for each in annotations
            if each.kind == "note"
            and each.from_ns <= to_ns
            and max(each.from_ns, each.to_ns) >= from_ns - BEFORE_NS
        ),
    )


def _hits(stretches: Iterable[Stretch]) -> tuple[Hit, ...]:
    found: dict[str, list[Stretch]] = {}
    for each in stretches:
        found.setdefault(each.consumer, []).append(each)
    hits = (
        Hit(
            consumer=consumer,
            bad=sum(each.bad for each in group),
            total=sum(each.total for each in group),
            cycles=sum(each.cycles for each in group),
            largest_loss=max(each.largest_loss for each in group),
        )
        for consumer, group in found.items()
    )
    return tuple(sorted(hits, key=lambda hit: (-hit.bad, hit.consumer)))


def _share(
    bad: Mapping[str, int], allowed: Mapping[str, Fraction | None]
) -> Fraction | None:
    """Return the largest share of a budget that losses are, over consumers."""
    shares = (
        lost / Fraction(budget)
        for consumer, lost in bad.items()
        if (budget := allowed.get(consumer))
    )
    return max(shares, default=None)


def _platform(
    stretches: Iterable[Stretch], lost: int, gap_sizes: Iterable[GapSize]
) -> Platform | None:
    """Hold counters against losses, each once though every consumer's cycles tell it.

    Over one consumer's stretches increases add; of several consumers the most counts,
    for they heard of the same counters.
    """
    found: dict[tuple[str, ...], dict[str, list[PlatformIncrease]]] = {}
    for stretch in stretches:
        for each in stretch.platform:
            key = (each.component, each.instance, each.counter, each.direction)
            heard = found.setdefault(key, {}).setdefault(stretch.consumer, [])
            heard.append(each)
    increases = [
        _summed(max(heard.values(), key=lambda group: sum(e.increase for e in group)))
        for heard in found.values()
    ]
    owners = {owner for each in gap_sizes for owner in each.owners}
    return platform_of(increases, lost, owners) if increases else None


def _summed(group: Sequence[PlatformIncrease]) -> PlatformIncrease:
    one = group[0]
    return PlatformIncrease(
        component=one.component,
        instance=one.instance,
        counter=one.counter,
        direction=one.direction,
        increase=sum(each.increase for each in group),
        from_ns=min(each.from_ns for each in group),
        to_ns=max(each.to_ns for each in group),
        silent_ns=max(each.silent_ns for each in group),
    )


def noted(
    annotations: Iterable[Annotation],
    incidents: Sequence[Incident],
    allowed: Mapping[str, Fraction | None],
) -> tuple[Noted, ...]:
    """Return what was noted, with what the incidents beside it cost."""
    told = []
    for each in annotations:
        if each.kind != "note":
            continue
        began = each.from_ns - UNDER_WAY_NS
        near = [i for i in incidents if each in i.notes and i.from_ns >= began]
        bad: Counter[str] = Counter()
        for incident in near:
            for hit in incident.hits:
                bad[hit.consumer] += hit.bad
        told.append(
            Noted(
                annotation=each,
                bad=max(bad.values(), default=0),
                share=_share(bad, allowed),
                incidents=tuple(incident.number for incident in near),
            )
        )
    return tuple(told)
