"""Names and connections: where a peer is, and whether anything listens there."""

import asyncio
import os
import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit

from prober.checks.findings import Finding, StepFailed
from prober.checks.peers import Peer
from prober.checks.timing import within
from prober.clock import Clock

_MOST = 5
"""Addresses of one name that are tried."""


async def resolve(peer: Peer) -> tuple[Finding, tuple[str, ...]]:
    """Return the addresses of a peer's name, or of that of the proxy before it."""
    proxy = peer.proxy()
    host = (urlsplit(proxy).hostname or "") if proxy else peer.host
    by = " of the proxy" if proxy else ""
    try:
        found = await _addresses(host)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no name"
        setting = peer.setting("proxy" if proxy else "address")
        raise StepFailed(
            f"the name {host}{by} cannot be resolved: {reason}",
            f"correct {setting}, or ask from where this name is known: "
            f"getent hosts {host}",
        ) from None
    if found == (host,):
        return Finding(words=f"{host}{by} is an address already"), found
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    words = f"{host}{by} is {', '.join(found[:_MOST])}{more}"
    return Finding(words=words), found[:_MOST]


async def _addresses(host: str) -> tuple[str, ...]:
    """Ask the machine's resolver, on a thread that nobody has to wait for."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def tell(found: tuple[str, ...], error: Exception | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def ask() -> None:
        try:
            told = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            outcome: tuple[tuple[str, ...], Exception | None] = (), error
        else:
            outcome = tuple(dict.fromkeys(str(each[4][0]) for each in told)), None
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, *outcome)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    return await answer


async def connect(
    peer: Peer, addresses: tuple[str, ...], clock: Clock, seconds: float
) -> tuple[Finding, str]:
    """Connect to every address, and return the first that takes us in time."""
    proxy = peer.proxy()
    port = peer.port
    if proxy:
        url = urlsplit(proxy)
        port = url.port or (443 if url.scheme == "https" else 80)
    tries = [_why_not(host, port, clock, seconds) for host in addresses]
    told = dict(zip(addresses, await asyncio.gather(*tries), strict=True))
    good = [host for host, why in told.items() if not why]
    bad = [f"{host} port {port}: {why}" for host, why in told.items() if why]
    setting = peer.setting("proxy" if proxy else "address")
    if not good:
        raise StepFailed(
            f"no connection to {'; '.join(bad)}",
            f"see that it runs there, or correct {setting}",
        )
    words = f"{good[0]} port {port}" + (", the proxy's" if proxy else "")
    remedy = f"see to the others of its name: {'; '.join(bad)}" if bad else ""
    return Finding(words=words, remedy=remedy), good[0]


async def _why_not(host: str, port: int, clock: Clock, seconds: float) -> str:
    """Return why there is no connection, nothing if there is one."""
    try:
        async with within(clock, seconds):
            _, writer = await asyncio.open_connection(host, port)
    except ConnectionRefusedError:
        return "nothing listens there"
    except TimeoutError:
        return f"no answer within {seconds:g} s: a firewall, or no way there"
    except OSError as error:
        return os.strerror(error.errno) if error.errno else "no way there"
    writer.transport.abort()
    return ""
