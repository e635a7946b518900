"""Tokens from every source: the stack's UAA, odd ones, files and commands."""

import asyncio
import base64
import gzip
import json
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from prober.clock import NS, Clock
from prober.egress.https import Server
from prober.egress.tokens import CommandTokens, FixedToken, UaaTokens
from prober.errors import ConnectError, RefusedError
from prober.pipeline.profile import Profile
from prober.pipeline.stack import ReferenceStack
from prober.testing import ManualClock
from tests.egress.doors import Authority, answer, saying, serving
from tests.egress.reading import CLOCK

START_NS = 1_800_000_000 * NS


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whoever signs the certificates of the odd servers."""
    return Authority(tmp_path)


@pytest.fixture
async def stack() -> AsyncIterator[ReferenceStack]:
    """A stack with a UAA whose tokens are good for 100 s."""
    profile = Profile(token_life=100)
    async with ReferenceStack(profile=profile, doors=["gateway"]) as running:
        yield running


def client_tokens(
    stack: ReferenceStack,
    secret: Callable[[], str] | None = None,
    clock: Clock = CLOCK,
    name: str = "prober",
) -> UaaTokens:
    """Tokens of a client of the stack's UAA."""
    ca_file = stack.client_tls("").ca_file
    server = Server(peer="UAA", url=stack.uaa_url, ca_file=ca_file)
    secret = secret or (lambda: stack.uaa_client[1])
    return UaaTokens(server, clock, client_id=name, client_secret=secret)


def user_tokens(stack: ReferenceStack, password: str) -> UaaTokens:
    """Tokens of a user, by the client of the command line."""
    ca_file = stack.client_tls("").ca_file
    return UaaTokens(
        Server(peer="UAA", url=stack.uaa_url, ca_file=ca_file),
        CLOCK,
        client_id="cf",
        client_secret=lambda: "",
        username="operator",
        password=lambda: password,
    )


def readable(**claims: object) -> str:
    """A token that tells of itself."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2lnbmF0dXJl"


@asynccontextmanager
async def odd_uaa(
    authority: Authority, *parts: bytes, clock: Clock = CLOCK
) -> AsyncIterator[tuple[UaaTokens, list[bytes]]]:
    """Tokens of a UAA that answers oddly, and what it was asked."""
    async with serving(authority, saying(*parts)) as door:
        server = Server(peer="UAA", url=door.url, ca_file=door.ca_file)
        secret = "s3cret"  # noqa: S105 - it is looked for in what is told
        yield (
            UaaTokens(server, clock, client_id="me", client_secret=lambda: secret),
            door.heads,
        )


def granting(**more: object) -> bytes:
    """An answer with a token."""
    return answer("200 OK", json.dumps({"access_token": "t0ken", **more}).encode())


async def refusal(tokens: UaaTokens | FixedToken | CommandTokens) -> str:
    """Return the sentence with which a token is not to be had."""
    with pytest.raises(RefusedError) as refused:
        await tokens.token()
    return str(refused.value)


# A UAA.


async def test_client_gets_a_token_with_its_scopes(stack: ReferenceStack) -> None:
    """The client's secret brings a token, and its scopes are known."""
    tokens = client_tokens(stack)

    assert 2 == (await tokens.token()).count(".")
    assert frozenset({"doppler.firehose"}) == tokens.scopes


async def test_user_gets_a_token_by_password(stack: ReferenceStack) -> None:
    """A named user needs no client of their own."""
    await stack.add_user("operator", "pssst", scopes=["logs.admin"])
    tokens = user_tokens(stack, "pssst")
    await tokens.token()

    assert frozenset({"logs.admin"}) == tokens.scopes


async def test_token_is_kept_and_renewed_ahead_of_time(stack: ReferenceStack) -> None:
    """Until 80 % of its life the same token is given, from then on another."""
    clock = ManualClock(START_NS)
    tokens = client_tokens(stack, clock=clock)
    first = await tokens.token()
    await clock.advance(79)
    assert first == await tokens.token()

    await clock.advance(1)

    assert first != await tokens.token()


async def test_good_token_is_kept_while_the_uaa_is_away(stack: ReferenceStack) -> None:
    """Who renews ahead of time can wait for the UAA, but not beyond the end."""
    clock = ManualClock(START_NS)
    tokens = client_tokens(stack, clock=clock)
    first = await tokens.token()
    await stack.kill_door("uaa")
    await clock.advance(90)
    assert first == await tokens.token()

    await clock.advance(10)

    with pytest.raises(ConnectError, match=r"no connection to the UAA at .* listens"):
        await tokens.token()


async def test_refused_token_is_replaced_once_for_all(authority: Authority) -> None:
    """Everybody who was refused the same token gets the same new one."""
    async with odd_uaa(authority, granting()) as (tokens, asked):
        first = await asyncio.gather(*(tokens.token() for _ in range(5)))
        assert 1 == len(asked)
        again = await asyncio.gather(*(tokens.token(first[0]) for _ in range(2)))

    assert [first[0]] * 7 == [*first, *again]


async def test_new_token_is_not_fetched_twice(stack: ReferenceStack) -> None:
    """A late complaint about the old token fetches no further one."""
    tokens = client_tokens(stack)
    first = await tokens.token()
    second, third = await asyncio.gather(tokens.token(first), tokens.token(first))

    assert first != second
    assert second == third


async def test_request_to_a_uaa(authority: Authority) -> None:
    """The secret stands in the header and nowhere else."""
    async with odd_uaa(authority, granting(expires_in=600)) as (tokens, asked):
        await tokens.token()

    line, *headers = asked[0].decode().split("\r\n")
    secret = base64.b64encode(b"me:s3cret").decode()
    assert "POST /oauth/token HTTP/1.1" == line
    assert f"Authorization: Basic {secret}" in headers


async def test_answer_of_a_uaa_is_never_unfolded(authority: Authority) -> None:
    """What is packed, or has no end, is no token, and takes no memory."""
    bomb = gzip.compress(b'{"access_token":"' + b"t" * (256 << 20))
    packed = answer("200 OK", bomb, "Content-Encoding: gzip")
    endless = answer("200 OK", b'{"access_token":"' + b"t" * (16 << 20))
    tracemalloc.start()
    try:
        for raw in (packed, endless):
            async with odd_uaa(authority, raw) as (tokens, _):
                assert "answered without a token" in await refusal(tokens)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert most < 64 << 20


@pytest.mark.parametrize("seconds", ["1" * 5_000, "1e400", "-1", "1e12"])
async def test_life_that_cannot_be(authority: Authority, seconds: str) -> None:
    """A number of any size is a refusal, and nothing worse."""
    body = f'{{"access_token":"t0ken","expires_in":{seconds}}}'
    async with odd_uaa(authority, answer("200 OK", body.encode())) as (tokens, _):
        assert "answered without a token" in await refusal(tokens)


async def test_secret_is_read_at_each_fetch(stack: ReferenceStack) -> None:
    """A secret that is changed in its file is used the next time."""
    secrets = ["wrong", stack.uaa_client[1]]
    tokens = client_tokens(stack, lambda: secrets.pop(0))
    told = await refusal(tokens)

    assert "401 unauthorized, Bad credentials: it does not know the client" in told
    assert await tokens.token()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (
            answer("401 No", b'{"error":"unauthorized","error_description":"Bad"}'),
            "gave no token: 401 unauthorized, Bad: it does not know the client me",
        ),
        (
            answer("401 No", b'{"error":"unauthorized_client"}'),
            "look at its authorized_grant_types: uaac client get me",
        ),
        (
            answer("400 No", b'{"error":"invalid_scope"}'),
            'uaac client update me --authorities "doppler.firehose"',
        ),
        (answer("404 No", b"<html>"), "404: is that the URL of a UAA?"),
        (answer("302 Found", b"", "Location: /login"), "is that the URL of a UAA?"),
        (answer("503 No"), "gave no token: 503: it is in trouble itself"),
        (answer("200 OK", b"{}"), "answered without a token"),
        (answer("200 OK", b'{"access_token":"a b\\r\\nX: y"}'), "without a token"),
        (
            answer("401 No", b'{"error":"s3cret","error_description":"\\u001b[2J"}'),
            "401 \N{HORIZONTAL ELLIPSIS}, ?[2J",
        ),
    ],
)
async def test_refusals_of_a_uaa(authority: Authority, raw: bytes, words: str) -> None:
    """Each way to get no token says what to look at, and never the secret."""
    async with odd_uaa(authority, raw) as (tokens, _):
        told = await refusal(tokens)

    assert words.replace("\N{HORIZONTAL ELLIPSIS}", "?") in told
    assert "s3cret" not in told


async def test_wrong_password_names_the_user(stack: ReferenceStack) -> None:
    """Who is not known by that password is named; the password is not."""
    told = await refusal(user_tokens(stack, "Pa$$w0rd"))

    assert "the user operator with that password" in told
    assert "Pa$$w0rd" not in told


async def test_uaa_that_does_not_tell_a_life(authority: Authority) -> None:
    """A token of unknown life is believed what it says, or taken for ten minutes."""
    clock = ManualClock(START_NS)
    async with odd_uaa(authority, granting(), clock=clock) as (tokens, asked):
        await tokens.token()
        await clock.advance(479)
        await tokens.token()
        assert 1 == len(asked)
        await clock.advance(1)
        await tokens.token()

    assert 2 == len(asked)


def test_advice_says_what_a_client_has_again() -> None:
    """The command that adds an authority replaces the old ones, so it repeats them."""
    server = Server(peer="UAA", url="https://uaa.example")
    tokens = UaaTokens(server, CLOCK, client_id="me", client_secret=lambda: "x")
    tokens._grant = tokens._granted("t", 1, frozenset({"uaa.resource"}))

    assert (
        "the client me (its token has uaa.resource) needs doppler.firehose or "
        "logs.admin: uaac client update me --authorities "
        '"doppler.firehose,uaa.resource"'
        == tokens.lacking(("doppler.firehose", "logs.admin"))
    )


def test_advice_for_a_user() -> None:
    """A user is made a member of the group."""
    tokens = UaaTokens(
        Server(peer="UAA", url="https://uaa.example"),
        CLOCK,
        client_id="cf",
        client_secret=lambda: "",
        username="operator",
        password=lambda: "",
    )

    assert (
        "the user operator needs doppler.firehose: uaac member add doppler.firehose "
        "operator" == tokens.lacking(("doppler.firehose",))
    )


async def test_no_secret_in_any_repr(stack: ReferenceStack) -> None:
    """Whatever is printed of a source of tokens, there is no token in it."""
    tokens = client_tokens(stack)
    token = await tokens.token()

    assert token not in f"{tokens!r} {tokens._grant!r} {vars(tokens)!r}"


# Fixed ones, and files.


async def test_fixed_token_is_read_each_time() -> None:
    """A token in a file may change there; a scheme before it is no part of it."""
    texts = ["bearer one\n", "two"]
    tokens = FixedToken(lambda: texts.pop(0), "token_file x", CLOCK)

    assert "one" == await tokens.token()
    assert "two" == await tokens.token(refused="one")


async def test_fixed_token_that_expired() -> None:
    """A token that says it is over is not even tried."""
    token = readable(exp=START_NS // NS - 180 * 60)
    tokens = FixedToken(lambda: token, "token_file x", ManualClock(START_NS))

    assert (
        "the token of the token_file x expired 180 minutes ago: put a new one there, "
        "or let the prober get them from the UAA" == await refusal(tokens)
    )


@pytest.mark.parametrize("text", ["", "two words", "a\r\nX-Evil: b", "Basic abc"])
async def test_what_is_no_token(text: str) -> None:
    """What cannot be a token is not sent anywhere, nor repeated."""
    told = await refusal(FixedToken(lambda: text, "token_file x", CLOCK))

    assert "what the token_file x holds is no token" == told


async def test_advice_for_a_fixed_token() -> None:
    """Of a token that tells of itself, its scopes are named."""
    token = readable(scope=["cloud_controller.read"])
    tokens = FixedToken(lambda: token, "token_file x", CLOCK)
    await tokens.token()

    assert (
        "the token of the token_file x needs the scope doppler.firehose, and has "
        "cloud_controller.read; uaac token decode shows what it holds"
        == tokens.lacking(("doppler.firehose",))
    )


# Commands.


def command(code: str, clock: Clock = CLOCK) -> CommandTokens:
    """Tokens of a command, which runs a line of Python."""
    return CommandTokens([sys.executable, "-c", code], clock)


async def test_command_prints_a_token() -> None:
    """What `cf oauth-token` prints is taken without its scheme."""
    tokens = command("print('Ready.'); print('bearer abc.def')")

    assert "abc.def" == await tokens.token()


async def test_command_is_run_again_when_its_token_ages(tmp_path: Path) -> None:
    """A printed token is kept for most of the life that it tells of."""
    clock, runs = ManualClock(START_NS), tmp_path / "runs"
    token = readable(exp=START_NS // NS + 100)
    code = f"open({str(runs)!r}, 'a').write('x'); print({token!r})"
    tokens = command(code, clock)
    await tokens.token()
    await tokens.token()
    assert "x" == runs.read_text()

    await clock.advance(80)
    await tokens.token()

    assert "xx" == runs.read_text()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print('Pa$$w0rd'); exit(3)", "ended with exit status 3: run it yourself"),
        ("print('Not logged in')", "printed no token"),
        ("", "printed no token"),
        ("while True: print('x' * 10_000)", "printed no token"),
    ],
)
async def test_commands_that_fail(code: str, words: str) -> None:
    """A command that gives no token is told by how it ended, not what it said."""
    told = await refusal(command(code))

    assert words in told
    assert "Pa$$w0rd" not in told


async def test_command_that_is_not_there() -> None:
    """A command that cannot be run is told as such."""
    told = await refusal(CommandTokens(["/nowhere/cf", "oauth-token"], CLOCK))

    assert (
        "the command /nowhere/cf that is to print a token cannot be run: No s" in told
    )


async def test_command_is_ended_with_who_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who gives up waiting for a command leaves none behind."""
    start = asyncio.create_subprocess_exec
    started: asyncio.Future[asyncio.subprocess.Process]
    started = asyncio.get_running_loop().create_future()

    async def watched(*arguments: str, **more: int) -> asyncio.subprocess.Process:
        process = await start(*arguments, **more)  # type: ignore[arg-type]
        started.set_result(process)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)
    asking = asyncio.ensure_future(command("import time; time.sleep(99)").token())
    process = await started
    assert process.returncode is None

    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert process.returncode is not None
