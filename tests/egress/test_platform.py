"""Loggregator's own counters as they come out of its Firehose."""

from prober.clock import NS
from prober.egress import platform
from prober.ledger.platform import Reading
from prober.records import Arrival
from prober.rpc.loggregator_v2.egress_pb2 import EgressBatchRequest
from prober.rpc.loggregator_v2.envelope_pb2 import (
    Counter,
    Envelope,
    EnvelopeBatch,
    Log,
)


def test_request_asks_for_counters_of_loss_alone() -> None:
    """The subscription is a cheap one: single counters of the platform's sources."""
    request = EgressBatchRequest.FromString(platform.request("prober-x-1"))

    assert ("prober-x-1", True) == (request.shard_id, request.use_preferred_tags)
    assert [
        ("doppler", "dropped"),
        ("reverse_log_proxy", "dropped"),
        ("reverse_log_proxy", "rejected_streams"),
        ("traffic_controller", "doppler_proxy.slow_consumer"),
        ("metron", "dropped"),
    ] == [(each.source_id, each.counter.name) for each in request.selectors]


def test_readings_are_counters_with_all_their_tags() -> None:
    """Every counter is read as it came; other envelopes and damaged batches are not."""
    counter = Envelope(
        timestamp=5,
        source_id="doppler",
        tags={"direction": "egress"},
        counter=Counter(name="dropped", delta=3, total=9),
    )
    log = Envelope(source_id="doppler", log=Log(payload=b"hello"))
    good = EnvelopeBatch(batch=[log, counter]).SerializeToString()
    arrival = Arrival(batches=(b"\xff\xff", good), at_ns=NS, epoch=1)

    assert [
        Reading(
            source_id="doppler",
            name="dropped",
            tags=frozenset({("direction", "egress")}),
            delta=3,
            total=9,
            stamped_ns=5,
            at_ns=NS,
        )
    ] == list(platform.readings(arrival))
