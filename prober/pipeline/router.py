"""The router (doppler): spreads envelopes over subscriptions, a ring for each."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import grpc
from grpc import aio

from prober.pipeline import certificates, wire
from prober.pipeline.buffers import Ring
from prober.pipeline.component import Setting, Tasks
from prober.pipeline.egress import BatchPump, Rhythm
from prober.pipeline.letters import Letter
from prober.pipeline.metrics import V2, Counter, Emitter, Gauge, Identity
from prober.pipeline.pubsub import PubSub
from prober.pipeline.statistics import BufferStatistics, ComponentStatistics
from prober.pipeline.v1 import DOPPLER, V1Egress
from prober.rpc.loggregator_v2.egress_pb2 import EgressBatchRequest

_TURN = 10_000
"""Envelopes that are published before others get a turn on the event loop.

A whole ring: a real router publishes on a core of its own, faster than subscriptions
are written out, and so an agent's burst of more than 1,000 laps their rings.
"""


class Router:
    """Serves `Ingress` to agents and `Egress` to reverse log proxies on one port.

    With `v1` it serves the traffic controller, too.
    """

    def __init__(
        self,
        setting: Setting,
        number: int,
        port: int,
        agent: Callable[[], str],
        *,
        v1: bool,
    ) -> None:
        self._setting = setting
        self.name = f"router {number}"
        self._agent = agent
        profile = setting.profile
        self._ingress_tally = setting.tally(
            f"{self.name} ingress", profile.router_buffer
        )
        self._egress_tally = setting.tally(
            f"{self.name} egress", profile.subscription_buffer
        )
        self._ingress = Counter(name="ingress", tags=V2)
        self._egress = Counter(name="egress", tags=V2)
        self._dropped_in = Counter(name="dropped", tags={"direction": "ingress", **V2})
        self._dropped_out = Counter(name="dropped", tags={"direction": "egress", **V2})
        self._identity = Identity(
            source_id="doppler",
            tags={
                "origin": "loggregator.doppler",
                "job": "doppler",
                "index": str(number),
            },
        )
        services = {
            # `Send` is not served here: gRPC answers UNIMPLEMENTED by itself.
            wire.INGRESS: wire.ingress_methods(
                setting.post, setting.tapped(f"router-{number}", self._take)
            ),
            wire.EGRESS: self._egress_methods(),
        }
        self._v1: V1Egress | None = None
        if v1:
            self._v1 = V1Egress(setting, self.name, self._dropped_in, self._dropped_out)
            services[DOPPLER] = self._v1.methods()
        self._server = setting.server(self.name, certificates.ROUTER, port, services)
        self._tasks = Tasks(setting.tasks)

    @property
    def address(self) -> str:
        """Where agents and proxies connect to: `host:port`."""
        return self._server.address

    async def start(self) -> None:
        """Listen, with empty buffers and no subscriptions."""
        self._ring = Ring[Letter](self._ingress_tally, self._dropped_in.add)
        self._pubsub = PubSub(self._setting.lots(self.name))
        if self._v1 is not None:
            self._v1.start(self._tasks)
        await self._server.start()
        self._tasks.start(self._pump())
        self._tasks.start(self._emitter().run())

    async def kill(self) -> None:
        """End at once: connections are cut, and what was buffered is gone."""
        await self._server.stop()
        await self._tasks.cancel()
        self._ring.close()
        if self._v1 is not None:
            self._v1.close()

    def statistics(self) -> ComponentStatistics:
        """Return what was counted so far."""
        return ComponentStatistics(
            component=self.name,
            ingress=self._ingress.value,
            egress=self._egress.value + (self._v1.egress.value if self._v1 else 0),
            dropped_ingress=self._dropped_in.value,
            dropped_egress=self._dropped_out.value,
            subscriptions=self._subscriptions(),
        )

    def buffers(self) -> tuple[BufferStatistics, ...]:
        """Return the counts of its buffers, in the order of the path."""
        own = (self._ingress_tally.statistics(), self._egress_tally.statistics())
        return own + (self._v1.buffers() if self._v1 else ())

    def _subscriptions(self) -> int:
        others = self._v1.subscriptions if self._v1 else 0
        return self._pubsub.subscriptions + others

    def _egress_methods(self) -> Mapping[str, wire.Method]:
        async def receiver(_: bytes, context: wire.Context) -> None:
            await context.abort(
                grpc.StatusCode.UNIMPLEMENTED, "use BatchedReceiver instead"
            )

        return {
            "BatchedReceiver": wire.stream_out(self._serve),
            "Receiver": wire.stream_out(receiver),
        }

    def _take(self, batch: Sequence[Letter]) -> None:
        # As the real one, which counts what version 1 makes of it.
        self._ingress.add(sum([label.results for _, label in batch]))
        if self._v1 is not None:
            self._v1.take(batch)
        self._ring.set_all(batch)

    async def _pump(self) -> None:
        idle, publish = self._setting.profile.router_idle, self._pubsub.publish_all
        while True:
            letters = self._ring.take(_TURN)
            if not letters and idle:
                await self._setting.clock.sleep(idle)
            elif not letters:
                letters = [await self._ring.next()]
            publish(letters)
            await asyncio.sleep(0)

    async def _serve(self, raw: bytes, context: wire.Context) -> None:
        """Send a subscription what it asked for until its reader is gone."""
        request = await wire.decode(EgressBatchRequest.FromString, raw, context)
        ring = Ring[Letter](self._egress_tally, self._dropped_out.add)

        async def write(batch: list[Letter]) -> None:
            await context.write(post.seal(batch))
            self._egress.add(len(batch))

        profile, post = self._setting.profile, self._setting.post
        rhythm = Rhythm(
            size=profile.batch_size,
            interval=profile.batch_interval,
            quiet=profile.router_flush,
            forced=True,
        )
        unsubscribe = self._pubsub.subscribe(request, ring.set, ring.set_all)
        try:
            await BatchPump(ring, write, rhythm, self._setting.clock).run()
        except* aio.InternalError:
            pass  # the reader is gone
        finally:
            unsubscribe()
            ring.close()

    def _emitter(self) -> Emitter:
        gauge = Gauge(name="subscriptions", read=self._subscriptions, tags=V2)
        # As the real one, which sends one for v1 under the very same name and tags.
        v1 = self._v1.egress if self._v1 else Counter(name="egress", tags=V2)
        return Emitter(
            self._identity,
            [
                self._ingress,
                self._egress,
                v1,
                self._dropped_in,
                self._dropped_out,
                gauge,
            ],
            dial=lambda: self._setting.dial(
                certificates.ROUTER, certificates.AGENT, self._agent()
            ),
            clock=self._setting.clock,
            interval=self._setting.profile.router_metrics,
        )
