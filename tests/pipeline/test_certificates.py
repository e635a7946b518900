"""Throw-away certificates: whose names they bear, who may read them, when they go."""

import datetime as dt
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from prober.clock import NS, SystemClock
from prober.errors import UsageError
from prober.pipeline import certificates
from tests.handshakes import shake_hands

NOW = SystemClock().now_ns()
DAY = 86_400 * NS
SERVERS = ("metron", "doppler", "reverselogproxy")


def load(path: Path) -> x509.Certificate:
    """The certificate in a file."""
    return x509.load_pem_x509_certificate(path.read_bytes())


def contents(directory: Path) -> dict[str, bytes]:
    """Every file there."""
    return {each.name: each.read_bytes() for each in directory.iterdir()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of certificates, made now."""
    directory = tmp_path_factory.mktemp("made") / "tls"
    certificates.provide(directory, NOW)
    return directory


def test_only_the_owner_can_read_them(made: Path) -> None:
    """The directory is 0700 and every file in it 0600."""
    assert made.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in made.iterdir()} == {0o600}


@pytest.mark.parametrize("name", [*SERVERS, "client"])
def test_a_leaf_bears_its_name_and_what_it_may(made: Path, name: str) -> None:
    """Servers may dial, too; a client's certificate serves nobody."""
    leaf = load(made / f"{name}.crt")
    extensions = leaf.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value

    assert names.get_values_for_type(x509.DNSName) == [name]
    assert ExtendedKeyUsageOID.CLIENT_AUTH in usage
    assert (ExtendedKeyUsageOID.SERVER_AUTH in usage) == (name in SERVERS)
    assert isinstance(leaf.public_key(), rsa.RSAPublicKey) == (name in SERVERS)
    leaf.verify_directly_issued_by(load(made / "ca.crt"))


@pytest.mark.parametrize("name", SERVERS)
def test_whoever_is_strict_takes_them(made: Path, name: str) -> None:
    """They have all that a client asks for who goes by RFC 5280, as new Pythons do."""
    strict = ssl.create_default_context(cafile=made / "ca.crt")
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made / f"{name}.crt", made / f"{name}.key")

    shake_hands(strict, server, name)


def test_good_ones_are_reused(made: Path) -> None:
    """A kept directory stays as it is, byte for byte."""
    before = contents(made)
    certificates.provide(made, NOW + 30 * DAY)

    assert contents(made) == before


def test_a_key_that_others_may_read_is_closed_to_them(made: Path) -> None:
    """Reusing a directory sets its keys to 0600 again."""
    (made / "client.key").chmod(0o644)
    certificates.provide(made, NOW)

    assert (made / "client.key").stat().st_mode & 0o777 == 0o600


def test_those_about_to_expire_are_renewed(tmp_path: Path) -> None:
    """A week before their end all are made anew."""
    certificates.provide(tmp_path, NOW)
    before = contents(tmp_path)
    later = NOW + 359 * DAY
    certificates.provide(tmp_path, later)

    assert not set(before.values()) & set(contents(tmp_path).values())
    end = load(tmp_path / "ca.crt").not_valid_after_utc
    assert end > dt.datetime.fromtimestamp((later + 300 * DAY) / NS, dt.UTC)


@pytest.mark.parametrize("damage", ["missing", "of another key"])
def test_a_broken_set_of_ours_is_made_anew(tmp_path: Path, damage: str) -> None:
    """A file that was never written, or does not fit, costs nothing but the making."""
    certificates.provide(tmp_path, NOW)
    key = tmp_path / "doppler.key"
    if damage == "missing":
        key.unlink()
    else:
        key.write_bytes((tmp_path / "metron.key").read_bytes())
    certificates.provide(tmp_path, NOW)

    before = contents(tmp_path)
    certificates.provide(tmp_path, NOW)
    assert contents(tmp_path) == before


def test_certificates_of_others_are_never_overwritten(tmp_path: Path) -> None:
    """A directory with a deployment's certificates is refused and left as it is."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.crt")
    (tmp_path / "client.key").write_text("precious")
    before = contents(tmp_path)

    with pytest.raises(UsageError, match=r"ca\.crt was not made by prober"):
        certificates.provide(tmp_path, NOW)
    assert contents(tmp_path) == before

    (tmp_path / "ca.crt").unlink()
    with pytest.raises(UsageError, match=r"holds certificates but no ca\.crt"):
        certificates.provide(tmp_path, NOW)


def test_what_is_no_certificate_is_refused(tmp_path: Path) -> None:
    """The sentence names the file."""
    (tmp_path / "ca.crt").write_text("none")

    with pytest.raises(UsageError, match=r"ca\.crt is not a certificate in PEM form"):
        certificates.provide(tmp_path, NOW)


def test_a_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """A file in the way is named, and a missing file likewise."""
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match="file/tls cannot be used"):
        certificates.provide(tmp_path / "file" / "tls", NOW)
    with pytest.raises(UsageError, match=r"ca\.crt cannot be read: No such file"):
        certificates.read(certificates.tls(tmp_path, "client", "metron"))
