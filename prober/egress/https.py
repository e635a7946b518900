"""HTTPS to the platform, websockets too: verified, by a proxy if need be, explained."""

import re
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import httpx
import websockets

from prober import trust
from prober.errors import ConnectError, UsageError

CONNECT_SECONDS = 10.0

_MEANINGS: tuple[tuple[type[BaseException], str, str], ...] = (
    # What went wrong, what its words contain -> what it means. The first that fits any
    # link of an error's chain of causes.
    (
        ssl.SSLCertVerificationError,
        "mismatch",
        "its certificate does not carry the name {host}; give it by a name it has",
    ),
    (
        ssl.SSLCertVerificationError,
        "has expired",
        "its certificate has expired; whoever runs it has to renew it",
    ),
    (
        ssl.SSLCertVerificationError,
        "not yet valid",
        "its certificate is not valid yet: is a clock wrong?",
    ),
    (
        ssl.SSLCertVerificationError,
        "",
        "its certificate is not one that {ca} vouches for; give the ca_file of its CA",
    ),
    (
        ssl.SSLError,
        "wrong_version_number",
        "it does not speak TLS there; is the port right?",
    ),
    (
        ssl.SSLError,
        "record_layer_failure",
        "it does not speak TLS there; is the port right?",
    ),
    (ssl.SSLError, "", "the TLS handshake failed"),
    (httpx.ProxyError, "", "the proxy would not{status}"),
    (websockets.ProxyError, "", "the proxy would not{status}"),
    (socket.gaierror, "", "its name cannot be resolved"),
    (
        ConnectionRefusedError,
        "",
        "nothing listens there; is it running, and the port right?",
    ),
    (TimeoutError, "", "it did not answer in time"),
    (httpx.TimeoutException, "", "it did not answer in time"),
    (
        httpx.RemoteProtocolError,
        "without sending a response",
        "it hung up without an answer",
    ),
    (EOFError, "", "it hung up without an answer"),
    (ConnectionError, "", "the connection broke"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server of HTTPS: what it is, where, and how it is reached.

    Without `ca_file` the certificates count that the machine trusts. Without `proxy`
    the environment's holds: `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`.
    """

    peer: str
    """What it is called in a sentence: `RLP gateway`."""
    url: str
    ca_file: str | None = None
    proxy: str | None = field(default=None, repr=False)
    """May hold a password."""
    own: tuple[str, str] | None = None
    """Files of our certificate and its key, for who wants to see one."""
    server_name: str | None = None
    """The name in its certificate, where that is not the host's."""

    @property
    def where(self) -> str:
        """Its name in a sentence, with its address: `RLP gateway at host:443`."""
        return f"{self.peer} at {_address(urlsplit(self.url))}"

    def context(self) -> ssl.SSLContext:
        """Read the certificates anew; raises UsageError if that cannot be."""
        file = self.ca_file or ""
        try:
            context = trust.context(file)
            if self.own is not None:
                file = " or ".join(self.own)
                context.load_cert_chain(*self.own)
        except OSError as error:
            raise UsageError(
                f"cannot read certificates from the file {file}: "
                f"{error.strerror or 'there are none in it'}"
            ) from error
        return context

    def way(self) -> str | None:
        """Return the URL of the proxy that leads to it; None for the straight way."""
        if self.proxy:
            return self.proxy
        given = urllib.request.getproxies()
        proxy = given.get("https") or given.get("all")
        host = urlsplit(self.url).hostname or ""
        if not proxy or urllib.request.proxy_bypass(host):
            return None
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        if urlsplit(proxy).scheme not in {"http", "https"}:
            raise UsageError(
                f"the proxy that the environment names for the {self.where} is not one "
                "of HTTP: give another by `proxy`, or except the host in NO_PROXY"
            )
        return proxy

    def client(self, *, read_seconds: float) -> httpx.AsyncClient:
        """Return a client with connections of its own, and no redirects.

        `read_seconds` is how long nothing at all may come.
        """
        return httpx.AsyncClient(
            verify=self.context(),
            proxy=self.way(),
            trust_env=False,
            timeout=httpx.Timeout(CONNECT_SECONDS, read=read_seconds),
        )

    def unreachable(self, error: BaseException) -> ConnectError:
        """Return the error that tells a person why there is no connection."""
        return ConnectError(
            f"no connection to the {self.where}{self._by()}: {self.why(error)}"
        )

    def _by(self) -> str:
        way = self.way()
        return f" by way of the proxy at {_address(urlsplit(way))}" if way else ""

    def why(self, error: BaseException) -> str:
        """Return what an error on the way to this server means."""
        # What asyncio was about meanwhile is no cause.
        chain = [e for e in _causes(error) if not isinstance(e, ssl.SSLWantReadError)]
        host = self.server_name or urlsplit(self.url).hostname
        for kind, needle, meaning in _MEANINGS:
            for cause in chain:
                if isinstance(cause, kind) and needle in str(cause).lower():
                    code = re.search(r"\b[1-5]\d\d\b", str(cause))
                    return meaning.format(
                        host=host,
                        ca=self.ca_file or "this machine",
                        status=f": HTTP {code[0]}" if code else "",
                    )
        return f"the connection broke ({type(chain[-1]).__name__})"


async def fetched(
    client: httpx.AsyncClient,
    request: httpx.Request,
    *,
    most_bytes: int,
    auth: httpx.Auth | None = None,
) -> tuple[int, bytes]:
    """Return the status of an answer, and its body: no more of it than some bytes.

    It is asked for unpacked, and never unfolded: what a peer packs nevertheless stays
    as it came, so that a few bytes of a bomb are a few bytes.
    """
    request.headers["Accept-Encoding"] = "identity"
    answer = await client.send(request, auth=auth, stream=True)
    try:
        body = bytearray()
        async for piece in answer.aiter_raw():
            body += piece[: most_bytes - len(body)]
            if len(body) >= most_bytes:
                break
    finally:
        await answer.aclose()
    return answer.status_code, bytes(body)


def _address(url: SplitResult) -> str:
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    return f"{host}:{url.port or 443}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and all that led to it."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
