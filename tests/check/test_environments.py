"""Checks of whole environments, over real sockets and TLS."""

import asyncio
import inspect
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from prober.checks import Limits, Step
from prober.pipeline.stack import DOORS, ReferenceStack
from prober.testing import ManualClock
from tests.check.environments import QUICK, SHORT, settings, steps, uaa
from tests.check.servers import client_files, listening, mute

APP = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
async def stack() -> AsyncIterator[ReferenceStack]:
    """A stack with every door, whose routers often tell their time."""
    async with ReferenceStack(profile=QUICK, doors=DOORS) as running:
        yield running


def bad(found: dict[str, dict[str, Step]]) -> list[tuple[str, str]]:
    """Return target and name of the steps that failed."""
    return [
        (target, step.name)
        for target, done in found.items()
        for step in done.values()
        if step.ok is False
    ]


async def test_everything_is_well(stack: ReferenceStack, tmp_path: Path) -> None:
    """Each consumer gets a message, and says how long it took."""
    found = await steps(tmp_path, settings(stack))

    assert [] == bad(found)
    agent, authority = f"agent at {stack.agent_address}", f"UAA at {stack.uaa_url[8:]}"
    assert [agent, authority, *(f"consumer {name}" for name in CONSUMERS)] == [*found]
    for name, order in CONSUMERS.items():
        done = found[f"consumer {name}"]
        assert order == [*done]
        trip = done["round_trip"].words
        assert trip.startswith("a message came back in ")
        assert trip.endswith(" ms")
    assert "the clock of doppler" in found["consumer rlp"]["clock"].words


_SOCKET = ["name", "tcp", "tls"]
_MESSAGE = ["subscribe", "round_trip", "clock"]
CONSUMERS = {
    "rlp": ["certificates", *_SOCKET, *_MESSAGE],
    "gateway": [*_SOCKET, "token", "scopes", *_MESSAGE],
    "firehose": [*_SOCKET, "token", "scopes", *_MESSAGE],
}


async def test_nothing_is_left_behind(stack: ReferenceStack, tmp_path: Path) -> None:
    """When the check is over, no task and no thread of its readers lives on."""
    await steps(tmp_path, settings(stack))

    tasks = [each.get_coro() for each in asyncio.all_tasks()]
    files = [
        inspect.getfile(each.cr_code) for each in tasks if inspect.iscoroutine(each)
    ]
    parts = ("checks", "egress", "ingress")
    assert [] == [file for file in files if Path(file).parent.name in parts]
    names = [thread.name for thread in threading.enumerate()]
    assert [] == [name for name in names if name.startswith(("rlp-", "resolver"))]


async def test_dead_consumer_does_not_hide_the_others(
    stack: ReferenceStack, tmp_path: Path
) -> None:
    """A closed port is told as such, and the other consumers get their message."""
    environment = settings(stack)
    rlp = environment["consumers"]["rlp"]["rlp"]
    environment["consumers"]["dead"] = {"rlp": {**rlp, "address": "127.0.0.1:1"}}

    found = await steps(tmp_path, environment)

    assert [("consumer dead", "tcp")] == bad(found)
    failure = found["consumer dead"]["tcp"]
    assert "no connection to 127.0.0.1 port 1: nothing listens there" == failure.words
    assert "consumers.dead.rlp.address" in failure.remedy
    assert found["consumer rlp"]["round_trip"].ok


async def test_unknown_name_is_told(
    stack: ReferenceStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that nobody knows names the setting that it stands in."""
    resolve = socket.getaddrinfo

    def unknown(host: str, *rest: Any, **named: Any) -> Any:  # noqa: ANN401
        if host == "rlp.nowhere.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    environment = settings(stack)
    environment["consumers"]["rlp"]["rlp"]["address"] = "rlp.nowhere.example:8082"

    found = await steps(tmp_path, environment)

    assert [("consumer rlp", "name")] == bad(found)
    failure = found["consumer rlp"]["name"]
    assert failure.words.endswith("cannot be resolved: Name or service not known")
    assert "correct consumers.rlp.rlp.address" in failure.remedy


async def test_black_hole_is_bounded(stack: ReferenceStack, tmp_path: Path) -> None:
    """A server that takes the connection and never answers costs its limit at most."""
    environment = settings(stack)
    del environment["consumers"]["gateway"], environment["consumers"]["firehose"]
    async with listening(mute) as address:
        hole = {**environment["consumers"]["rlp"]["rlp"], "address": address}
        environment["consumers"]["hole"] = {"rlp": hole}
        limits = replace(SHORT, tls=1.5)
        found = await steps(tmp_path, environment, limits=limits)

    assert [("consumer hole", "tls")] == bad(found)
    assert (
        "it took the connection, and did not shake hands within 1.5 s"
        == found["consumer hole"]["tls"].words
    )


async def test_all_of_it_ends_when_the_time_is_over(
    stack: ReferenceStack, tmp_path: Path
) -> None:
    """With nothing but black holes a check lasts as long as it may, by its clock."""
    environment = settings(stack)
    del environment["consumers"]["gateway"], environment["consumers"]["firehose"]
    clock = ManualClock()
    connected = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hole(connection: socket.socket) -> None:
        connection.recv(1)
        loop.call_soon_threadsafe(connected.set)
        mute(connection)

    async with listening(hole) as address:
        environment["ingress"]["agent"]["address"] = address
        environment["consumers"]["rlp"]["rlp"]["address"] = address
        limits = Limits(total=25, tls=60)
        checking = asyncio.ensure_future(
            steps(tmp_path, environment, limits=limits, clock=clock)
        )
        await connected.wait()
        began_ns = clock.now_ns()
        while not checking.done():
            await clock.advance(1)
        found = await checking

    assert clock.now_ns() - began_ns <= 26e9
    targets = (f"agent at {address}", "consumer rlp")
    assert [(target, "tls") for target in targets] == bad(found)


async def test_wrong_server_name_names_the_setting(
    stack: ReferenceStack, tmp_path: Path
) -> None:
    """The names that the certificate has stand beside the setting to change."""
    environment = settings(stack)
    environment["ingress"]["agent"]["server_name"] = "doppler"

    found = await steps(tmp_path, environment)

    failure = found[f"agent at {stack.agent_address}"]["tls"]
    assert "does not bear the name doppler: it has metron" in failure.words
    assert "set ingress.agent.server_name to the name it has" in failure.remedy
    trip = found["consumer rlp"]["round_trip"]
    assert (None, "not tried, for no way in works") == (trip.ok, trip.words)


async def test_one_of_two_agents_is_dead(stack: ReferenceStack, tmp_path: Path) -> None:
    """The other one carries the messages."""
    environment = settings(stack)
    one = environment["ingress"].pop("agent")
    two = {**one, "address": "127.0.0.1:1"}
    environment["ingress"]["agents"] = [one, two]

    found = await steps(tmp_path, environment)

    assert [("agent at 127.0.0.1:1", "tcp")] == bad(found)
    assert "ingress.agents[1].address" in found["agent at 127.0.0.1:1"]["tcp"].remedy
    assert found["consumer rlp"]["round_trip"].ok


async def test_client_certificate_that_the_stack_does_not_take(
    stack: ReferenceStack, tmp_path: Path
) -> None:
    """A certificate of another CA is found out although gRPC says little."""
    other = trustme.CA()
    stranger = client_files(tmp_path, other, other.issue_cert("client"))
    environment = settings(stack)
    agent = environment["ingress"]["agent"]
    agent |= {"cert_file": stranger.cert_file, "key_file": stranger.key_file}

    found = await steps(tmp_path, environment)

    failure = found[f"agent at {stack.agent_address}"]["tls"]
    assert failure.ok is False
    assert "client certificate" in failure.words
    assert "set ingress.agent.cert_file" in failure.remedy


async def test_subscription_that_is_refused(tmp_path: Path) -> None:
    """The RLP's words are told, and which limit to raise."""
    profile = replace(QUICK, max_egress_streams=0)
    async with ReferenceStack(profile=profile) as stack:
        found = await steps(tmp_path, settings(stack))

    assert [("consumer rlp", "subscribe")] == bad(found)
    failure = found["consumer rlp"]["subscribe"]
    assert "max egress streams reached" in failure.words
    assert "MAX_EGRESS_STREAMS" in failure.remedy


async def test_message_that_never_comes_back(tmp_path: Path) -> None:
    """Everything connects, and nothing comes: the way between is to be looked at."""
    async with ReferenceStack(profile=QUICK) as stack:
        await stack.kill_router(0)
        limits = replace(SHORT, round_trip=0.5)
        found = await steps(tmp_path, settings(stack), limits=limits)

    assert [("consumer rlp", "round_trip")] == bad(found)
    failure = found["consumer rlp"]["round_trip"]
    assert failure.words.endswith(" messages came back")
    assert "doppler_connections" in failure.remedy
    assert "LOGS_DISABLED" in failure.remedy
    assert found["consumer rlp"]["subscribe"].words.startswith("asked for")


async def test_bad_client_secret(stack: ReferenceStack, tmp_path: Path) -> None:
    """A consumer without a token says what to set; the secret stands nowhere."""
    environment = settings(stack)
    wrong = uaa(stack, "prober", "wrong-s3cret")
    environment["consumers"]["gateway"]["rlp_gateway"]["uaa"] = wrong

    found = await steps(tmp_path, environment)

    assert [("consumer gateway", "token")] == bad(found)
    failure = found["consumer gateway"]["token"]
    assert "401" in failure.words
    assert "uaac secret set prober" in failure.remedy
    assert "wrong-s3cret" not in repr(found)
    assert found["consumer firehose"]["round_trip"].ok


@pytest.mark.parametrize("name", ["gateway", "firehose"])
async def test_missing_scope(stack: ReferenceStack, tmp_path: Path, name: str) -> None:
    """A token that does not allow enough is told with the command that mends it."""
    await stack.add_client("poor", "s3cret", scopes=["cloud_controller.read"])
    environment = settings(stack)
    poor = uaa(stack, "poor", "s3cret")
    (kind,) = environment["consumers"][name]
    environment["consumers"][name][kind]["uaa"] = poor

    found = await steps(tmp_path, environment)

    assert [(f"consumer {name}", "scopes")] == bad(found)
    failure = found[f"consumer {name}"]["scopes"]
    assert failure.words.startswith("lacks doppler.firehose")
    assert "cloud_controller.read" in failure.words
    assert "uaac client update poor --authorities" in failure.remedy


async def test_own_app_needs_no_scope(stack: ReferenceStack, tmp_path: Path) -> None:
    """Through a gateway the owner of an app reads that app's messages."""
    await stack.add_client("owner", "s3cret", apps=[APP])
    environment = settings(stack)
    owner = uaa(stack, "owner", "s3cret")
    gateway = environment["consumers"]["gateway"]["rlp_gateway"] | {"uaa": owner}
    environment["consumers"] = {"gateway": {"rlp_gateway": gateway}}
    environment["probe"] = {"source_id": APP}

    found = await steps(tmp_path, environment)

    assert [] == bad(found)
    assert "only apps of one's own" in found["consumer gateway"]["scopes"].words


@pytest.mark.parametrize("name", ["gateway", "firehose"])
async def test_expired_token(tmp_path: Path, name: str) -> None:
    """A token that somebody put into a file is told when it has expired."""
    profile = replace(QUICK, token_life=-120.0)
    async with ReferenceStack(profile=profile, doors=DOORS) as stack:
        environment = settings(stack)
        (kind,) = environment["consumers"][name]
        end = environment["consumers"][name][kind]
        file = tmp_path / "token"
        file.write_text(await _token(stack))
        del end["uaa"]
        end["token_file"] = str(file)
        environment["consumers"] = {name: {kind: end}}
        found = await steps(tmp_path, environment)

    assert [(f"consumer {name}", "token")] == bad(found)
    failure = found[f"consumer {name}"]["token"]
    assert "expired" in failure.words
    assert f"consumers.{name}.{kind}.token_file" in failure.remedy


async def _token(stack: ReferenceStack) -> str:
    """Ask the stack's UAA for a token, as it is."""
    context = ssl.create_default_context(cafile=stack.client_tls("").ca_file)
    async with httpx.AsyncClient(verify=context, trust_env=False) as web:
        answer = await web.post(
            f"{stack.uaa_url}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=stack.uaa_client,
        )
    return str(answer.json()["access_token"])
