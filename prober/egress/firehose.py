"""The way out of old: the v1 Firehose, a websocket of a traffic controller.

Each frame is one envelope of version 1. They are handed up in groups, as many as were
there at once. Two kinds never come: an event cannot be expressed, and a timer only if
it is an HTTP request with an id of its own, which our timers do not pretend to be: who
counts requests on that platform would count them.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from prober.clock import Clock, finished
from prober.egress.connection import Ending, Reconnecting
from prober.egress.contents_v1 import contents
from prober.egress.https import CONNECT_SECONDS, Server
from prober.egress.tokens import Tokens
from prober.errors import ProberError
from prober.records import Arrival, Kind, Sign

BEAT_SECONDS = 15.0
"""Between two pings of ours, which the peer's answers make heartbeats."""
SILENCE_SECONDS = 45.0
"""Without a frame and without an answer to a ping for so long, a stream is dead."""
MAX_FRAME_BYTES = 64 << 20
MAX_FRAMES = 256
"""Frames that may wait between the socket and us."""
SCOPES = ("doppler.firehose",)

_CARRIED = frozenset({Kind.LOG, Kind.COUNTER, Kind.GAUGE})
_UNAUTHORIZED = 401
_NORMAL, _NO_FRAME, _POLICY, _TOO_LARGE = 1000, 1006, 1008, 1009

_REFUSALS: Mapping[int, str] = {
    400: "it takes us for something else than a websocket: is a proxy between?",
    403: "something before it will not let us through",
    404: "there is no such Firehose: is that its URL?",
    429: "something before it limits how often one may come",
    502: "it cannot be reached behind the platform's router: is it running?",
    503: "it has too many subscriptions, or is not there at all",
}
_CLOSINGS: Mapping[int, str] = {
    _NORMAL: (
        "cut us off as a slow consumer (1000): for 5 s it could not hand us a message; "
        "this machine or its network is too slow, or the Firehose too much for one "
        "reader: share its shard among several"
    ),
    _NO_FRAME: (
        "went away without a word (1006): it died, something between cut the "
        "connection, or it cut us off as a slow consumer that it could not even tell"
    ),
    _POLICY: (
        "closed the connection (1008): its pings were not answered for 30 s, so this "
        "machine or its network is too slow"
    ),
}

_SILENT = logging.getLogger("prober.egress.firehose.silent")
"""The library would write headers and payloads to it, tokens and all."""
_SILENT.disabled = True


class _Straight(connect):
    """Goes nowhere else with the token: no redirects."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class FirehoseReader(Reconnecting):
    """Reads from one traffic controller; see `prober.egress.Reader`.

    `shard_id` makes a name for each connection; `server` has a URL of `wss`.
    """

    transport = "v1 firehose"

    def __init__(
        self,
        server: Server,
        tokens: Tokens,
        clock: Clock,
        *,
        shard_id: Callable[[int], str],
        beat: float = BEAT_SECONDS,
        silence: float = SILENCE_SECONDS,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(server.where, clock, rng)
        self._server, self._tokens, self._shard_id = server, tokens, shard_id
        self._beat, self._silence = beat, silence

    def expects(self, kind: Kind) -> bool:
        """Tell whether version 1 can express a kind of envelope as we write it."""
        return kind in _CARRIED

    def contents(self, arrival: Arrival) -> Mapping[bytes, bytes]:
        """Return, by stamp, what survives of each tagged envelope of an arrival."""
        return contents(arrival.batches)

    async def _connection(self, epoch: int) -> Ending:
        """Connect once and read until that ends."""
        stream = _Stream(epoch)
        try:
            words = await self._converse(stream)
        except InvalidStatus as error:
            words = self._refusal(error)
        except (OSError, InvalidHandshake, EOFError) as error:
            words = str(self._server.unreachable(error))
        except ProberError as error:
            words = str(error)
        self._tell(Sign.CUT, epoch, words)
        return Ending.RECEIVED if stream.received else Ending.NOTHING

    async def _converse(self, stream: "_Stream") -> str:
        socket = await self._open(stream.epoch)
        try:
            async with asyncio.TaskGroup() as tasks:
                beat = tasks.create_task(self._heartbeat(socket, stream))
                words = await self._read(socket, stream)
                beat.cancel()
            return words
        finally:
            socket.transport.abort()  # no farewell: who is dead would not answer it
            await socket.wait_closed()

    async def _open(self, epoch: int) -> ClientConnection:
        """Open a websocket, with another token if the first one is refused."""
        token = await self._tokens.token()
        self._tell(Sign.CONNECTED, epoch)
        try:
            return await self._connect(epoch, token)
        except InvalidStatus as error:
            if error.response.status_code != _UNAUTHORIZED:
                raise
            fresh = await self._tokens.token(refused=token)
            if fresh == token:
                raise
        return await self._connect(epoch, fresh)

    async def _connect(self, epoch: int, token: str) -> ClientConnection:
        shard = quote(self._shard_id(epoch), safe="")
        return await _Straight(
            f"{self._server.url.rstrip('/')}/firehose/{shard}",
            # A capital letter would be refused.
            additional_headers={"Authorization": f"bearer {token}"},
            ssl=self._server.context(),
            proxy=self._server.way(),
            compression=None,
            max_size=MAX_FRAME_BYTES,
            max_queue=MAX_FRAMES,
            ping_interval=None,
            open_timeout=CONNECT_SECONDS,
            close_timeout=None,  # never waited for: see `_converse`
            logger=_SILENT,
        )

    async def _read(self, socket: ClientConnection, stream: "_Stream") -> str:
        """Hand up what comes, to the end; return words for how that came."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._room(stream.epoch)
                frame = await socket.recv(decode=False)
                if not stream.group:
                    stream.at_ns = self._clock.now_ns()
                    # Runs when `recv` has to wait: what was read together, goes
                    # together.
                    loop.call_soon(self._flush, stream)
                stream.group.append(frame)
                stream.received = True
        except ConnectionClosed as error:
            self._flush(stream)
            return self._closed(error, stream)

    def _flush(self, stream: "_Stream") -> None:
        if stream.group:
            batches, stream.group = tuple(stream.group), []
            arrival = Arrival(batches=batches, at_ns=stream.at_ns, epoch=stream.epoch)
            self._put(arrival)

    async def _heartbeat(self, socket: ClientConnection, stream: "_Stream") -> None:
        """Ping, so that the answers tell of life; cut off who gives no sign of any."""
        with suppress(ConnectionClosed):
            while True:
                await self._clock.sleep(self._beat)
                last_ns = stream.at_ns
                answer = asyncio.ensure_future(_answer(socket))
                try:
                    if await finished(self._clock, self._silence, {answer}):
                        await answer
                        self._tell(Sign.HEARTBEAT, stream.epoch)
                    elif stream.at_ns == last_ns:
                        stream.silent = True
                        socket.transport.abort()
                        return
                finally:
                    answer.cancel()

    def _closed(self, error: ConnectionClosed, stream: "_Stream") -> str:
        if stream.silent:
            return (
                f"nothing came from the {self.read_from} for {self._silence:.0f} s, "
                "not even an answer to a ping: the connection is dead"
            )
        if error.rcvd is None and error.sent is not None:
            if error.sent.code == _TOO_LARGE:
                return f"the {self.read_from} sent a frame without an end"
            return f"the {self.read_from} sent what is no websocket ({error.sent.code})"
        code = error.rcvd.code if error.rcvd else _NO_FRAME
        said = _CLOSINGS.get(code, f"closed the connection ({code})")
        return f"the {self.read_from} {said}"

    def _refusal(self, error: InvalidStatus) -> str:
        status = error.response.status_code
        if "x-cf-routererror" in error.response.headers:
            meaning = "the platform's router found nothing there: is that its URL?"
        elif status == _UNAUTHORIZED:
            meaning = (
                "it says so to every token that it does not take, be it expired, "
                "without the scope (logs.admin is not enough here), or while the UAA "
                f"is away: {self._tokens.lacking(SCOPES)}"
            )
        else:
            meaning = _REFUSALS.get(status, "is that its URL?")
        return f"the {self.read_from} refused: {status}: {meaning}"


@dataclass(slots=True)
class _Stream:
    """What is known of one connection while it is read."""

    epoch: int
    group: list[bytes] = field(default_factory=list)
    at_ns: int = 0
    """When the last group began to come."""
    received: bool = False
    silent: bool = False


async def _answer(socket: ClientConnection) -> None:
    await (await socket.ping())
