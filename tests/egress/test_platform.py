"""Loggregator's own counters as they come out of its Firehose."""

import dataclasses
import json
from collections.abc import Callable, Iterable
from urllib.parse import parse_qsl

import pytest

from prober.clock import NS, SystemClock
from prober.egress import Reader, platform
from prober.egress.rlp import RlpReader
from prober.ledger.platform import Reading, SlowConsumer
from prober.pipeline.profile import PROFILES
from prober.pipeline.stack import ReferenceStack
from prober.records import Arrival
from prober.rpc.loggregator_v2.egress_pb2 import EgressBatchRequest
from prober.rpc.loggregator_v2.envelope_pb2 import (
    Counter,
    Envelope,
    EnvelopeBatch,
    Event,
    Log,
)
from tests.egress.test_rlp_gateway import reader

SLOW = "Traffic Controller has disconnected slow consumer"


def slow(path: str) -> str:
    """The body of a traffic controller's event of a consumer that was too slow."""
    return (
        "Remote Address: 10.0.0.9:4711\nX-Forwarded-For: 192.0.2.7, 10.0.0.8\n"
        f"Path: {path}\n\nWhen Loggregator detects a slow connection, that …"
    )


def test_request_asks_for_counters_of_loss_and_events_of_one() -> None:
    """The subscription is a cheap one: single counters, and who was cut off."""
    request = EgressBatchRequest.FromString(platform.request("prober-x-1"))

    assert ("prober-x-1", True) == (request.shard_id, request.use_preferred_tags)
    assert [
        ("doppler", "dropped"),
        ("reverse_log_proxy", "dropped"),
        ("reverse_log_proxy", "rejected_streams"),
        ("traffic_controller", "doppler_proxy.slow_consumer"),
        ("metron", "dropped"),
        ("traffic_controller", "event"),
    ] == [
        (each.source_id, "event" if each.HasField("event") else each.counter.name)
        for each in request.selectors
    ]


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


def test_gateway_is_asked_for_the_same() -> None:
    """The query names counters and sources; the gateway joins each with each."""
    asked = parse_qsl(platform.query())

    names = ["dropped", "rejected_streams", "doppler_proxy.slow_consumer"]
    assert names == [value for key, value in asked if key == "counter.name"]
    sources = ["doppler", "reverse_log_proxy", "traffic_controller", "metron"]
    assert sources == [value for key, value in asked if key == "source_id"]
    assert "event=" in platform.query().split("&")


def test_readings_of_a_gateway() -> None:
    """Its JSON holds the same readings, 64-bit integers as text."""
    event = json.dumps(
        {
            "batch": [
                {
                    "timestamp": "5",
                    "source_id": "doppler",
                    "instance_id": "",
                    "deprecated_tags": {},
                    "tags": {"direction": "egress"},
                    "counter": {"name": "dropped", "delta": "3", "total": "9"},
                },
                {
                    "timestamp": "6",
                    "source_id": "doppler",
                    "instance_id": "",
                    "deprecated_tags": {},
                    "tags": {},
                    "log": {"payload": "aGVsbG8=", "type": "OUT"},
                },
            ]
        }
    )
    arrival = Arrival(batches=(b"no JSON", event.encode()), at_ns=NS, epoch=1)

    (found,) = platform.readings_json(arrival)
    assert isinstance(found, Reading)
    assert (5, "dropped", 3, 9, NS) == (
        found.stamped_ns,
        found.name,
        found.delta,
        found.total,
        found.at_ns,
    )
    assert {("direction", "egress")} == found.tags


@pytest.mark.parametrize(
    ("source_id", "title", "body", "shards"),
    [
        ("traffic_controller", SLOW, slow("/firehose/our-1"), ["our-1"]),
        ("traffic_controller", SLOW, slow("/firehose/o%20r?filter-type=x"), ["o r"]),
        ("traffic_controller", SLOW, slow("/apps/f5b7…/stream"), []),
        ("traffic_controller", "something else", slow("/firehose/our-1"), []),
        ("an-app", SLOW, slow("/firehose/our-1"), []),
        ("traffic_controller", SLOW, "", []),
    ],
)
def test_event_of_a_slow_consumer_tells_its_shard(
    source_id: str, title: str, body: str, shards: list[str]
) -> None:
    """What a connection's path names is read, by both ways out, and nothing else."""
    told = Envelope(
        timestamp=5, source_id=source_id, event=Event(title=title, body=body)
    )
    raw = EnvelopeBatch(batch=[told]).SerializeToString()
    event = {"title": title, "body": body}
    envelope = {"timestamp": "5", "source_id": source_id, "tags": {}, "event": event}
    event_json = json.dumps({"batch": [envelope]}).encode()

    expected = [
        SlowConsumer(shard_id=shard, stamped_ns=5, at_ns=NS) for shard in shards
    ]
    for read, batch in (
        (platform.readings, raw),
        (platform.readings_json, event_json),
    ):
        assert expected == list(read(Arrival(batches=(batch,), at_ns=NS, epoch=1)))


Told = Reading | SlowConsumer


async def first_of(
    source: Reader, readings: Callable[[Arrival], Iterable[Told]]
) -> list[Reading]:
    """Read until a counter of the platform comes."""
    async with source:
        while True:
            for item in await source.receive():
                told = readings(item) if isinstance(item, Arrival) else ()
                if found := [each for each in told if isinstance(each, Reading)]:
                    return found


@pytest.mark.parametrize("way", ["rlp", "gateway"])
async def test_both_ways_out_show_the_routers_counters(way: str) -> None:
    """A router's counters of loss, and none of its others, come by either way."""
    profile = dataclasses.replace(PROFILES["loggregator"], router_metrics=0.2)
    async with ReferenceStack(profile=profile, doors=["gateway"]) as stack:
        if way == "rlp":
            source: Reader = RlpReader(
                stack.rlp_address,
                stack.client_tls("reverselogproxy"),
                SystemClock(),
                source_id=None,
                kinds=(),
                shard_id=lambda epoch: f"test-{epoch}",
                ask=platform.request,
            )
            found = await first_of(source, platform.readings)
        else:
            source = reader(stack, source_id=None, kinds=(), query=platform.query())
            found = await first_of(source, platform.readings_json)

    assert {("doppler", "dropped")} == {(e.source_id, e.name) for e in found}
    assert {"ingress", "egress"} >= {dict(each.tags)["direction"] for each in found}
    assert {"reference"} == {dict(each.tags)["deployment"] for each in found}
