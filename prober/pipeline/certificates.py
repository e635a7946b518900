"""Throw-away certificates: a CA of our own and one leaf for each name that is verified.

The names are those that Loggregator's own clients verify: `metron` is the agent,
`doppler` a router, `reverselogproxy` the RLP. `client` is whoever else connects, and
`web` the servers of HTTPS, whose clients verify the host that they dialled.
"""

import datetime as dt
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from prober.errors import UsageError
from prober.records import Tls

AGENT, ROUTER, RLP, CLIENT = "metron", "doppler", "reverselogproxy", "client"
WEB = "web"

_CA_NAME = "prober reference CA"
_LIFE = dt.timedelta(days=365)
_RENEW_BEFORE = dt.timedelta(days=7)
_CLOCKS_DIFFER = dt.timedelta(hours=1)
_SERVER, _CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH

_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_Leaves = Mapping[str, x509.SubjectAlternativeName]
"""The leaves that there are to be, and the names that each is to bear."""

_USAGES: Mapping[str, tuple[x509.ObjectIdentifier, ...]] = {
    # Servers are clients, too: the agent dials the routers, the RLP likewise.
    AGENT: (_SERVER, _CLIENT),
    ROUTER: (_SERVER, _CLIENT),
    RLP: (_SERVER, _CLIENT),
    CLIENT: (_CLIENT,),
    WEB: (_SERVER, _CLIENT),
}
_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
_FILES = ("ca.crt", *(f"{n}.{end}" for n in _USAGES for end in ("crt", "key")))
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pem:
    """One side's certificates and key as text, read once."""

    ca: bytes
    certificate: bytes
    key: bytes


def tls(directory: Path, leaf: str, server_name: str) -> Tls:
    """Return where `leaf`'s files lie, for dialling a server called `server_name`."""
    return Tls(
        ca_file=str(directory / "ca.crt"),
        cert_file=str(directory / f"{leaf}.crt"),
        key_file=str(directory / f"{leaf}.key"),
        server_name=server_name,
    )


def read(files: Tls) -> Pem:
    """Return the files' content; raises UsageError for one that cannot be read."""
    return Pem(
        ca=_read(Path(files.ca_file)),
        certificate=_read(Path(files.cert_file)),
        key=_read(Path(files.key_file)),
    )


def provide(directory: Path, now_ns: int, web_host: str | None = None) -> None:
    """See to it that `directory` holds valid certificates: reused, renewed or new.

    With `web_host` there is one for HTTPS as well, for that host and for loopback.
    Raises UsageError when it cannot be used, or holds certificates that are not ours:
    those are never overwritten.
    """
    now = dt.datetime.fromtimestamp(now_ns / 1e9, dt.UTC)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = [name for name in _FILES if (directory / name).exists()]
    except OSError as error:
        raise UsageError(
            f"the certificate directory {directory} cannot be used:"
            f" {error.strerror}; choose another one"
        ) from error
    leaves = _leaves(web_host)
    if found and _usable(directory, leaves, now):
        return
    _write_all(directory, leaves, now)


def renew(directory: Path, now_ns: int, web_host: str | None = None) -> None:
    """Replace all certificates, those of the CA included."""
    now = dt.datetime.fromtimestamp(now_ns / 1e9, dt.UTC)
    _write_all(directory, _leaves(web_host), now)


def _leaves(web_host: str | None) -> _Leaves:
    hosts = {name: [name] for name in _USAGES if name != WEB}
    if web_host is not None:
        hosts[WEB] = list(dict.fromkeys((*_LOOPBACK, web_host)))
    return {
        leaf: x509.SubjectAlternativeName([_general_name(name) for name in names])
        for leaf, names in hosts.items()
    }


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"the certificate file {path} cannot be read: {error.strerror};"
            " make it readable, or choose another directory"
        ) from error


def _usable(directory: Path, leaves: _Leaves, now: dt.datetime) -> bool:
    """Tell whether the certificates there, which must be ours, are all still good."""
    ca = _ours(directory)
    if _expires_soon(ca, now):
        return False
    return all(
        _leaf_is_good(directory, name, ca, now)
        and _names(directory / f"{name}.crt") == leaves[name]
        for name in leaves
    )


def _names(leaf: Path) -> x509.SubjectAlternativeName:
    extensions = _certificate(leaf).extensions
    return extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def _ours(directory: Path) -> x509.Certificate:
    path = directory / "ca.crt"
    if not path.exists():
        raise UsageError(
            f"the certificate directory {directory} holds certificates but no ca.crt,"
            " so they are not ours to replace: choose an empty directory"
        )
    ca = _certificate(path)
    names = ca.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if [name.value for name in names] != [_CA_NAME]:
        raise UsageError(
            f"the certificate {path} was not made by prober and is not ours to"
            " replace: choose an empty directory"
        )
    return ca


def _certificate(path: Path) -> x509.Certificate:
    pem = _read(path)
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise UsageError(
            f"the file {path} is not a certificate in PEM form: remove it, or choose"
            " another directory"
        ) from error


def _leaf_is_good(
    directory: Path, name: str, ca: x509.Certificate, now: dt.datetime
) -> bool:
    crt, key_file = directory / f"{name}.crt", directory / f"{name}.key"
    if not (crt.exists() and key_file.exists()):
        return False  # cut short while writing: ours, so it is written again
    leaf = _certificate(crt)
    try:
        key = serialization.load_pem_private_key(
            _read(key_file), password=None, unsafe_skip_rsa_key_validation=True
        )  # validation takes 40 ms a key; whether it fits its certificate is asked next
        leaf.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    key_file.chmod(0o600)
    return key.public_key() == leaf.public_key() and not _expires_soon(leaf, now)


def _expires_soon(certificate: x509.Certificate, now: dt.datetime) -> bool:
    return certificate.not_valid_after_utc - _RENEW_BEFORE < now


def _write_all(directory: Path, leaves: _Leaves, now: dt.datetime) -> None:
    """Write a new CA and its leaves; the CA's key is forgotten at once."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _issue(_CA_NAME, None, ca_key, ca_key, now)
    try:
        directory.chmod(0o700)
        _write(directory / "ca.crt", _pem(ca))
        for name, names in leaves.items():
            key = _new_key(name)
            leaf = _issue(name, names, key, ca_key, now)
            _write(directory / f"{name}.crt", _pem(leaf))
            _write(directory / f"{name}.key", _key_pem(key))
    except OSError as error:
        raise UsageError(
            f"the certificate directory {directory} cannot be written to:"
            f" {error.strerror}; choose another one"
        ) from error


def _new_key(name: str) -> _Key:
    """Return a key; a server's is RSA, as Loggregator's TLS 1.2 suites demand."""
    if name == CLIENT:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _issue(
    name: str,
    names: x509.SubjectAlternativeName | None,
    key: _Key,
    ca_key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
) -> x509.Certificate:
    """Return a certificate for `key`; one without `names` is the CA's own."""
    is_ca = names is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(_common_name(name))
        .issuer_name(_common_name(_CA_NAME))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    extensions: list[x509.ExtensionType] = [
        # Clients in Python from 3.13 on want these two.
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
    ]
    if names is None:
        builder = builder.add_extension(_SIGNS_CERTIFICATES, critical=True)
    else:
        extensions += [names, x509.ExtendedKeyUsage(_USAGES[name])]
    for each in extensions:
        builder = builder.add_extension(each, critical=False)
    return builder.sign(ca_key, hashes.SHA256())


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: _Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file that nobody else may read, and that is whole for who reads it."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600, exist_ok=False)
    beside.write_bytes(content)
    beside.replace(path)
