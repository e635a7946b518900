"""Before and after: what two sides lost, how fast they were, and is it worse?"""

import math
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import comb
from typing import Literal

from prober import __version__, slo
from prober.report.model import Latency
from prober.report.words import many, rate
from prober.slo.blocking import at_least
from prober.slo.exits import REGRESSION
from prober.slo.regressions import ALPHA

ComparedState = Literal["worse", "better", "no_worse", "too_short", "no_data"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One consumer of one side: its cycles that count, and how fast they came."""

    consumer: str
    blocks: tuple[slo.Tally, ...]
    """Bad and accepted of each cycle that counts, in order."""
    cycles: int
    """Scheduled and not excluded; those that do not count are among them."""
    latency: Latency

    @property
    def counted(self) -> slo.Tally:
        """Bad and accepted of all of them."""
        bad, total = (sum(each) for each in zip((0, 0), *self.blocks, strict=True))
        return slo.Tally(bad, total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison: a run, or an environment's history."""

    label: str
    """As people name it: `run 2f6c1a9e`, `history of prod_eu`."""
    environment: str
    from_ns: int
    to_ns: int
    version: str
    """Of the prober that measured it."""
    rate: float | None
    """Messages a second that were asked for; None for as fast as possible."""
    whole_firehose: bool
    target: Decimal | None
    """The objective that it was held against."""
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One consumer before and after."""

    consumer: str
    before: Sample
    after: Sample
    blocks: tuple[int, int]
    """How many blocks each side has, whose labels were exchanged."""
    block: int
    """Messages that a block has at least; 0 without any."""
    regression: slo.Regression | None
    """None where nothing counts on a side."""
    improvement: slo.Regression | None
    """The same test the other way round."""
    floor: float
    """The least p value that these blocks could have given, whatever was lost."""
    state: ComparedState
    reason: str
    """One sentence with the numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two sides held against each other."""

    version: str
    """Of prober, which made the comparison."""
    python: str
    before: Side
    after: Side
    target: Decimal | None
    worst_burst: int
    consumers: tuple[Compared, ...]
    alone: tuple[str, ...]
    """Consumers that only one side has."""
    unlike: tuple[str, ...]
    """What else differs than what is compared, in sentences: it may be why."""
    state: ComparedState
    """Of the consumer that fared worst."""
    exit_code: int
    """5 when it got worse; 3 when nothing can be told."""
    reason: str
    """One sentence."""


def compare(
    before: Side,
    after: Side,
    *,
    target: Decimal | None = None,
    worst_burst: int = 1_000,
    version: str = __version__,
    python: str = platform.python_version(),
) -> Comparison:
    """Tell whether the second side loses more than the first.

    Cycles are merged into blocks of at least `worst_burst` messages, and of alike size
    on both sides, for one lap of a ring may span several cycles.

    Args:
        before: The one side.
        after: The other one, which may be worse.
        target: The objective, of which half of the budget has to be exceeded for a
            loss to matter; by default the later side's, or else the other's.
        worst_burst: The most messages that a single drop can cost, at least 1.
        version: Of prober, as the comparison is to name it.
        python: Version of the Python that ran it.

    Raises:
        UsageError: An objective that cannot be.
        ValueError: A worst burst below one message.

    """
    if target is None:
        target = before.target if after.target is None else after.target
    old = {each.consumer: each for each in before.samples}
    new = {each.consumer: each for each in after.samples}
    compared = tuple(
        _compared(old[name], new[name], target, worst_burst)
        for name in old
        if name in new
    )
    state = _worst(compared)
    return Comparison(
        version=version,
        python=python,
        before=before,
        after=after,
        target=target,
        worst_burst=worst_burst,
        consumers=compared,
        alone=tuple(sorted(old.keys() ^ new.keys())),
        unlike=tuple(_unlike(before, after)),
        state=state,
        exit_code=_EXIT_CODES[state],
        reason=next(
            (each.reason for each in compared if each.state == state),
            "NOTHING TO COMPARE: no consumer is on both sides.",
        ),
    )


def _unlike(before: Side, after: Side) -> Iterable[str]:
    """Tell how the sides were measured differently."""
    rates = sorted(each.rate or math.inf for each in (before, after))
    if rates[0] * _ALIKE < rates[1]:
        was, now = (
            "as fast as possible" if each.rate is None else rate(each.rate)
            for each in (before, after)
        )
        yield f"asked rates differ, {was} before and {now} after: rate decides loss"
    if before.whole_firehose != after.whole_firehose:
        yield "one side read the whole Firehose, the other only its own source"
    if before.environment != after.environment:
        yield f"environments differ: {before.environment} and {after.environment}"


def reasons(found: Comparison) -> tuple[str, ...]:
    """Return what there is to say, a sentence a consumer, the worst first."""
    others = (each.reason for each in found.consumers)
    return tuple(dict.fromkeys((found.reason, *others)))


UNTOLD: tuple[ComparedState, ...] = ("no_data", "too_short")
"""States of a comparison that tells nothing."""

_EXIT_CODES: Mapping[ComparedState, int] = {
    "worse": REGRESSION,
    "no_data": 3,  # evidence is missing
    "too_short": 3,  # nothing that could have happened would have shown
    "no_worse": 0,
    "better": 0,
}


def _worst(compared: Iterable[Compared]) -> ComparedState:
    """Return what the worst consumer says, for nobody experiences the average."""
    found = {each.state for each in compared}
    return next((state for state in _EXIT_CODES if state in found), "no_data")


def _compared(
    before: Sample, after: Sample, target: Decimal | None, worst_burst: int
) -> Compared:
    size, (old, new) = alike(before.blocks, after.blocks, worst_burst)
    shorter = min(before.counted.total, after.counted.total)
    regression = improvement = None
    if shorter >= size:
        regression = slo.regression(old, new, target=target)
        improvement = slo.regression(new, old, target=target)
    case = _Case(
        consumer=before.consumer,
        before=before.counted,
        after=after.counted,
        regression=regression,
        improvement=improvement,
        blocks=(len(old), len(new)),
        block=size,
        floor=1 / comb(len(old) + len(new), len(new)),
    )
    state, words = next((s, w) for s, holds, w in _RULES if holds(case))
    return Compared(
        consumer=before.consumer,
        before=before,
        after=after,
        blocks=case.blocks,
        block=size,
        regression=regression,
        improvement=improvement,
        floor=case.floor,
        state=state,
        reason=words(case),
    )


def alike(
    before: Sequence[tuple[int, int]],
    after: Sequence[tuple[int, int]],
    worst_burst: int,
) -> tuple[int, tuple[tuple[slo.Tally, ...], tuple[slo.Tally, ...]]]:
    """Merge the cycles of two sides into blocks that can be exchanged.

    Of at least a worst burst, and of the larger of both sides' means. Returns that size
    and the blocks; a side with fewer messages than that has none to exchange.
    """
    size = worst_burst
    while True:
        sides = at_least(before, size), at_least(after, size)
        means = [sum(b.total for b in side) // len(side) for side in sides if side]
        enough = len(means) == len(sides) and size <= min(means)
        if not enough or max(means) <= _ALIKE * min(means):
            return size, sides
        size = max(size + 1, *means)  # at most the whole of the shorter side


_ALIKE = 1.5
"""By how much the mean size of blocks, or a rate, may differ between both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One consumer before the rules."""

    consumer: str
    before: slo.Tally
    after: slo.Tally
    regression: slo.Regression | None
    improvement: slo.Regression | None
    blocks: tuple[int, int]
    block: int
    floor: float

    def numbers(self) -> str:
        """Return what was lost on both sides."""
        now, then = (
            f"{bad:,} of {total:,} lost or damaged" + (f", {rate}" if bad else "")
            for bad, total in (self.after, self.before)
            for rate in [slo.one_in(bad, total)]
        )
        return f"{now}; before {then}"


def _p(found: slo.Regression | None) -> str:
    return "no data" if found is None else f"p = {slo.format_p(found.p_value)}"


_RULES: tuple[
    tuple[ComparedState, Callable[[_Case], bool], Callable[[_Case], str]], ...
] = (
    (
        "no_data",
        lambda c: not (c.before.total and c.after.total),
        lambda c: f"CANNOT TELL on {c.consumer}: on one side no message counts.",
    ),
    (
        # A single drop, or none, would decide: whatever was lost is chance.
        "too_short",
        lambda c: c.regression is None,
        lambda c: (
            f"CANNOT TELL on {c.consumer}: {c.numbers()}. A side needs "
            f"{many(c.block, 'message')} for a block that holds a worst burst: "
            "probe longer."
        ),
    ),
    (
        "worse",
        lambda c: c.regression is not None and c.regression.regressed,
        lambda c: f"WORSE on {c.consumer}: {c.numbers()} ({_p(c.regression)}).",
    ),
    (
        # Nothing that could have happened would have been significant.
        "too_short",
        lambda c: c.floor > ALPHA,
        lambda c: (
            f"CANNOT TELL on {c.consumer}: {c.numbers()}. "
            f"{many(c.blocks[0], 'block')} against {c.blocks[1]:,} are too few for "
            "any loss to show: probe longer, or compare with history."
        ),
    ),
    (
        "better",
        lambda c: c.improvement is not None and c.improvement.regressed,
        lambda c: f"BETTER on {c.consumer}: {c.numbers()} ({_p(c.improvement)}).",
    ),
    (
        "no_worse",
        lambda _: True,
        lambda c: f"NO WORSE on {c.consumer}: {c.numbers()} ({_p(c.regression)}).",
    ),
)
"""From two samples to what is said of them; the first row that holds decides."""
