"""What components tell of themselves, in the very Firehose that they make."""

import dataclasses

from prober.pipeline.stack import ReferenceStack
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope
from prober.testing import ManualClock
from tests.pipeline.clients import (
    FIREHOSE,
    Consumer,
    agent_of,
    consuming,
    logs,
    send_all,
    until,
)
from tests.pipeline.test_stack import ROOMY, SMALL, TRACK


def series(envelope: Envelope) -> tuple[str, str, str, str]:
    """A metric's source, name, direction and unit."""
    direction = envelope.tags.get("direction", "")
    if envelope.HasField("counter"):
        return envelope.source_id, envelope.counter.name, direction, ""
    [(name, gauge)] = envelope.gauge.metrics.items()
    return envelope.source_id, name, direction, gauge.unit


def of(consumer: Consumer, source_id: str, name: str) -> list[Envelope]:
    """A component's envelopes of one metric, as they came."""
    return [
        each
        for each in consumer.envelopes
        if (each.source_id, series(each)[1]) == (source_id, name)
    ]


async def test_every_component_tells_its_metrics() -> None:
    """Names, units and tags are those of the real ones, each at its own interval."""
    clock = ManualClock()
    async with (
        ReferenceStack(profile=ROOMY, clock=clock) as stack,
        consuming(stack, FIREHOSE) as consumer,
    ):
        await until(lambda: clock.sleepers == 4)
        await clock.advance(5)
        await until(lambda: len(of(consumer, "doppler", "egress")) == 2)
        assert {each.source_id for each in consumer.envelopes} == {"doppler"}
        await clock.advance(10)
        await until(lambda: bool(of(consumer, "metron", "doppler_v2_streams")))
        assert {e.source_id for e in consumer.envelopes} == {"doppler", "metron"}
        await clock.advance(45)
        await until(lambda: bool(of(consumer, "reverse_log_proxy", "subscriptions")))

        assert {series(each) for each in consumer.envelopes} == {
            ("doppler", "ingress", "", ""),
            ("doppler", "egress", "", ""),
            ("doppler", "dropped", "ingress", ""),
            ("doppler", "dropped", "egress", ""),
            ("doppler", "subscriptions", "", ""),
            ("metron", "ingress", "", ""),
            ("metron", "egress", "", ""),
            ("metron", "dropped", "ingress", ""),
            ("metron", "dropped", "egress", ""),
            ("metron", "origin_mappings", "", ""),
            ("metron", "doppler_connections", "", ""),
            ("metron", "doppler_v2_streams", "", ""),
            ("reverse_log_proxy", "ingress", "", ""),
            ("reverse_log_proxy", "egress", "", ""),
            ("reverse_log_proxy", "dropped", "egress", ""),
            ("reverse_log_proxy", "rejected_streams", "", ""),
            ("reverse_log_proxy", "log_router_connects", "", ""),
            ("reverse_log_proxy", "log_router_disconnects", "", ""),
            ("reverse_log_proxy", "subscriptions", "", "total"),
        }
        assert {each.tags["origin"] for each in consumer.envelopes} == {
            "loggregator.doppler",
            "loggregator.metron",
            "loggregator.rlp",
        }
        assert {each.tags["deployment"] for each in consumer.envelopes} == {"reference"}
        [connects] = of(consumer, "reverse_log_proxy", "log_router_connects")
        assert "metric_version" not in connects.tags
        [ingress] = of(consumer, "reverse_log_proxy", "ingress")
        assert ingress.tags["protocol"] == "grpc"
        assert ingress.tags["metric_version"] == "2.0"


async def test_a_drop_is_told_in_the_firehose() -> None:
    """The agent's drops come as a total without a delta, as a scraper sends them."""
    clock = ManualClock()
    async with (
        ReferenceStack(profile=SMALL, clock=clock, track=TRACK) as stack,
        consuming(stack, FIREHOSE) as consumer,
        agent_of(stack) as agent,
    ):
        await send_all(agent, logs(range(1001)))
        await until(lambda: bool(consumer.envelopes), clock)
        consumer.envelopes.clear()
        await until(lambda: bool(of(consumer, "metron", "origin_mappings")), clock)

        told = {
            each.tags["direction"]: (each.counter.delta, each.counter.total)
            for each in of(consumer, "metron", "dropped")
        }
        assert told == {"ingress": (0, 1000), "egress": (0, 0)}


async def test_deltas_that_found_no_agent_come_later() -> None:
    """While the agent is away a router's metrics fail, and nothing is forgotten."""
    clock = ManualClock()
    profile = dataclasses.replace(ROOMY, agent_metrics=36_000.0)
    async with (
        ReferenceStack(profile=profile, clock=clock) as stack,
        consuming(stack, FIREHOSE) as consumer,
        agent_of(stack) as agent,
    ):
        await send_all(agent, logs(range(30)))
        await until(lambda: len(consumer.envelopes) == 30)
        consumer.envelopes.clear()
        await stack.kill_agent()
        await clock.advance(5)
        await stack.start_agent()
        await until(lambda: bool(of(consumer, "doppler", "ingress")), clock)

        [first, *_] = of(consumer, "doppler", "ingress")
        assert first.counter.delta == first.counter.total == 30
