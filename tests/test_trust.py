"""Whose certificates are taken, and whose are not: the same in every Python."""

import datetime as dt
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from prober import trust
from tests.handshakes import shake_hands

HOST = "log-stream.example"
_Key = ec.EllipticCurvePrivateKey


def issued(
    subject: str, key: _Key, signer: _Key, *extensions: x509.ExtensionType
) -> bytes:
    """A certificate of the CA `platform` that has these extensions, and no other."""
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "platform")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
    )
    for each in extensions:
        critical = isinstance(each, x509.BasicConstraints)
        builder = builder.add_extension(each, critical=critical)
    signed = builder.sign(signer, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def test_platform_that_says_less_than_the_rfc_wants(tmp_path: Path) -> None:
    """A CA without the usage of its key, whose leaf does not identify it, is taken."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    is_ca = x509.BasicConstraints(ca=True, path_length=None)
    names = x509.SubjectAlternativeName([x509.DNSName(HOST)])
    ca_file, own_file = tmp_path / "ca.crt", tmp_path / "own.pem"
    ca_file.write_bytes(issued("platform", ca_key, ca_key, is_ca))
    own_key = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    own_file.write_bytes(issued(HOST, key, ca_key, names) + own_key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(own_file)
    ours = trust.context(str(ca_file))
    shake_hands(ours, server, HOST)

    strict = trust.context(str(ca_file))
    strict.verify_flags |= ssl.VERIFY_X509_STRICT  # what Python has from 3.13 on
    with pytest.raises(ssl.SSLCertVerificationError, match="Missing Authority Key"):
        shake_hands(strict, server, HOST)
    assert not ours.verify_flags & ssl.VERIFY_X509_STRICT


def server_of(authority: trustme.CA) -> ssl.SSLContext:
    """What a server shows whose certificate an authority signed."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(server)
    return server


def test_intermediate_authority_is_enough(tmp_path: Path) -> None:
    """Whoever trusts what an intermediate CA signs need not have the one above it."""
    intermediate = trustme.CA().create_child_ca()
    file = str(tmp_path / "ca.crt")
    intermediate.cert_pem.write_to_path(file)

    shake_hands(trust.context(file), server_of(intermediate), HOST)


@pytest.mark.parametrize("host", [HOST, "uaa.example"])
def test_others_are_not_taken(tmp_path: Path, host: str) -> None:
    """Another CA's certificate is refused, and so is one that has another name."""
    ours, theirs = trustme.CA(), trustme.CA()
    file = str(tmp_path / "ca.crt")
    ours.cert_pem.write_to_path(file)
    signer = theirs if host == HOST else ours

    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(trust.context(file), server_of(signer), host)
