"""The agent: takes envelopes from its machine's writers and carries them to routers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias

from grpc import aio

from prober.pipeline import certificates, wire
from prober.pipeline.batching import Batcher
from prober.pipeline.buffers import Ring
from prober.pipeline.component import Setting, Tasks
from prober.pipeline.letters import Label, Letter, opened
from prober.pipeline.listener import Listener
from prober.pipeline.metrics import V2, Counter, Emitter, Gauge, Identity
from prober.pipeline.pool import Connection, Pool
from prober.pipeline.statistics import BufferStatistics, ComponentStatistics
from prober.pipeline.transforms import CounterAggregator, add_tags, map_origin
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope
from prober.rpc.loggregator_v2.ingress_pb2 import SendResponse

TAGS: Mapping[str, str] = {
    "deployment": "reference",
    "job": "agent",
    "index": "0",
    "ip": "127.0.0.1",
}
"""What the agent adds to envelopes that have no such tags."""

MetricsDoor: TypeAlias = Callable[[Sequence[Counter | Gauge]], Listener]

_IDENTITY = Identity(source_id="metron", tags={"origin": "loggregator.metron"})
_KEEPALIVE_TIMEOUT = 15
_MAX_ADDITIONS = 1000
_ROOM_SECONDS = 0.01
"""How often a writer that has to wait looks for room."""


class Agent:
    """Serves `loggregator.v2.Ingress`: a ring, then a pool of streams to routers.

    `name` is `agent`, or `agent 2` where there are several. `metrics_door` makes a
    server of its metrics, which lives as long as it does.
    """

    def __init__(
        self,
        setting: Setting,
        name: str,
        port: int,
        routers: Sequence[str],
        metrics_door: MetricsDoor | None = None,
    ) -> None:
        self._setting, self._name = setting, name
        self._place = name.replace(" ", "-")
        number = int(name.partition(" ")[2] or 1)
        self._tags = {**TAGS, "index": str(number - 1)}
        self._routers = routers
        profile = setting.profile
        self._ingress_tally = setting.tally(f"{name} ingress", profile.agent_buffer)
        self._egress_tally = setting.tally(f"{name} egress", profile.batch_size)
        self._ingress = Counter(name="ingress", tags=V2)
        self._egress = Counter(name="egress", tags=V2)
        self._dropped_in = Counter(name="dropped", tags={"direction": "ingress", **V2})
        self._dropped_out = Counter(name="dropped", tags={"direction": "egress", **V2})
        self._origins = Counter(name="origin_mappings", tags=V2)
        self._server = setting.server(
            "the agent" if name == "agent" else name,
            certificates.AGENT,
            port,
            {wire.INGRESS: self._methods()},
        )
        self._tasks = Tasks(setting.tasks)
        self._sent_bytes = 0
        self._metrics_door: Listener | None = None
        if metrics_door is not None:
            own = [*self._metrics(), *self._metrics_never_scraped()]
            self._metrics_door = metrics_door(own)

    @property
    def address(self) -> str:
        """Where writers connect to: `host:port`."""
        return self._server.address

    @property
    def metrics_address(self) -> str | None:
        """Where its metrics are, if they are anywhere: `host:port`."""
        return self._metrics_door.address if self._metrics_door else None

    async def start(self) -> None:
        """Connect to the routers, then listen."""
        setting, profile = self._setting, self._setting.profile
        lots = setting.lots(self._place)
        self._pool = Pool(
            [
                Connection(self._routers, self._dial_router, profile, lots)
                for _ in range(profile.agent_connections)
            ],
            lots,
            setting.clock,
        )
        self._ring = Ring[Letter](self._ingress_tally, self._dropped_in.add)
        self._batcher = Batcher[Letter](
            profile.batch_size, profile.batch_interval, setting.clock
        )
        self._counters = CounterAggregator()
        self._additions: dict[Label, tuple[bytes, Label]] = {}
        await self._pool.connect()
        await self._server.start()
        if self._metrics_door is not None:
            await self._metrics_door.start()
        self._tasks.start(self._pump())
        self._tasks.start(self._pool.maintain(profile.agent_retry))
        self._tasks.start(self._emitter().run())

    async def kill(self) -> None:
        """End at once: connections are cut, and what was buffered is gone."""
        await self._server.stop()
        if self._metrics_door is not None:
            await self._metrics_door.kill()
        await self._tasks.cancel()
        await self._pool.close()
        self._ring.close()

    def statistics(self) -> ComponentStatistics:
        """Return what was counted so far."""
        return ComponentStatistics(
            component=self._name,
            ingress=self._ingress.value,
            egress=self._egress.value,
            dropped_ingress=self._dropped_in.value,
            dropped_egress=self._dropped_out.value,
            subscriptions=self._pool.connected,
        )

    def buffers(self) -> tuple[BufferStatistics, ...]:
        """Return the counts of its buffers, in the order of the path."""
        return self._ingress_tally.statistics(), self._egress_tally.statistics()

    def _dial_router(self, address: str) -> aio.Channel:
        return self._setting.dial(
            certificates.AGENT, certificates.ROUTER, address, _KEEPALIVE_TIMEOUT
        )

    def _methods(self) -> Mapping[str, wire.Method]:
        async def send(raw: bytes, context: wire.Context) -> bytes:
            take(await wire.decode(post.open, raw, context))
            return SendResponse().SerializeToString()

        post = self._setting.post
        take = self._setting.tapped(self._place, self._take)
        streams = wire.ingress_methods(post, take, self._room)
        return {**streams, "Send": wire.unary(send)}

    async def _room(self) -> None:
        """Return when the ring has room, if anybody is to wait for that."""
        most = self._setting.profile.agent_high_water
        while most is not None and len(self._ring) >= most:
            await self._setting.clock.sleep(_ROOM_SECONDS)

    def _take(self, batch: Sequence[Letter]) -> None:
        self._ingress.add(len(batch))
        self._ring.set_all(
            [
                each if each[1].source_id else self._mapped(opened(each))
                for each in batch
            ]
        )

    def _mapped(self, envelope: Envelope) -> Letter:
        self._origins.value += map_origin(envelope)
        return self._setting.post.letter_of(envelope)

    async def _pump(self) -> None:
        """Carry envelopes on, asleep for a while whenever there is none.

        That sleep turns any steady stream into bursts, as the real agent does.
        """
        profile = self._setting.profile
        while True:
            letters = self._ring.take(profile.batch_size)
            if not letters and profile.agent_idle:
                await self._send(self._batcher.flush())
                await self._setting.clock.sleep(profile.agent_idle)
            elif not letters:
                await self._send(self._batcher.forced_flush())
                letters = [await self._ring.next()]
            for batch in self._batcher.write_all(self._tagged(letters)):
                await self._send(batch)

    def _tagged(self, letters: Sequence[Letter]) -> list[Letter]:
        tagged: list[Letter] = []
        for label, alike in groupby(letters, itemgetter(1)):
            addition = self._addition(label)
            if addition is None:
                tagged += [self._changed(opened(each)) for each in alike]
            else:
                more, new = addition
                tagged += [(raw + more, new) for raw, _ in alike]
        return tagged

    def _changed(self, envelope: Envelope) -> Letter:
        add_tags(envelope, self._tags)
        self._counters.process(envelope)
        return self._setting.post.letter_of(envelope)

    def _addition(self, label: Label) -> tuple[bytes, Label] | None:
        """Return what tags such letters when put behind them, and their new label.

        None where it takes more than that.
        """
        if label.deprecated or label.kind == "counter":
            return None
        known = self._additions.get(label)
        if known is None:
            tags = {n: v for n, v in self._tags.items() if n not in label.tags}
            # A message that is cut in two and put together is the same message.
            more = Envelope(tags=tags).SerializeToString()
            known = more, self._setting.post.tagged(label, tags)
            if len(self._additions) >= _MAX_ADDITIONS:
                self._additions.clear()
            self._additions[label] = known
        return known

    async def _send(self, batch: list[Letter] | None) -> None:
        """Send a batch if there is one; it is lost when no connection takes it."""
        if batch is None:
            return
        raw = self._setting.post.seal(batch)
        if await self._pool.write(raw):
            self._egress.add(len(batch))
            self._sent_bytes += len(raw)
        else:
            self._dropped_out.add(len(batch))
            self._egress_tally.lose(batch)
            await asyncio.sleep(0)  # nothing was awaited: let the others run

    def _metrics(self) -> list[Counter | Gauge]:
        return [
            self._ingress,
            self._egress,
            self._dropped_in,
            self._dropped_out,
            self._origins,
            Gauge(name="doppler_connections", read=self._connected),
            Gauge(name="doppler_v2_streams", read=self._connected),
        ]

    def _metrics_never_scraped(self) -> list[Counter | Gauge]:
        """Return what is told of version 1, of which there is none, and of sizes."""
        old = {"metric_version": "1.0"}
        unit = {"unit": "bytes/minute", "loggregator": "v2", **V2}
        return [
            Counter(name="ingress", tags=old),
            Counter(name="egress", tags=old),
            Counter(name="dropped", tags={"direction": "all", **old}),
            Gauge(name="doppler_v1_streams", read=lambda: 0),
            Gauge(name="average_envelopes", read=self._average, tags=unit),
        ]

    def _connected(self) -> float:
        return self._pool.connected

    def _average(self) -> float:
        return self._sent_bytes / self._egress.value if self._egress.value else 0

    def _emitter(self) -> Emitter:
        """Return what does a scraper's work: the agent's metrics, sent to itself."""
        return Emitter(
            _IDENTITY,
            self._metrics(),
            dial=lambda: self._setting.dial(
                certificates.AGENT, certificates.AGENT, self.address
            ),
            clock=self._setting.clock,
            interval=self._setting.profile.agent_metrics,
            scraped=True,
        )
