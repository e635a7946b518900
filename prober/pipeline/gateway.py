"""The RLP gateway: what the RLP has for a consumer, as server-sent events."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from prober.clock import NS
from prober.pipeline import certificates, query, web
from prober.pipeline.accounts import FIREHOSE, LOGS_ADMIN
from prober.pipeline.component import Setting
from prober.pipeline.protojson import batch_json
from prober.pipeline.statistics import ComponentStatistics
from prober.pipeline.uaa import Uaa
from prober.pipeline.web import Request, Response
from prober.pipeline.wire import EGRESS, PeerGone, connect, peer_may_go
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch

if TYPE_CHECKING:
    from grpc import aio

GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""How the platform's own names of apps look."""

_CLOSING = b"event: closing\ndata: closing due to stream timeout\n\n"

Call: TypeAlias = "aio.UnaryStreamCall[bytes, bytes]"
Change: TypeAlias = Callable[[Sequence[Envelope]], Sequence[Envelope]]
"""What faults make of a batch."""
_Method: TypeAlias = "aio.UnaryStreamMultiCallable[bytes, bytes]"


class Gateway:
    """Serves `GET /v2/read`; one connection to the RLP carries all its streams."""

    def __init__(self, setting: Setting, port: int, rlp: str, uaa: Uaa) -> None:
        self._setting = setting
        self._rlp = rlp
        self._uaa = uaa
        self._check = uaa.check()
        self._channel: aio.Channel | None = None
        self._streams = self._ingress = self._egress = 0
        self._listener = web.door(setting, "the gateway", port, self._handle)

    @property
    def address(self) -> str:
        """Where consumers connect to: `host:port`."""
        return self._listener.address

    @property
    def url(self) -> str:
        """The same as a URL."""
        return f"https://{self.address}"

    async def start(self) -> None:
        """Listen; the RLP is connected to when a consumer comes."""
        await self._listener.start()

    async def kill(self) -> None:
        """End at once: consumers' answers are cut in the middle."""
        await self._listener.kill()
        await self._hang_up()

    def statistics(self) -> ComponentStatistics:
        """Return what was counted so far."""
        return ComponentStatistics(
            component="gateway",
            ingress=self._ingress,
            egress=self._egress,
            dropped_ingress=0,
            dropped_egress=0,
            subscriptions=self._streams,
        )

    async def _handle(self, request: Request) -> Response:
        if request.path != "/v2/read":
            return web.refusal(404, "404 page not found")
        values = query.parse(request.query)
        if not await self._may_read(request, values):
            return _error(404, "not_found", "resource not found")
        if request.method != "GET":
            return _error(405, "method_not_allowed", "method not allowed")
        if flaw := query.flaw(values):
            return _error(400, *flaw)
        try:
            call = await self._call(query.request(values).SerializeToString())
        except PeerGone:
            return _error(503, "streaming_unavailable", "streaming is unavailable")
        return Response(
            status=200,
            content_type="text/event-stream",
            headers={"Cache-Control": "no-cache", "Connection": "keep-alive"},
            chunks=self._events(call, values.get("shard_id", [""])[0]),
        )

    async def _may_read(self, request: Request, values: query.Values) -> bool:
        """Ask the UAA about the token, and for its owner's apps if that is needed."""
        header = request.headers.get("authorization", "")
        token = header.removeprefix("bearer").strip()
        claims = await self._check.claims(token) if token else None
        if claims is None:
            return False
        if not {FIREHOSE, LOGS_ADMIN}.isdisjoint(claims["scope"]):
            return True
        asked = values.get("source_id", [])
        return bool(asked) and all(self._is_own(claims, each) for each in asked)

    def _is_own(self, claims: Mapping[str, Any], source_id: str) -> bool:
        own = GUID.fullmatch(source_id) and source_id in self._uaa.accounts.apps(claims)
        return bool(own)

    async def _call(self, request: bytes) -> Call:
        """Open a stream at the RLP; raises PeerGone when there is none."""
        if self._channel is None:
            # Without pings, as the real one: it never notices an RLP that hangs.
            self._channel = self._setting.dial(
                certificates.WEB, certificates.RLP, self._rlp, None
            )
        channel = self._channel
        try:
            await connect(channel)
        except PeerGone:
            # A fresh one next time: gRPC's own back-off would make us wait for it. Who
            # waited for the same one may have made that already.
            if self._channel is channel:
                await self._hang_up()
            raise
        method: _Method = channel.unary_stream(f"/{EGRESS}/BatchedReceiver")
        return method(request)

    async def _hang_up(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def _events(self, call: Call, shard: str) -> AsyncGenerator[bytes, None]:
        """Yield what a consumer is sent, until its time is over or the RLP's is.

        One batch is read ahead, and the next only when that one is written out: who
        reads slowly is waited for, and the RLP drops.
        """
        clock, profile = self._setting.clock, self._setting.profile
        change = self._setting.through("gateway", shard)
        end = asyncio.ensure_future(clock.sleep(profile.gateway_life))
        quiet = asyncio.ensure_future(clock.sleep(profile.gateway_heartbeat))
        batch = asyncio.ensure_future(self._read(call, change))
        self._streams += 1
        try:
            while not end.done():
                waiting = (end, quiet, batch)
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if end.done():
                    yield _CLOSING
                elif not batch.done():
                    yield f"event: heartbeat\ndata: {clock.now_ns() // NS}\n\n".encode()
                elif (read := batch.result()) is None:
                    return
                else:
                    batch = asyncio.ensure_future(self._read(call, change))
                    yield f"data: {batch_json(read)}\n\n".encode()
                    self._egress += len(read.batch)
                quiet.cancel()
                quiet = asyncio.ensure_future(clock.sleep(profile.gateway_heartbeat))
        finally:
            self._streams -= 1
            for each in (end, quiet, batch):
                each.cancel()
            call.cancel()

    async def _read(self, call: Call, change: Change | None) -> EnvelopeBatch | None:
        """Return the next batch; nothing when the RLP refuses, leaves or dies."""
        try:
            with peer_may_go():
                raw = await call.read()
        except PeerGone:
            return None
        if not isinstance(raw, bytes):
            return None  # the end of the stream
        batch = EnvelopeBatch.FromString(raw)
        self._ingress += len(batch.batch)
        if change is not None:
            batch = EnvelopeBatch(batch=change(batch.batch))
        return batch


def _error(status: int, name: str, message: str) -> Response:
    document = {"message": message, "error": name}
    return web.refusal(status, json.dumps(document, separators=(",", ":")) + "\n")
