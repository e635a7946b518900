"""The traffic controller: the Firehose of version 1, over websockets."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, unquote, unquote_plus, urlsplit

from grpc import aio
from websockets.http11 import Request

from prober.pipeline import certificates
from prober.pipeline.accounts import FIREHOSE
from prober.pipeline.buffers import Inlet
from prober.pipeline.component import Setting, Tasks
from prober.pipeline.follower import RouterPool, Subscription, follow
from prober.pipeline.gateway import GUID
from prober.pipeline.listener import Listener, server_context, within
from prober.pipeline.metrics import V2, Counter, Emitter, Gauge, Identity
from prober.pipeline.statistics import ComponentStatistics
from prober.pipeline.uaa import Uaa
from prober.pipeline.v1 import subscription
from prober.pipeline.websocket import Refusal, Socket
from prober.rpc.plumbing.doppler_pb2 import (
    BatchResponse,
    Filter,
    LogFilter,
    MetricFilter,
    SubscriptionRequest,
)

_IDENTITY = Identity(
    source_id="traffic_controller",
    tags={"origin": "loggregator.trafficcontroller", "job": "trafficcontroller"},
)
_FILTERS = {
    "logs": Filter(log=LogFilter()),
    "metrics": Filter(metric=MetricFilter()),
}
_TITLE = "Traffic Controller has disconnected slow consumer"
_BODY = """Remote Address: {peer}
X-Forwarded-For: {forwarded}
Path: {path}

It took nothing for {seconds:g} seconds, so that others need not wait for it."""


@dataclass(slots=True, kw_only=True)
class _Endpoint:
    """One of the two ways in: how many are open, and what they were sent."""

    egress: Counter
    consumers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What somebody who may come in asked for."""

    endpoint: _Endpoint
    request: SubscriptionRequest


class TrafficController:
    """Serves `/firehose/{id}` and `/apps/{guid}/stream` of what all routers have."""

    def __init__(
        self,
        setting: Setting,
        port: int,
        routers: Sequence[str],
        agent: Callable[[], str],
        uaa: Uaa,
    ) -> None:
        self._setting = setting
        self._routers = routers
        self._agent = agent
        self._uaa = uaa
        self._check = uaa.check()
        self._ingress = Counter(name="ingress", tags={"protocol": "grpc", **V2})
        self._slow = Counter(name="doppler_proxy.slow_consumer", tags=V2)
        self._firehose, self._stream = (
            _Endpoint(egress=Counter(name="egress", tags={"endpoint": name, **V2}))
            for name in ("firehose", "stream")
        )
        files = certificates.tls(setting.directory, certificates.WEB, "")
        self._listener = Listener(
            "the traffic controller",
            (setting.host, port),
            lambda: server_context(files),
            self._attend,
            setting.tasks,
        )
        self._tasks = Tasks(setting.tasks)
        self._pools: list[RouterPool] = []

    @property
    def address(self) -> str:
        """Where consumers connect to: `host:port`."""
        return self._listener.address

    @property
    def url(self) -> str:
        """The same as a URL."""
        return f"wss://{self.address}"

    async def start(self) -> None:
        """Listen; routers are connected to when a consumer comes."""
        lots = self._setting.lots("traffic controller")
        self._pools = [
            RouterPool(1, self._dialler(address), lots) for address in self._routers
        ]
        self._emitter = self._new_emitter()
        await self._listener.start()
        self._tasks.start(self._emitter.run())

    async def kill(self) -> None:
        """End at once: connections are cut without a close frame."""
        await self._listener.kill()
        await self._tasks.cancel()
        pools, self._pools = self._pools, []
        for pool in pools:
            await pool.close()

    def statistics(self) -> ComponentStatistics:
        """Return what was counted so far."""
        return ComponentStatistics(
            component="traffic controller",
            ingress=self._ingress.value,
            egress=self._firehose.egress.value + self._stream.egress.value,
            dropped_ingress=0,
            dropped_egress=0,
            subscriptions=self._firehose.consumers + self._stream.consumers,
        )

    @property
    def slow_consumers(self) -> int:
        """How many were given up for being slow."""
        return self._slow.value

    def _dialler(self, address: str) -> Callable[[], aio.Channel]:
        return lambda: self._setting.dial(
            certificates.WEB, certificates.ROUTER, address
        )

    async def _attend(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        clock, profile = self._setting.clock, self._setting.profile
        socket = Socket(reader, writer, clock, profile)
        async with within(clock, profile.head_timeout, writer.transport.abort):
            request = await socket.request()
        if request is None:
            return
        entry = await self._admit(request)
        if isinstance(entry, Refusal):
            await socket.refuse(entry)
        elif await socket.accept(request):
            await self._serve(socket, request, entry)

    async def _serve(self, socket: Socket, request: Request, entry: _Entry) -> None:
        """Join the routers' streams, and send the consumer what comes."""
        inlet = Inlet[bytes](self._setting.profile.controller_inlet)
        wanted = self._counted(subscription(entry.request), entry.request.shardID)

        def told_slow() -> None:
            self._slow.add(1)
            self._tasks.start(self._tell_slow(socket.peer, request))

        entry.endpoint.consumers += 1
        try:
            async with asyncio.TaskGroup() as tasks:
                following = [
                    tasks.create_task(follow(pool, wanted, inlet, self._setting.clock))
                    for pool in self._pools
                ]
                await socket.carry(inlet, entry.endpoint.egress.add, told_slow)
                for each in following:
                    each.cancel()
        finally:
            entry.endpoint.consumers -= 1

    def _counted(self, wanted: Subscription[bytes], shard: str) -> Subscription[bytes]:
        change = self._setting.through("firehose", shard)

        def read(raw: bytes) -> Sequence[bytes]:
            payload = BatchResponse.FromString(raw).payload
            self._ingress.add(len(payload))
            return payload if change is None else change(payload)

        return Subscription(method=wanted.method, request=wanted.request, read=read)

    async def _tell_slow(self, peer: str, request: Request) -> None:
        body = _BODY.format(
            peer=peer,
            forwarded=", ".join(request.headers.get_all("X-Forwarded-For")),
            path=request.path,
            seconds=self._setting.profile.slow_consumer,
        )
        await self._emitter.event(_TITLE, body)

    # Who may come in, and for what.

    async def _admit(self, request: Request) -> _Entry | Refusal:
        path = unquote(urlsplit(request.path).path)
        if found := re.fullmatch(r"/firehose/([^/]+)", path):
            entry = await self._to_firehose(request, found[1])
        elif found := re.fullmatch(r"/apps/([^/]+)/stream", path):
            entry = await self._to_app(request, found[1])
        else:
            return Refusal(status=404, text="404 page not found\n")
        statistics = self.statistics()
        if statistics.subscriptions >= self._setting.profile.max_subscriptions:
            return Refusal(status=503)
        return entry

    async def _to_firehose(self, request: Request, shard: str) -> _Entry | Refusal:
        token = _token(request)
        claims = await self._check.claims(token) if token else None
        if claims is None or FIREHOSE not in claims["scope"]:
            flaw = "invalid authorization" if token else "authorization not provided"
            text = f"You are not authorized. {flaw}"
            return Refusal(status=401, text=text, basic=True)
        kinds = parse_qs(urlsplit(request.path).query).get("filter-type", [""])
        wanted = SubscriptionRequest(shardID=shard, filter=_FILTERS.get(kinds[0]))
        return _Entry(endpoint=self._firehose, request=wanted)

    async def _to_app(self, request: Request, app: str) -> _Entry | Refusal:
        if not GUID.fullmatch(app):
            return Refusal(status=401)
        token = _token(request)
        claims = await self._check.claims(token) if token else None
        if claims is None:
            return Refusal(status=401, basic=True)
        if app not in self._uaa.accounts.apps(claims):
            return Refusal(status=404)
        wanted = SubscriptionRequest(filter=Filter(appID=app))
        return _Entry(endpoint=self._stream, request=wanted)

    def _new_emitter(self) -> Emitter:
        return Emitter(
            _IDENTITY,
            [
                self._ingress,
                self._firehose.egress,
                self._stream.egress,
                self._slow,
                *(
                    Gauge(name=name, read=read, unit="connections", tags=V2)
                    for name, read in (
                        ("doppler_proxy.firehoses", lambda: self._firehose.consumers),
                        ("doppler_proxy.app_streams", lambda: self._stream.consumers),
                    )
                ),
            ],
            dial=lambda: self._setting.dial(
                certificates.WEB, certificates.AGENT, self._agent()
            ),
            clock=self._setting.clock,
            interval=self._setting.profile.controller_metrics,
        )


def _token(request: Request) -> str:
    """Return the token of the header, or else of the cookie `authorization`."""
    header = request.headers.get("Authorization", "")
    if not header:
        try:
            cookies = SimpleCookie(request.headers.get("Cookie", ""))
        except CookieError:
            return ""
        if "authorization" in cookies:
            header = unquote_plus(cookies["authorization"].value)
    return header.removeprefix("bearer ")
