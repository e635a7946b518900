"""What was lost while a command ran, and what of a budget that takes."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from prober.clock import NS
from prober.records import Command, ConsumerResult, CycleResult, State
from prober.report.words import many, moment, share_up, span

WINDOW_NS = 30 * 86_400 * NS
"""What a budget is meant for where nothing else is said."""
_SHORT_NS = 10 * NS
_COUNTED = (State.PASS, State.LOSS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the consumer that lost the largest share lost in some time."""

    consumer: str
    bad: int
    total: int
    """Accepted messages of cycles that count and touch the time."""
    aside: int
    """Cycles that touch it and do not count."""
    budget: Fraction | None
    """The share of the objective's whole budget that such a loss takes, over that time,
    from steady traffic; None without an objective, or when nothing counts."""
    window_ns: int


def cost_of(
    command: Command,
    consumers: Iterable[ConsumerResult],
    *,
    target: Decimal | None,
    window_ns: int,
) -> Cost | None:
    """Return what the time of a command cost; None for a run without consumers.

    A budget is meant for a window of steady traffic. Losing a share s of it for a time
    t takes s * t / window of its messages, and the budget is 1 - target of them.
    """
    found = [
        _of_consumer(each, command.started_ns, command.ended_ns, target, window_ns)
        for each in consumers
    ]
    return max(
        found, key=lambda each: Fraction(each.bad, each.total or 1), default=None
    )


def _of_consumer(
    result: ConsumerResult,
    from_ns: int,
    to_ns: int,
    target: Decimal | None,
    window_ns: int,
) -> Cost:
    cycles = list(_touching(result.cycles, from_ns, to_ns))
    counted = [each.counts for each in cycles if each.state in _COUNTED]
    bad = sum(counts.bad for counts in counted)
    total = sum(counts.accepted for counts in counted)
    budget = None
    if target is not None and total:
        lost = Fraction(bad, total) * Fraction(to_ns - from_ns, window_ns)
        budget = lost / (1 - Fraction(target))
    return Cost(
        consumer=result.name,
        bad=bad,
        total=total,
        aside=len(cycles) - len(counted),
        budget=budget,
        window_ns=window_ns,
    )


def _touching(
    cycles: Iterable[CycleResult], from_ns: int, to_ns: int
) -> Iterable[CycleResult]:
    for each in cycles:
        first, last = each.first_sent_ns, each.last_sent_ns
        if first is not None and last is not None and first < to_ns and last >= from_ns:
            yield each


def sentence(command: Command, cost: Cost | None) -> str:
    """Say how a command ended, and what it cost."""
    times = f"{moment(command.started_ns)} to {moment(command.ended_ns)} UTC"
    ran = f"{command.name} ran {_length(command)} ({times})"
    told = f"{ran} and left with {command.exit_code}"
    if cost is None or not cost.total:
        return f"{told}: no cycle of that time counts"
    told += f": {cost.bad:,} of {many(cost.total, 'message')} lost or damaged"
    told += f" ({cost.consumer})"
    if cost.budget is not None:
        share = share_up(cost.budget) if cost.budget else "nothing"
        told += f", {share} of the budget of {span(cost.window_ns / NS)}"
    if cost.aside:
        verb = "does" if cost.aside == 1 else "do"
        told += f"; {many(cost.aside, 'cycle')} of it {verb} not count"
    return told


def _length(command: Command) -> str:
    """Return how long a command ran: with tenths if short, else as its times say."""
    took_ns = command.ended_ns - command.started_ns
    if took_ns < _SHORT_NS:
        return f"{took_ns / NS:.1f} s"
    return span(command.ended_ns // NS - command.started_ns // NS)


def outlasted(command: Command, messages: int, *, partial: bool) -> str:
    """Say why a command outlasted its probe of so many messages; empty if not."""
    if not command.outlasted:
        return ""
    if partial:
        return f"the probe was interrupted before {command.name} had ended"
    sent = many(messages, "message")
    return (
        f"the probe had ended before {command.name} did, after {sent}: more need a "
        "lower --rate, or a higher limit"
    )
