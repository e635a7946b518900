"""Who may have a token, and what tokens are made of: JSON, signed.

They are signed with a key that nobody else has, so that none is kept: whoever shows one
is known by what stands in it.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from prober.clock import NS, Clock

FIREHOSE = "doppler.firehose"
LOGS_ADMIN = "logs.admin"
RESOURCE = "uaa.resource"
"""The authority to check other people's tokens."""

_HEADER = {"alg": "HS256", "typ": "JWT", "kid": "reference"}
_REFRESH = "-r"
"""How the number of a refresh token ends, which opens no door by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A client or a user: its secret, its scopes, the apps whose logs it may read."""

    secret: str
    scopes: tuple[str, ...]
    apps: frozenset[str] = frozenset()


class Accounts:
    """The clients and users that the UAA knows, each by name."""

    def __init__(self) -> None:
        self.clients: dict[str, Account] = {}
        self.users: dict[str, Account] = {}

    def client(self, client_id: str, secret: str) -> Account | None:
        """Return the client of that name, if the secret is its own."""
        return _matching(self.clients, client_id, secret)

    def user(self, name: str, password: str) -> Account | None:
        """Return the user of that name, if the password is theirs."""
        return _matching(self.users, name, password)

    def apps(self, claims: Mapping[str, Any]) -> Collection[str]:
        """Return the apps whose logs the owner of a token may read."""
        name = claims.get("user_name")
        account = self.users.get(name) if name else self.clients.get(claims["cid"])
        return account.apps if account else ()


def _matching(
    accounts: Mapping[str, Account], name: str, secret: str
) -> Account | None:
    account = accounts.get(name)
    known = account.secret if account else ""
    equal = hmac.compare_digest(known.encode(), secret.encode())
    return account if equal else None


class Tokens:
    """Signs tokens, and tells whether one shown is ours and still good."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._revoked = 0
        self._step_ns = 0

    def expire(self) -> None:
        """End every token that was issued so far."""
        self._revoked += 1

    def step_clock(self, step_ns: int) -> None:
        """Set the clock that says which tokens are over."""
        self._step_ns += step_ns

    def _now_ns(self) -> int:
        return self._clock.now_ns() + self._step_ns

    def issue(self, claims: Mapping[str, Any], seconds: float) -> tuple[str, str]:
        """Return a token that is good for so long, and its number."""
        now = self._now_ns() // NS
        number = uuid.uuid4().hex
        return self._sign(claims, number, now, now + int(seconds)), number

    def issue_refresh(self, claims: Mapping[str, Any], seconds: float) -> str:
        """Return a token that is good for nothing but for other tokens."""
        now = self._now_ns() // NS
        return self._sign(claims, uuid.uuid4().hex + _REFRESH, now, now + int(seconds))

    def read(self, token: str, *, refresh: bool = False) -> Mapping[str, Any] | None:
        """Return a token's claims; nothing if it is not ours, or of the other sort."""
        head, _, signature = token.rpartition(".")
        mine = self._signature(head)
        if not hmac.compare_digest(mine.encode(), signature.encode()):
            return None
        claims: Mapping[str, Any] = json.loads(_decoded(head.rpartition(".")[2]))
        return claims if claims["jti"].endswith(_REFRESH) == refresh else None

    def is_over(self, claims: Mapping[str, Any]) -> bool:
        """Tell whether a token's time is over."""
        revoked = claims["rev_sig"] != str(self._revoked)
        return bool(revoked or claims["exp"] * NS <= self._now_ns())

    def _sign(self, claims: Mapping[str, Any], number: str, now: int, end: int) -> str:
        # A refreshed token takes its claims over, but not what makes it void.
        mine = {"rev_sig": str(self._revoked), "iat": now, "exp": end}
        body = {"jti": number, **claims, **mine}
        head = f"{_encoded(_HEADER)}.{_encoded(body)}"
        return f"{head}.{self._signature(head)}"

    def _signature(self, head: str) -> str:
        digest = hmac.digest(self._key, head.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _encoded(value: Mapping[str, Any]) -> str:
    raw = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def basic(header: str) -> tuple[str, str] | None:
    """Return the name and secret of a header of HTTP's basic authentication."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    name, _, secret = text.partition(":")
    return name, secret
