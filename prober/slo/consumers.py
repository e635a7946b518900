"""Several consumers of one set of messages: lost by all is upstream, by one is its own.

Each consumer with a subscription of its own gets a full copy of the Firehose, so what
is missing from every copy was lost before they fork, and what is missing from some was
lost on the way to those (or every ring was overrun by one stall, which only the
pipeline's own `dropped` counters can tell).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from prober.records import ConsumerResult, Span
from prober.slo.cycles import VALID
from prober.slo.tallies import Tally, tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Across:
    """What several consumers got of the messages that count on all of them.

    A damaged message has arrived: these are of messages that are missing.
    """

    messages: int
    lost_by_all: int
    """Before the fork."""
    lost_by_some: int
    """Behind the fork."""
    lost_only_by: Mapping[str, int]
    """Of those, the ones that every other consumer got."""
    lost_by: Mapping[str, int]
    """All that a consumer missed, whoever else did."""
    pair: Tally
    """Missing copies of all copies: a diagnostic, since nobody gets the average."""
    union: Tally
    """Messages that no consumer got."""
    intersection: Tally
    """Messages that some consumer did not get."""


def across(messages: int, lost: Mapping[str, Iterable[Span]]) -> Across:
    """Compare what consumers lost of the same messages.

    Args:
        messages: Accepted messages that count on all of them.
        lost: By consumer, the spans of sequence numbers that did not arrive.

    Raises ValueError when more were lost than there were.
    """
    spans = {name: list(each) for name, each in lost.items()}
    by_whom = _by_whom(spans)
    everyone = frozenset(spans)
    by_all = by_whom[everyone] if spans else 0
    by_any = by_whom.total()
    copies = sum(count * len(names) for names, count in by_whom.items())
    return Across(
        messages=messages,
        lost_by_all=by_all,
        lost_by_some=by_any - by_all,
        lost_only_by={name: by_whom[frozenset({name})] for name in spans},
        lost_by={
            name: sum(count for names, count in by_whom.items() if name in names)
            for name in spans
        },
        pair=tally(copies, messages * len(spans)),
        union=tally(by_all, messages),
        intersection=tally(by_any, messages),
    )


def across_run(consumers: Sequence[ConsumerResult]) -> Across:
    """Compare a run's consumers over the cycles that count on every one of them."""
    counts = Counter(
        cycle.index
        for each in consumers
        for cycle in each.cycles
        if cycle.state in VALID
    )
    common = [
        (each.name, cycle)
        for each in consumers
        for cycle in each.cycles
        if counts[cycle.index] == len(consumers)
    ]
    accepted = {cycle.index: cycle.counts.accepted for _, cycle in common}
    lost: dict[str, list[Span]] = {each.name: [] for each in consumers}
    for name, cycle in common:
        lost[name].extend(cycle.gaps)
    return across(sum(accepted.values()), lost)


def _by_whom(lost: Mapping[str, list[Span]]) -> Counter[frozenset[str]]:
    """Return how many sequence numbers were lost by exactly which consumers.

        a lost   3-7      ███
        b lost    5-9       ████
        edges    3 5 7 9    a: 2, a and b: 2, b: 2

    Between two neighbouring edges the set of those who lost is the same.
    """
    changes: dict[int, list[str]] = {}
    for name, spans in lost.items():
        for span in spans:
            changes.setdefault(span.first, []).append(name)
            changes.setdefault(span.end, []).append(name)
    found: Counter[frozenset[str]] = Counter()
    losing: frozenset[str] = frozenset()
    for edge, following in pairwise(sorted(changes)):
        for name in changes[edge]:
            losing ^= {name}
        if losing:
            found[losing] += following - edge
    return found
