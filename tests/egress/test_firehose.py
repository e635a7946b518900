"""The reader of the v1 Firehose: against the stack's own end, and odd ones."""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from prober.egress import connection, firehose, platform
from prober.egress.firehose import FirehoseReader
from prober.egress.https import Server
from prober.egress.rlp import RlpReader
from prober.egress.tokens import FixedToken, Tokens
from prober.ingress.envelopes import Encoder
from prober.ledger.platform import SlowConsumer
from prober.pipeline.profile import PROFILES
from prober.pipeline.stack import ReferenceStack
from prober.records import Arrival, Evidence, Kind, Sign, Span
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch, Log
from tests.egress.doors import Authority, answer, saying, serving, tunnelling
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
from tests.egress.test_rlp_gateway import uaa_tokens

V1 = (Kind.LOG, Kind.COUNTER, Kind.GAUGE)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whoever signs the certificates of the odd servers."""
    return Authority(tmp_path)


@asynccontextmanager
async def with_firehose(**changes: float) -> AsyncIterator[ReferenceStack]:
    """A stack with a traffic controller, and some things in it as they are here."""
    profile = dataclasses.replace(PROFILES["loggregator"], **changes)  # type: ignore[arg-type]
    async with ReferenceStack(profile=profile, doors=["firehose"]) as stack:
        yield stack


def reader(
    stack: ReferenceStack,
    client: tuple[str, str] | None = None,
    tokens: Tokens | None = None,
    **more: float,
) -> FirehoseReader:
    """A reader of the whole Firehose at the stack's traffic controller."""
    ca_file = stack.client_tls("").ca_file
    tokens = tokens or uaa_tokens(stack, client)
    url = stack.firehose_url.replace("https:", "wss:")
    server = Server(peer="traffic controller", url=url, ca_file=ca_file)
    return FirehoseReader(
        server, tokens, CLOCK, shard_id=lambda epoch: f"test-{epoch}", rng=None, **more
    )


def odd_reader(
    url: str, authority: Authority, proxy: str | None = None, **more: float
) -> FirehoseReader:
    """A reader at an odd server."""
    server = Server(
        peer="traffic controller", url=url, ca_file=authority.ca_file, proxy=proxy
    )
    token = FixedToken(lambda: "t0ken", "option", CLOCK)
    return FirehoseReader(
        server, token, CLOCK, shard_id=lambda epoch: f"te/st {epoch}", rng=None, **more
    )


@asynccontextmanager
async def websocket(
    authority: Authority, handle: Callable[[ServerConnection], Awaitable[None]]
) -> AsyncIterator[str]:
    """Serve websockets that something is done to; yields their URL."""
    server = serve(handle, "127.0.0.1", 0, ssl=authority.context(), close_timeout=0.1)
    async with server as serving_:
        yield f"wss://127.0.0.1:{serving_.sockets[0].getsockname()[1]}"


async def cut_by(
    authority: Authority,
    handle: Callable[[ServerConnection], Awaitable[None]],
    **more: float,
) -> str:
    """Return the words for what was done to a websocket."""
    async with (
        websocket(authority, handle) as url,
        odd_reader(url, authority, None, **more) as it,
    ):
        return (await evidence(it, Sign.CUT)).detail.replace(url[6:], "HERE")


# Against the stack.


async def test_what_version_1_carries_comes_back_intact() -> None:
    """Logs, counters and gauges are found with their content as it was sent."""
    mixed = plan(200, V1)
    async with with_firehose() as stack, reader(stack) as it, writing(stack) as writer:
        arrival = await primed(it, writer)
        span = Span(first=0, count=100)
        encoder = Encoder(RUN, mixed)
        await writer.write(encoder.messages(span, 0, CLOCK.now_ns()), span)
        total = await found(it, mixed, 100)

    assert 1 == arrival.epoch
    assert [] == total.damaged
    assert list(range(100)) == sorted(total.sequences)


async def test_kinds_that_are_expected_are_those_that_come() -> None:
    """Of all kinds, exactly those come out that the reader says can."""
    mixed = plan(100, tuple(Kind))
    async with with_firehose() as stack, reader(stack) as it, writing(stack) as writer:
        await primed(it, writer)
        span = Span(first=0, count=100)
        await writer.write(Encoder(RUN, mixed).messages(span, 0, CLOCK.now_ns()), span)
        kinds = [mixed.kind_of(sequence) for sequence in range(100)]
        can = [number for number, kind in enumerate(kinds) if it.expects(kind)]
        total = await found(it, mixed, len(can))

    assert set(V1) == {kinds[number] for number in can}
    assert can == sorted(total.sequences)


async def test_frames_are_handed_up_in_groups() -> None:
    """What was read at once makes one arrival of many frames."""
    known = plan(100)
    async with with_firehose() as stack, reader(stack) as it, writing(stack) as writer:
        await primed(it, writer)
        span = Span(first=0, count=100)
        await writer.write(Encoder(RUN, known).messages(span, 0, CLOCK.now_ns()), span)
        sizes = [0]
        while sum(sizes) < 100:
            sizes.append(len((await arrived(it)).batches))

    assert max(sizes) > 10


async def test_pings_are_answered_and_make_heartbeats() -> None:
    """A quiet stream lives on by pings, its own and ours."""
    async with (
        with_firehose(ping_interval=0.05, pong_timeout=0.2) as stack,
        reader(stack, beat=0.05) as it,
    ):
        beats: list[Arrival | Evidence] = []
        while len(beats) < 10:
            beats += await it.receive()

    told = [item.sign for item in beats if isinstance(item, Evidence)]
    assert {Sign.CONNECTED, Sign.HEARTBEAT} == set(told)


async def test_admin_of_logs_is_not_enough() -> None:
    """Who may not read is told so, with the command that mends it."""
    async with with_firehose() as stack:
        await stack.add_client("nozzle", "pssst", scopes=["logs.admin"])
        async with reader(stack, ("nozzle", "pssst")) as it:
            cut = await evidence(it, Sign.CUT)
        where = stack.firehose_url.rpartition("/")[2]

    assert (
        f"the traffic controller at {where} refused: 401: it says so to every token "
        "that it does not take, be it expired, without the scope (logs.admin is not "
        "enough here), or while the UAA is away: the client nozzle (its token has "
        "logs.admin) needs doppler.firehose: uaac client update nozzle --authorities "
        '"doppler.firehose,logs.admin"' == cut.detail
    )


async def test_traffic_controller_killed_and_back() -> None:
    """A traffic controller that dies is told as such; back again, it is read on."""
    async with with_firehose() as stack, reader(stack) as it, writing(stack) as writer:
        await primed(it, writer)
        await stack.kill_door("firehose")
        cut = await evidence(it, Sign.CUT)
        refused = await evidence(it, Sign.CUT)
        await stack.start_door("firehose")
        arrival = await primed(it, writer)

    assert "went away without a word (1006)" in cut.detail
    assert "nothing listens there" in refused.detail
    assert arrival.epoch > 2


async def slow_one(source: RlpReader) -> SlowConsumer:
    """Read until the traffic controller tells of a consumer that was too slow."""
    while True:
        for told in platform.readings(await arrived(source)):
            if isinstance(told, SlowConsumer):
                return told


async def test_slow_consumer_is_told_that_it_was_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reader that is emptied too slowly is cut off, and is told of by its shard."""
    monkeypatch.setattr(connection, "QUEUE_BYTES", 1)
    large = Envelope(source_id="prober", log=Log(payload=b"x" * 50_000))
    batch = EnvelopeBatch(batch=[large] * 20).SerializeToString()
    async with (
        with_firehose(slow_consumer=0.2, write_timeout=20) as stack,
        RlpReader(
            stack.rlp_address,
            stack.client_tls("reverselogproxy"),
            CLOCK,
            source_id=None,
            kinds=[],
            shard_id=lambda _: "watching",
            ask=platform.request,
        ) as watching,
        reader(stack) as it,
        writing(stack) as writer,
    ):
        await primed(it, writer)
        told = asyncio.ensure_future(slow_one(watching))
        while not told.done():  # fills what lies between, and waits no more
            await writer.write(batch, None)
            await CLOCK.sleep(0.01)
        cut = await evidence(it, Sign.CUT)

    assert "test-1" == told.result().shard_id
    assert "cut us off as a slow consumer (1000)" in cut.detail


async def test_leaving_does_not_wait() -> None:
    """A reader that waited for its peer to say farewell would never be closed."""
    async with with_firehose() as stack:
        async with reader(stack) as it, writing(stack) as writer:
            await primed(it, writer)
        assert it._supervisor.done()


# Against odd servers.


async def closed_as_slow(socket: ServerConnection) -> None:
    """Say farewell as to a slow consumer."""
    await socket.close(1000)


async def closed_for_silence(socket: ServerConnection) -> None:
    """Say farewell as to who answers no pings."""
    words = "Client did not respond to ping before keep-alive timeout expired."
    await socket.close(1008, words)


async def closed_for_more(socket: ServerConnection) -> None:
    """Say farewell with an unusual code."""
    await socket.close(1012)


async def cut_off(socket: ServerConnection) -> None:
    """Say nothing."""
    socket.transport.abort()


async def boundless(socket: ServerConnection) -> None:
    """Send a frame beyond any sense."""
    with contextlib.suppress(ConnectionClosed):
        await socket.send(bytes(firehose.MAX_FRAME_BYTES + 1))
    await socket.wait_closed()


async def deaf(socket: ServerConnection) -> None:
    """Listen to nothing, and so answer no ping."""
    socket.transport.pause_reading()
    await socket.wait_closed()


@pytest.mark.parametrize(
    ("handle", "words"),
    [
        (
            closed_as_slow,
            "the traffic controller at HERE cut us off as a slow consumer",
        ),
        (closed_for_silence, "(1008): its pings were not answered for 30 s"),
        (
            closed_for_more,
            "the traffic controller at HERE closed the connection (1012)",
        ),
        (cut_off, "the traffic controller at HERE went away without a word (1006)"),
    ],
)
async def test_closings_are_told_apart(
    authority: Authority,
    handle: Callable[[ServerConnection], Awaitable[None]],
    words: str,
) -> None:
    """Each way to be cut off has words of its own; none of them is a normal end."""
    assert words in await cut_by(authority, handle)


async def test_frame_without_an_end(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is larger than any message is not taken in, and said to be so."""
    monkeypatch.setattr(firehose, "MAX_FRAME_BYTES", 1_000)

    assert "sent a frame without an end" in await cut_by(authority, boundless)


async def test_silence_is_not_waited_out(authority: Authority) -> None:
    """Who answers no ping, and sends nothing, is dead."""
    cut = await cut_by(authority, deaf, beat=0.05, silence=0.1)

    assert "not even an answer to a ping: the connection is dead" in cut


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (answer("400 Bad Request"), "refused: 400: it takes us for something else"),
        (
            answer("404 Not Found", b"", "X-Cf-Routererror: unknown_route"),
            "refused: 404: the platform's router found nothing there",
        ),
        (answer("503 No"), "refused: 503: it has too many subscriptions"),
        (answer("401 No"), "the token of the option needs the scope doppler.firehose"),
        (answer("302 Found", b"", "Location: wss://127.0.0.1:1/x"), "refused: 302: is"),
        (b"", "it hung up without an answer"),
    ],
)
async def test_refusals_are_told_apart(
    authority: Authority, raw: bytes, words: str
) -> None:
    """Each way in which there is no websocket has words of its own."""
    async with serving(authority, saying(raw)) as door:
        url = door.url.replace("https", "wss")
        async with odd_reader(url, authority) as it:
            cut = await evidence(it, Sign.CUT)

    assert words in cut.detail


async def test_request_as_a_traffic_controller_wants_it(authority: Authority) -> None:
    """The shard stands in the path, the scheme in lower case; nothing is compressed."""
    async with serving(authority, saying(answer("503 No"))) as door:
        url = door.url.replace("https", "wss")
        async with odd_reader(url, authority) as it:
            await evidence(it, Sign.CUT)

    line, *headers = door.heads[0].decode().split("\r\n")
    names = {header.partition(":")[0] for header in headers}
    assert "GET /firehose/te%2Fst%201 HTTP/1.1" == line
    assert "Authorization: bearer t0ken" in headers
    assert "Sec-WebSocket-Extensions" not in names


async def test_certificate_of_another_authority(
    authority: Authority, tmp_path: Path
) -> None:
    """A server whose authority we were not given is not read from."""
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    async with websocket(authority, cut_off) as url, odd_reader(url, other) as it:
        cut = await evidence(it, Sign.CUT)

    assert f"its certificate is not one that {other.ca_file} vouches" in cut.detail


async def test_proxy_on_the_way(authority: Authority) -> None:
    """The proxy that is given is gone through."""
    asked: list[bytes] = []
    async with (
        websocket(authority, closed_as_slow) as url,
        tunnelling(asked) as proxy,
        odd_reader(url, authority, proxy) as it,
    ):
        await evidence(it, Sign.CUT)

    assert f"CONNECT {url[6:]} HTTP/1.1" == asked[0].decode().split("\r\n")[0]


async def test_neither_token_nor_payload_is_logged(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """Even who looks at everything that libraries log, sees no secret."""

    async def talkative(socket: ServerConnection) -> None:
        await socket.send(b"Pa$$w0rd")
        await socket.close(1000)

    with caplog.at_level(logging.DEBUG):
        await cut_by(authority, talkative)

    ours = [record for record in caplog.records if "server" not in record.name]
    text = "\n".join(record.getMessage() for record in ours)
    assert "t0ken" not in text
    assert "Pa$$w0rd" not in text
