"""The half of a router that serves the traffic controller: envelopes of version 1."""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from grpc import aio

from prober.pipeline import dropsonde, wire
from prober.pipeline.batching import Batcher
from prober.pipeline.buffers import Ring, Tally
from prober.pipeline.component import Setting, Tasks
from prober.pipeline.dropsonde import Item
from prober.pipeline.follower import Subscription
from prober.pipeline.letters import Letter, opened
from prober.pipeline.metrics import V2, Counter
from prober.pipeline.statistics import BufferStatistics
from prober.rpc.plumbing.doppler_pb2 import BatchResponse, Filter, SubscriptionRequest

DOPPLER = "plumbing.Doppler"

_TURN = 10_000
"""Envelopes that are published before others get a turn on the event loop."""

Setter: TypeAlias = Callable[[Item], None]
_Path: TypeAlias = tuple[str, str]
"""An app, empty for any, and `log`, `metric` or, empty, both."""


def subscription(request: SubscriptionRequest) -> Subscription[bytes]:
    """Return a subscription to envelopes of version 1."""
    return Subscription(
        method=f"/{DOPPLER}/BatchSubscribe",
        request=request.SerializeToString(),
        read=lambda raw: BatchResponse.FromString(raw).payload,
    )


class PubSub:
    """Hands envelopes to subscriptions; those of one shard and filter take turns."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._paths: dict[_Path, dict[str, list[Setter]]] = {}
        self.subscriptions = 0

    def subscribe(
        self, request: SubscriptionRequest, setter: Setter
    ) -> Callable[[], None]:
        """Subscribe, and return what ends it."""
        path = _path(request.filter)
        shards = self._paths.setdefault(path, {})
        shards.setdefault(request.shardID, []).append(setter)
        self.subscriptions += 1

        def unsubscribe() -> None:
            self.subscriptions -= 1
            shards[request.shardID].remove(setter)
            if not shards[request.shardID]:
                del shards[request.shardID]
            if not shards and self._paths.get(path) is shards:
                del self._paths[path]

        return unsubscribe

    def publish(self, item: Item) -> None:
        """Hand an envelope to one member of each shard, and to all without a shard."""
        for path in _paths(item):
            for shard, setters in self._paths.get(path, {}).items():
                chosen = [self._rng.choice(setters)] if shard else setters
                for setter in chosen:
                    setter(item)


def _path(wanted: Filter) -> _Path:
    return wanted.appID, wanted.WhichOneof("Message") or ""


def _paths(item: Item) -> Iterator[_Path]:
    kind = "log" if item.is_log else "metric"
    for app_id in ("", item.app_id) if item.app_id else ("",):
        yield app_id, ""
        yield app_id, kind


class V1Egress:
    """Converts what a router takes in, buffers it, and serves `plumbing.Doppler`.

    While nobody subscribes nothing is converted, since nobody could tell.
    """

    def __init__(
        self, setting: Setting, router: str, dropped_in: Counter, dropped_out: Counter
    ) -> None:
        profile = setting.profile
        self._setting = setting
        self._router = router
        tracked = self._tracked if setting.track else None
        self._ingress_tally = Tally(
            f"{router} v1 ingress", profile.router_buffer, tracked
        )
        self._egress_tally = Tally(f"{router} v1 egress", profile.v1_buffer, tracked)
        self._dropped_in, self._dropped_out = dropped_in, dropped_out
        self.egress = Counter(name="egress", tags=V2)

    def start(self, tasks: Tasks) -> None:
        """Begin with empty buffers and no subscriptions."""
        self._ring = Ring[Item](self._ingress_tally, self._dropped_in.add)
        self._pubsub = PubSub(self._setting.lots(f"{self._router} v1"))
        tasks.start(self._pump())

    def close(self) -> None:
        """Give up what was buffered."""
        self._ring.close()

    @property
    def subscriptions(self) -> int:
        """How many consumers of the traffic controller there are."""
        return self._pubsub.subscriptions

    def buffers(self) -> tuple[BufferStatistics, ...]:
        """Return the counts of its buffers, in the order of the path."""
        return self._ingress_tally.statistics(), self._egress_tally.statistics()

    def methods(self) -> Mapping[str, wire.Method]:
        """Return what is served to the traffic controller."""
        return {"BatchSubscribe": wire.stream_out(self._serve)}

    def take(self, batch: Sequence[Letter]) -> None:
        """Take in what the router took in."""
        if self._pubsub.subscriptions:
            converted = (dropsonde.convert(opened(each)) for each in batch)
            self._ring.set_all([item for items in converted for item in items])

    def _tracked(self, items: Sequence[Item]) -> int:
        track = self._setting.track
        return sum((each.source_id, each.instance_id) == track for each in items)

    async def _pump(self) -> None:
        idle, clock = self._setting.profile.router_idle, self._setting.clock
        while True:
            items = self._ring.take(_TURN)
            if not items and idle:
                await clock.sleep(idle)
            elif not items:
                items = [await self._ring.next()]
            for item in items:
                self._pubsub.publish(item)
            await asyncio.sleep(0)

    async def _serve(self, raw: bytes, context: wire.Context) -> None:
        """Send a subscription what it asked for until its reader is gone."""
        request = await wire.decode(SubscriptionRequest.FromString, raw, context)
        ring = Ring[Item](self._egress_tally, self._dropped_out.add)
        unsubscribe = self._pubsub.subscribe(request, ring.set)
        try:
            await self._carry(ring, context)
        except aio.InternalError:
            pass  # the reader is gone
        finally:
            unsubscribe()
            ring.close()

    async def _carry(self, ring: Ring[Item], context: wire.Context) -> None:
        profile, clock = self._setting.profile, self._setting.clock
        batcher = Batcher[Item](profile.batch_size, profile.batch_interval, clock)

        async def send(batch: Sequence[Item] | None) -> None:
            if batch:
                payload = [item.raw for item in batch]
                await context.write(BatchResponse(payload=payload).SerializeToString())
                self.egress.add(len(batch))

        while True:
            items = ring.take(profile.batch_size)
            if not items and profile.v1_idle:
                await send(batcher.flush())
                await clock.sleep(profile.v1_idle)
            elif not items:
                await send(batcher.forced_flush())
                items = [await ring.next()]
            for batch in batcher.write_all(items):
                await send(batch)
