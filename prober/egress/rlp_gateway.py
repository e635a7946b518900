"""The way out by HTTPS: server-sent events of an RLP gateway.

The gateway ends every stream after some minutes, and says so. Before that a successor
is opened on a shard of its own, which is a full copy, and for a while both are read:
each message comes on both, which is accounted by their epochs.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx

from prober.clock import NS, Clock
from prober.egress.connection import Ending
from prober.egress.contents_json import contents
from prober.egress.https import Server
from prober.egress.renewing import GIVEN_UP, RENEW_SECONDS, Renewing
from prober.egress.sse import Events, EventTooLarge
from prober.egress.tokens import Tokens
from prober.errors import ProberError
from prober.records import Arrival, Kind, Sign

SILENCE_SECONDS = 45.0
"""Without anything at all a stream is dead: heartbeats come every 15 s."""
SCOPES = ("doppler.firehose", "logs.admin")
"""Either lets a token read what it likes."""

_BATCH = (b"", b"message")
"""Names of the events that hold a batch."""
_ERROR_NAME = re.compile(rb'"error":\s*"(\w{1,40})"')
_MOST_BODY = 4096

_MEANINGS: Mapping[int, str] = {
    400: "it does not understand the subscription: a fault of ours, please report it",
    401: "something before it wants another authorisation",
    407: "the proxy wants an authorisation of its own: write it into the proxy's URL",
    502: "it cannot be reached behind the platform's router: is it running?",
    503: "it reaches no reverse log proxy: is one running?",
}


class RlpGatewayReader(Renewing):
    """Reads from one RLP gateway; see `prober.egress.Reader`.

    `shard_id` makes a name for each connection; `query` asks for something else than
    kinds of a source.
    """

    transport = "rlp gateway"
    in_base64 = True

    def __init__(
        self,
        server: Server,
        tokens: Tokens,
        clock: Clock,
        *,
        source_id: str | None,
        kinds: Sequence[Kind],
        shard_id: Callable[[int], str],
        query: str = "",
        renew_after: float | None = RENEW_SECONDS,
        silence: float = SILENCE_SECONDS,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(server.where, clock, rng, renew_after)
        self._server, self._tokens = server, tokens
        self._source_id, self._kinds, self._shard_id = source_id, kinds, shard_id
        self._query = query
        self._silence = silence

    def contents(self, arrival: Arrival) -> Mapping[bytes, bytes]:
        """Return, by stamp, what survives of each tagged envelope of an arrival."""
        return contents(arrival.batches)

    async def _connection(self, epoch: int) -> Ending:
        """Subscribe once and read until that ends."""
        stream = _Stream(epoch=epoch, began_ns=self._clock.now_ns())
        try:
            async with self._server.client(read_seconds=self._silence) as client:
                words = await self._subscribe(client, stream)
        except (httpx.HTTPError, OSError) as error:
            words = self._broken(error, stream)
        except ProberError as error:
            words = str(error)
        self._tell(Sign.CUT, epoch, words)
        return stream.ending

    async def _subscribe(self, client: httpx.AsyncClient, stream: "_Stream") -> str:
        """Ask for a stream and read it; return words for how it ended."""
        token = await self._tokens.token()
        # Before it is asked for: what the old connection brings from then on may come
        # over this one too.
        self._tell(Sign.CONNECTED, stream.epoch)
        request = self._request(client, stream.epoch, token)
        answer = await client.send(request, stream=True)
        if answer.status_code == httpx.codes.NOT_FOUND:  # any refused token's answer
            fresh = await self._tokens.token(refused=token)
            if fresh != token:
                await answer.aclose()
                request = self._request(client, stream.epoch, fresh)
                answer = await client.send(request, stream=True)
        try:
            if answer.status_code != httpx.codes.OK:
                return await self._refusal(answer)
            return await self._read(answer, stream)
        finally:
            await answer.aclose()

    def _request(
        self, client: httpx.AsyncClient, epoch: int, token: str
    ) -> httpx.Request:
        query = [self._query] if self._query else [kind.value for kind in self._kinds]
        named = [("shard_id", self._shard_id(epoch))]
        if self._source_id is not None:
            named.append(("source_id", self._source_id))
        url = self._server.url.rstrip("/") + "/v2/read"
        headers = {
            "Authorization": f"bearer {token}",  # a capital letter would be refused
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
        }
        return client.build_request(
            "GET", f"{url}?{'&'.join([*query, urlencode(named)])}", headers=headers
        )

    async def _read(self, answer: httpx.Response, stream: "_Stream") -> str:
        """Hand up what comes, to the end; return words for how that came."""
        if answer.headers.get("content-type", "").split(";")[0] != "text/event-stream":
            return f"the {self.read_from} answers with something else: is that its URL?"
        stream.answered = True
        try:
            async for chunk in answer.aiter_raw():
                if words := await self._take(chunk, stream):
                    return words
        except EventTooLarge:
            return f"the {self.read_from} sent an event without an end"
        if stream.ending is Ending.NOTHING:
            return (
                f"the {self.read_from} opened a stream and ended it without a word: "
                "so it does when the reverse log proxy refuses one, most likely since "
                "too many are open there (MAX_EGRESS_STREAMS): end others, or wait"
            )
        return (
            f"the {self.read_from} ended the stream without announcing it: so it does "
            "when the reverse log proxy behind it dies or is stopped"
        )

    async def _take(self, chunk: bytes, stream: "_Stream") -> str:
        """Hand up what a chunk completes; return words if there is to be no more."""
        events = stream.events.feed(chunk)
        names = {name for name, _ in events}
        if events:
            stream.ending = Ending.RECEIVED
            self._heard(stream.epoch)
        if batches := tuple(data for name, data in events if name in _BATCH):
            await self._hand_up_soon(stream.epoch, batches)
        if b"heartbeat" in names:
            self._tell(Sign.HEARTBEAT, stream.epoch)
        seconds = (self._clock.now_ns() - stream.began_ns) / NS
        if b"closing" in names:
            self._tell(Sign.CLOSING, stream.epoch)
            stream.ending = self._announced(seconds)
            age = f"{seconds:.1f} s old"
            return f"the {self.read_from} closed the stream as announced, {age}"
        if self._outlived(stream.epoch, seconds):
            stream.ending = Ending.ANNOUNCED
            return GIVEN_UP
        return ""

    async def _refusal(self, answer: httpx.Response) -> str:
        status, body = answer.status_code, b""
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > _MOST_BODY:
                break
        name = _ERROR_NAME.search(body[:_MOST_BODY])
        said = f"{status} {name[1].decode()}" if name else str(status)
        return f"the {self.read_from} refused: {said}: {self._meaning(answer)}"

    def _meaning(self, answer: httpx.Response) -> str:
        status = answer.status_code
        if "x-cf-routererror" in answer.headers:
            return "the platform's router found no such gateway: is that its URL?"
        if status == httpx.codes.NOT_FOUND:
            alone = (
                "; without it, a source_id that is the GUID of an app of one's own"
                if self._source_id
                else ""
            )
            return (
                "it says so to every token that it does not take, be it expired, "
                "without the scope, or while the UAA is away: "
                f"{self._tokens.lacking(SCOPES)}{alone}"
            )
        if answer.is_redirect:
            return "it sends us elsewhere: is that its URL?"
        return _MEANINGS.get(status, "is that its URL?")

    def _broken(self, error: BaseException, stream: "_Stream") -> str:
        """Return words for an error of the transport."""
        if not stream.answered:
            return str(self._server.unreachable(error))
        if isinstance(error, httpx.ReadTimeout):
            return (
                f"nothing came from the {self.read_from} for {self._silence:.0f} s, "
                "not even a heartbeat: the connection is dead"
            )
        if isinstance(error, httpx.RemoteProtocolError):
            return (
                f"the {self.read_from} went away in the middle of the stream "
                "(incomplete chunk): it died, or something between cut the connection"
            )
        return f"the {self.read_from} went away: {self._server.why(error)}"


@dataclass(slots=True, kw_only=True)
class _Stream:
    """What is known of one connection while it is read."""

    epoch: int
    began_ns: int
    events: Events = field(default_factory=Events)
    answered: bool = False
    ending: Ending = Ending.NOTHING
