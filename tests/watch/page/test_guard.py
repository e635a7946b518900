"""Who may ask for what, and what every answer carries."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from prober.errors import UsageError
from prober.testing import ManualClock
from prober.watch.page.doors import Certificates, Doors
from prober.watch.page.guard import HEADERS, Rules, hosts_of
from prober.watch.page.passwords import Passwords, hash_of, matches, read
from prober.watch.server import RENEW_SECONDS, renew
from tests.handshakes import shake_hands
from tests.report.now.samples import live
from tests.watch.page.pages import page

PATHS = ("/", "/healthz", "/metrics", "/events-of-nobody", "/api/v1/environments")


async def test_headers_of_every_answer(tmp_path: Path) -> None:
    """No answer, not even a refusal, may run or load what is not ours."""
    async with page(tmp_path, live()) as (client, _, _):
        answers = [await client.get(path) for path in PATHS]
        answers.append(await client.post("/"))

    for answer in answers:
        assert HEADERS == {name: answer.headers[name] for name in HEADERS}
        assert "no-store" == answer.headers["cache-control"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_page_is_only_read(tmp_path: Path, method: str) -> None:
    """Nothing can be changed: other methods than GET and HEAD are refused."""
    async with page(tmp_path, live()) as (client, _, _):
        answer = await client.request(method, "/")

    assert (405, "GET, HEAD") == (answer.status_code, answer.headers["allow"])


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9610", 200),
        ("localhost:8080", 200),
        ("[::1]:9610", 200),
        ("rebound.example:9610", 421),
        ("127.0.0.1.example", 421),
    ],
)
async def test_names_of_other_machines(tmp_path: Path, host: str, status: int) -> None:
    """On loopback a foreign name, made to point here, reads nothing."""
    rules = Rules(hosts=hosts_of("127.0.0.1:9610"), passwords=None)
    async with page(tmp_path, live(), rules=rules) as (client, _, _):
        answer = await client.get("/", headers={"Host": host})

    assert status == answer.status_code


async def test_passwords(tmp_path: Path) -> None:
    """Without the right one there is nothing but whether the process is well."""
    rules = Rules(hosts=None, passwords=Passwords({"anna": hash_of("sesame:1")}))
    async with page(tmp_path, live(), rules=rules) as (client, _, _):
        asked = [
            await client.get("/"),
            await client.get("/metrics"),
            await client.get("/", auth=("anna", "sesame")),
            await client.get("/", auth=("bert", "sesame:1")),
            await client.get("/", headers={"Authorization": "Basic ???"}),
        ]
        right = [await client.get("/", auth=("anna", "sesame:1")) for _ in range(2)]
        health = await client.get("/healthz")

    assert [401] * 5 == [each.status_code for each in asked]
    assert all(each.headers["www-authenticate"].startswith("Basic") for each in asked)
    assert [200, 200, 200] == [each.status_code for each in (*right, health)]


def test_hashes_are_salted_and_hold() -> None:
    """Two hashes of a password differ, and each knows it and no other."""
    one, other = hash_of("sesame"), hash_of("sesame")

    assert one != other
    assert matches("sesame", one)
    assert not matches("Sesame", one)
    assert not matches("", one)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "names no user: nobody could open the page"),
        ("# only a comment\n\n", "names no user: nobody could open the page"),
        ("anna:sesame\n", "line 1, is no user:hash"),
        ("anna:scrypt$40$8$1$YQ==$YQ==\n", "line 1, is no user:hash"),
    ],
)
def test_files_of_passwords_that_cannot_be(
    tmp_path: Path, content: str, sentence: str
) -> None:
    """A file that lets nobody in, or holds a password as it is, is refused."""
    file = tmp_path / "page.users"
    file.write_text(content)

    with pytest.raises(UsageError, match=sentence):
        read(file)


def test_warnings_of_open_doors() -> None:
    """Beyond loopback it is said who can read, and what crosses the network."""
    everybody = "0.0.0.0:9610"
    known = Doors(store=None, listen=everybody, auth_file="page.users")
    tls = Certificates(cert_file="c", key_file="k", client_ca_file="ca")

    assert "" == Doors(store=None, listen="127.0.0.1:9610").warning
    assert "" == Doors(store=None, listen="[::1]:9610").warning
    assert "can read the page" in Doors(store=None, listen=everybody).warning
    assert "cross the network readable" in known.warning
    assert "" == Doors(store=None, listen=everybody, tls=tls).warning


def test_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    """It is refused before anything listens."""
    tls = Certificates(cert_file=str(tmp_path / "no.crt"), key_file="no.key")

    with pytest.raises(UsageError, match=r"watch\.tls: the page cannot use its"):
        Doors(store=None, tls=tls).check()


async def test_certificates_are_read_again(tmp_path: Path) -> None:
    """A renewed one is shown a minute later, and one that is half renewed is not."""
    authority = trustme.CA()
    cert, key = tmp_path / "page.crt", tmp_path / "page.key"
    tls = Certificates(cert_file=str(cert), key_file=str(key))

    def issue(name: str, *, with_key: bool) -> None:
        issued = authority.issue_cert(name)
        issued.cert_chain_pems[0].write_to_path(str(cert))
        if with_key:
            issued.private_key_pem.write_to_path(str(key))

    issue("old.test", with_key=True)
    client, server, clock = ssl.create_default_context(), tls.context(), ManualClock()
    authority.configure_trust(client)
    renewing = asyncio.ensure_future(renew(tls, server, clock))
    issue("new.test", with_key=False)
    await clock.advance(RENEW_SECONDS + 1)
    shake_hands(client, server, "old.test")
    issue("new.test", with_key=True)
    await clock.advance(RENEW_SECONDS + 1)
    renewing.cancel()

    shake_hands(client, server, "new.test")
    with pytest.raises(ssl.SSLError):
        shake_hands(client, server, "old.test")


async def test_head_is_answered_without_a_body(tmp_path: Path) -> None:
    """Who only wants to know whether there is a page gets its head."""
    async with page(tmp_path, live()) as (client, _, _):
        answer = await client.head("/")

    assert (200, b"") == (answer.status_code, answer.content)
