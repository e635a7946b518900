"""Situations that rules are held against."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from prober.clock import NS
from prober.history import CycleRecord, Live, LiveConsumer
from prober.watch.alerts.facts import Environment, Situation, Tail
from tests.watch.facts import EVERY_NS, START_NS

DAY_NS = 86_400 * NS


def tail(cycles: Iterable[CycleRecord]) -> Tail:
    """Return the tail of some cycles, given in their order."""
    kept = Tail(3 * DAY_NS)
    for each in cycles:
        kept.add(each)
    return kept


def environment(
    cycles: Mapping[str, Sequence[CycleRecord]],
    *,
    name: str = "prod",
    target: str | None = "0.999",
    live: Live | None = None,
    hint: str = "",
) -> Environment:
    """Return an environment of which these are the cycles, by consumer."""
    return Environment(
        name=name,
        target=None if target is None else Decimal(target),
        window_s=30 * 86_400,
        every_s=EVERY_NS // NS,
        tails={consumer: tail(each) for consumer, each in cycles.items()},
        live=live,
        standing=None,
        hint=hint,
    )


def at(environment: Environment, minutes: int) -> Situation:
    """Return the situation so many cycles after the start."""
    return Situation(at_ns=START_NS + minutes * EVERY_NS, environments=(environment,))


def live(
    *,
    measuring: bool = True,
    why_not: str = "",
    ours: bool = False,
    since_minutes: int = 0,
    blind: bool = False,
    ended: bool = False,
) -> Live:
    """Return what a daemon says of an environment with one consumer."""
    consumer = LiveConsumer(
        name="rlp",
        connected=measuring,
        blind=blind,
        lag_seconds=0.0,
        under_way=0,
        due=0,
        overdue=0,
        overdue_since_ns=None,
        last_arrival_ns=None,
    )
    return Live(
        environment="prod",
        daemon="host:1",
        at_ns=START_NS,
        since_ns=START_NS + since_minutes * EVERY_NS,
        measuring=measuring,
        why_not=why_not,
        ours=ours,
        every_ns=EVERY_NS,
        last_cycle_ns=None,
        retries=0,
        ended=ended,
        consumers=(consumer,),
        health={},
        own_rate=5.0,
        foreign_rate=None,
        waiting=0,
    )
