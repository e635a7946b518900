"""The RLP gateway as a nozzle meets it: over TLS, in HTTP/1.1, with a token."""

import asyncio
import dataclasses
import json

import httpx
import pytest
from google.protobuf import json_format

from prober.pipeline import query
from prober.pipeline.profile import Profile
from prober.pipeline.stack import ReferenceStack
from prober.rpc.loggregator_v2.egress_pb2 import (
    CounterSelector,
    EventSelector,
    GaugeSelector,
    LogSelector,
    Selector,
    TimerSelector,
)
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch
from prober.testing import ManualClock
from tests.pipeline.clients import agent_of, consuming, logs, send_all, until
from tests.pipeline.clients import subscriptions as subscribed
from tests.pipeline.door_clients import (
    APP,
    GUID,
    Events,
    bearer,
    gateway_of,
    http,
    open_stack,
    token,
    trusting,
)
from tests.pipeline.test_stack import ROOMY

LIMITED = dataclasses.replace(ROOMY, max_egress_streams=0)
NOT_FOUND = '{"message":"resource not found","error":"not_found"}\n\n'


def batches(events: Events) -> list[list[Envelope]]:
    """What the gateway sent, decoded as any reader of protojson would."""
    found = [json_format.Parse(each, EnvelopeBatch()) for each in events.data]
    return [list(batch.batch) for batch in found]


def numbers(events: Events) -> list[int]:
    """The logs' timestamps, as they came."""
    return [each.timestamp for batch in batches(events) for each in batch]


async def get(
    stack: ReferenceStack,
    path: str = "/v2/read?log",
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """An answer that has an end."""
    async with http(stack) as client:
        url = f"{stack.gateway_url}{path}"
        return await client.request(method, url, headers=headers, timeout=10)


async def test_batches_come_as_events() -> None:
    """One frame for each of the RLP's, with every field told; the headers are SSE's."""
    async with (
        open_stack("gateway") as stack,
        gateway_of(stack, "log&source_id=prober") as events,
        agent_of(stack) as agent,
    ):
        await until(lambda: subscribed(stack) == [1])
        await send_all(agent, logs(range(300), payload=b"\xff"))
        await until(lambda: len(numbers(events)) == 300)
        headers = events.response.headers
        [first, *_] = events.data
        counted = stack.statistics().components[-1]

    assert list(range(300)) == sorted(numbers(events))
    assert (200, "text/event-stream") == (
        events.response.status_code,
        headers["content-type"],
    )
    assert ("no-cache", "chunked") == (
        headers["cache-control"],
        headers["transfer-encoding"],
    )
    assert json.loads(first)["batch"][0] == {
        "timestamp": str(numbers(events)[0]),
        "source_id": "prober",
        "instance_id": "0",
        "deprecated_tags": {},
        "tags": {
            "deployment": "reference",
            "job": "agent",
            "index": "0",
            "ip": "127.0.0.1",
        },
        "log": {"payload": "/w==", "type": "OUT"},
    }
    assert ("gateway", 300) == (counted.component, counted.egress)


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/v2/read", 400, ("query cannot be empty", "empty_query")),
        ("GET", "/v2/read?log;x", 400, ("query cannot be empty", "empty_query")),
        (
            "GET",
            "/v2/read?source_id=a",
            400,
            (
                "query must provide at least one envelope type",
                "missing_envelope_type",
            ),
        ),
        ("POST", "/v2/read?log", 405, ("method not allowed", "method_not_allowed")),
        ("HEAD", "/v2/read?log", 405, None),
        ("GET", "/v2/read/?log", 404, None),
        ("GET", "/v1/read", 404, None),
    ],
)
async def test_what_cannot_be_asked_is_refused(
    method: str, path: str, status: int, body: tuple[str, str] | None
) -> None:
    """A name and a sentence as JSON, which is told to be plain text."""
    async with open_stack("gateway") as stack:
        headers = bearer(await token(stack))
        answer = await get(stack, path, method=method, headers=headers)

    text = "404 page not found\n" if status == 404 else ""
    if body:
        message, error = body
        text = json.dumps({"message": message, "error": error}, separators=(",", ":"))
        text += "\n\n"
    assert (status, text) == (answer.status_code, answer.text)
    assert "text/plain; charset=utf-8" == answer.headers["content-type"]


@pytest.mark.parametrize(
    ("who", "scheme", "path", "may"),
    [
        (None, "bearer", "log", True),
        (None, "", "log", True),  # the bare token
        (None, "Bearer", "log", False),
        (None, "bearer x", "log", False),
        (("admin", "admin"), "bearer", "log", True),
        ((APP, "app"), "bearer", f"log&source_id={GUID}", True),
        ((APP, "app"), "bearer", "log", False),
        ((APP, "app"), "bearer", f"log&source_id={GUID}&source_id=other", False),
        ((APP, "app"), "bearer", f"log&source_id={GUID[:-1]}0", False),
    ],
)
async def test_who_may_read(
    who: tuple[str, str] | None,
    scheme: str,
    path: str,
    may: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Admins all, others their own apps; every refusal is the same 404."""
    async with open_stack("gateway", profile=LIMITED) as stack:
        text = f"{scheme} {await token(stack, who)}".strip()
        headers = {"Authorization": text}
        answer = await get(stack, f"/v2/read?{path}", headers=headers)

    expected = (200, "") if may else (404, NOT_FOUND)
    assert expected == (answer.status_code, answer.text)


async def test_a_bad_token_no_token_and_no_uaa_are_the_same_404() -> None:
    """It tells nobody why; and it asks before it looks at the query or the method."""
    clock = ManualClock()
    profile = dataclasses.replace(LIMITED, token_life=60.0)
    async with open_stack("gateway", profile=profile, clock=clock) as stack:
        headers = bearer(await token(stack))
        answers = [
            await get(stack),
            await get(stack, "/v2/read", method="POST"),
            await get(stack, headers=bearer("made-up")),
        ]
        good = await get(stack, headers=headers)
        await stack.kill_door("uaa")
        answers.append(await get(stack, headers=headers))
        await stack.start_door("uaa")
        await clock.advance(60)
        answers.append(await get(stack, headers=headers))

    assert 200 == good.status_code
    assert {(404, NOT_FOUND)} == {(each.status_code, each.text) for each in answers}


async def test_a_token_that_expires_does_not_end_a_stream() -> None:
    """It was checked once, at the start."""
    clock = ManualClock()
    profile = dataclasses.replace(ROOMY, token_life=5.0, agent_metrics=3600.0)
    async with (
        open_stack("gateway", profile=profile, clock=clock) as stack,
        gateway_of(stack, "log&source_id=prober") as events,
        agent_of(stack) as agent,
    ):
        await until(lambda: subscribed(stack) == [1])
        await clock.advance(6)
        await send_all(agent, logs([1], payload=b"x"))
        await until(lambda: numbers(events) == [1])

    assert events.error is None


async def test_silence_is_filled_with_heartbeats_and_life_has_an_end() -> None:
    """A heartbeat 15 s after the last frame; after 14 minutes `closing`, and an end."""
    clock = ManualClock()
    async with (
        open_stack("gateway", clock=clock) as stack,
        gateway_of(stack, "log&source_id=prober") as events,
        agent_of(stack) as agent,
    ):
        assert "Fri, 15 Jan 2027 08:00:00 GMT" == events.response.headers["date"]
        start = clock.now_ns() // 1_000_000_000
        await until(lambda: subscribed(stack) == [1])
        await clock.advance(14)
        await send_all(agent, logs([1], payload=b"x"))
        await until(lambda: bool(events.events))
        await clock.advance(14.8)
        assert len(events.events) == 1
        await clock.advance(0.2)
        await until(lambda: len(events.events) == 2)
        [_, heartbeat] = events.events
        assert heartbeat == f"event: heartbeat\ndata: {start + 29}"
        await clock.advance(840 - 29 - 1)
        assert not events.ended
        await clock.advance(1)
        await until(lambda: events.ended)

    assert events.events[-1] == "event: closing\ndata: closing due to stream timeout"
    assert len(events.events) == 2 + (840 - 29) // 15 + 1
    assert events.error is None


async def test_life_ends_for_a_busy_stream_too() -> None:
    """`closing` does not wait for a pause."""
    clock = ManualClock()
    profile = dataclasses.replace(ROOMY, gateway_life=2.0)
    async with (
        open_stack("gateway", profile=profile, clock=clock) as stack,
        gateway_of(stack, "log&source_id=prober") as events,
        agent_of(stack) as agent,
    ):
        await until(lambda: subscribed(stack) == [1])
        for number in range(40):
            await send_all(agent, logs([number], payload=b"x"))
            await clock.advance(0.1)
        await until(lambda: events.ended)

    assert events.events[-1].startswith("event: closing")
    assert len(events.events) > 1


async def test_a_stream_that_the_rlp_refuses_is_empty() -> None:
    """200, and a clean end at once without a byte."""
    async with open_stack("gateway", profile=LIMITED) as stack:
        answer = await get(stack, headers=bearer(await token(stack)))
        rlp = stack.statistics().components[2]

    assert (200, b"") == (answer.status_code, answer.content)
    assert ("rlp", 0) == (rlp.component, rlp.egress)


async def test_many_ask_at_once_while_the_proxy_is_away() -> None:
    """They share a connection that fails: each is told so, and nothing breaks."""
    async with open_stack("gateway") as stack:
        headers = bearer(await token(stack))
        await stack.kill_rlp()
        for _ in range(2):
            asked = (get(stack, headers=headers) for _ in range(5))
            answers = await asyncio.gather(*asked)
            assert [503] * 5 == [answer.status_code for answer in answers]


@pytest.mark.parametrize("end", ["kill_rlp", "stop_rlp"])
async def test_an_rlp_that_ends_is_a_clean_end(end: str) -> None:
    """No event tells it; new requests get 503 until it is back."""
    async with open_stack("gateway") as stack:
        async with gateway_of(stack) as events:
            await until(lambda: subscribed(stack) == [1])
            await getattr(stack, end)()
            await until(lambda: events.ended)
        headers = bearer(await token(stack))
        away = await get(stack, headers=headers)
        await stack.start_rlp()
        async with gateway_of(stack) as again, agent_of(stack) as agent:
            await until(lambda: subscribed(stack) == [1])
            await send_all(agent, logs([1], payload=b"x"))
            await until(lambda: numbers(again) == [1])

    assert ([], None) == (events.events, events.error)
    assert 503 == away.status_code
    assert "streaming_unavailable" == json.loads(away.text)["error"]


async def test_a_gateway_that_is_killed_cuts_its_answers() -> None:
    """The body has no end: an incomplete chunked read. On its port it comes back."""
    async with open_stack("gateway") as stack:
        async with gateway_of(stack) as events:
            await until(lambda: subscribed(stack) == [1])
            await stack.kill_door("gateway")
            await until(lambda: events.ended)
        with pytest.raises(httpx.ConnectError):
            await get(stack)
        await until(lambda: subscribed(stack) == [0])
        await stack.start_door("gateway")
        assert 404 == (await get(stack)).status_code

    assert isinstance(events.error, httpx.RemoteProtocolError)
    assert "incomplete chunked read" in str(events.error)


async def test_a_router_that_dies_is_not_told() -> None:
    """The stream stays, and goes on when the router is back."""
    async with (
        open_stack("gateway") as stack,
        gateway_of(stack) as events,
    ):
        await until(lambda: subscribed(stack) == [1])
        await stack.kill_router(0)
        await stack.start_router(0)
        await until(lambda: subscribed(stack) == [1])
        await until(lambda: stack.statistics().components[0].subscriptions == 5)
        assert (events.events, events.ended) == ([], False)


async def test_who_leaves_is_noticed() -> None:
    """A consumer that closes its connection frees its place at the RLP."""
    async with open_stack("gateway") as stack:
        async with gateway_of(stack):
            await until(lambda: stack.statistics().components[-1].subscriptions == 1)
            await until(lambda: subscribed(stack) == [1])
        await until(lambda: stack.statistics().components[-1].subscriptions == 0)
        await until(lambda: subscribed(stack) == [0])


async def test_who_reads_slowly_is_waited_for() -> None:
    """It is never cut: the RLP drops for it, and its neighbour misses nothing."""
    profile = Profile(
        **{
            **dataclasses.asdict(ROOMY),
            "rlp_buffer": 100,
            "subscription_buffer": 20_000,
        }
    )
    headers = {"Accept-Encoding": "identity"}
    async with (
        open_stack("gateway", profile=profile) as stack,
        consuming(stack) as healthy,
        http(stack) as client,
        agent_of(stack) as agent,
        client.stream(
            "GET",
            f"{stack.gateway_url}/v2/read?log&source_id=prober",
            headers={**headers, **bearer(await token(stack))},
            timeout=None,
        ) as response,
    ):
        await until(lambda: subscribed(stack) == [2])
        sent = 0
        while stack.statistics().components[2].dropped_egress == 0:
            await send_all(agent, logs(range(sent, sent + 20), payload=bytes(60_000)))
            sent += 20
            await until(lambda: len(healthy.envelopes) == sent)  # noqa: B023
        events = Events(response)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(events.read())
            await until(lambda: len(numbers(events)) > 10)
            assert not events.ended
            reading.cancel()

    assert list(range(sent)) == sorted(healthy.numbers)


async def test_shards_span_rlp_and_gateway() -> None:
    """Two consumers of one shard share its envelopes, whichever door they use."""
    async with (
        open_stack("gateway") as stack,
        consuming(stack, shard_id="s") as direct,
        gateway_of(stack, "log&source_id=prober&shard_id=s") as events,
        agent_of(stack) as agent,
    ):
        await until(lambda: subscribed(stack) == [2])
        await send_all(agent, logs(range(500), payload=b"x"))
        await until(lambda: len(direct.envelopes) + len(numbers(events)) == 500)

    assert list(range(500)) == sorted(direct.numbers + numbers(events))
    assert direct.numbers
    assert numbers(events)


async def test_a_request_that_does_not_come_is_hung_up() -> None:
    """Its head has 2 s; after that the connection ends without a word."""
    clock = ManualClock()
    async with open_stack("gateway", clock=clock) as stack:
        host, port = stack.gateway_url.removeprefix("https://").split(":")
        reader, writer = await asyncio.open_connection(
            host, int(port), ssl=trusting(stack)
        )
        writer.write(b"GET /v2/read HTTP/1.1\r\n")
        sleepers = clock.sleepers
        await until(lambda: clock.sleepers > sleepers - 1)
        reading = asyncio.ensure_future(reader.read())
        await until(reading.done, clock)
        writer.close()

    assert b"" == reading.result()


async def test_what_is_no_http_is_a_bad_request() -> None:
    """400, and the connection is closed."""
    async with open_stack("gateway") as stack:
        host, port = stack.gateway_url.removeprefix("https://").split(":")
        reader, writer = await asyncio.open_connection(
            host, int(port), ssl=trusting(stack)
        )
        writer.write(b"hello\r\n\r\n")
        answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("text", "selectors"),
    [
        ("log", [Selector(log=LogSelector())]),
        (
            "counter&timer&event&gauge&log=x",
            [
                Selector(log=LogSelector()),
                Selector(counter=CounterSelector()),
                Selector(gauge=GaugeSelector()),
                Selector(timer=TimerSelector()),
                Selector(event=EventSelector()),
            ],
        ),
        (
            "log&source_id=a&source_id=b&source_id=a&other=1",
            [Selector(source_id=name, log=LogSelector()) for name in "aba"],
        ),
        (
            "counter.name=a&counter.name=b&counter",
            [Selector(counter=CounterSelector(name=name)) for name in "ab"],
        ),
        ("counter.name=", [Selector(counter=CounterSelector())]),
        (
            "gauge.name=a,b&gauge.name=c&gauge",
            [Selector(gauge=GaugeSelector(names=each)) for each in (["a", "b"], ["c"])],
        ),
        ("log&source_id=a;b", [Selector(log=LogSelector())]),
    ],
)
def test_a_query_is_sources_times_kinds(text: str, selectors: list[Selector]) -> None:
    """Presence is enough, unknown keys and pairs with a `;` are ignored."""
    values = query.parse(text)

    assert query.flaw(values) is None
    assert selectors == list(query.request(values).selectors)


def test_a_query_names_its_shard() -> None:
    """And its deterministic name; tags are always the preferred ones."""
    asked = query.request(query.parse("log&shard_id=s%20t&deterministic_name=n"))

    assert ("s t", "n", True) == (
        asked.shard_id,
        asked.deterministic_name,
        asked.use_preferred_tags,
    )
