"""A small UAA: gives tokens to clients and users, and tells what a token is worth."""

import base64
import json
import secrets
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

from prober.pipeline import certificates, web
from prober.pipeline.accounts import (
    FIREHOSE,
    RESOURCE,
    Account,
    Accounts,
    Tokens,
    basic,
)
from prober.pipeline.component import Setting
from prober.pipeline.listener import client_context
from prober.pipeline.web import Request, Response

CLIENT_ID = "prober"
"""The client of the stack's own consumers; its scope is the whole Firehose."""
COMMAND_LINE = "cf"
"""The client of people's command line, which has no secret."""
_CHECKER = "loggregator"
_REFRESH_SECONDS = 30 * 86_400
_OK, _UNAUTHORIZED = 200, 401

Form = Mapping[str, str]


class Uaa:
    """Serves `/oauth/token` and `/check_token`; its key outlives being killed."""

    def __init__(self, setting: Setting, port: int) -> None:
        self._setting = setting
        self.accounts = Accounts()
        self.client = (CLIENT_ID, secrets.token_urlsafe(24))
        self._checker_secret = secrets.token_urlsafe(24)
        self.accounts.clients = {
            CLIENT_ID: Account(secret=self.client[1], scopes=(FIREHOSE,)),
            COMMAND_LINE: Account(secret="", scopes=()),
            _CHECKER: Account(secret=self._checker_secret, scopes=(RESOURCE,)),
        }
        self._tokens = Tokens(setting.clock)
        self._listener = web.door(setting, "the UAA", port, self._handle)

    @property
    def address(self) -> str:
        """Where clients connect to: `host:port`."""
        return self._listener.address

    @property
    def url(self) -> str:
        """The same as a URL."""
        return f"https://{self.address}"

    async def start(self) -> None:
        """Listen."""
        await self._listener.start()

    async def kill(self) -> None:
        """End at once; tokens that were given stay good when it is back."""
        await self._listener.kill()

    def add_client(
        self,
        client_id: str,
        secret: str,
        scopes: Collection[str],
        apps: Collection[str],
    ) -> None:
        """Let a client have tokens with these scopes, and read these apps' logs."""
        self.accounts.clients[client_id] = Account(
            secret=secret, scopes=tuple(scopes), apps=frozenset(apps)
        )

    def add_user(
        self, name: str, password: str, scopes: Collection[str], apps: Collection[str]
    ) -> None:
        """Let a user have tokens with these scopes, and read these apps' logs."""
        self.accounts.users[name] = Account(
            secret=password, scopes=tuple(scopes), apps=frozenset(apps)
        )

    def expire_tokens(self) -> None:
        """End every token that was given so far."""
        self._tokens.expire()

    def step_clock(self, step_ns: int) -> None:
        """Set the clock that says which tokens are over."""
        self._tokens.step_clock(step_ns)

    def check(self) -> "TokenCheck":
        """Return what another component asks about tokens with."""
        return TokenCheck(
            lambda: self.address,
            certificates.tls(self._setting.directory, certificates.WEB, "").ca_file,
            (_CHECKER, self._checker_secret),
        )

    async def _handle(self, request: Request) -> Response:
        routes = {"/oauth/token": self._token, "/check_token": self._check}
        if request.path not in routes:
            return _error(404, "not_found", "There is nothing here")
        if request.method != "POST":
            words = f"Request method '{request.method}' not supported"
            return _error(405, "method_not_allowed", words)
        given = parse_qs(request.body.decode("latin-1"), keep_blank_values=True)
        form = {name: values[0] for name, values in given.items()}
        return routes[request.path](request, form)

    # What is answered to whom.

    def _token(self, request: Request, form: Form) -> Response:
        client_id, secret = _credentials(request, form)
        client = self.accounts.client(client_id, secret)
        if client is None:
            return _unauthorized()
        asked = form.get("grant_type", "")
        grants = {
            "client_credentials": self._to_client,
            "password": self._to_user,
            "refresh_token": self._again,
        }
        if not asked:
            return _error(400, "invalid_request", "Missing grant type")
        if asked not in grants:
            return _error(400, "unsupported_grant_type", "Unsupported grant type")
        claims = {"cid": client_id, "client_id": client_id, "grant_type": asked}
        return grants[asked](claims, form)

    def _to_client(self, claims: dict[str, str], form: Form) -> Response:
        client_id = claims["cid"]
        if client_id == COMMAND_LINE:
            words = "Unauthorized grant type: client_credentials"
            return _error(401, "invalid_client", words)
        client = self.accounts.clients[client_id]
        return self._give({**claims, "sub": client_id}, client, form)

    def _to_user(self, claims: dict[str, str], form: Form) -> Response:
        name = form.get("username", "")
        user = self.accounts.user(name, form.get("password", ""))
        if user is None:
            return _unauthorized()
        owner = {"sub": name, "user_id": name, "user_name": name}
        return self._give({**claims, **owner}, user, form)

    def _again(self, claims: dict[str, str], form: Form) -> Response:
        shown = self._tokens.read(form.get("refresh_token", ""), refresh=True)
        name = shown["user_name"] if shown else ""
        user = self.accounts.users.get(name)
        mine = shown is not None and shown["cid"] == claims["cid"]
        if shown is None or user is None or not mine or self._tokens.is_over(shown):
            return _error(401, "invalid_token", "The refresh token is not valid")
        owner = {"sub": name, "user_id": name, "user_name": name}
        return self._give({**claims, **owner}, user, form)

    def _give(self, claims: dict[str, str], owner: Account, form: Form) -> Response:
        asked = form.get("scope", "").split()
        if set(asked) - set(owner.scopes):
            words = f"{asked} is invalid. It is more than may be asked for."
            return _error(400, "invalid_scope", words)
        body: dict[str, Any] = {**claims, "scope": asked or list(owner.scopes)}
        body |= {"iss": f"{self.url}/oauth/token", "zid": "uaa"}
        seconds = self._setting.profile.token_life
        token, number = self._tokens.issue(body, seconds)
        answer: dict[str, Any] = {"access_token": token, "token_type": "bearer"}
        if "user_name" in claims:
            refresh = self._tokens.issue_refresh(body, _REFRESH_SECONDS)
            answer["refresh_token"] = refresh
        answer |= {"expires_in": int(seconds) - 1, "scope": " ".join(body["scope"])}
        return _json(200, {**answer, "jti": number})

    def _check(self, request: Request, form: Form) -> Response:
        named = basic(request.headers.get("authorization", ""))
        client = self.accounts.client(*named) if named else None
        if client is None:
            return _unauthorized()
        if RESOURCE not in client.scopes:
            return _error(403, "access_denied", "Access is denied")
        claims = self._tokens.read(form.get("token", ""))
        if claims is None:
            return _error(400, "invalid_token", "Invalid token (could not decode)")
        if self._tokens.is_over(claims):
            return _error(400, "invalid_token", "Token has expired")
        return _json(200, claims)


class TokenCheck:
    """Asks the UAA, over HTTPS and each time anew, what a token is worth."""

    def __init__(
        self, address: Callable[[], str], ca_file: str, client: tuple[str, str]
    ) -> None:
        self._address = address
        self._ca_file = ca_file
        plain = ":".join(client).encode()
        self._basic = f"Basic {base64.b64encode(plain).decode()}"

    async def claims(self, token: str) -> Mapping[str, Any] | None:
        """Return a token's claims; nothing if it is not good, or the UAA is away."""
        headers = {
            "Authorization": self._basic,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode({"token": token}).encode()
        context = client_context(self._ca_file)  # which may have been replaced
        try:
            status, answer = await web.post(
                self._address(), context, "/check_token", headers, body
            )
        except OSError:
            return None
        if status != _OK:
            return None
        claims: Mapping[str, Any] = json.loads(answer)
        return claims


def _credentials(request: Request, form: Form) -> tuple[str, str]:
    """Return a client's name and secret: of the header, or else of the form."""
    named = basic(request.headers.get("authorization", ""))
    if named is None:
        return form.get("client_id", ""), form.get("client_secret", "")
    client_id, secret = named
    return unquote(client_id), unquote(secret)


def _unauthorized() -> Response:
    return _error(401, "unauthorized", "Bad credentials")


def _error(status: int, error: str, description: str) -> Response:
    return _json(status, {"error": error, "error_description": description})


def _json(status: int, document: Mapping[str, Any]) -> Response:
    headers = {"Cache-Control": "no-store"}
    if status == _UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Basic realm="UAA/client", error="unauthorized"'
    return Response(
        status=status,
        content_type="application/json;charset=UTF-8",
        body=json.dumps(document, separators=(",", ":")).encode(),
        headers=headers,
    )
