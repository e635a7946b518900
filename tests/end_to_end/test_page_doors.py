"""The doors of the live page: TLS, client certificates and passwords, in a browser."""

import asyncio
import base64
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Error, HttpCredentials, expect

from prober.watch.page.passwords import hash_of
from tests import browser
from tests.end_to_end import watching

PATIENCE = 40_000
"""Milliseconds: a limit, not a measure."""
OLD = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
NEW = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """Files of an authority, of a certificate of it, and of its key."""

    ca_file: str
    cert_file: str
    key_file: str

    @property
    def pin(self) -> str:
        """The argument by which a Chromium takes this certificate, and no other."""
        pem = Path(self.cert_file).read_bytes()
        key = x509.load_pem_x509_certificate(pem).public_key()
        raw = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digest = base64.b64encode(hashlib.sha256(raw).digest()).decode()
        return f"--ignore-certificate-errors-spki-list={digest}"


def papers(folder: Path, name: str, ends: datetime | None = None) -> Papers:
    """Write papers of a new authority."""
    authority = trustme.CA()
    issued = authority.issue_cert(name, "127.0.0.1", not_after=ends)
    found = Papers(
        ca_file=str(folder / f"{name}.ca"),
        cert_file=str(folder / f"{name}.crt"),
        key_file=str(folder / f"{name}.key"),
    )
    authority.cert_pem.write_to_path(found.ca_file)
    issued.cert_chain_pems[0].write_to_path(found.cert_file)
    issued.private_key_pem.write_to_path(found.key_file)
    return found


@asynccontextmanager
async def daemon(
    folder: Path,
    own: Papers,
    *,
    client_ca_file: str | None = None,
    **watch: str,
) -> AsyncIterator[str]:
    """Run a daemon whose page has TLS, of an environment that is not there."""
    async with process(folder, own, client_ca_file=client_ca_file, **watch) as running:
        yield (await running.told_of("started"))["address"]


@asynccontextmanager
async def process(
    folder: Path,
    own: Papers,
    *,
    client_ca_file: str | None = None,
    **watch: str,
) -> AsyncIterator[watching.Process]:
    """Run it, and yield its process."""
    nobody = {"address": "127.0.0.1:9", **asdict(papers(folder, "nobody"))}
    environment = {
        "ingress": {"agent": nobody},
        "consumers": {"rlp": {"rlp": nobody}},
    }
    tls = {"cert_file": own.cert_file, "key_file": own.key_file}
    tls |= {"client_ca_file": client_ca_file} if client_ca_file else {}
    watching.write(
        folder / "prober.yaml", {"lab": environment}, watch={"tls": tls, **watch}
    )
    async with watching.watch(folder) as running:
        yield running


def address(url: str) -> socket.socket:
    """Connect to a page; it listens from its daemon's first word on."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=40)


def spoken(
    url: str, ca_file: str, version: ssl.TLSVersion, own: Papers | None = None
) -> str | None:
    """Shake hands by one version of TLS alone, ask, and return what is spoken."""
    context = ssl.create_default_context(cafile=ca_file)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    if own is not None:
        context.load_cert_chain(own.cert_file, own.key_file)
    with (
        address(url) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as s,
    ):
        s.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        if not s.recv(1):  # of TLS 1.3 a server tells only then what it thinks of us
            raise ConnectionResetError
        return s.version()


@pytest.mark.timeout(180)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
async def test_page_over_tls_with_a_password(tmp_path: Path) -> None:
    """Who trusts its authority and knows the password reads it live; nobody else."""
    own = papers(tmp_path, "localhost")
    users = tmp_path / "page.users"
    users.write_text(f"anna:{hash_of('sesame')}\n")
    async with daemon(tmp_path, own, auth_file=str(users)) as url:
        for version in NEW:
            told = await asyncio.to_thread(spoken, url, own.ca_file, version)
            assert told == version.name.replace("_", ".")
        for version in OLD:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.to_thread(spoken, url, own.ca_file, version)
        await asyncio.to_thread(knock, url)
        await asyncio.to_thread(look, url, own)


@pytest.mark.timeout(120)
async def test_that_the_certificate_of_the_page_ends_is_told(tmp_path: Path) -> None:
    """It is a ticket as any other certificate is, though no environment needs it."""
    own = papers(tmp_path, "localhost", datetime.now(UTC) + timedelta(days=3.5))
    async with process(tmp_path, own) as running:
        words = (await running.told_of("alert"))["words"]

    assert "ticket: the page's certificate ends in 3.5 d" in words


def knock(url: str) -> None:
    """Find that nothing is told without TLS."""
    with address(url) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        told = b""
        while some := raw.recv(4_096):
            told += some
    assert b"HTTP" not in told


def look(url: str, own: Papers) -> None:
    """Look at it as somebody who trusts it, knows a word, or neither."""
    anna: HttpCredentials = {"username": "anna", "password": "sesame"}
    with (
        browser.chromium() as stranger,
        pytest.raises(Error, match="AUTHORITY_INVALID"),
        browser.visit(stranger, url, http_credentials=anna),
    ):
        pass
    with browser.chromium(own.pin) as running:
        wrong: HttpCredentials = {"username": "anna", "password": "Sesame"}
        for guess in (None, wrong):
            assert "Evidence for lab" not in told(running, url, guess)
        with browser.visit(running, url, http_credentials=anna) as seen:
            is_live(seen, url)


def told(running: Browser, url: str, guess: HttpCredentials | None) -> str:
    """Return what is seen of a page, or else what a browser says instead."""
    try:
        with browser.visit(running, url, http_credentials=guess) as seen:
            return seen.page.content()
    except Error as error:
        return str(error)


def is_live(seen: browser.Visit, url: str) -> None:
    """Find the page whole: its style, its script, its events, and a second page."""
    page = seen.page
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    expect(page.locator("#clock")).to_contain_text("live")
    expect(page.locator(".badges")).to_contain_text("NOT MEASURED")
    page.get_by_role("link", name="Evidence for lab").click()
    expect(page.locator("#clock")).to_contain_text("live")
    assert not [each for each in seen.requests if not each.startswith(url)]
    assert [] == seen.complaints


@pytest.mark.timeout(180)
async def test_page_for_those_with_a_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who shows one of the right authority reads it live; nobody else gets in."""
    own, anna = papers(tmp_path, "localhost"), papers(tmp_path, "anna")
    stranger = papers(tmp_path, "stranger")
    # What brings certificates for the browser verifies the page's by this.
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", own.ca_file)
    async with daemon(tmp_path, own, client_ca_file=anna.ca_file) as url:
        for version in NEW:
            told = await asyncio.to_thread(spoken, url, own.ca_file, version, anna)
            assert told == version.name.replace("_", ".")
            for other in (None, stranger):
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    await asyncio.to_thread(spoken, url, own.ca_file, version, other)
        await asyncio.to_thread(look_with_papers, url, own, anna)


def look_with_papers(url: str, own: Papers, anna: Papers) -> None:
    """Look at it as somebody with a certificate, and as somebody without."""
    shown = {
        "origin": url.rstrip("/"),
        "certPath": anna.cert_file,
        "keyPath": anna.key_file,
    }
    with browser.chromium(own.pin) as running:
        with pytest.raises(Error, match="net::ERR_"), browser.visit(running, url):
            pass
        with browser.visit(running, url, client_certificates=[shown]) as seen:
            is_live(seen, url)
