"""Tokens: from a UAA for a client or a user, from a file, from a command.

A token is cached, renewed ahead of time, and renewed once more when a server refuses
it; whoever asks meanwhile waits for the same one. No token and no secret ever stands in
an error, a log or a `repr`.
"""

import abc
import asyncio
import base64
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Protocol, cast

import httpx
import msgspec

from prober.clock import NS, Clock
from prober.egress.https import Server, fetched
from prober.errors import ProberError, RefusedError

RENEW_AT = 0.8
"""The share of a token's life after which it is renewed."""
LIFE_SECONDS = 600.0
"""How long a token is taken to live that does not tell."""
ANSWER_SECONDS = 15.0
COMMAND_SECONDS = 30.0
_MOST_BYTES = 1 << 16
_TOKEN = re.compile(r"(?:bearer\s+)?([\w.~+/-]+=*)", re.ASCII | re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_MOST_WORDS = 200
_NO_SCOPE = "uaa.none"
"""What a UAA gives to a client that has no authority."""


class Tokens(Protocol):
    """Where readers get their tokens; several may share one."""

    async def token(self, refused: str = "") -> str:
        """Return a token, without a scheme.

        `refused` is one that a server would not take: if there is no other, the same
        comes back. Raises CouldNotProbe with what to do.
        """
        ...

    def lacking(self, scopes: Collection[str]) -> str:
        """Return what to do when a token was refused that needs one of some scopes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claims:
    """What a token tells of itself; scopes are None when it does not."""

    scopes: frozenset[str] | None
    expires_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grant:
    token: str = field(repr=False)
    renew_ns: int
    expires_ns: int
    scopes: frozenset[str] | None


class _Cached(abc.ABC):
    """Keeps a token for most of its life; one at a time is fetched."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._grant: _Grant | None = None
        self._single_flight = asyncio.Lock()

    @abc.abstractmethod
    async def _fetch(self) -> _Grant:
        """Get a new one."""

    @property
    def scopes(self) -> frozenset[str] | None:
        """What the last token allows; None while nobody told."""
        return self._grant.scopes if self._grant else None

    async def token(self, refused: str = "") -> str:
        """Return a token; see `Tokens`."""
        async with self._single_flight:
            grant, now_ns = self._grant, self._clock.now_ns()
            if grant is None or grant.token == refused or now_ns >= grant.expires_ns:
                grant = await self._fetch()
            elif now_ns >= grant.renew_ns:
                grant = await self._fetch_ahead(grant)
            self._grant = grant
            return grant.token

    async def _fetch_ahead(self, grant: _Grant) -> _Grant:
        """Renew, but keep what is still good while that fails."""
        try:
            return await self._fetch()
        except ProberError:  # of a file as well: it may be being replaced
            return grant

    def _granted(
        self, token: str, seconds: float | None, scopes: frozenset[str] | None
    ) -> _Grant:
        now_ns, told = self._clock.now_ns(), _claims(token)
        if seconds is None:
            end_ns = told.expires_ns or now_ns + round(LIFE_SECONDS * NS)
            seconds = (end_ns - now_ns) / NS
        return _Grant(
            token=token,
            renew_ns=now_ns + round(RENEW_AT * seconds * NS),
            expires_ns=now_ns + round(seconds * NS),
            scopes=told.scopes if scopes is None else scopes,
        )

    def _has(self) -> str:
        if self.scopes is None:
            return ""
        return f" (its token has {', '.join(sorted(self.scopes)) or 'no scopes'})"


_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
"""Of a life or of Unix time: more than any clock of ours can reckon with is refused."""


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: _Seconds | None = None
    scope: str | None = None


class _Refusal(msgspec.Struct):
    error: str = ""
    error_description: str = ""


class UaaTokens(_Cached):
    """Tokens from a UAA: for a client, or with `username` for a user.

    `client_secret` and `password` are read at each fetch, so that they may change.
    """

    def __init__(
        self,
        server: Server,
        clock: Clock,
        *,
        client_id: str,
        client_secret: Callable[[], str],
        username: str | None = None,
        password: Callable[[], str] | None = None,
    ) -> None:
        super().__init__(clock)
        self._server = server
        self._client_id, self._client_secret = client_id, client_secret
        self._username, self._password = username, password

    def lacking(self, scopes: Collection[str]) -> str:
        """Return how an administrator grants one of some scopes."""
        first, *_ = scopes
        needed = " or ".join(scopes)
        if self._username is not None:
            return (
                f"the user {self._username}{self._has()} needs {needed}: "
                f"uaac member add {first} {self._username}"
            )
        # The command replaces what there is, so that has to be said again.
        every = ",".join(sorted({first, *(self.scopes or ())} - {_NO_SCOPE}))
        return (
            f"the client {self._client_id}{self._has()} needs {needed}: "
            f'uaac client update {self._client_id} --authorities "{every}"'
        )

    async def _fetch(self) -> _Grant:
        form = {"grant_type": "client_credentials", "response_type": "token"}
        secrets = [self._client_secret()]
        if self._username is not None and self._password is not None:
            secrets.append(self._password())
            form = {
                "grant_type": "password",
                "username": self._username,
                "password": secrets[1],
            }
        status, body = await self._post(
            form, httpx.BasicAuth(self._client_id, secrets[0])
        )
        if status != httpx.codes.OK:
            raise RefusedError(self._refusal(status, body, secrets))
        try:
            given = msgspec.json.decode(body, type=_Answer)
            token = _checked(given.access_token)
        except (msgspec.MsgspecError, ValueError):
            raise RefusedError(
                f"the {self._server.where} answered without a token: is that its URL?"
            ) from None
        scopes = None if given.scope is None else frozenset(given.scope.split())
        return self._granted(token, given.expires_in, scopes)

    async def _post(
        self, form: dict[str, str], auth: httpx.BasicAuth
    ) -> tuple[int, bytes]:
        url = self._server.url.rstrip("/") + "/oauth/token"
        headers = {"Accept": "application/json"}
        try:
            async with self._server.client(read_seconds=ANSWER_SECONDS) as client:
                request = client.build_request("POST", url, data=form, headers=headers)
                return await fetched(client, request, most_bytes=_MOST_BYTES, auth=auth)
        except (httpx.HTTPError, OSError) as error:
            raise self._server.unreachable(error) from None

    def _refusal(self, status: int, body: bytes, secrets: Sequence[str]) -> str:
        try:
            said = msgspec.json.decode(body, type=_Refusal)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            said = _Refusal()
        words = ", ".join(each for each in (said.error, said.error_description) if each)
        for secret in filter(None, secrets):
            words = words.replace(secret, "…")
        words = _UNPRINTABLE.sub("?", words)[:_MOST_WORDS]
        told = f"the {self._server.where} gave no token: {status} {words}"
        return f"{told.strip()}: {self._advice(status, said.error)}"

    def _advice(self, status: int, error: str) -> str:
        owner = f"the client {self._client_id} with that secret"
        if self._username is not None:
            owner = f"the user {self._username} with that password, or {owner}"
        rows = {
            "unauthorized": f"it does not know {owner}",
            "invalid_grant": f"it does not know {owner}",
            "invalid_client": (
                f"it does not know {owner}, or the client may not ask so: "
                f"uaac client get {self._client_id}"
            ),
            "unauthorized_client": (
                "the client may not ask so; look at its authorized_grant_types: "
                f"uaac client get {self._client_id}"
            ),
            "invalid_scope": self.lacking(("doppler.firehose",)),
        }
        if error in rows:
            return rows[error]
        if httpx.codes.is_server_error(status):
            return "it is in trouble itself"
        return "is that the URL of a UAA?"


class FixedToken:
    """A token that somebody else provides, and renews in its file if it is in one.

    `read` returns it as it is now; `name` says where it stands: `token_file /x/token`.
    """

    def __init__(self, read: Callable[[], str], name: str, clock: Clock) -> None:
        self._read, self._name, self._clock = read, name, clock
        self._scopes: frozenset[str] | None = None

    @property
    def scopes(self) -> frozenset[str] | None:
        """What the last token allows; None while nobody told."""
        return self._scopes

    async def token(self, refused: str = "") -> str:
        """Return the token that is there now; see `Tokens`."""
        del refused
        try:
            token = _checked(self._read())
        except ValueError:
            raise RefusedError(f"what the {self._name} holds is no token") from None
        told = _claims(token)
        self._scopes = told.scopes
        if told.expires_ns is not None and told.expires_ns <= self._clock.now_ns():
            raise RefusedError(
                f"the token of the {self._name} expired "
                f"{(self._clock.now_ns() - told.expires_ns) // (60 * NS):,} minutes "
                "ago: put a new one there, or let the prober get them from the UAA"
            )
        return token

    def lacking(self, scopes: Collection[str]) -> str:
        """Return how to look at the token."""
        return _look(self._name, scopes, self._scopes)


class CommandTokens(_Cached):
    """Tokens that a command prints, as `cf oauth-token` does."""

    def __init__(self, arguments: Sequence[str], clock: Clock) -> None:
        super().__init__(clock)
        self._arguments = tuple(arguments)

    def lacking(self, scopes: Collection[str]) -> str:
        """Return how to look at the token."""
        return _look(f"command {self._arguments[0]}", scopes, self.scopes)

    async def _fetch(self) -> _Grant:
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                status, printed = await self._run()
        except TimeoutError:
            raise self._failed(f"did not end in {COMMAND_SECONDS:.0f} s") from None
        except OSError as error:
            raise self._failed(f"cannot be run: {error.strerror}") from None
        if status:
            raise self._failed(f"ended with exit status {status}")
        try:
            token = _checked(printed.decode().strip().rpartition("\n")[2])
        except ValueError:
            raise self._failed("printed no token") from None
        return self._granted(token, None, None)

    def _failed(self, words: str) -> RefusedError:
        command = self._arguments[0]
        return RefusedError(
            f"the command {command} that is to print a token {words}: run it yourself "
            "to see what it says"
        )

    async def _run(self) -> tuple[int, bytes]:
        """Return the exit status and what was printed; nothing, if there is no end."""
        process = await asyncio.create_subprocess_exec(
            *self._arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        printed = b""
        try:
            stdout = cast("asyncio.StreamReader", process.stdout)
            while chunk := await stdout.read(_MOST_BYTES):
                printed += chunk
                if len(printed) > _MOST_BYTES:
                    return 0, b""
            return await process.wait(), printed
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _look(name: str, scopes: Collection[str], has: frozenset[str] | None) -> str:
    held = "" if has is None else f", and has {', '.join(sorted(has)) or 'none'}"
    return (
        f"the token of the {name} needs the scope {' or '.join(scopes)}{held}; "
        "uaac token decode shows what it holds"
    )


def _checked(text: str) -> str:
    """Return a token without scheme and space; raises ValueError if it is none."""
    form = _TOKEN.fullmatch(text.strip())
    if form is None:
        raise ValueError("not a token")
    return form[1]


class _Body(msgspec.Struct):
    exp: _Seconds | None = None
    scope: list[str] | str | None = None


def _claims(token: str) -> _Claims:
    """Return what a token tells if it is one that can be read, unverified."""
    try:
        part = token.split(".")[1]
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        body = msgspec.json.decode(raw, type=_Body)
    except (IndexError, ValueError, msgspec.MsgspecError):
        return _Claims(scopes=None, expires_ns=None)
    scope = body.scope.split() if isinstance(body.scope, str) else body.scope
    return _Claims(
        scopes=None if scope is None else frozenset(scope),
        expires_ns=None if body.exp is None else round(body.exp * NS),
    )
