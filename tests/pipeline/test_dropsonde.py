"""Version 2 becomes version 1 row by row, and what cannot be is lost."""

from typing import Any

import pytest

from prober.pipeline import dropsonde
from prober.rpc.dropsonde import events_pb2 as v1
from prober.rpc.loggregator_v2.envelope_pb2 import (
    Counter,
    Envelope,
    Event,
    Gauge,
    GaugeValue,
    Log,
    Timer,
    Value,
)

UUID = "b3015d69-09cd-476d-aace-ad2d824d5ab7"


def results(envelope: Envelope) -> list[v1.Envelope]:
    """What an envelope becomes."""
    return [v1.Envelope.FromString(each.raw) for each in dropsonde.convert(envelope)]


def only(**fields: Any) -> v1.Envelope:  # noqa: ANN401 - what an envelope takes
    """What such an envelope becomes, if that is one."""
    [result] = results(Envelope(timestamp=7, **fields))
    return result


def gauge(*names: str, **values: float) -> Gauge:
    """A gauge of these metrics, those with a value without a unit."""
    metrics = {name: GaugeValue(unit="percent") for name in names}
    metrics |= {name: GaugeValue(value=value) for name, value in values.items()}
    return Gauge(metrics=metrics)


def test_a_log_is_a_log_message() -> None:
    """Source and instance have fields; stdout is 1 and stderr 2."""
    result = only(
        source_id="app",
        instance_id="3",
        tags={"source_type": "APP"},
        log=Log(payload=b"\xff text", type=Log.ERR),
    )

    assert result.eventType == v1.Envelope.LogMessage
    assert result.timestamp == result.logMessage.timestamp == 7
    assert result.logMessage.message == b"\xff text"
    assert result.logMessage.message_type == v1.LogMessage.ERR == 2
    assert result.logMessage.app_id == "app"
    assert result.logMessage.source_type == "APP"
    assert result.logMessage.source_instance == "3"
    assert only(log=Log(payload=b"x")).logMessage.message_type == v1.LogMessage.OUT == 1
    assert dict(result.tags) == {"source_id": "app"}


def test_a_log_without_a_payload_is_counted_and_lost() -> None:
    """Version 1 requires one."""
    envelope = Envelope(log=Log())

    assert results(envelope) == []
    assert dropsonde.count(envelope) == 1


def test_a_log_may_be_an_error_of_old() -> None:
    """The tag `__v1_type` says so, and is gone."""
    tags = {"__v1_type": "Error", "source": "cell", "code": "-4", "more": "x"}
    result = only(tags=tags, log=Log(payload=b"broken"))

    assert result.eventType == v1.Envelope.Error
    assert result.error == v1.Error(source="cell", code=-4, message="broken")
    assert dict(result.tags) == {"more": "x"}


def test_a_counter_is_a_counter_event() -> None:
    """The instance has no field there and becomes a tag."""
    result = only(
        source_id="doppler",
        instance_id="1",
        counter=Counter(name="c", delta=2, total=9),
    )

    assert result.eventType == v1.Envelope.CounterEvent
    assert result.counterEvent == v1.CounterEvent(name="c", delta=2, total=9)
    assert dict(result.tags) == {"source_id": "doppler", "instance_id": "1"}


def test_a_gauge_is_as_many_value_metrics_as_it_has() -> None:
    """Three become three, none becomes nothing."""
    envelope = Envelope(instance_id="1", gauge=gauge("a", b=2.5, c=0))

    found = {each.valueMetric.name: each for each in results(envelope)}
    assert set(found) == {"a", "b", "c"}
    assert found["a"].eventType == v1.Envelope.ValueMetric
    assert found["a"].valueMetric == v1.ValueMetric(name="a", value=0, unit="percent")
    assert found["b"].valueMetric == v1.ValueMetric(name="b", value=2.5, unit="")
    assert dict(found["c"].tags) == {"instance_id": "1"}
    assert dropsonde.count(envelope) == 3
    assert results(Envelope(gauge=Gauge())) == []
    assert dropsonde.count(Envelope(gauge=Gauge())) == 0


def test_a_containers_gauge_is_one_container_metric() -> None:
    """The index is that of the metric, or else of the instance."""
    metrics = gauge("disk", cpu=12.5, memory=1e6, memory_quota=2e6, disk_quota=3e9)
    envelope = Envelope(source_id=UUID, instance_id="4", gauge=metrics)

    [result] = results(envelope)
    assert result.eventType == v1.Envelope.ContainerMetric
    assert result.containerMetric == v1.ContainerMetric(
        applicationId=UUID,
        instanceIndex=4,
        cpuPercentage=12.5,
        memoryBytes=1_000_000,
        diskBytes=0,
        memoryBytesQuota=2_000_000,
        diskBytesQuota=3_000_000_000,
    )
    assert dropsonde.count(envelope) == 1
    metrics.metrics["instance_index"].value = 6
    again = only(instance_id="4", gauge=metrics)
    assert again.containerMetric.instanceIndex == 6


def test_a_containers_gauge_with_an_empty_metric_is_none() -> None:
    """One with neither value nor unit makes it value metrics, as a missing one does."""
    metrics = gauge(cpu=1, memory=1, memory_quota=1, disk_quota=1, disk=0)
    envelope = Envelope(gauge=metrics)

    assert {each.eventType for each in results(envelope)} == {v1.Envelope.ValueMetric}
    assert dropsonde.count(envelope) == 5


def test_a_timer_with_a_request_is_a_start_and_stop() -> None:
    """Its tags have fields, and are gone; what is no number is 0."""
    tags = {"request_id": UUID, "method": "GET", "peer_type": "Server", "uri": "/x"}
    tags |= {"status_code": "200", "content_length": "many", "forwarded": "a\nb"}
    tags |= {"user_agent": "u", "remote_address": "r", "routing_instance_id": "i"}
    tags |= {"more": "x"}
    result = only(
        source_id=UUID, instance_id="2", tags=tags, timer=Timer(start=1, stop=5)
    )

    # Sixteen bytes, read as two integers of which the first byte is the lowest.
    number = v1.UUID(low=0x6D47CD09695D01B3, high=0xB75A4D822DADCEAA)
    assert result.eventType == v1.Envelope.HttpStartStop
    assert result.httpStartStop == v1.HttpStartStop(
        startTimestamp=1,
        stopTimestamp=5,
        requestId=number,
        applicationId=number,
        peerType=v1.Server,
        method=v1.GET,
        uri="/x",
        remoteAddress="r",
        userAgent="u",
        statusCode=200,
        contentLength=0,
        instanceIndex=2,
        instanceId="i",
        forwarded=["a", "b"],
    )
    assert dict(result.tags) == {"more": "x", "source_id": UUID}


def test_a_timers_app_is_told_only_if_it_is_a_uuid() -> None:
    """A method that is not told is sent as 0, which stands for none."""
    http = only(
        source_id="router", tags={"request_id": UUID}, timer=Timer()
    ).httpStartStop

    assert not http.HasField("applicationId")
    assert (http.method, http.peerType) == (v1.NoMethod, v1.NoPeer)


@pytest.mark.parametrize("request_id", [None, "", "no-uuid", "z" * 36, "a" * 36])
def test_a_timer_without_a_request_is_counted_and_lost(request_id: str | None) -> None:
    """Version 1 requires one, and it has to be a UUID."""
    tags = {} if request_id is None else {"request_id": request_id}
    envelope = Envelope(tags=tags, timer=Timer(start=1, stop=2))

    assert results(envelope) == []
    assert dropsonde.count(envelope) == 1


@pytest.mark.parametrize(
    "envelope", [Envelope(event=Event(title="t")), Envelope()], ids=["event", "nothing"]
)
def test_events_and_nothing_become_nothing(envelope: Envelope) -> None:
    """They are not even counted."""
    assert results(envelope) == []
    assert dropsonde.count(envelope) == 0


def test_known_tags_move_to_fields() -> None:
    """Deprecated ones count where there is no other, decimals with six digits."""
    result = only(
        tags={"origin": "o", "deployment": "d", "job": "j", "index": "i", "ip": "1"},
        deprecated_tags={
            "origin": Value(text="old"),
            "whole": Value(integer=5),
            "part": Value(decimal=1e6),
        },
        log=Log(payload=b"x"),
    )

    fields = (result.origin, result.deployment, result.job, result.index, result.ip)
    assert fields == ("o", "d", "j", "i", "1")
    assert dict(result.tags) == {"whole": "5", "part": "1000000.000000"}
    assert only(log=Log(payload=b"x")).HasField("origin")


def test_items_say_where_they_belong() -> None:
    """Routers go by the app and by whether it is a log, counts by the source."""
    [log] = dropsonde.convert(
        Envelope(source_id=UUID, instance_id="1", log=Log(payload=b"x"))
    )
    [timer] = dropsonde.convert(
        Envelope(source_id=UUID, tags={"request_id": UUID}, timer=Timer())
    )
    [counter] = dropsonde.convert(Envelope(source_id=UUID, counter=Counter(name="c")))

    assert (log.is_log, log.app_id, log.source_id, log.instance_id) == (
        True,
        UUID,
        UUID,
        "1",
    )
    assert (timer.is_log, timer.app_id) == (False, UUID)
    assert (counter.is_log, counter.app_id) == (False, "")
