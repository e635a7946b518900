"""The reverse log proxy: one stream for a consumer, of what all routers have for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import grpc
from grpc import aio

from prober.pipeline import certificates, wire
from prober.pipeline.buffers import Inlet, Outlet
from prober.pipeline.component import Setting, Tasks
from prober.pipeline.egress import BatchPump, Rhythm
from prober.pipeline.follower import RouterPool, envelopes, follow
from prober.pipeline.letters import Letter, sealed
from prober.pipeline.metrics import V2, Counter, Emitter, Gauge, Identity
from prober.pipeline.statistics import BufferStatistics, ComponentStatistics
from prober.pipeline.transforms import converge_tags, serialized
from prober.rpc.loggregator_v2.egress_pb2 import EgressBatchRequest, EgressRequest
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope

_IDENTITY = Identity(
    source_id="reverse_log_proxy",
    tags={"origin": "loggregator.rlp", "job": "reverse_log_proxy"},
)
_STOP_GRACE = 5.0
"""Seconds that consumers have to take what is on its way when the RLP stops."""

Write = Callable[[Sequence[bytes]], Awaitable[None]]


class _Stopping(Exception):  # noqa: N818 - not an error: it ends a stream well
    """The RLP was asked to stop."""


class Rlp:
    """Serves `loggregator.v2.Egress` to consumers."""

    def __init__(
        self,
        setting: Setting,
        port: int,
        routers: Sequence[str],
        agent: Callable[[], str],
    ) -> None:
        self._setting = setting
        self._routers = routers
        self._agent = agent
        self._tally = setting.tally("rlp egress", setting.profile.rlp_buffer)
        self._ingress = Counter(name="ingress", tags={"protocol": "grpc", **V2})
        self._egress = Counter(name="egress", tags=V2)
        self._dropped = Counter(name="dropped", tags={"direction": "egress", **V2})
        self._rejected = Counter(name="rejected_streams", tags=V2)
        self._connects = Counter(name="log_router_connects")
        self._disconnects = Counter(name="log_router_disconnects")
        self._streams = 0
        self._lots = setting.lots("rlp tags")
        self._server = setting.server(
            "the RLP", certificates.RLP, port, {wire.EGRESS: self._methods()}
        )
        self._tasks = Tasks(setting.tasks)

    @property
    def address(self) -> str:
        """Where consumers connect to: `host:port`."""
        return self._server.address

    async def start(self) -> None:
        """Listen; routers are connected to when a consumer comes."""
        self._stopping = asyncio.Event()
        lots = self._setting.lots("rlp")
        self._pools = [
            RouterPool(
                self._setting.profile.rlp_connections, self._dialler(address), lots
            )
            for address in self._routers
        ]
        await self._server.start()
        self._tasks.start(self._emitter().run())

    async def stop(self) -> None:
        """End as on SIGTERM: every consumer's stream ends with the status OK."""
        self._stopping.set()
        await self._end(_STOP_GRACE)

    async def kill(self) -> None:
        """End at once: connections are cut, and what was buffered is gone."""
        await self._end(0)

    async def _end(self, grace_seconds: float) -> None:
        await self._server.stop(grace_seconds)
        await self._tasks.cancel()
        for pool in self._pools:
            await pool.close()

    def statistics(self) -> ComponentStatistics:
        """Return what was counted so far."""
        return ComponentStatistics(
            component="rlp",
            ingress=self._ingress.value,
            egress=self._egress.value,
            dropped_ingress=0,
            dropped_egress=self._dropped.value,
            subscriptions=self._streams,
        )

    def buffers(self) -> tuple[BufferStatistics, ...]:
        """Return the counts of its buffer; the other one never drops."""
        return (self._tally.statistics(),)

    def _dialler(self, address: str) -> Callable[[], aio.Channel]:
        return lambda: self._setting.dial(
            certificates.RLP, certificates.ROUTER, address
        )

    def _methods(self) -> Mapping[str, wire.Method]:
        async def batched_receiver(raw: bytes, context: wire.Context) -> None:
            request = await wire.decode(EgressBatchRequest.FromString, raw, context)

            async def write(batch: Sequence[bytes]) -> None:
                await context.write(sealed(batch))

            await self._serve(request, write, context)

        async def receiver(raw: bytes, context: wire.Context) -> None:
            request = await wire.decode(EgressRequest.FromString, raw, context)

            async def write(batch: Sequence[bytes]) -> None:
                for envelope in batch:
                    await context.write(envelope)

            await self._serve(_batched(request), write, context)

        return {
            "BatchedReceiver": wire.stream_out(batched_receiver),
            "Receiver": wire.stream_out(receiver),
        }

    async def _serve(
        self, request: EgressBatchRequest, write: Write, context: wire.Context
    ) -> None:
        """Send a consumer what it asked for until it leaves or the RLP stops."""
        async with self._admitted(context):
            await _check(request, context)
            try:
                await self._carry(request, write)
            except* _Stopping:
                pass  # the stream ends with OK
            except* aio.InternalError:
                pass  # the consumer is gone

    @asynccontextmanager
    async def _admitted(self, context: wire.Context) -> AsyncIterator[None]:
        limit = self._setting.profile.max_egress_streams
        if self._streams >= limit:
            self._rejected.add(1)
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"unable to create stream, max egress streams reached: {limit}",
            )
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    async def _carry(self, request: EgressBatchRequest, write: Write) -> None:
        """Join the routers' streams, buffer what comes, and write it in batches."""
        profile, clock = self._setting.profile, self._setting.clock
        inlet = Inlet[Letter](profile.rlp_inlet)
        outlet = Outlet[Letter](self._tally, self._dropped.add)
        put = self._setting.tapped("rlp", outlet.set_all, request.shard_id)
        preferred = request.use_preferred_tags

        async def write_counted(batch: Sequence[Letter]) -> None:
            await write(self._converged(batch, preferred=preferred))
            self._egress.add(len(batch))

        rhythm = Rhythm(
            size=profile.batch_size,
            interval=profile.batch_interval,
            quiet=profile.rlp_flush,
            forced=False,
        )
        self._connects.add(len(self._pools))
        try:
            async with asyncio.TaskGroup() as tasks:
                for pool in self._pools:
                    wanted = envelopes(request, self._setting.post)
                    tasks.create_task(follow(pool, wanted, inlet, clock))
                tasks.create_task(self._forward(inlet, put))
                tasks.create_task(BatchPump(outlet, write_counted, rhythm, clock).run())
                tasks.create_task(self._until_stopped())
        finally:
            self._disconnects.add(len(self._pools))
            outlet.close()

    async def _forward(
        self, inlet: Inlet[Letter], put: Callable[[Sequence[Letter]], None]
    ) -> None:
        while True:
            letters = await inlet.take()
            self._ingress.add(len(letters))
            put(letters)

    def _converged(self, batch: Sequence[Letter], *, preferred: bool) -> list[bytes]:
        """Return envelopes whose tags are where the consumer wants them."""
        lots = self._lots if self._setting.profile.rlp_shuffles else None
        pieces = []
        for raw, label in batch:
            misplaced = label.deprecated if preferred else label.tags
            if not (misplaced or lots):
                pieces.append(raw)
                continue
            envelope = Envelope.FromString(raw)
            if misplaced:
                converge_tags(envelope, use_preferred_tags=preferred)
            pieces.append(serialized(envelope, lots))
        return pieces

    async def _until_stopped(self) -> None:
        await self._stopping.wait()
        raise _Stopping

    def _emitter(self) -> Emitter:
        gauge = Gauge(
            name="subscriptions", read=lambda: self._streams, unit="total", tags=V2
        )
        return Emitter(
            _IDENTITY,
            [
                self._ingress,
                self._egress,
                self._dropped,
                self._rejected,
                self._connects,
                self._disconnects,
                gauge,
            ],
            dial=lambda: self._setting.dial(
                certificates.RLP, certificates.AGENT, self._agent()
            ),
            clock=self._setting.clock,
            interval=self._setting.profile.rlp_metrics,
        )


def _batched(request: EgressRequest) -> EgressBatchRequest:
    """Return what `Receiver` asks routers for: it forgets the deterministic name."""
    return EgressBatchRequest(
        shard_id=request.shard_id,
        legacy_selector=(
            request.legacy_selector if request.HasField("legacy_selector") else None
        ),
        selectors=request.selectors,
        use_preferred_tags=request.use_preferred_tags,
    )


async def _check(request: EgressBatchRequest, context: wire.Context) -> None:
    """Settle what is asked for, or refuse it; a legacy selector is but a stopgap."""
    if request.HasField("legacy_selector") and not request.selectors:
        request.selectors.append(request.legacy_selector)
    refusal = None
    if not request.selectors:
        refusal = "Selectors cannot be empty"
    elif not all(each.WhichOneof("message") for each in request.selectors):
        refusal = "Selectors must have a Message"
    if refusal:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, refusal)
