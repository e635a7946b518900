"""The agent: takes envelopes from its machine's writers and carries them to routers."""

import asyncio
from collections.abc import Mapping, Sequence

from grpc import aio

from prober.pipeline import certificates, wire
from prober.pipeline.batching import Batcher
from prober.pipeline.buffers import Ring
from prober.pipeline.component import Setting, Tasks
from prober.pipeline.diode import ManyToOne
from prober.pipeline.metrics import V2, Counter, Emitter, Gauge, Identity
from prober.pipeline.pool import Connection, Pool
from prober.pipeline.statistics import BufferStatistics, ComponentStatistics
from prober.pipeline.transforms import CounterAggregator, add_tags, map_origin
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch
from prober.rpc.loggregator_v2.ingress_pb2 import SendResponse

TAGS: Mapping[str, str] = {
    "deployment": "reference",
    "job": "agent",
    "index": "0",
    "ip": "127.0.0.1",
}
"""What the agent adds to envelopes that have no such tags."""

_IDENTITY = Identity(source_id="metron", tags={"origin": "loggregator.metron"})
_KEEPALIVE_TIMEOUT = 15


class Agent:
    """Serves `loggregator.v2.Ingress`: a ring, then a pool of streams to routers."""

    def __init__(self, setting: Setting, port: int, routers: Sequence[str]) -> None:
        self._setting = setting
        self._routers = routers
        profile = setting.profile
        self._ingress_tally = setting.tally("agent ingress", profile.agent_buffer)
        self._egress_tally = setting.tally("agent egress", profile.batch_size)
        self._ingress = Counter(name="ingress", tags=V2)
        self._egress = Counter(name="egress", tags=V2)
        self._dropped_in = Counter(name="dropped", tags={"direction": "ingress", **V2})
        self._dropped_out = Counter(name="dropped", tags={"direction": "egress", **V2})
        self._origins = Counter(name="origin_mappings", tags=V2)
        self._server = setting.server(
            "the agent", certificates.AGENT, port, {wire.INGRESS: self._methods()}
        )
        self._tasks = Tasks(setting.tasks)

    @property
    def address(self) -> str:
        """Where writers connect to: `host:port`."""
        return self._server.address

    async def start(self) -> None:
        """Connect to the routers, then listen."""
        setting, profile = self._setting, self._setting.profile
        lots = setting.lots("agent")
        self._pool = Pool(
            [
                Connection(self._routers, self._dial_router, profile, lots)
                for _ in range(profile.agent_connections)
            ],
            lots,
            setting.clock,
        )
        self._ring = Ring(ManyToOne, self._ingress_tally, self._dropped_in.add)
        self._batcher = Batcher[Envelope](
            profile.batch_size, profile.batch_interval, setting.clock
        )
        self._counters = CounterAggregator()
        await self._pool.connect()
        await self._server.start()
        self._tasks.start(self._pump())
        self._tasks.start(self._pool.maintain(profile.agent_retry))
        self._tasks.start(self._emitter().run())

    async def kill(self) -> None:
        """End at once: connections are cut, and what was buffered is gone."""
        await self._server.stop()
        await self._tasks.cancel()
        await self._pool.close()
        self._ring.close()

    def statistics(self) -> ComponentStatistics:
        """Return what was counted so far."""
        return ComponentStatistics(
            component="agent",
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
            self._take((await wire.decode(EnvelopeBatch, raw, context)).batch)
            return SendResponse().SerializeToString()

        return {**wire.ingress_methods(self._take), "Send": wire.unary(send)}

    def _take(self, batch: Sequence[Envelope]) -> None:
        self._ingress.add(len(batch))
        for envelope in batch:
            if not envelope.source_id:
                self._origins.value += map_origin(envelope)
        self._ring.set_all(batch)

    async def _pump(self) -> None:
        """Carry envelopes on, asleep for a while whenever there is none.

        That sleep turns any steady stream into bursts, as the real agent does.
        """
        profile = self._setting.profile
        while True:
            envelopes = self._ring.take(profile.batch_size)
            if not envelopes and profile.agent_idle:
                await self._send(self._batcher.flush())
                await self._setting.clock.sleep(profile.agent_idle)
            elif not envelopes:
                await self._send(self._batcher.forced_flush())
                envelopes = [await self._ring.next()]
            for envelope in envelopes:
                add_tags(envelope, TAGS)
                self._counters.process(envelope)
            for batch in self._batcher.write_all(envelopes):
                await self._send(batch)

    async def _send(self, batch: Sequence[Envelope] | None) -> None:
        """Send a batch if there is one; it is lost when no connection takes it."""
        if batch is None:
            return
        if await self._pool.write(wire.encode(batch)):
            self._egress.add(len(batch))
        else:
            self._dropped_out.add(len(batch))
            self._egress_tally.lose(batch)
            await asyncio.sleep(0)  # nothing was awaited: let the others run

    def _emitter(self) -> Emitter:
        """Return what does a scraper's work: the agent's metrics, sent to itself."""
        return Emitter(
            _IDENTITY,
            [
                self._ingress,
                self._egress,
                self._dropped_in,
                self._dropped_out,
                self._origins,
                Gauge(name="doppler_connections", read=lambda: self._pool.connected),
                Gauge(name="doppler_v2_streams", read=lambda: self._pool.connected),
            ],
            dial=lambda: self._setting.dial(
                certificates.AGENT, certificates.AGENT, self.address
            ),
            clock=self._setting.clock,
            interval=self._setting.profile.agent_metrics,
            scraped=True,
        )
