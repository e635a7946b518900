"""All doors of a stack together: side by side, from another process, and gone again."""

import dataclasses
import socket

import httpx
import pytest

from prober.errors import UsageError
from prober.pipeline.child import ChildStack
from prober.pipeline.profile import PROFILES
from prober.pipeline.stack import DOORS, ReferenceStack
from tests.pipeline.clients import agent_of, consuming, logs, send_all, until
from tests.pipeline.clients import subscriptions as subscribed
from tests.pipeline.door_clients import (
    ask_token,
    firehose_of,
    gateway_of,
    http,
    open_stack,
    tls_dir,
)
from tests.pipeline.test_closing import nothing_left
from tests.pipeline.test_gateway import numbers
from tests.pipeline.test_stack import ROOMY
from tests.pipeline.test_traffic_controller import numbered


async def test_three_consumers_get_the_same() -> None:
    """RLP, gateway and Firehose each carry all of 5,000 logs, once."""
    async with (
        open_stack(*DOORS, routers=2) as stack,
        consuming(stack) as rlp,
        gateway_of(stack, "log&source_id=prober") as gateway,
        firehose_of(stack) as firehose,
        agent_of(stack) as agent,
    ):
        await until(lambda: subscribed(stack) == [3, 3])
        await send_all(agent, logs(range(5000), payload=b"x"))
        await until(lambda: len(rlp.envelopes) >= 5000)
        await until(lambda: len(gateway.data) >= 50 and len(numbers(gateway)) >= 5000)
        await until(lambda: len(numbered(firehose)) >= 5000)
        names = [part.component for part in stack.statistics().components]

    expected = list(range(5000))
    assert expected == sorted(rlp.numbers)
    assert expected == sorted(numbers(gateway))
    assert expected == sorted(numbered(firehose))
    assert ["gateway", "traffic controller"] == names[-2:]


async def test_nothing_is_left_with_all_doors_open() -> None:
    """Tasks, threads and sockets are gone, though clients are still connected."""
    async with open_stack(*DOORS):
        pass
    async with nothing_left():
        stack = ReferenceStack(profile=ROOMY, doors=DOORS, tls_dir=tls_dir(), routers=2)
        await stack.__aenter__()
        async with gateway_of(stack) as events, firehose_of(stack) as consumer:
            await until(lambda: subscribed(stack) == [2, 2])
            await stack.__aexit__(None, None, None)
            await until(lambda: events.ended and consumer.closed is not None)


@pytest.mark.parametrize(
    ("door", "name"),
    [
        ("uaa", "the UAA"),
        ("gateway", "the gateway"),
        ("firehose", "the traffic controller"),
        ("metrics", "the agent's metrics"),
    ],
)
async def test_a_taken_port_is_told(door: str, name: str) -> None:
    """Which door, which port, and what to do; nothing is left of the stack."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        stack = ReferenceStack(doors=DOORS, door_ports={door: port}, tls_dir=tls_dir())
        async with nothing_left():
            with pytest.raises(UsageError, match=f"{name} .*127.0.0.1:{port}, which"):
                async with stack:
                    pass


async def test_a_child_has_the_same_doors() -> None:
    """They are opened, asked, killed and started from the other process."""
    profile = dataclasses.replace(PROFILES["loggregator"], token_life=100.0)
    async with ChildStack(doors=DOORS, profile=profile, tls_dir=tls_dir()) as stack:
        await stack.add_client("other", "secret", scopes=["doppler.firehose"])
        await stack.add_user("ann", "secret", scopes=["logs.admin"])
        own = await ask_token(stack)
        other = await ask_token(stack, ("other", "secret"))
        ann = {"grant_type": "password", "username": "ann", "password": "secret"}
        user = await ask_token(stack, ("cf", ""), **ann)
        await stack.kill_door("gateway")
        async with http(stack) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"{stack.gateway_url}/v2/read")
            await stack.start_door("gateway")
            answer = await client.get(f"{stack.gateway_url}/v2/read")
        components = [each.component for each in (await stack.statistics()).components]

    assert ["doppler.firehose", "doppler.firehose", "logs.admin"] == [
        each.json()["scope"] for each in (own, other, user)
    ]
    assert 404 == answer.status_code
    assert ["gateway", "traffic controller"] == components[-2:]
    assert stack.firehose_url.startswith("wss://127.0.0.1:")
    assert stack.metrics_address.startswith("127.0.0.1:")
