"""Servers that are wrong in one way each, and the certificates for them."""

import asyncio
import datetime as dt
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trustme

from prober.checks import Peer, grpc_peer
from prober.records import Tls

SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
"""What a server of HTTP/2 says first."""
Serve = Callable[[socket.socket], None]


def days(number: float) -> dt.datetime:
    """Return the time in so many days, in the middle of the day that is counted."""
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=number)


def client_files(
    folder: Path,
    trusted: trustme.CA,
    ours: trustme.LeafCert,
    server_name: str = "metron",
) -> Tls:
    """Write a client's files: the CA that it trusts, its certificate and key."""
    trusted.cert_pem.write_to_path(folder / "ca.crt")
    ours.cert_chain_pems[0].write_to_path(folder / "client.crt")
    ours.private_key_pem.write_to_path(folder / "client.key")
    return Tls(
        ca_file=str(folder / "ca.crt"),
        cert_file=str(folder / "client.crt"),
        key_file=str(folder / "client.key"),
        server_name=server_name,
    )


def peer(address: str, tls: Tls) -> Peer:
    """Return an agent at an address, whose settings are called as they are."""
    return grpc_peer("agent", address, tls, str)


def shaking_hands(
    authority: trustme.CA,
    leaf: trustme.LeafCert,
    *,
    newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    protocols: tuple[str, ...] = ("h2",),
    first: bytes = SETTINGS,
) -> Serve:
    """Return a server with mutual TLS, which tells by alerts what it does not like."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(list(protocols))
    leaf.configure_cert(context)
    authority.configure_trust(context)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            if first:
                secured.sendall(first)
                secured.recv(1)  # until the client hangs up

    return serve


def mute(connection: socket.socket) -> None:
    """Take in whatever comes, and never answer."""
    while connection.recv(4096):
        pass


def something_else(connection: socket.socket) -> None:
    """Greet as something that is no TLS."""
    connection.sendall(b"220 mail.example.com ESMTP\r\n")
    mute(connection)


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[str]:
    """Serve one connection after another on a thread; yield the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_.append(connection)
            with suppress(OSError), connection:
                serve(connection)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        host, port = listener.getsockname()[:2]
        yield f"{host}:{port}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for each in open_:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        await asyncio.to_thread(thread.join)
