"""Who may ask for what: hosts, methods and passwords before, headers after.

A page on loopback answers to names of loopback alone: a name of somebody else's that
was made to point here ("DNS rebinding") would let a foreign page read this one.
"""

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prober.watch.page.passwords import Passwords

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
OPEN = ("/healthz",)
"""What answers without a password: whoever starts daemons asks it."""
_METHODS = ("GET", "HEAD")
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is asked of who asks."""

    hosts: Collection[str] | None
    """Names that the page answers to, without a port; None for any."""
    passwords: Passwords | None


class Guard:
    """Stands before an application."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or refuse it in a sentence."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = await self._refusal(scope)
        await (refusal or self._app)(scope, receive, dressed)

    async def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if scope["method"] not in _METHODS:
            words = f"{scope['method']} is not answered here: GET and HEAD are"
            return _refused(words, 405, Allow=", ".join(_METHODS))
        host = without_port(headers.get("host", ""))
        if self._rules.hosts is not None and host not in self._rules.hosts:
            words = "this page answers to names of this machine only, not to that one"
            return _refused(words, 421)
        passwords = self._rules.passwords
        if passwords is None or scope["path"] in OPEN:
            return None
        if await passwords.accept(headers.get("authorization", "")):
            return None
        challenge = 'Basic realm="prober", charset="UTF-8"'
        return _refused("who are you?", 401, **{"WWW-Authenticate": challenge})


def hosts_of(listening: str) -> Collection[str] | None:
    """Return the names that who listens there answers to; None beyond loopback."""
    host = without_port(listening)
    return {*_LOCAL, host} if is_loopback(host) else None


def is_loopback(host: str) -> bool:
    """Tell whether an address, or a name, is only of this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def without_port(host: str) -> str:
    """Return the name in `name:port`, in small letters; IPv6 stays in brackets."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower().rstrip(".")


def _refused(words: str, status: int, **headers: str) -> Response:
    return PlainTextResponse(f"{words}\n", status, headers=headers)
