"""How the reference stack behaves: every size, interval and rhythm, as one record.

Take one of `PROFILES` and override what a test wants with `dataclasses.replace`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from prober.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Sizes in envelopes, intervals in seconds; the defaults are Loggregator's."""

    agent_buffer: int = 10_000
    """The ring between an agent's writers and its pump."""
    agent_high_water: int | None = None
    """Envelopes in that ring from which on writers wait; a real agent's never do."""
    agent_idle: float = 0.1
    """How long the agent sleeps when its ring is empty; 0 waits for an envelope."""
    agent_connections: int = 5
    agent_retry: float = 1.0
    """The tick on which lost connections to routers are tried again."""
    recycle_after: int = 100_000
    """Batches after which a connection is replaced, plus a random share of 1000."""
    router_buffer: int = 10_000
    """The ring between a router's writers and its subscriptions."""
    router_idle: float = 0.01
    """The rhythm in which that ring is polled; 0 waits for an envelope."""
    subscription_buffer: int = 1000
    """The ring of each subscription in a router."""
    v1_buffer: int = 1000
    """The ring of each subscription of the traffic controller in a router."""
    v1_idle: float = 0.01
    """The rhythm in which that ring is polled; 0 waits for an envelope."""
    router_flush: float = 0.25
    """A batch is sent, full or not, when no envelope came for that long."""
    rlp_connections: int = 20
    """Connections of the RLP to each router."""
    rlp_inlet: int = 1000
    """Per consumer, what the routers' streams share; it blocks when full."""
    rlp_buffer: int = 10_000
    """Per consumer, what waits to be sent; the newest is dropped when full."""
    rlp_shuffles: bool = True
    """Tags leave the RLP in an order of chance, as Go writes maps."""
    rlp_flush: float = 0.1
    """A batch whose interval is over is sent when no envelope came for that long."""
    max_egress_streams: int = 500
    head_timeout: float = 2.0
    """How long a door of HTTPS waits for a request's head."""
    token_life: float = 43_200.0
    """How long a token of the UAA is good."""
    gateway_heartbeat: float = 15.0
    """The gateway tells that it lives when it sent no batch for that long."""
    gateway_life: float = 840.0
    """The gateway closes a stream that is so old."""
    controller_inlet: int = 1000
    """Per consumer of the Firehose, what the routers' streams share; it blocks."""
    max_subscriptions: int = 2000
    """Consumers of the traffic controller; one more is refused."""
    slow_consumer: float = 5.0
    """The traffic controller gives a consumer up that takes nothing for that long."""
    write_timeout: float = 6.0
    """It cuts one off that does not take for that long what is being written."""
    ping_interval: float = 15.0
    """From a consumer's pong to the next ping."""
    pong_timeout: float = 30.0
    """A consumer that does not answer a ping for that long is closed."""
    batch_size: int = 100
    batch_interval: float = 0.1
    router_metrics: float = 5.0
    rlp_metrics: float = 60.0
    controller_metrics: float = 60.0
    agent_metrics: float = 15.0


PROFILES: Mapping[str, Profile] = {
    "loggregator": Profile(),
    # The same path without its sleeps, and room enough that nothing is dropped: where
    # more is written than it carries, writers wait.
    "ideal": Profile(
        agent_buffer=200_000,
        agent_high_water=20_000,
        agent_idle=0,
        router_buffer=200_000,
        router_idle=0,
        subscription_buffer=200_000,
        v1_buffer=200_000,
        v1_idle=0,
        router_flush=0,
        rlp_buffer=1_000_000,
        rlp_flush=0,
        rlp_shuffles=False,
    ),
}


def named(name: str) -> Profile:
    """Return the profile of that name; raises UsageError for an unknown one."""
    if name not in PROFILES:
        known = " or ".join(PROFILES)
        raise UsageError(f"there is no profile {name!r}: choose {known}")
    return PROFILES[name]
