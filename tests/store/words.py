"""What a daemon says of an environment, for tests of history."""

from dataclasses import replace

from prober.clock import NS
from prober.history import Live, LiveConsumer
from tests.store.samples import START_NS


def live(**changes: object) -> Live:
    """A daemon that measures `production` by one consumer."""
    consumer = LiveConsumer(
        name="rlp",
        connected=True,
        blind=False,
        lag_seconds=0.5,
        under_way=7,
        due=3,
        overdue=0,
        overdue_since_ns=None,
        last_arrival_ns=START_NS,
    )
    word = Live(
        environment="production",
        daemon="host:1",
        at_ns=START_NS,
        since_ns=START_NS,
        measuring=True,
        why_not="",
        ours=False,
        every_ns=60 * NS,
        last_cycle_ns=START_NS,
        retries=0,
        ended=False,
        consumers=(consumer,),
        health={"loop_lag_max_seconds": 0.01},
        own_rate=5.0,
        foreign_rate=None,
        waiting=0,
    )
    return replace(word, **changes)  # type: ignore[arg-type]
