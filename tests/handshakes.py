"""A handshake of TLS between two contexts, without a connection."""

import ssl
from contextlib import suppress

_TURNS = 4
"""More than any handshake takes."""


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """Have a client meet a server by a name; raises the ssl.SSLError of who objects."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(_TURNS):
        for end in ends:
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    assert ends[0].version() is not None
