"""Why a component cannot listen where it was told to, and what to do."""

import socket

from prober.errors import UsageError


def cannot_listen(name: str, host: str, port: int) -> UsageError:
    """Return the error of a component that cannot: it is the port, or the address."""
    if not _is_ours(host):
        return UsageError(
            f"{name} cannot listen on {host}, which is not an address of this machine: "
            "choose another address"
        )
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return UsageError(
        f"{name} cannot listen on {where}, which is taken, or not open to this user: "
        "choose another port"
    )


def _is_ours(host: str) -> bool:
    """Tell whether any port at all can be had there."""
    try:
        for family, kind, *_, address in socket.getaddrinfo(
            host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with socket.socket(family, kind) as trial:
                trial.bind(address)
    except (OSError, UnicodeError):
        return False
    return True
