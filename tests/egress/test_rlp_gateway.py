"""The reader of an RLP gateway: against the stack's own, and against odd ones."""

import asyncio
import dataclasses
import gzip
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from prober.clock import Clock
from prober.egress.https import Server
from prober.egress.rlp_gateway import RlpGatewayReader
from prober.egress.tokens import FixedToken, Tokens, UaaTokens
from prober.ingress.envelopes import Encoder
from prober.pipeline.profile import PROFILES
from prober.pipeline.stack import ReferenceStack
from prober.records import Arrival, Evidence, Kind, Sign, Span
from prober.testing import ManualClock
from tests.egress.doors import (
    CHUNKED,
    LAST_CHUNK,
    Authority,
    Door,
    answer,
    chunk,
    saying,
    serving,
    tunnelling,
)
from tests.egress.reading import (
    CLOCK,
    RUN,
    arrived,
    evidence,
    found,
    plan,
    primed,
    writing,
)

DATA = chunk(b'data: {"batch":[]}\n\n')
HEARTBEAT = chunk(b"event: heartbeat\ndata: 1795418514\n\n")
CLOSING = chunk(b"event: closing\ndata: closing due to stream timeout\n\n")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whoever signs the certificates of the odd servers."""
    return Authority(tmp_path)


@asynccontextmanager
async def with_gateway(**changes: float) -> AsyncIterator[ReferenceStack]:
    """A stack with a gateway, and some things in it as they are here."""
    profile = dataclasses.replace(PROFILES["loggregator"], **changes)  # type: ignore[arg-type]
    async with ReferenceStack(profile=profile, doors=["gateway"]) as stack:
        yield stack


def uaa_tokens(
    stack: ReferenceStack, client: tuple[str, str] | None = None, clock: Clock = CLOCK
) -> UaaTokens:
    """Tokens for the stack's own client, or for another."""
    name, secret = client or stack.uaa_client
    ca_file = stack.client_tls("").ca_file
    server = Server(peer="UAA", url=stack.uaa_url, ca_file=ca_file)
    return UaaTokens(server, clock, client_id=name, client_secret=lambda: secret)


def reader(
    stack: ReferenceStack, tokens: Tokens | None = None, **more: object
) -> RlpGatewayReader:
    """A reader of our own source at the stack's gateway."""
    ca_file = stack.client_tls("").ca_file
    server = Server(peer="RLP gateway", url=stack.gateway_url, ca_file=ca_file)
    asked: dict[str, object] = {"source_id": "prober", "kinds": tuple(Kind)} | more
    return RlpGatewayReader(
        server,
        tokens or uaa_tokens(stack),
        CLOCK,
        shard_id=lambda epoch: f"test-{epoch}",
        **asked,  # type: ignore[arg-type]
    )


def odd_reader(
    door: Door, clock: Clock = CLOCK, proxy: str | None = None, **more: float
) -> RlpGatewayReader:
    """A reader at an odd server."""
    server = Server(peer="RLP gateway", url=door.url, ca_file=door.ca_file, proxy=proxy)
    return RlpGatewayReader(
        server,
        FixedToken(lambda: "t0ken", "option", CLOCK),
        clock,
        source_id=None,
        kinds=(Kind.LOG, Kind.COUNTER),
        shard_id=lambda epoch: f"test {epoch}",
        query="",
        rng=None,
        **more,
    )


async def cut_by(authority: Authority, *parts: bytes) -> str:
    """Return the words for how a stream ended that brought some bytes."""
    async with (
        serving(authority, saying(*parts)) as door,
        odd_reader(door) as it,
    ):
        return (await evidence(it, Sign.CUT)).detail.replace(door.url[8:], "HERE")


# Against the stack.


async def test_every_kind_comes_back_intact() -> None:
    """Stamps of all kinds are found in the JSON, with their content as it was sent."""
    mixed = plan(200, tuple(Kind))
    async with with_gateway() as stack, reader(stack) as it, writing(stack) as writer:
        arrival = await primed(it, writer)
        span = Span(first=0, count=100)
        encoder = Encoder(RUN, mixed)
        await writer.write(encoder.messages(span, 0, CLOCK.now_ns()), span)
        total = await found(it, mixed, 100)

    assert 1 == arrival.epoch
    assert [] == total.damaged
    assert list(range(100)) == sorted(total.sequences)


async def test_heartbeats_tell_that_the_transport_lives() -> None:
    """On a stream without envelopes, heartbeats come up."""
    async with with_gateway(gateway_heartbeat=0.05) as stack, reader(stack) as it:
        beat = await evidence(it, Sign.HEARTBEAT)

    assert 1 == beat.epoch


async def test_token_is_renewed_between_two_streams() -> None:
    """A stream outlives its token, and the next one is opened with a fresh one."""
    clock = ManualClock(CLOCK.now_ns())
    async with with_gateway(gateway_life=0.2, token_life=60) as stack:
        tokens = uaa_tokens(stack, clock=clock)
        async with reader(stack, tokens) as it:
            first = await tokens.token()
            await clock.advance(50)
            while (await evidence(it, Sign.CLOSING)).epoch < 2:
                pass
            second = await tokens.token()

    assert first != second


async def test_token_that_was_revoked_is_renewed_once() -> None:
    """A refused token is replaced at once, and the same connection goes on."""

    class Stale:
        refused = ""

        def __init__(self, good: UaaTokens) -> None:
            self._good = good

        async def token(self, refused: str = "") -> str:
            self.refused = self.refused or refused
            return await self._good.token() if refused else "stale"

        def lacking(self, scopes: object) -> str:
            return str(scopes)

    async with with_gateway(gateway_heartbeat=0.05) as stack:
        stale = Stale(uaa_tokens(stack))
        async with reader(stack, stale) as it:
            beat = await evidence(it, Sign.HEARTBEAT)

    assert ("stale", 1) == (stale.refused, beat.epoch)


async def test_client_without_the_scope() -> None:
    """Who may not read is told so, with the command that mends it."""
    async with with_gateway() as stack:
        await stack.add_client("nobody", "pssst", scopes=["uaa.none"])
        tokens = uaa_tokens(stack, ("nobody", "pssst"))
        async with reader(stack, tokens, source_id=None) as it:
            cut = await evidence(it, Sign.CUT)
        where = stack.gateway_url[8:]

    assert (
        f"the RLP gateway at {where} refused: 404 not_found: it says so to every token "
        "that it does not take, be it expired, without the scope, or while the UAA is "
        "away: the client nobody (its token has uaa.none) needs doppler.firehose or "
        'logs.admin: uaac client update nobody --authorities "doppler.firehose"'
        == cut.detail
    )


async def test_gateway_killed_and_back() -> None:
    """A gateway that dies cuts its chunks in the middle; back again, it is read on."""
    async with with_gateway() as stack, reader(stack) as it, writing(stack) as writer:
        await primed(it, writer)
        await stack.kill_door("gateway")
        cut = await evidence(it, Sign.CUT)
        refused = await evidence(it, Sign.CUT)
        await stack.start_door("gateway")
        arrival = await primed(it, writer)

    assert "(incomplete chunk): it died" in cut.detail
    assert "nothing listens there" in refused.detail
    assert arrival.epoch > 2


async def test_reverse_log_proxy_killed_behind_it() -> None:
    """Streams whose proxy died end cleanly; without one, none is to be had."""
    async with with_gateway() as stack, reader(stack) as it, writing(stack) as writer:
        await primed(it, writer)
        await stack.kill_rlp()
        cut = await evidence(it, Sign.CUT)
        refused = await evidence(it, Sign.CUT)
        await stack.start_rlp()
        arrival = await primed(it, writer)

    assert "ended the stream without announcing it" in cut.detail
    assert "refused: 503 streaming_unavailable: it reaches no reverse" in refused.detail
    assert arrival.epoch > 2


async def test_proxy_behind_it_has_no_stream_left() -> None:
    """An answer that ends without a word is a refusal by the reverse log proxy."""
    async with with_gateway(max_egress_streams=0) as stack, reader(stack) as it:
        cut = await evidence(it, Sign.CUT)

    assert "ended it without a word" in cut.detail
    assert "MAX_EGRESS_STREAMS" in cut.detail


async def test_leaving_does_not_wait() -> None:
    """A reader that waited for its peer to say farewell would never be closed."""
    async with with_gateway() as stack:
        async with reader(stack) as it, writing(stack) as writer:
            await primed(it, writer)
        assert it._supervisor.done()


# Against odd servers.


async def test_subscription_as_it_is_asked_for(authority: Authority) -> None:
    """Kinds stand as bare keys, and the scheme of the token is in lower case."""
    async with (
        serving(authority, saying(CHUNKED, DATA)) as door,
        odd_reader(door) as it,
    ):
        await arrived(it)

    line, *headers = door.heads[0].decode().split("\r\n")
    assert "GET /v2/read?log&counter&shard_id=test+1 HTTP/1.1" == line
    assert "Authorization: bearer t0ken" in headers


async def test_batches_are_handed_up_as_they_came(authority: Authority) -> None:
    """What stands behind `data:` is raw, whatever the chunks that it came in."""
    body = b"data: {one}\n\nevent: heartbeat\ndata: 1\n\ndata:{two}\r\n\r\n: x\n\n"
    parts = [chunk(body[at : at + 3]) for at in range(0, len(body), 3)]
    odd = saying(CHUNKED, *parts)
    items: list[Arrival | Evidence] = []
    async with serving(authority, odd) as door, odd_reader(door) as it:
        while not any(isinstance(i, Evidence) and i.sign is Sign.CUT for i in items):
            items += await it.receive()

    batches = [
        raw for item in items if isinstance(item, Arrival) for raw in item.batches
    ]
    assert [b"{one}", b"{two}"] == batches[:2]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((CHUNKED, LAST_CHUNK), "opened a stream and ended it without a word"),
        (
            (CHUNKED, HEARTBEAT, LAST_CHUNK),
            "the RLP gateway at HERE ended the stream without announcing it",
        ),
        ((CHUNKED, DATA, b"5\r\nda"), "in the middle of the stream (incomplete chunk)"),
        ((CHUNKED, DATA, CLOSING), "closed the stream as announced"),
        ((b"",), "no connection to the RLP gateway at HERE: it hung up without"),
        (
            (answer("503 No", b'{"message":"x","error":"streaming_unavailable"}\n'),),
            "refused: 503 streaming_unavailable: it reaches no reverse log proxy",
        ),
        (
            (answer("404 Not Found", b"404", "X-Cf-Routererror: unknown_route"),),
            "refused: 404: the platform's router found no such gateway",
        ),
        (
            (answer("404 Not Found", b'{"error":"not_found"}'),),
            "the token of the option needs the scope doppler.firehose or logs.admin",
        ),
        ((answer("302 Found", b"", "Location: /login"),), "sends us elsewhere"),
        ((answer("200 OK", b"<html>", "Content-Type: text/html"),), "something else"),
        ((answer("418 Teapot"),), "refused: 418: is that its URL?"),
    ],
)
async def test_endings_are_told_apart(
    authority: Authority, parts: tuple[bytes, ...], words: str
) -> None:
    """Each way in which a stream ends or is not to be had has words of its own."""
    assert words in await cut_by(authority, *parts)


async def test_stream_that_is_packed_is_not_unfolded(authority: Authority) -> None:
    """It was asked for as it is: a bomb stays the few bytes that came."""
    bomb = gzip.compress(b"data: " + b"x" * (32 << 20) + b"\n\n")
    assert len(bomb) < 100_000
    head = answer(
        "200 OK", bomb, "Content-Type: text/event-stream", "Content-Encoding: gzip"
    )

    assert "opened a stream and ended it without a word" in await cut_by(
        authority, head
    )


async def test_silence_is_not_waited_out(authority: Authority) -> None:
    """A stream without so much as a heartbeat is dead."""
    forever = asyncio.Event()
    quiet = saying(CHUNKED, DATA, wait=forever)
    async with serving(authority, quiet) as door, odd_reader(door, silence=0.1) as it:
        cut = await evidence(it, Sign.CUT)

    assert "not even a heartbeat: the connection is dead" in cut.detail


async def test_foreign_payload_is_in_no_words(authority: Authority) -> None:
    """Whatever a broken stream carried, it is not repeated."""
    secret = b"Pa$$w0rd"
    told = [
        await cut_by(authority, CHUNKED, chunk(b"data: " + secret), b"zz\r\n"),
        await cut_by(authority, answer("500 Oh", secret, f"X-Y: {secret.decode()}")),
        await cut_by(authority, answer("404 No", b'{"error":"%b!"}' % secret)),
        await cut_by(authority, secret),
    ]

    assert [] == [words for words in told if secret.decode() in words]


async def test_sooner_closing_is_learnt(authority: Authority) -> None:
    """After a stream ended sooner than expected, the next successor is in time."""
    clock, close = ManualClock(), asyncio.Event()

    async def live(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + DATA)
        await close.wait()
        writer.write(CLOSING + LAST_CHUNK)

    async with serving(authority, live) as door, odd_reader(door, clock) as it:
        await arrived(it)
        await clock.advance(120)
        close.set()
        await evidence(it, Sign.CLOSING)
        close.clear()
        assert 2 == (await arrived(it)).epoch
        await clock.advance(120 - 30)
        successor = await evidence(it, Sign.CONNECTED)
        close.set()
        closed = await evidence(it, Sign.CLOSING)

    assert (3, 2) == (successor.epoch, closed.epoch)


async def test_old_stream_is_given_up_for_its_successor(authority: Authority) -> None:
    """A stream that goes on beyond its time is left when the next one brings data."""
    clock, streams = ManualClock(), list[asyncio.StreamWriter]()
    forever = asyncio.Event()

    async def live(_: bytes, writer: asyncio.StreamWriter) -> None:
        streams.append(writer)
        writer.write(CHUNKED + DATA)
        await forever.wait()

    async with (
        serving(authority, live) as door,
        odd_reader(door, clock, renew_after=100) as it,
    ):
        await arrived(it)
        await clock.advance(101)
        assert 2 == (await arrived(it)).epoch
        await clock.advance(60)
        streams[0].write(DATA)
        cut = await evidence(it, Sign.CUT)

    assert (1, "given up for its successor") == (cut.epoch, cut.detail)


def other_name(authority: Authority) -> ssl.SSLContext:
    """What a server of another name shows."""
    return authority.context("doppler.example")


def expired(authority: Authority) -> ssl.SSLContext:
    """What a server shows that nobody looked after."""
    return authority.context(expired=True)


@pytest.mark.parametrize(
    ("context", "words"),
    [
        (other_name, "its certificate does not carry the name 127.0.0.1; give it by"),
        (expired, "its certificate has expired"),
    ],
)
async def test_certificates_are_looked_at(
    authority: Authority, context: Callable[[Authority], ssl.SSLContext], words: str
) -> None:
    """A server that shows a wrong certificate is not read from, and why is told."""
    shown = context(authority)
    async with (
        serving(authority, saying(CHUNKED), shown) as door,
        odd_reader(door) as it,
    ):
        cut = await evidence(it, Sign.CUT)

    assert words in cut.detail


async def test_certificate_of_another_authority(
    authority: Authority, tmp_path: Path
) -> None:
    """A server whose authority we were not given is not read from."""
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    async with serving(authority, saying(CHUNKED)) as door:
        door.ca_file = other.ca_file
        async with odd_reader(door) as it:
            cut = await evidence(it, Sign.CUT)

    assert (
        f"its certificate is not one that {other.ca_file} vouches for; give the "
        "ca_file of its CA" in cut.detail
    )


async def test_missing_authority_is_a_cut(authority: Authority) -> None:
    """A file that is gone when it is needed does not end the reader."""
    async with serving(authority, saying(CHUNKED)) as door:
        door.ca_file = "/nowhere/ca"
        async with odd_reader(door) as it:
            cut = await evidence(it, Sign.CUT)

    assert "cannot read certificates from the file /nowhere/ca: No such file" in (
        cut.detail
    )


@pytest.mark.parametrize("by", ["option", "HTTPS_PROXY", "https_proxy"])
async def test_proxy_on_the_way(
    authority: Authority, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy that is given, or that the environment names, is gone through."""
    asked: list[bytes] = []
    async with (
        serving(authority, saying(CHUNKED, DATA)) as door,
        tunnelling(asked) as url,
    ):
        if by != "option":
            monkeypatch.setenv(by, url)
        async with odd_reader(door, proxy=url if by == "option" else None) as it:
            await arrived(it)

    assert f"CONNECT {door.url[8:]} HTTP/1.1" == asked[0].decode().split("\r\n")[0]


async def test_proxy_is_not_gone_through_against_the_environment(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hosts that the environment excepts are connected to straight."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with (
        serving(authority, saying(CHUNKED, DATA)) as door,
        odd_reader(door) as it,
    ):
        await arrived(it)


async def test_proxy_that_will_not(authority: Authority) -> None:
    """A proxy that refuses is named, without the password in its URL."""
    refusal = saying(answer("407 Proxy Authentication Required"))
    async with serving(authority, refusal, None) as door:
        proxy = door.url.replace("https://", "https://me:pssst@")
        async with odd_reader(door, proxy=proxy) as it:
            cut = await evidence(it, Sign.CUT)

    assert "pssst" not in cut.detail
    assert "by way of the proxy at 127.0.0.1" in cut.detail
