"""A component's own metrics, sent as envelopes through the pipeline they tell about."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from grpc import aio

from prober.clock import Clock
from prober.pipeline.wire import INGRESS, PeerGone, peer_may_go
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch

V2: Mapping[str, str] = {"metric_version": "2.0"}


@dataclass(slots=True, kw_only=True)
class Counter:
    """A figure that only grows."""

    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    value: int = 0
    sent: int = 0
    """The value when it was last sent."""

    def add(self, count: int) -> None:
        """Count some more."""
        self.value += count


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A figure that is read when it is sent."""

    name: str
    read: Callable[[], float]
    unit: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Under which name a component's metrics stand in the Firehose."""

    source_id: str
    tags: Mapping[str, str]


class Emitter:
    """Sends metrics to the agent at each `interval`, in seconds.

    Most components send what was added since, singly, with deprecated tags. An agent
    does not: its metrics are `scraped` and sent on as totals, without a delta.
    """

    def __init__(
        self,
        identity: Identity,
        metrics: Iterable[Counter | Gauge],
        *,
        dial: Callable[[], aio.Channel],
        clock: Clock,
        interval: float,
        scraped: bool = False,
    ) -> None:
        self._identity = identity
        self._metrics = tuple(metrics)
        self._dial = dial
        self._clock = clock
        self._interval = interval
        self._scraped = scraped
        self._channel: aio.Channel | None = None
        self._call: aio.StreamUnaryCall[Any, Any] | None = None
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Send for as long as the component lives."""
        try:
            while True:
                await self._clock.sleep(self._interval)
                await self._emit()
        finally:
            await self._hang_up()

    async def event(self, title: str, body: str) -> None:
        """Send an event at once, without tags; it is lost if there is no agent."""
        envelope = Envelope(
            source_id=self._identity.source_id, timestamp=self._clock.now_ns()
        )
        envelope.event.title, envelope.event.body = title, body
        async with self._turn:
            await self._send([(envelope.SerializeToString(), None)])

    async def _emit(self) -> None:
        """Send all metrics; what was not sent for want of an agent comes next time."""
        async with self._turn:
            await self._send((self._message(each), each) for each in self._metrics)

    async def _send(
        self, messages: Iterable[tuple[bytes, Counter | Gauge | None]]
    ) -> None:
        try:
            call = self._call or self._connect()
            for message, metric in messages:
                value = metric.value if isinstance(metric, Counter) else 0
                with peer_may_go():
                    await call.write(message)
                if isinstance(metric, Counter):
                    metric.sent = value
        except PeerGone:
            await self._hang_up()

    def _connect(self) -> aio.StreamUnaryCall[Any, Any]:
        self._channel = self._dial()
        method = "BatchSender" if self._scraped else "Sender"
        self._call = self._channel.stream_unary(f"/{INGRESS}/{method}")()
        return self._call

    async def _hang_up(self) -> None:
        channel, self._channel, self._call = self._channel, None, None
        if channel is not None:
            await channel.close()

    def _message(self, metric: Counter | Gauge) -> bytes:
        envelope = Envelope(
            source_id=self._identity.source_id, timestamp=self._clock.now_ns()
        )
        self._tag(envelope, {**self._identity.tags, **metric.tags})
        if isinstance(metric, Gauge):
            gauge = envelope.gauge.metrics[metric.name]
            gauge.unit, gauge.value = metric.unit, metric.read()
        elif self._scraped:
            envelope.counter.name, envelope.counter.total = metric.name, metric.value
        else:
            # Nothing was added: sent all the same, so that silence is a sign of loss.
            envelope.counter.name = metric.name
            envelope.counter.delta = metric.value - metric.sent
        if self._scraped:
            return EnvelopeBatch(batch=[envelope]).SerializeToString()
        return envelope.SerializeToString()

    def _tag(self, envelope: Envelope, tags: Mapping[str, str]) -> None:
        for name, text in tags.items():
            if self._scraped:
                envelope.tags[name] = text
            else:
                envelope.deprecated_tags[name].text = text
