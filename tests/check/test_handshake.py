"""TLS by hand: what is wrong with a certificate is said, and what mends it."""

import asyncio
import re
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from prober.checks import handshake, https_peer
from prober.checks.findings import Finding, StepFailed
from prober.clock import SystemClock
from prober.egress.https import Server
from prober.records import Tls
from tests.check.servers import (
    Serve,
    client_files,
    days,
    listening,
    mute,
    peer,
    shaking_hands,
    something_else,
)

CA = trustme.CA(organization_name="ours")
OTHER = trustme.CA(organization_name="theirs")
CLIENT = CA.issue_cert("client", common_name="client")


async def shake(serve: Serve, tls: Tls) -> Finding:
    """Shake hands with a server of that kind."""
    async with listening(serve) as address:
        return await handshake.tls(peer(address, tls), "127.0.0.1", SystemClock())


async def failure(serve: Serve, tls: Tls) -> tuple[str, str]:
    """Return what a handshake that has to fail says, and its remedy."""
    with pytest.raises(StepFailed) as caught:
        await shake(serve, tls)
    return caught.value.words, caught.value.remedy


async def test_good_certificate_tells_its_name_and_its_end(tmp_path: Path) -> None:
    """A handshake that goes well says until when the certificate is good."""
    good = CA.issue_cert("metron", not_after=days(100.5))

    found = await shake(shaking_hands(CA, good), client_files(tmp_path, CA, CLIENT))

    assert found.words.startswith("TLSv1.3, metron, is good for 100 days, until ")
    assert "" == found.remedy


async def test_certificate_that_ends_soon_is_a_warning(tmp_path: Path) -> None:
    """Five days before the end it is time to renew."""
    soon = CA.issue_cert("metron", not_after=days(5.5))

    found = await shake(shaking_hands(CA, soon), client_files(tmp_path, CA, CLIENT))

    assert "is good for 5 days, until" in found.words
    assert found.remedy.startswith("renew the certificate of the agent at 127.0.0.1:")


async def test_expired_certificate_tells_since_when(tmp_path: Path) -> None:
    """What gRPC calls a failed verification is told with its date."""
    ended = days(-3.5)
    old = CA.issue_cert("metron", not_before=days(-30), not_after=ended)

    words, remedy = await failure(
        shaking_hands(CA, old), client_files(tmp_path, CA, CLIENT)
    )

    when = f"{ended:%Y-%m-%d %H:%M} UTC"
    assert f"its certificate expired 3 days ago, on {when}" == words
    assert remedy.startswith("renew the certificate of the agent")


async def test_certificate_of_tomorrow_makes_clocks_suspect(tmp_path: Path) -> None:
    """A certificate that is not valid yet may be one of a wrong clock."""
    young = CA.issue_cert("metron", not_before=days(1), not_after=days(30))

    words, remedy = await failure(
        shaking_hands(CA, young), client_files(tmp_path, CA, CLIENT)
    )

    assert "its certificate is not valid before" in words
    assert remedy.endswith("or a clock is wrong")


async def test_wrong_name_lists_those_that_there_are(tmp_path: Path) -> None:
    """Who expects another name is told which the certificate bears."""
    other = CA.issue_cert("doppler", "router.service.internal", "10.0.0.7")

    words, remedy = await failure(
        shaking_hands(CA, other), client_files(tmp_path, CA, CLIENT)
    )

    assert (
        "its certificate does not bear the name metron: it has doppler, "
        "router.service.internal, 10.0.0.7"
    ) == words
    assert "set server_name to the name it has, if that is it" == remedy


async def test_many_and_endless_names_are_cut(tmp_path: Path) -> None:
    """A certificate decides neither how many words there are nor how long one is."""
    names = [f"{'x' * 60}.{'y' * 60}.n{number}.internal" for number in range(9)]
    many = CA.issue_cert(*names)

    words, _ = await failure(
        shaking_hands(CA, many), client_files(tmp_path, CA, CLIENT)
    )

    assert words.endswith(" and 4 more")
    assert len(words) < 600


async def test_server_of_another_ca_is_told_by_its_ca(tmp_path: Path) -> None:
    """The words name who signed the certificate, and where that is not."""
    foreign = OTHER.issue_cert("metron")
    tls = client_files(tmp_path, CA, CLIENT)

    words, remedy = await failure(shaking_hands(CA, foreign), tls)

    assert re.match(r"its certificate is signed by the CA .*Testing CA", words)
    assert words.endswith(f"which is not in {tls.ca_file}")
    assert remedy.startswith("set ca_file to the certificate of the CA")


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_client_certificate_of_another_ca_is_recognised(
    tmp_path: Path, newest: ssl.TLSVersion
) -> None:
    """The alert that gRPC hides is told, also where it comes after the handshake."""
    stranger = OTHER.issue_cert("client")
    serve = shaking_hands(CA, CA.issue_cert("metron"), newest=newest)

    words, remedy = await failure(serve, client_files(tmp_path, CA, stranger))

    assert words.startswith(
        "it refused our client certificate: it does not know its CA"
    )
    assert "set cert_file and key_file to a pair that its CA signed" == remedy


async def test_client_certificate_that_expired_is_recognised(tmp_path: Path) -> None:
    """A server that finds our certificate expired is understood."""
    old = CA.issue_cert("client", not_before=days(-9), not_after=days(-2))
    serve = shaking_hands(CA, CA.issue_cert("metron"))

    words, _ = await failure(serve, client_files(tmp_path, CA, old))

    assert "it refused our client certificate as expired" == words


async def test_silence_after_the_handshake_is_taken_for_a_refusal(
    tmp_path: Path,
) -> None:
    """Servers that hang up without an alert most likely want another certificate."""
    serve = shaking_hands(CA, CA.issue_cert("metron"), first=b"")

    words, _ = await failure(serve, client_files(tmp_path, CA, CLIENT))

    assert words.startswith("it hung up after the handshake without a word")


async def test_server_that_waits_for_the_client_is_spoken_to(tmp_path: Path) -> None:
    """A server that says nothing by itself gets the beginning of HTTP/2."""
    good = CA.issue_cert("metron")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2"])
    good.configure_cert(context)

    def answering(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.sendall(secured.recv(3)[::-1])
            secured.recv(100)

    found = await shake(answering, client_files(tmp_path, CA, CLIENT))

    assert found.words.startswith("TLSv1.3, metron")


async def test_server_without_http2_is_no_grpc(tmp_path: Path) -> None:
    """A port that speaks TLS, but not HTTP/2, is the wrong one."""
    serve = shaking_hands(CA, CA.issue_cert("metron"), protocols=("http/1.1",))

    words, remedy = await failure(serve, client_files(tmp_path, CA, CLIENT))

    assert "it speaks TLS, but no HTTP/2 as an agent does" == words
    assert "correct the port in address" == remedy


async def test_no_tls_at_all_is_told(tmp_path: Path) -> None:
    """A server of something else is named as such."""
    words, remedy = await failure(something_else, client_files(tmp_path, CA, CLIENT))

    assert ("it does not speak TLS there", "correct the port in address") == (
        words,
        remedy,
    )


async def test_hanging_up_in_the_handshake_is_told(tmp_path: Path) -> None:
    """A server that goes away at once leaves two things to look at."""
    words, remedy = await failure(lambda _: None, client_files(tmp_path, CA, CLIENT))

    assert (
        "it hung up in the middle of the handshake: is it a server of TLS at all?"
        == (words)
    )
    assert "cert_file" in remedy


async def test_proxy_is_asked_to_connect_and_its_refusal_told(tmp_path: Path) -> None:
    """HTTPS by way of a proxy: its status stands in the words, its password nowhere."""
    asked = bytearray()

    def refusing(connection: socket.socket) -> None:
        asked.extend(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 407 No\r\n\r\n")

    client_files(tmp_path, CA, CLIENT)
    async with listening(refusing) as address:
        server = Server(
            peer="UAA",
            url="https://uaa.example.com",
            ca_file=str(tmp_path / "ca.crt"),
            proxy=f"http://me:s3cret@{address}",
        )
        with pytest.raises(StepFailed) as caught:
            await handshake.tls(
                https_peer(server, str), address.split(":")[0], SystemClock()
            )

    assert (
        "the proxy at 127.0.0.1 would not connect us to it: HTTP 407"
        == caught.value.words
    )
    assert asked.startswith(b"CONNECT uaa.example.com:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic bWU6czNjcmV0" in asked
    assert "s3cret" not in caught.value.words + caught.value.remedy


async def test_certificate_is_seen_through_a_proxy(tmp_path: Path) -> None:
    """The names of a server behind a proxy are those of the server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert("uaa.example.com").configure_cert(context)

    def tunnel(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)

    client_files(tmp_path, CA, CLIENT)
    async with listening(tunnel) as address:
        server = Server(
            peer="UAA",
            url="https://uaa.example.com",
            ca_file=str(tmp_path / "ca.crt"),
            proxy=f"http://{address}",
        )
        found = await handshake.tls(https_peer(server, str), "127.0.0.1", SystemClock())

    assert found.words.startswith("TLSv1.3, uaa.example.com, is good for")


async def test_mute_server_is_left_when_time_is_up(tmp_path: Path) -> None:
    """Being cancelled ends a handshake that nobody answers, and its connection."""
    tls = client_files(tmp_path, CA, CLIENT)
    async with listening(mute) as address:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await handshake.tls(peer(address, tls), "127.0.0.1", SystemClock())
