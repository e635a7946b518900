"""The servers that are checked: where each is, and how its certificate is judged."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from prober.egress.https import Server
from prober.records import Tls

Setting = Callable[[str], str]
"""Returns how a person calls a setting of a peer: `server_name` -> `--rlp-server-name`.
"""

_WEB_PORT = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A server, its address, and the name that its certificate is to bear."""

    kind: str
    """What it is called in a sentence: `agent`, `reverse log proxy`, `UAA`."""
    host: str
    port: int
    server_name: str
    ca_file: str | None
    """None for the authorities that this machine trusts."""
    setting: Setting
    context: Callable[[], ssl.SSLContext]
    """Reads the files anew; raises ProberError, OSError or ssl.SSLError."""
    proxy: Callable[[], str | None]
    """The URL of the proxy that leads to it, None for the straight way."""
    tls: Tls | None = None
    """Our own certificate, where one is asked for: with gRPC."""

    @property
    def address(self) -> str:
        """Host and port, as they are written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def where(self) -> str:
        """Its name in a sentence: `agent at 127.0.0.1:3458`."""
        return f"{self.kind} at {self.address}"


def grpc_peer(kind: str, address: str, tls: Tls, setting: Setting) -> Peer:
    """Return a server of gRPC with mutual TLS."""
    host, _, port = address.rpartition(":")
    return Peer(
        kind=kind,
        host=host.strip("[]"),
        port=int(port),
        server_name=tls.server_name,
        ca_file=tls.ca_file,
        setting=setting,
        context=lambda: mutual_context(tls),
        proxy=lambda: None,
        tls=tls,
    )


def https_peer(server: Server, setting: Setting) -> Peer:
    """Return a server of HTTPS or of websockets over TLS."""
    url = urlsplit(server.url)
    return Peer(
        kind=server.peer,
        host=url.hostname or "",
        port=url.port or _WEB_PORT,
        server_name=url.hostname or "",
        ca_file=server.ca_file,
        setting=setting,
        context=lambda: _http_context(server),
        proxy=server.way,
    )


def mutual_context(tls: Tls) -> ssl.SSLContext:
    """Read certificate files into what gRPC would make of them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # As gRPC does: a platform's CA is often an intermediate one.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["h2"])
    context.load_verify_locations(tls.ca_file)
    # Without a password it would be asked for on the terminal.
    context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    return context


def _http_context(server: Server) -> ssl.SSLContext:
    context = server.context()
    context.set_alpn_protocols(["http/1.1"])
    return context
