"""A TLS handshake by hand, for what gRPC does not tell of the ones that it makes.

Whoever refuses our certificate says so in an alert; with TLS 1.3 that comes after our
side of the handshake is over, so the first bytes are waited for. Nothing is written
before them: an answer to what we wrote would destroy the alert.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from prober.checks import certificates
from prober.checks.certificates import Certificate
from prober.checks.findings import Finding, StepFailed
from prober.checks.peers import Peer
from prober.checks.timing import within
from prober.clock import Clock
from prober.errors import UsageError

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_QUIET_SECONDS = 1.0
"""After which a server that says nothing is spoken to."""
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
"""How a client of HTTP/2 begins, with settings of nothing."""
_ANSWERED = 200

_OURS = "set {cert_file} and {key_file} to a pair that its CA signed"
_PORT = "correct the port in {address}"

_ALERTS: tuple[tuple[str, str, str], ...] = (
    # What the error's reason contains -> what it means, and the remedy.
    ("CERTIFICATE_REQUIRED", "it wants a client certificate, and got none", _OURS),
    (
        "ALERT_UNKNOWN_CA",
        "it refused our client certificate: it does not know its CA, {issuer}",
        _OURS,
    ),
    (
        "CERTIFICATE_EXPIRED",
        "it refused our client certificate as expired",
        "renew {cert_file}, or look at its machine's clock",
    ),
    ("BAD_CERTIFICATE", "it refused our client certificate, of the CA {issuer}", _OURS),
    ("CERTIFICATE_UNKNOWN", "it refused our client certificate, of {issuer}", _OURS),
    (
        "UNSUPPORTED_CERTIFICATE",
        "it refused our client certificate, as one that is not for clients",
        "set {cert_file} to one with the extended key usage clientAuth",
    ),
    ("CERTIFICATE_REVOKED", "it refused our client certificate as revoked", _OURS),
    ("ACCESS_DENIED", "it does not let the bearer of our certificate in", _OURS),
    ("DECRYPT_ERROR", "it could not verify our client certificate", _OURS),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS there", _PORT),
    ("RECORD_LAYER_FAILURE", "it does not speak TLS there", _PORT),
    ("HTTP_REQUEST", "it does not speak TLS there", _PORT),
    ("NO_PROTOCOLS", "it speaks TLS, but not what is spoken with a {kind}", _PORT),
    ("NO_APPLICATION_PROTOCOL", "it does not speak what a {kind} speaks", _PORT),
    (
        "PROTOCOL_VERSION",
        "it speaks no version of TLS that may be used",
        "let it speak TLS 1.2 or 1.3",
    ),
    (
        "HANDSHAKE_FAILURE",
        "it broke the handshake off: it wants a client certificate or other ciphers",
        _OURS,
    ),
)

_EXPIRED, _NOT_YET, _NAME, _ADDRESS, _PURPOSE = 10, 9, 62, 64, 26
_SELF_SIGNED = 18
"""What OpenSSL calls its reasons not to trust a certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a handshake that went well showed."""

    certificate: Certificate | None
    version: str
    protocol: str | None


async def tls(peer: Peer, host: str, clock: Clock) -> Finding:
    """Shake hands with a peer at an address; raises StepFailed with what was wrong."""
    try:
        seen = await _shake(peer, host, clock)
    except ssl.SSLCertVerificationError as error:
        certificate = await _look(peer, host)
        raise StepFailed(*_untrusted(peer, error, certificate, clock)) from None
    except ssl.SSLError as error:
        raise StepFailed(*_alert(peer, error)) from None
    except UsageError as error:  # from reading the files
        raise StepFailed(str(error), f"correct {peer.setting('ca_file')}") from None
    except ValueError:
        words = f"{peer.server_name!r} is not a name that a certificate can bear"
        raise StepFailed(words, f"correct {peer.setting('server_name')}") from None
    except (OSError, EOFError):
        raise StepFailed(*_hung_up(peer)) from None
    return _finding(peer, seen, clock)


async def _shake(peer: Peer, host: str, clock: Clock) -> Seen:
    async with _connection(peer, host, peer.context()) as (reader, writer):
        ours = writer.get_extra_info("ssl_object")
        seen = Seen(
            certificate=certificates.from_der(ours.getpeercert(binary_form=True)),
            version=ours.version(),
            protocol=ours.selected_alpn_protocol(),
        )
        if peer.tls is not None:
            if seen.protocol != "h2":
                words = f"it speaks TLS, but no HTTP/2 as {_a(peer.kind)} does"
                raise StepFailed(words, _said(peer, _PORT))
            await _first_bytes(peer, reader, writer, clock)
        return seen


async def _first_bytes(
    peer: Peer,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    clock: Clock,
) -> None:
    """Return when the server has spoken; raises what its alert makes of it."""
    try:
        async with within(clock, _QUIET_SECONDS):
            first = await reader.read(1)
    except TimeoutError:
        writer.write(_PREFACE)
        first = await reader.read(1)
    if not first:
        raise StepFailed(
            "it hung up after the handshake without a word: so do servers that do not "
            f"take the client certificate; ours is of the CA {_issuer(peer)}",
            _said(peer, _OURS),
        )


def _finding(peer: Peer, seen: Seen, clock: Clock) -> Finding:
    certificate, now = seen.certificate, certificates.moment(clock)
    if certificate is None:
        return Finding(words=f"{seen.version}, {peer.server_name}")
    words = f"{seen.version}, {peer.server_name}, {certificate.fate(now)}"
    if certificate.ends_soon(now):
        return Finding(words=words, remedy=f"renew the certificate of the {peer.where}")
    return Finding(words=words)


# What went wrong, in words.


def _untrusted(
    peer: Peer,
    error: ssl.SSLCertVerificationError,
    certificate: Certificate | None,
    clock: Clock,
) -> tuple[str, str]:
    """Say why a certificate is not trusted, and what to do."""
    now = certificates.moment(clock)
    if error.verify_code in (_NAME, _ADDRESS):
        has = certificate.said_names() if certificate else "other names"
        return (
            f"its certificate does not bear the name {peer.server_name}: it has {has}",
            f"set {peer.setting('server_name')} to the name it has, if that is it",
        )
    if error.verify_code in (_EXPIRED, _NOT_YET):
        clocks = "; or a clock is wrong" if error.verify_code == _NOT_YET else ""
        if certificate is not None and certificate.is_over(now):
            words = f"its certificate {certificate.fate(now)}"
            return words, f"renew the certificate of the {peer.where}{clocks}"
        words = f"its certificate is good, but not its chain: {error.verify_message}"
        return words, f"renew the CA's certificate, also in {peer.setting('ca_file')}"
    if error.verify_code == _PURPOSE:
        words = "its certificate is not one for servers"
        return words, "give it one with the extended key usage serverAuth"
    ca = peer.ca_file or "this machine's authorities"
    signer = f"the CA {certificate.issuer}" if certificate else "another CA"
    if error.verify_code == _SELF_SIGNED:
        signer = "nobody but itself"
    return (
        f"its certificate is signed by {signer}, which is not in {ca}",
        f"set {peer.setting('ca_file')} to the certificate of the CA that signed it",
    )


def _alert(peer: Peer, error: ssl.SSLError) -> tuple[str, str]:
    """Say what an alert, or something that is no TLS at all, means."""
    reason = error.reason or str(error)
    for needle, meaning, remedy in _ALERTS:
        if needle in reason:
            words = meaning.format(issuer=_issuer(peer), kind=peer.kind)
            return words, _said(peer, remedy)
    if isinstance(error, ssl.SSLEOFError):
        return _hung_up(peer)
    return f"the TLS handshake failed: {reason}", _said(peer, _PORT)


def _hung_up(peer: Peer) -> tuple[str, str]:
    words = "it hung up in the middle of the handshake"
    ours = f", or {_said(peer, _OURS)}" if peer.tls else ""
    return f"{words}: is it a server of TLS at all?", _said(peer, _PORT) + ours


def _said(peer: Peer, remedy: str) -> str:
    names = ("address", "ca_file", "cert_file", "key_file", "server_name")
    settings: Mapping[str, str] = {name: peer.setting(name) for name in names}
    return remedy.format(**settings)


def _issuer(peer: Peer) -> str:
    if peer.tls is None:
        return "nobody"
    return certificates.issuer_of(peer.tls.cert_file)


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeio" else f"a {noun}"


# Connections, by way of a proxy if need be.


async def _look(peer: Peer, host: str) -> Certificate | None:
    """Fetch a certificate that is not trusted, only to tell what stands in it.

    Nothing is sent over that connection, and nothing of what it brings is used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2" if peer.tls else "http/1.1"])
    with suppress(OSError, EOFError, ValueError, StepFailed):
        async with _connection(peer, host, context) as (_, writer):
            ours = writer.get_extra_info("ssl_object")
            return certificates.from_der(ours.getpeercert(binary_form=True))
    return None


@asynccontextmanager
async def _connection(
    peer: Peer, host: str, context: ssl.SSLContext
) -> AsyncIterator[Stream]:
    """Connect to a peer at an address, over TLS; the connection is cut at the end."""
    proxy, name = peer.proxy(), peer.server_name
    opened: Stream | None = None
    try:
        if proxy is None:
            opened = await asyncio.open_connection(
                host, peer.port, ssl=context, server_hostname=name
            )
        else:
            opened = await _by_proxy(host, proxy)
            await _tunnel(peer, proxy, *opened)
            await opened[1].start_tls(context, server_hostname=name)
        yield opened
    finally:
        if opened is not None:
            opened[1].transport.abort()


async def _by_proxy(host: str, proxy: str) -> Stream:
    url = urlsplit(proxy)
    secure = url.scheme == "https"
    context = ssl.create_default_context() if secure else None
    port = url.port or (443 if secure else 80)
    name = url.hostname if secure else None
    return await asyncio.open_connection(host, port, ssl=context, server_hostname=name)


async def _tunnel(
    peer: Peer, proxy: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Have a proxy connect us to a peer."""
    url, to = urlsplit(proxy), peer.address
    lines = [f"CONNECT {to} HTTP/1.1", f"Host: {to}"]
    if url.username is not None:
        login = f"{unquote(url.username)}:{unquote(url.password or '')}"
        basic = base64.b64encode(login.encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {basic}")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    try:
        answer = await reader.readuntil(b"\r\n\r\n")
        status = int(answer.split(maxsplit=2)[1])
    except (asyncio.LimitOverrunError, IndexError, ValueError):
        status = 0
    if status != _ANSWERED:
        raise StepFailed(
            f"the proxy at {url.hostname} would not connect us to it"
            + (f": HTTP {status}" if status else ""),
            f"correct {peer.setting('proxy')}, or let the proxy pass {to}",
        )
