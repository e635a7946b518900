"""The traffic controller as a nozzle meets it: a websocket, a token, dropsonde."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest
from websockets.exceptions import InvalidStatus

from prober.pipeline.stack import ReferenceStack
from prober.rpc.dropsonde import events_pb2 as v1
from prober.rpc.loggregator_v2.envelope_pb2 import (
    Counter,
    Envelope,
    Event,
    Gauge,
    GaugeValue,
    Log,
    Timer,
)
from prober.testing import ManualClock, settle
from tests.pipeline.clients import (
    FIREHOSE,
    Consumer,
    agent_of,
    consuming,
    logs,
    router_of,
    send_all,
    until,
)
from tests.pipeline.clients import subscriptions as subscribed
from tests.pipeline.door_clients import (
    APP,
    GUID,
    Firehose,
    bearer,
    firehose_of,
    http,
    open_stack,
    socket_to,
    token,
    trusting,
)
from tests.pipeline.test_stack import ROOMY

QUIET = dataclasses.replace(
    ROOMY, router_metrics=36e3, agent_metrics=36e3, rlp_metrics=36e3
)
"""Without the components' own metrics between the envelopes that a test sends."""
SLOW = "Traffic Controller has disconnected slow consumer"


async def refused(
    stack: ReferenceStack, path: str, headers: dict[str, str]
) -> tuple[int, str, str | None]:
    """Status, body and challenge of an answer that opens no websocket."""
    with pytest.raises(InvalidStatus) as caught:
        async with socket_to(stack, path, headers):
            pass
    response = caught.value.response
    challenge = response.headers.get("WWW-Authenticate")
    return response.status_code, (response.body or b"").decode(), challenge


def numbered(consumer: Firehose) -> list[int]:
    """The numbers of the logs that came."""
    return [e.timestamp for e in consumer.envelopes if e.HasField("logMessage")]


# What comes, and to whom.


async def test_every_envelope_is_a_frame_of_version_1() -> None:
    """What version 1 can carry comes, converted; the router counts what it converts."""
    envelopes = [
        Envelope(source_id="s", log=Log(payload=b"text")),
        Envelope(source_id="s", counter=Counter(name="c", delta=3)),
        Envelope(source_id="s", gauge=Gauge(metrics={n: GaugeValue() for n in "abc"})),
        Envelope(source_id="s", event=Event(title="t")),
        Envelope(source_id="s", timer=Timer(name="t")),
        Envelope(source_id="s", log=Log()),
    ]
    async with (
        open_stack("firehose", profile=QUIET) as stack,
        firehose_of(stack) as consumer,
        agent_of(stack) as agent,
    ):
        await until(lambda: subscribed(stack) == [1])
        await send_all(agent, envelopes)
        await until(lambda: len(consumer.envelopes) == 5)
        parts = stack.statistics().components

    kinds = [v1.Envelope.EventType.Name(e.eventType) for e in consumer.envelopes]
    assert ["CounterEvent", "LogMessage", *["ValueMetric"] * 3] == sorted(kinds)
    assert ("reference", "agent") == (
        consumer.envelopes[0].deployment,
        consumer.envelopes[0].job,
    )
    # A gauge of three counts three, an event none; what is then lost counts, too.
    assert ("router 1", 7) == (parts[1].component, parts[1].ingress)
    assert ("traffic controller", 5, 5) == (
        parts[-1].component,
        parts[-1].ingress,
        parts[-1].egress,
    )


async def test_ten_thousand_pass() -> None:
    """Where there is room, every one of them, through both of two routers."""
    async with (
        open_stack("firehose", profile=QUIET, routers=2) as stack,
        firehose_of(stack) as consumer,
        agent_of(stack) as agent,
    ):
        await until(lambda: subscribed(stack) == [1, 1])
        await send_all(agent, logs(range(10_000), payload=b"x"))
        await until(lambda: len(consumer.envelopes) >= 10_000)
        drops = {each.dropped for each in stack.drops()}
        names = [each.buffer for each in stack.statistics().buffers]

    assert list(range(10_000)) == sorted(consumer.numbers)
    assert {0} == drops
    assert "router 1 v1 ingress" in names
    assert "router 2 v1 egress" in names


async def test_a_subscriptions_ring_drops_whole_laps() -> None:
    """The ring of version 1 is one of 1,000, and its drops are the router's."""
    clock = ManualClock()
    profile = dataclasses.replace(QUIET, v1_buffer=1000, v1_idle=0.01)
    async with (
        open_stack("firehose", profile=profile, clock=clock) as stack,
        firehose_of(stack) as consumer,
        router_of(stack) as (ingress, _),
    ):
        await until(lambda: subscribed(stack) == [1], clock)
        await send_all(ingress, logs(range(1001), payload=b"x"))
        await until(lambda: bool(consumer.envelopes), clock)
        [lost] = [each for each in stack.drops() if each.dropped]
        router = stack.statistics().components[1]

    assert [1000] == consumer.numbers
    assert ("router 1 v1 egress", 1000, 1000) == (lost.buffer, lost.dropped, lost.ring)
    assert 1000 == router.dropped_egress


async def test_one_id_is_shared_and_a_filter_makes_another() -> None:
    """Two of a shard share; the same id with a filter gets its own copy."""
    envelopes = [
        *logs(range(200), payload=b"x"),
        *(Envelope(timestamp=n, counter=Counter(name="c")) for n in range(50)),
    ]
    async with (
        open_stack("firehose", profile=QUIET) as stack,
        firehose_of(stack, "/firehose/a") as first,
        firehose_of(stack, "/firehose/a") as second,
        firehose_of(stack, "/firehose/a?filter-type=logs") as of_logs,
        firehose_of(stack, "/firehose/a?filter-type=metrics") as of_metrics,
        firehose_of(stack, "/firehose/b?filter-type=other") as alone,
        agent_of(stack) as agent,
    ):
        await until(lambda: subscribed(stack) == [5])
        await send_all(agent, envelopes)
        await until(lambda: len(alone.envelopes) == 250)
        await until(lambda: len(first.envelopes) + len(second.envelopes) == 250)
        await until(lambda: len(of_logs.envelopes) == 200)
        await until(lambda: len(of_metrics.envelopes) == 50)

    assert list(range(200)) == sorted(numbered(first) + numbered(second))
    assert numbered(first)
    assert numbered(second)
    assert list(range(200)) == sorted(numbered(of_logs))
    assert [] == numbered(of_metrics)


async def test_shards_of_both_versions_are_separate_worlds() -> None:
    """A v1 consumer and a v2 consumer of the same id each get everything."""
    async with (
        open_stack("firehose", profile=QUIET) as stack,
        consuming(stack, shard_id="same") as new,
        firehose_of(stack, "/firehose/same") as old,
        agent_of(stack) as agent,
    ):
        await until(lambda: subscribed(stack) == [2])
        await send_all(agent, logs(range(100), payload=b"x"))
        await until(lambda: len(old.envelopes) == len(new.envelopes) == 100)


async def test_an_apps_stream_is_its_own() -> None:
    """Only its envelopes come, and every consumer of it gets them all."""
    async with (
        open_stack("firehose", profile=QUIET) as stack,
        firehose_of(
            stack, f"/apps/{GUID}/stream", await token(stack, (APP, "app"))
        ) as consumer,
        agent_of(stack) as agent,
    ):
        await until(lambda: subscribed(stack) == [1])
        others = logs(range(5), payload=b"x")
        await send_all(agent, others + logs([7], payload=b"x", source_id=GUID))
        await until(lambda: consumer.numbers == [7])


# Who may come in.


@pytest.mark.parametrize(
    ("who", "prefix", "flaw"),
    [
        (None, None, "authorization not provided"),
        (None, "Bearer ", "invalid authorization"),
        (None, "bearer made-up", "invalid authorization"),
        (("admin", "admin"), "bearer ", "invalid authorization"),
        ((APP, "app"), "bearer ", "invalid authorization"),
    ],
)
async def test_the_firehose_wants_its_scope(
    who: tuple[str, str] | None, prefix: str | None, flaw: str
) -> None:
    """`logs.admin` is not enough, nor is `Bearer`; 401 says what is wrong."""
    async with open_stack("firehose") as stack:
        text = await token(stack, who)
        headers = {} if prefix is None else {"Authorization": f"{prefix}{text}"}
        answer = await refused(stack, "/firehose/x", headers)

    assert (401, f"You are not authorized. {flaw}", "Basic") == answer


async def test_the_firehose_is_shut_while_the_uaa_is_away() -> None:
    """The same 401; and an expired token, too."""
    clock = ManualClock()
    profile = dataclasses.replace(QUIET, token_life=60.0, pong_timeout=36e3)
    async with open_stack("firehose", profile=profile, clock=clock) as stack:
        headers = bearer(await token(stack))
        async with firehose_of(stack) as consumer:
            await clock.advance(60)
            expired = await refused(stack, "/firehose/x", headers)
            await stack.kill_door("uaa")
            away = await refused(stack, "/firehose/x", headers)
            assert consumer.closed is None

    flaw = "You are not authorized. invalid authorization"
    assert (401, flaw, "Basic") == expired == away


@pytest.mark.parametrize("form", ["bare", "cookie"])
async def test_a_token_may_be_bare_or_in_a_cookie(form: str) -> None:
    """The cookie is called `authorization`, and is escaped as in a URL."""
    async with open_stack("firehose") as stack:
        text = await token(stack)
        cookie = f"a=b; authorization={quote('bearer ' + text)}"
        headers = {"Authorization": text} if form == "bare" else {"Cookie": cookie}
        async with socket_to(stack, "/firehose/x", headers) as socket:
            assert socket.response
            assert 101 == socket.response.status_code


@pytest.mark.parametrize(
    ("who", "path", "status", "challenge"),
    [
        (None, "/apps/no-guid/stream", 401, None),
        (None, f"/apps/{GUID}/stream", 404, None),  # an admin has to be allowed, too
        ((APP, "app"), f"/apps/{GUID[:-1]}0/stream", 404, None),
        (("nobody", "none"), f"/apps/{GUID}/stream", 401, "Basic"),
        (None, "/firehose/", 404, None),
        (None, "/firehose/x/y", 404, None),
        (None, f"/apps/{GUID}/recentlogs", 404, None),
        (None, "/", 404, None),
    ],
)
async def test_other_ways_are_shut(
    who: tuple[str, str] | None, path: str, status: int, challenge: str | None
) -> None:
    """An app is read by who may read it; what is gone is not found."""
    async with open_stack("firehose") as stack:
        known = who is None or who[0] == APP
        text = await token(stack, who) if known else "made-up"
        found, _, asked_for = await refused(stack, path, bearer(text))

    assert (status, challenge) == (found, asked_for)


async def test_one_subscription_too_many_is_refused() -> None:
    """503, until a place is free."""
    profile = dataclasses.replace(QUIET, max_subscriptions=1)
    async with open_stack("firehose", profile=profile) as stack:
        headers = bearer(await token(stack))
        async with firehose_of(stack):
            assert (503, "", None) == await refused(stack, "/firehose/x", headers)
        await until(lambda: stack.statistics().components[-1].subscriptions == 0)
        async with firehose_of(stack):
            pass


async def test_what_is_no_websocket_is_a_bad_request() -> None:
    """400, after the token was looked at."""
    async with open_stack("firehose") as stack, http(stack) as client:
        url = f"{stack.firehose_url.replace('wss', 'https')}/firehose/x"
        answer = await client.get(url, headers=bearer(await token(stack)))
        without = await client.get(url)

    assert (400, "Bad Request\n") == (answer.status_code, answer.text)
    assert 401 == without.status_code


async def test_a_handshake_that_does_not_come_is_hung_up() -> None:
    """The request has 2 s; then the connection ends without a word."""
    clock = ManualClock()
    async with open_stack("firehose", clock=clock) as stack:
        reader, writer = await dialled(stack)
        reading = asyncio.ensure_future(reader.read())
        await until(reading.done, clock)
        writer.close()

    assert b"" == reading.result()


# How it ends.


async def test_a_consumer_that_says_goodbye_is_let_go() -> None:
    """Its close frame is answered, and its place is free."""
    async with open_stack("firehose") as stack:
        async with firehose_of(stack) as consumer:
            await until(lambda: subscribed(stack) == [1])
            await consumer.socket.send("ignored")
            await consumer.socket.close(1000)
        await until(lambda: subscribed(stack) == [0])
        await until(lambda: stack.statistics().components[-1].subscriptions == 0)

    assert consumer.closed
    assert consumer.closed.rcvd
    assert 1000 == consumer.closed.rcvd.code


async def test_a_consumer_may_leave_in_the_middle_of_things() -> None:
    """Whoever closes or vanishes while much comes disturbs nobody else."""
    async with (
        open_stack("firehose", profile=QUIET) as stack,
        firehose_of(stack, "/firehose/stays") as stays,
        agent_of(stack) as agent,
    ):
        await until(lambda: subscribed(stack) == [1])
        for number in range(10):
            async with firehose_of(stack, f"/firehose/{number}") as leaves:
                await until(lambda: subscribed(stack) == [2])
                first = 200 * number
                await send_all(agent, logs(range(first, first + 200), payload=b"x"))
                await until(lambda: bool(leaves.envelopes))
                if number % 2:
                    leaves.socket.transport.abort()
            await until(lambda: subscribed(stack) == [1])
        await until(lambda: len(stays.envelopes) == 2000)


async def test_a_controller_that_is_killed_says_nothing() -> None:
    """The connection is cut without a close frame: 1006. On its port it comes back."""
    async with open_stack("firehose") as stack:
        async with firehose_of(stack) as consumer:
            await until(lambda: subscribed(stack) == [1])
            await stack.kill_door("firehose")
            await until(lambda: consumer.closed is not None)
        await until(lambda: subscribed(stack) == [0])
        await stack.start_door("firehose")
        async with firehose_of(stack):
            await until(lambda: subscribed(stack) == [1])

    assert consumer.closed
    assert consumer.closed.rcvd is None


async def test_a_router_that_dies_is_not_told() -> None:
    """The websocket stays, and goes on when the router is back."""
    async with (
        open_stack("firehose", profile=QUIET) as stack,
        firehose_of(stack) as consumer,
    ):
        await until(lambda: subscribed(stack) == [1])
        await stack.kill_router(0)
        await stack.start_router(0)
        await until(lambda: subscribed(stack) == [1])
        async with router_of(stack) as (ingress, _):
            await send_all(ingress, logs([1], payload=b"x"))
            await until(lambda: consumer.numbers == [1])

        assert consumer.closed is None


async def dialled(
    stack: ReferenceStack,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the traffic controller."""
    host, port = stack.firehose_url.removeprefix("wss://").split(":")
    return await asyncio.open_connection(host, int(port), ssl=trusting(stack))


@asynccontextmanager
async def raw_consumer(
    stack: ReferenceStack,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A websocket by hand, which answers nothing by itself."""
    reader, writer = await dialled(stack)
    lines = [
        "GET /firehose/raw HTTP/1.1",
        "Host: x",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        f"Authorization: bearer {await token(stack)}",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"extensions" not in head.lower()
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


PING, PONG = b"\x89\x00", b"\x8a\x80AAAA"


async def test_a_consumer_is_asked_whether_it_lives() -> None:
    """A ping at once and 15 s after each pong; without a pong, 1008 after 30 s."""
    clock = ManualClock()
    async with (
        open_stack("firehose", profile=QUIET, clock=clock) as stack,
        raw_consumer(stack) as (reader, writer),
    ):
        assert PING == await reader.readexactly(2)
        waiting = clock.sleepers
        writer.write(PONG)
        await until(lambda: clock.sleepers <= waiting)
        await clock.advance(0)
        reading = asyncio.ensure_future(reader.readexactly(2))
        await until(reading.done, clock)
        assert PING == reading.result()
        assert 15 <= (clock.now_ns() - ManualClock().now_ns()) / 1e9 < 16
        rest = asyncio.ensure_future(reader.read())
        await clock.advance(29)
        assert not rest.done()
        await until(rest.done, clock)

    reason = "Client did not respond to ping before keep-alive timeout expired."
    frame = bytes([0x88, 2 + len(reason)]) + (1008).to_bytes(2, "big")
    assert frame + reason.encode() == rest.result()


async def stuck(stack: ReferenceStack) -> None:
    """Return when the traffic controller can write no more."""
    before = -1
    while before != (now := stack.statistics().components[-1].egress):
        before = now
        for _ in range(100):
            await settle()


def told(consumer: Consumer) -> list[Envelope]:
    """The events that came."""
    return [each for each in consumer.envelopes if each.HasField("event")]


def slow_counts(consumer: Consumer) -> list[int]:
    """The totals of the counter of slow consumers."""
    name = "doppler_proxy.slow_consumer"
    return [e.counter.total for e in consumer.envelopes if e.counter.name == name]


@pytest.mark.parametrize("reads_in_time", [True, False])
async def test_a_slow_consumer_is_given_up(reads_in_time: bool) -> None:  # noqa: FBT001 - both
    """After 5 s an event tells of it; read by 6 s and it ends with 1000, else cut."""
    clock = ManualClock()
    async with (
        open_stack("firehose", profile=QUIET, clock=clock) as stack,
        consuming(stack, FIREHOSE) as other,
        raw_consumer(stack) as (reader, writer),
        router_of(stack) as (ingress, _),
    ):
        await until(lambda: subscribed(stack) == [2], clock)
        address = "{}:{}".format(*writer.get_extra_info("sockname")[:2])
        # More than sockets hold; the clock stands still meanwhile.
        for start in range(0, 340, 20):
            large = logs(range(start, start + 20), payload=bytes(60_000))
            await send_all(ingress, large)
        await until(lambda: len(other.envelopes) == 340)
        await stuck(stack)
        await clock.advance(4.9)
        assert [] == told(other)
        await clock.advance(0.2)
        await until(lambda: bool(told(other)))
        if not reads_in_time:
            await clock.advance(1)
        data = asyncio.ensure_future(read_to_end(reader))
        await until(data.done)
        await clock.advance(60)
        await until(lambda: bool(slow_counts(other)), clock)

    [event] = told(other)
    assert event.source_id == "traffic_controller"
    assert "origin" not in event.tags
    assert event.event.title == SLOW
    assert event.event.body.startswith(
        f"Remote Address: {address}\nX-Forwarded-For: \nPath: /firehose/raw\n"
    )
    assert [1] == slow_counts(other)
    assert data.result().endswith(b"\x88\x02\x03\xe8") == reads_in_time


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """The last bytes before a connection ends, however it does."""
    last = b""
    try:
        while data := await reader.read(1 << 16):
            last = (last + data)[-100:]
    except OSError:
        pass
    return last


async def test_it_tells_its_metrics() -> None:
    """Counters and gauges of the real one, every minute, under its own name."""
    clock = ManualClock()
    # The clock runs ahead of the network: no pong would come in time.
    profile = dataclasses.replace(QUIET, pong_timeout=36e3)
    async with (
        open_stack("firehose", profile=profile, clock=clock) as stack,
        consuming(stack, FIREHOSE) as other,
        firehose_of(stack) as consumer,
        agent_of(stack) as agent,
    ):
        await until(lambda: subscribed(stack) == [2])
        await send_all(agent, logs(range(4), payload=b"x"))
        await until(lambda: len(consumer.envelopes) == len(other.envelopes) == 4)
        other.envelopes.clear()
        await clock.advance(60)
        await until(lambda: len(other.envelopes) >= 6, clock)

    metrics = [e for e in other.envelopes if e.source_id == "traffic_controller"]
    counters = {
        (e.counter.name, e.tags.get("endpoint", e.tags.get("protocol"))): (
            e.counter.delta,
            e.counter.total,
        )
        for e in metrics
        if e.HasField("counter")
    }
    gauges = {
        name: (value.value, value.unit)
        for e in metrics
        for name, value in e.gauge.metrics.items()
    }
    assert counters == {
        ("ingress", "grpc"): (4, 4),
        ("egress", "firehose"): (4, 4),
        ("egress", "stream"): (0, 0),
        ("doppler_proxy.slow_consumer", None): (0, 0),
    }
    assert gauges == {
        "doppler_proxy.firehoses": (1, "connections"),
        "doppler_proxy.app_streams": (0, "connections"),
    }
    assert {"loggregator.trafficcontroller"} == {e.tags["origin"] for e in metrics}
