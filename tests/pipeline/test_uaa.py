"""The UAA: who gets a token, what it is worth, and for how long."""

import dataclasses
from typing import Any

import httpx
import pytest

from prober.errors import UsageError
from prober.pipeline.stack import ReferenceStack
from prober.testing import ManualClock
from tests.pipeline.door_clients import (
    APP,
    GUID,
    ask_token,
    http,
    open_stack,
    token,
)
from tests.pipeline.test_stack import ROOMY

CHECKER = ("checker", "c")


async def check(
    stack: ReferenceStack, text: str, client: tuple[str, str] = CHECKER
) -> tuple[int, dict[str, Any]]:
    """What the UAA tells another component about a token."""
    async with http(stack) as opened:
        answer = await opened.post(
            f"{stack.uaa_url}/check_token", auth=client, data={"token": text}
        )
    return answer.status_code, answer.json()


def refused(status: int, error: str, description: str) -> tuple[int, dict[str, str]]:
    """An answer of the UAA that says no."""
    return status, {"error": error, "error_description": description}


async def test_a_client_gets_a_token_with_its_scopes() -> None:
    """By the header or by the form; it says for how long it is good."""
    async with open_stack("gateway") as stack, http(stack) as opened:
        answer = await ask_token(stack)
        client_id, secret = stack.uaa_client
        form = {"grant_type": "client_credentials", "client_id": client_id}
        by_form = await opened.post(
            f"{stack.uaa_url}/oauth/token", data={**form, "client_secret": secret}
        )

    told = answer.json()
    assert 200 == answer.status_code == by_form.status_code
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert answer.headers["cache-control"] == "no-store"
    assert set(told) == {"access_token", "token_type", "expires_in", "scope", "jti"}
    assert ("bearer", 43_199, "doppler.firehose") == (
        told["token_type"],
        told["expires_in"],
        told["scope"],
    )


async def test_a_token_is_worth_what_stands_in_it() -> None:
    """Who may check tokens learns whose it is, its scopes and its end."""
    clock = ManualClock()
    async with open_stack("gateway", clock=clock) as stack:
        await stack.add_client(*CHECKER, scopes=["uaa.resource"])
        now = clock.now_ns() // 1_000_000_000
        status, claims = await check(stack, await token(stack))

    assert status == 200
    assert claims["scope"] == ["doppler.firehose"]
    assert (claims["client_id"], claims["cid"]) == ("prober", "prober")
    assert (claims["iat"], claims["exp"]) == (now, now + 43_200)


async def test_a_token_is_good_for_its_time_only() -> None:
    """By the stack's clock; and one that is not ours is never good."""
    clock = ManualClock()
    profile = dataclasses.replace(ROOMY, token_life=60.0)
    async with open_stack("gateway", clock=clock, profile=profile) as stack:
        await stack.add_client(*CHECKER, scopes=["uaa.resource"])
        text = await token(stack)
        await clock.advance(59)
        young, _ = await check(stack, text)
        await clock.advance(1)
        old = await check(stack, text)
        forged = await check(stack, text[:-2])
        no_token = await check(stack, "")

    assert young == 200
    assert old == refused(400, "invalid_token", "Token has expired")
    expected = refused(400, "invalid_token", "Invalid token (could not decode)")
    assert forged == no_token == expected


@pytest.mark.parametrize(
    ("client", "form", "answer"),
    [
        (("prober", "x"), {}, refused(401, "unauthorized", "Bad credentials")),
        (("nobody", ""), {}, refused(401, "unauthorized", "Bad credentials")),
        (
            None,
            {"client_id": "prober"},
            refused(400, "invalid_request", "Missing grant type"),
        ),
        (
            None,
            {"grant_type": "implicit"},
            refused(400, "unsupported_grant_type", "Unsupported grant type"),
        ),
        (
            ("cf", ""),
            {"grant_type": "client_credentials"},
            refused(
                401, "invalid_client", "Unauthorized grant type: client_credentials"
            ),
        ),
        (
            ("cf", ""),
            {"grant_type": "password", "username": "ann", "password": "x"},
            refused(401, "unauthorized", "Bad credentials"),
        ),
        (
            ("cf", ""),
            {"grant_type": "refresh_token", "refresh_token": "x"},
            refused(401, "invalid_token", "The refresh token is not valid"),
        ),
        (
            None,
            {"grant_type": "client_credentials", "scope": "logs.admin"},
            refused(
                400,
                "invalid_scope",
                "['logs.admin'] is invalid. It is more than may be asked for.",
            ),
        ),
    ],
)
async def test_who_asks_wrongly_gets_no_token(
    client: tuple[str, str] | None,
    form: dict[str, str],
    answer: tuple[int, dict[str, str]],
) -> None:
    """The status and the error are those of a UAA."""
    async with open_stack("gateway") as stack:
        await stack.add_user("ann", "secret")
        told = await ask_token(stack, client, **form)

    assert answer == (told.status_code, told.json())
    assert (told.status_code == 401) == ("www-authenticate" in told.headers)


async def test_a_user_gets_tokens_by_password_and_then_by_refresh() -> None:
    """A refresh token opens no door by itself, and only for the client it is of."""
    async with open_stack("gateway") as stack:
        await stack.add_user("ann", "secret", scopes=["doppler.firehose"])
        await stack.add_client(*CHECKER, scopes=["uaa.resource"])
        by_password = {"grant_type": "password", "username": "ann"}
        first = await ask_token(stack, ("cf", ""), **by_password, password="secret")  # noqa: S106
        refresh = first.json()["refresh_token"]
        again = {"grant_type": "refresh_token", "refresh_token": refresh}
        second = await ask_token(stack, ("cf", ""), **again)
        stolen = await ask_token(stack, stack.uaa_client, **again)
        _, claims = await check(stack, second.json()["access_token"])
        shown, _ = await check(stack, refresh)

    assert 200 == first.status_code == second.status_code
    assert ("ann", "cf", ["doppler.firehose"]) == (
        claims["user_name"],
        claims["client_id"],
        claims["scope"],
    )
    assert 400 == shown
    assert 401 == stolen.status_code


async def test_only_who_has_the_authority_checks_tokens() -> None:
    """A client without it is forbidden to, a stranger unauthorized."""
    async with open_stack("gateway") as stack:
        text = await token(stack)
        denied = await check(stack, text, (APP, "app"))
        unknown = await check(stack, text, ("who", "x"))

    assert denied == refused(403, "access_denied", "Access is denied")
    assert unknown == refused(401, "unauthorized", "Bad credentials")


async def test_other_methods_and_paths_are_refused() -> None:
    """405 and 404, as JSON."""
    async with open_stack("gateway") as stack, http(stack) as opened:
        got = await opened.get(f"{stack.uaa_url}/oauth/token")
        lost = await opened.post(f"{stack.uaa_url}/login")

    assert (405, "method_not_allowed") == (got.status_code, got.json()["error"])
    assert (404, "not_found") == (lost.status_code, lost.json()["error"])


async def test_tokens_outlive_a_uaa_that_is_killed() -> None:
    """While it is away nobody answers; on the same port it knows what it gave."""
    async with open_stack("gateway") as stack:
        await stack.add_client(*CHECKER, scopes=["uaa.resource"])
        text = await token(stack)
        await stack.kill_door("uaa")
        with pytest.raises(httpx.ConnectError):
            await token(stack)
        await stack.start_door("uaa")
        status, _ = await check(stack, text)

    assert status == 200


async def test_doors_that_are_not_open_are_missed_by_name() -> None:
    """Asking for one, or for one that there cannot be, is a UsageError."""
    with pytest.raises(UsageError, match="no door 'window': choose from gateway"):
        ReferenceStack(doors=["window"])
    async with open_stack("gateway") as stack:
        with pytest.raises(UsageError, match="the stack has no firehose"):
            _ = stack.firehose_url
        with pytest.raises(UsageError, match="the stack has no metrics"):
            _ = stack.metrics_address
    async with open_stack() as stack:
        with pytest.raises(UsageError, match="the stack has no uaa"):
            await stack.add_client("a", "b", apps=[GUID])
