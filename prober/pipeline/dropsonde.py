"""What becomes of an envelope of version 2 for consumers of version 1.

    log                   LogMessage, or Error where the tag `__v1_type` says so
    counter               CounterEvent
    gauge                 ContainerMetric where it is one, else a ValueMetric a metric
    timer                 HttpStartStop
    event, no message     nothing

Some of it cannot be written, for want of a field that version 1 requires: a log without
a payload, a timer without a `request_id`. The router counts those, then loses them.
"""

import struct
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from google.protobuf.message import EncodeError

from prober.rpc.dropsonde import events_pb2 as v1
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, Value

_CONTAINER = ("cpu", "memory", "disk", "memory_quota", "disk_quota")
"""The metrics that make a gauge one of a container, each with a value or a unit."""

_FIELDS = ("origin", "deployment", "job", "index", "ip")
"""Tags that have fields of their own in version 1."""
_HIDDEN = ("__v1_type", *_FIELDS)

_HTTP = (
    *("peer_type", "method", "request_id", "uri", "remote_address", "user_agent"),
    *("status_code", "content_length", "routing_instance_id", "forwarded"),
)
"""Tags that a timer's HttpStartStop has fields for."""
_UUID_TEXT, _UUID_BYTES = 36, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An envelope of version 1 as bytes, and what routers and counts go by."""

    raw: bytes
    is_log: bool
    app_id: str
    """Whose stream it belongs to; empty for the platform's own."""
    source_id: str
    instance_id: str


def count(envelope: Envelope) -> int:
    """Return how many results the conversion has, those that are lost included."""
    kind = envelope.WhichOneof("message")
    if kind == "gauge":
        return 1 if _is_container(envelope) else len(envelope.gauge.metrics)
    return int(kind in ("log", "counter", "timer"))


def convert(envelope: Envelope) -> list[Item]:
    """Return what an envelope is in version 1, as far as that can be written."""
    converted = _CONVERSIONS.get(envelope.WhichOneof("message") or "", _nothing)
    items = []
    for result in converted(envelope):
        try:
            raw = result.SerializeToString()
        except EncodeError:
            continue  # a required field is missing: lost, and nobody is told
        items.append(
            Item(
                raw=raw,
                is_log=result.eventType == v1.Envelope.LogMessage,
                app_id=_app_id(result),
                source_id=envelope.source_id,
                instance_id=envelope.instance_id,
            )
        )
    return items


def _app_id(result: v1.Envelope) -> str:
    """Return the app of a result: of its message, for metrics of the platform none."""
    if result.HasField("logMessage"):
        return result.logMessage.app_id
    if result.HasField("containerMetric"):
        return result.containerMetric.applicationId
    if result.HasField("httpStartStop"):
        number = result.httpStartStop.applicationId
        halves = struct.pack("<QQ", number.low, number.high)
        has = result.httpStartStop.HasField("applicationId")
        return str(uuid.UUID(bytes=halves)) if has else ""
    return ""


# One function for each kind.


def _nothing(_: Envelope) -> list[v1.Envelope]:
    return []


def _log(envelope: Envelope) -> list[v1.Envelope]:
    tags = _tags(envelope)
    log = envelope.log
    if tags.get("__v1_type") == "Error":
        result = _base(envelope, tags, v1.Envelope.Error, ("source", "code"))
        result.error.source = tags.get("source", "")
        result.error.code = _signed_32(_integer(tags.get("code", "")))
        result.error.message = log.payload.decode(errors="replace")
        return [result]
    result = _base(envelope, tags, v1.Envelope.LogMessage, ("source_type",))
    message = result.logMessage
    message.message_type = v1.LogMessage.ERR if log.type else v1.LogMessage.OUT
    message.timestamp = envelope.timestamp
    message.app_id = envelope.source_id
    message.source_type = tags.get("source_type", "")
    message.source_instance = envelope.instance_id
    if log.payload:  # an empty one is no payload at all to Go
        message.message = log.payload
    return [result]


def _counter(envelope: Envelope) -> list[v1.Envelope]:
    result = _metric(envelope, _tags(envelope), v1.Envelope.CounterEvent)
    counter = envelope.counter
    result.counterEvent.name = counter.name
    result.counterEvent.delta = counter.delta
    result.counterEvent.total = counter.total
    return [result]


def _gauge(envelope: Envelope) -> list[v1.Envelope]:
    if _is_container(envelope):
        return [_container(envelope)]
    tags = _tags(envelope)
    results = []
    for name, metric in envelope.gauge.metrics.items():
        result = _metric(envelope, tags, v1.Envelope.ValueMetric)
        result.valueMetric.name = name
        result.valueMetric.unit = metric.unit
        result.valueMetric.value = metric.value
        results.append(result)
    return results


def _is_container(envelope: Envelope) -> bool:
    metrics = envelope.gauge.metrics
    return all(
        name in metrics and (metrics[name].unit or metrics[name].value)
        for name in _CONTAINER
    )


def _container(envelope: Envelope) -> v1.Envelope:
    result = _base(envelope, _tags(envelope), v1.Envelope.ContainerMetric)
    metrics, container = envelope.gauge.metrics, result.containerMetric
    index = _integer(envelope.instance_id)
    if "instance_index" in metrics:
        index = _unsigned(metrics["instance_index"].value)
    container.applicationId = envelope.source_id
    container.instanceIndex = _signed_32(index)
    container.cpuPercentage = metrics["cpu"].value
    container.memoryBytes = _unsigned(metrics["memory"].value)
    container.diskBytes = _unsigned(metrics["disk"].value)
    container.memoryBytesQuota = _unsigned(metrics["memory_quota"].value)
    container.diskBytesQuota = _unsigned(metrics["disk_quota"].value)
    return result


def _timer(envelope: Envelope) -> list[v1.Envelope]:
    tags = _tags(envelope)
    result = _base(envelope, tags, v1.Envelope.HttpStartStop, _HTTP)
    http = result.httpStartStop
    http.startTimestamp = envelope.timer.start
    http.stopTimestamp = envelope.timer.stop
    _set_uuid(http.requestId, tags.get("request_id", ""))
    _set_uuid(http.applicationId, envelope.source_id)
    for field, numbers, tag in (
        ("peerType", v1.PeerType, "peer_type"),
        ("method", v1.Method, "method"),
    ):
        name = tags.get(tag, "")
        setattr(http, field, dict(numbers.items()).get(name, 0))
    http.uri = tags.get("uri", "")
    http.remoteAddress = tags.get("remote_address", "")
    http.userAgent = tags.get("user_agent", "")
    http.statusCode = _signed_32(_integer(tags.get("status_code", "")))
    http.contentLength = _integer(tags.get("content_length", ""))
    http.instanceIndex = _signed_32(_integer(envelope.instance_id))
    http.instanceId = tags.get("routing_instance_id", "")
    http.forwarded.extend(tags.get("forwarded", "").split("\n"))
    return [result]


_CONVERSIONS: Mapping[str, Callable[[Envelope], list[v1.Envelope]]] = {
    "log": _log,
    "counter": _counter,
    "gauge": _gauge,
    "timer": _timer,
}


# What they have in common.


def _tags(envelope: Envelope) -> dict[str, str]:
    """Return all tags as text; where both sorts have one, the preferred one wins."""
    old = {name: _text(value) for name, value in envelope.deprecated_tags.items()}
    return {**old, **envelope.tags}


def _text(value: Value) -> str:
    if value.HasField("decimal"):
        return f"{value.decimal:f}"
    return str(value.integer) if value.HasField("integer") else value.text


def _base(
    envelope: Envelope,
    tags: Mapping[str, str],
    kind: v1.Envelope.EventType.ValueType,
    used: tuple[str, ...] = (),
) -> v1.Envelope:
    """Return what every result has; `used` are the tags that it has fields for."""
    result = v1.Envelope(eventType=kind, timestamp=envelope.timestamp)
    for field in _FIELDS:
        setattr(result, field, tags.get(field, ""))
    for name, text in tags.items():
        if name not in _HIDDEN and name not in used:
            result.tags[name] = text
    if envelope.source_id:
        result.tags["source_id"] = envelope.source_id
    return result


def _metric(
    envelope: Envelope, tags: Mapping[str, str], kind: v1.Envelope.EventType.ValueType
) -> v1.Envelope:
    result = _base(envelope, tags, kind)
    if envelope.instance_id:
        result.tags["instance_id"] = envelope.instance_id
    return result


def _set_uuid(field: v1.UUID, text: str) -> None:
    """Fill a field in if the text is a UUID; else it stays away."""
    try:
        raw = (
            bytes.fromhex("".join(text.split("-"))) if len(text) == _UUID_TEXT else b""
        )
    except ValueError:
        return
    if len(raw) == _UUID_BYTES:
        field.low, field.high = struct.unpack("<QQ", raw)


def _integer(text: str) -> int:
    """Return a number of 64 bits, 0 for what is none."""
    try:
        number = int(text)
    except ValueError:
        return 0
    return number if -(1 << 63) <= number < 1 << 63 else 0


def _signed_32(number: int) -> int:
    """Return the low 32 bits, as Go's conversion does."""
    return (number + (1 << 31)) % (1 << 32) - (1 << 31)


def _unsigned(number: float) -> int:
    """Return a size without its fraction; what is no size is 0."""
    return int(number) if 0 <= number < 1 << 63 else 0
