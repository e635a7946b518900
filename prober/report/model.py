"""The report as data: all arithmetic happens here, what renders it only writes."""

import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Protocol, TypeVar

from prober import __version__, slo
from prober.clock import NS
from prober.histogram import Histogram
from prober.records import (
    BufferDrops,
    Calibration,
    ConsumerResult,
    Counts,
    CycleResult,
    RunResult,
    Span,
    State,
)
from prober.report.cost import WINDOW_NS, Cost, cost_of
from prober.report.paths import Apart, Routers, apart, routers_of
from prober.report.platform import Platform, platform_of

RINGS: Mapping[int, tuple[str, ...]] = {
    1_000: ("router",),  # v2 egress, one for each subscription
    10_000: ("agent", "router"),  # ingress of either
}
"""Sizes of Loggregator's buffers, and whose they are, where nothing better is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What an objective allows a consumer to lose, and what is left of it.

    In fractions, like the verdict: 30 of 100 spent leave 70 %, where floats, cut off so
    that they never flatter, would read 69.9 %.
    """

    allowed: Fraction
    """Messages, not rounded."""
    consumed: Fraction
    """The share of `allowed` that is spent; 1 is all of it."""
    remaining: Fraction
    """The rest; negative when overspent."""
    remaining_if_unseen_lost: Fraction
    """`remaining` if all that went unseen in inconclusive cycles was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Quantiles of send to receive, in seconds; None when nothing arrived."""

    p50: float | None
    p90: float | None
    p99: float | None
    p999: float | None
    max: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GapSize:
    """How often a gap of one size was seen, and whose ring it is a multiple of."""

    size: int
    times: int
    ring: int | None
    """The largest known ring that divides `size`."""
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """Cycles that do not count, all for one reason."""

    state: State
    reason: str
    cycles: int
    first_sent_ns: int | None
    unseen: int
    """Accepted messages of theirs that did not come, which are not called lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """All figures of one consumer."""

    name: str
    transport: str
    counts: Counts
    valid: Counts
    sli: float | None
    nines: float | None
    """None when nothing was lost: a sample cannot tell how much less that is."""
    bounds: slo.Interval
    """What the sample supports, over blocks that hold a worst burst."""
    blocks: int
    budget: Budget | None
    """None without an objective, and when nothing counts."""
    coverage: Fraction | None
    """Cycles that count, of those that could have; None when there were none."""
    unseen: int
    """Messages of inconclusive cycles that never came."""
    lossy_cycles: int
    largest_loss: int
    """Bad messages of the worst cycle that counts."""
    latency: Latency
    gaps: tuple[Span, ...]
    gap_sizes: tuple[GapSize, ...]
    """The same by size, largest first."""
    states: Mapping[State, int]
    course: tuple[State, ...]
    """How the cycles ended, in their order."""
    asides: tuple[Aside, ...]
    """Cycles that do not count, by reason, in the order of their first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """One cycle, as every consumer saw it."""

    index: int
    span: Span
    first_sent_ns: int | None
    last_sent_ns: int | None
    outcomes: tuple[CycleResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackDrops:
    """What the bundled stack's own buffers dropped, beside what the ledger found."""

    buffers: tuple[BufferDrops, ...]
    dropped: int
    lost: int | None
    """What the ledger misses for good, over every cycle.

    None with several consumers, whose losses may be the same messages.
    """
    under_way: int = 0
    """Neither dropped nor here: inside a buffer, or between two, when the run ended."""

    @property
    def agrees(self) -> bool | None:
        """Whether both come to the same; None when they cannot be compared."""
        return None if self.lost is None else self.lost == self.dropped + self.under_way


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How far from independent the losses of a consumer are, and what that changes."""

    consumer: str
    blocks: int
    diagnostics: slo.Diagnostics
    naive: slo.Naive
    """What would be claimed if messages were lost one by one: not to be believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run, with everything that is to be said about it."""

    version: str
    """Of prober."""
    python: str
    result: RunResult
    target: Decimal | None
    verdict: slo.Verdict
    claim: slo.Claim
    needed: int | None
    """Further messages, all arriving, that would prove the objective."""
    consumers: tuple[Consumer, ...]
    worst: Consumer | None
    """The one that lost the largest share: it speaks for the environment.

    None when nothing counts on any of them.
    """
    cycles: tuple[Cycle, ...]
    across: slo.Across | None
    """What several consumers got of the same messages; None with a single one."""
    stack_drops: StackDrops | None
    """None against any other environment than the bundled stack."""
    platform: Platform | None
    """What Loggregator's own counters say; None when nobody looked."""
    routers: Routers
    """How many routers were tested, of how many."""
    apart: tuple[Apart, ...]
    """Consumers all of whose losses went in by one way of several."""
    early: bool
    """The claim is the e-process's, which was asked after every cycle."""
    explanations: tuple[Explanation, ...]
    """What stands behind the bounds, by consumer; empty unless it was asked for."""
    cost: Cost | None
    """What was lost while the command ran that the run went on beside; None without."""
    calibration: Calibration | None = None
    """What the instrument itself was found to be worth, where that is to be told."""


def build(
    result: RunResult,
    target: Decimal | None,
    *,
    worst_burst: int = 1_000,
    early: Sequence[slo.Sequential] = (),
    explain: bool = False,
    failure: str | None = None,
    window_ns: int = WINDOW_NS,
    version: str = __version__,
    python: str = platform.python_version(),
) -> Report:
    """Work out everything that is to be said about a run.

    Args:
        result: What was measured.
        target: The objective as a ratio, `Decimal("0.999")`; None for none.
        worst_burst: The most messages that a single drop can cost, at least 1.
        early: The e-processes that were asked after every cycle, one a consumer.
        explain: Work out what stands behind the bounds.
        failure: Why nothing at all could be measured, as one sentence.
        window_ns: What the objective's budget is meant for, from steady traffic.
        version: Of prober, as the report is to name it.
        python: Version of the Python that ran it.

    Raises:
        UsageError: An objective that cannot be.
        ValueError: A worst burst below one message.

    """
    rings, stack_drops = _rings(result.stack_drops), _stack_drops(result)
    evidence = [slo.evidence_of(each) for each in result.consumers]
    # First, for it refuses an objective that cannot be.
    claim = _claim(evidence, target, worst_burst, early)
    consumers = tuple(
        _consumer(each, seen, target, worst_burst, rings)
        for each, seen in zip(result.consumers, evidence, strict=True)
    )
    return Report(
        version=version,
        python=python,
        result=result,
        target=target,
        verdict=slo.verdict(evidence, target, failure=failure),
        claim=claim,
        needed=messages_needed((each.bounds for each in consumers), target),
        consumers=consumers,
        worst=worst_of(consumers),
        cycles=_cycles(result.consumers),
        across=slo.across_run(result.consumers) if len(consumers) > 1 else None,
        stack_drops=stack_drops,
        platform=_platform(result, consumers, stack_drops),
        routers=routers_of(result),
        apart=tuple(apart(result.writers)),
        early=bool(early),
        explanations=tuple(_explain(evidence, worst_burst)) if explain else (),
        cost=_cost(result, target, window_ns),
    )


def _cost(result: RunResult, target: Decimal | None, window_ns: int) -> Cost | None:
    if result.command is None:
        return None
    return cost_of(result.command, result.consumers, target=target, window_ns=window_ns)


def _platform(
    result: RunResult, consumers: Sequence[Consumer], stack_drops: StackDrops | None
) -> Platform | None:
    # What came, if too late, or was on its way, nobody dropped.
    lost = sum(each.counts.lost - each.counts.after_deadline for each in consumers)
    lost -= stack_drops.under_way if stack_drops else 0
    owners = {o for each in consumers for gap in each.gap_sizes for o in gap.owners}
    return platform_of(result.platform, lost, owners, result.cut_offs)


def _claim(
    evidence: Sequence[slo.Evidence],
    target: Decimal | None,
    worst_burst: int,
    early: Sequence[slo.Sequential],
) -> slo.Claim:
    claim = slo.claim(evidence, target, worst_burst=worst_burst)
    if target is None or not early:
        return claim
    return slo.claim_early(claim, early, target)


def _explain(
    evidence: Iterable[slo.Evidence], worst_burst: int
) -> Iterable[Explanation]:
    for each in evidence:
        if each.counted.total:
            blocks = slo.blocks(each.blocks, worst_burst)
            yield Explanation(
                consumer=each.consumer,
                blocks=len(blocks),
                diagnostics=slo.diagnose(blocks),
                naive=slo.naive(*each.counted),
            )


def _consumer(
    result: ConsumerResult,
    evidence: slo.Evidence,
    target: Decimal | None,
    worst_burst: int,
    rings: Mapping[int, tuple[str, ...]],
) -> Consumer:
    counted = evidence.counted
    blocks = slo.blocks(evidence.blocks, worst_burst)
    bad = [block.bad for block in evidence.blocks if block.bad]
    return Consumer(
        name=result.name,
        transport=result.transport,
        counts=result.counts,
        valid=result.valid,
        sli=counted.sli,
        nines=slo.nines(*counted),
        bounds=slo.interval(
            (block.bad for block in blocks), counted.total, worst_burst=worst_burst
        ),
        blocks=len(blocks),
        budget=budget_of(evidence, target),
        coverage=evidence.coverage,
        unseen=evidence.unsure.bad,
        lossy_cycles=len(bad),
        largest_loss=max(bad, default=0),
        latency=_latency(result.latency),
        gaps=result.gaps,
        gap_sizes=gap_sizes_of(Counter(gap.count for gap in result.gaps), rings),
        states=result.states(),
        course=tuple(cycle.state for cycle in result.cycles),
        asides=_asides(result.cycles),
    )


def budget_of(
    evidence: slo.Evidence, target: Decimal | None, *, planned: int | None = None
) -> Budget | None:
    """Return what is left of a consumer's budget; None where there is no telling.

    Of the messages that count, or of `planned` ones, which a prober knows ahead.
    """
    if target is None or not evidence.counted.total:
        return None
    ratio = 1 - Fraction(target)
    (bad, total), (worst_bad, worst_total) = evidence.counted, evidence.worst
    allowed = ratio * (total if planned is None else planned)
    worst_allowed = ratio * (worst_total if planned is None else planned)
    if not allowed:
        return None
    return Budget(
        allowed=allowed,
        consumed=bad / allowed,
        remaining=1 - bad / allowed,
        remaining_if_unseen_lost=1 - worst_bad / worst_allowed,
    )


def _latency(histogram: Histogram) -> Latency:
    def seconds(q: float) -> float | None:
        ns = histogram.quantile(q)
        return None if ns is None else ns / NS

    return Latency(
        p50=seconds(0.5),
        p90=seconds(0.9),
        p99=seconds(0.99),
        p999=seconds(0.999),
        max=seconds(1),
    )


def messages_needed(
    bounds: Iterable[slo.Interval], target: Decimal | None
) -> int | None:
    """Return the further messages, all arriving, that prove an objective for all."""
    if target is None:
        return None
    needed = (b.messages_needed(target) - b.total for b in bounds if b.total)
    return max(needed, default=None)


class Lossy(Protocol):
    """Whoever lost some of the messages that count."""

    @property
    def valid(self) -> Counts:
        """The messages that count."""
        ...


_L = TypeVar("_L", bound=Lossy)


def worst_of(consumers: Iterable[_L]) -> _L | None:
    """Return the one that lost the largest share; None when nothing counts."""

    def loss(consumer: _L) -> Fraction:
        return Fraction(consumer.valid.bad, consumer.valid.accepted)

    return max((c for c in consumers if c.valid.accepted), key=loss, default=None)


def _cycles(consumers: Iterable[ConsumerResult]) -> tuple[Cycle, ...]:
    def index(outcome: CycleResult) -> int:
        return outcome.index

    outcomes = (outcome for each in consumers for outcome in each.cycles)
    # Sorting is stable, so that the consumers keep their order within a cycle.
    return tuple(
        _cycle(tuple(group)) for _, group in groupby(sorted(outcomes, key=index), index)
    )


def _cycle(outcomes: tuple[CycleResult, ...]) -> Cycle:
    one = outcomes[0]  # what was sent is the same for all
    return Cycle(
        index=one.index,
        span=one.span,
        first_sent_ns=one.first_sent_ns,
        last_sent_ns=one.last_sent_ns,
        outcomes=outcomes,
    )


def _asides(cycles: Iterable[CycleResult]) -> tuple[Aside, ...]:
    found: dict[tuple[State, str], list[CycleResult]] = {}
    for cycle in cycles:
        if cycle.state not in (State.PASS, State.LOSS):
            found.setdefault((cycle.state, cycle.reason), []).append(cycle)
    return tuple(
        Aside(
            state=state,
            reason=reason,
            cycles=len(group),
            first_sent_ns=group[0].first_sent_ns,
            unseen=sum(each.counts.lost for each in group),
        )
        for (state, reason), group in found.items()
    )


def gap_sizes_of(
    sizes: Mapping[int, int], rings: Mapping[int, tuple[str, ...]]
) -> tuple[GapSize, ...]:
    """Return gaps by size, largest first, given how often each size was seen."""
    return tuple(
        _gap_size(size, times, rings)
        for size, times in sorted(sizes.items(), reverse=True)
    )


def _gap_size(size: int, times: int, rings: Mapping[int, tuple[str, ...]]) -> GapSize:
    ring = max((ring for ring in rings if not size % ring), default=None)
    owners = () if ring is None else rings[ring]
    return GapSize(size=size, times=times, ring=ring, owners=owners)


def _rings(drops: Iterable[BufferDrops]) -> Mapping[int, tuple[str, ...]]:
    """Return whose ring each size is: of the buffers that dropped, where we know."""
    known: dict[int, tuple[str, ...]] = {}
    for each in drops:
        owner = each.buffer.partition(" ")[0]
        # A ring of one would divide every gap and explain none.
        if each.dropped and each.ring > 1 and owner not in known.get(each.ring, ()):
            known[each.ring] = (*known.get(each.ring, ()), owner)
    return known or RINGS


def _stack_drops(result: RunResult) -> StackDrops | None:
    if not result.stack_drops:
        return None
    dropped = sum(each.dropped for each in result.stack_drops)
    lost, under_way = None, 0
    if len(result.consumers) == 1:
        counts = result.consumers[0].counts
        # What came after the deadline stays lost, but no buffer dropped it.
        lost = counts.lost - counts.after_deadline
        if any(each.held for each in result.stack_drops):
            # Each step only moves what came in: what is nowhere else is in between.
            here = counts.accepted - lost
            under_way = max(0, result.stack_drops[0].written - dropped - here)
    return StackDrops(
        buffers=result.stack_drops, dropped=dropped, lost=lost, under_way=under_way
    )
