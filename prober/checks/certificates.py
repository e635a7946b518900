"""Certificates in words: the names they bear, their CA, and until when they hold."""

import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from prober.checks.findings import Finding, StepFailed
from prober.checks.peers import Peer, mutual_context
from prober.clock import NS, Clock
from prober.records import Tls

SOON_DAYS = 14
"""A certificate that is good for less is worth a warning."""
_MOST_NAMES = 5
_MOST_LETTERS = 80
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What of a certificate matters here; its strings are anybody's."""

    names: tuple[str, ...]
    """The names it bears, and addresses; its subject's only where it has no other."""
    subject: str
    issuer: str
    begins: dt.datetime
    ends: dt.datetime

    def said_names(self) -> str:
        """Return the names in words, the first few of them."""
        told = ", ".join(_cut(each) for each in self.names[:_MOST_NAMES])
        more = len(self.names) - _MOST_NAMES
        return (told + (f" and {more} more" if more > 0 else "")) or "no name at all"

    def fate(self, now: dt.datetime) -> str:
        """Return `is good for 364 days, until …`, `expired 3 days ago, on …`."""
        if now < self.begins:
            return f"is not valid before {_moment(self.begins)}"
        days = abs(self.ends - now) // _DAY
        span = f"{days:,} day{'' if days == 1 else 's'}" if days else "less than a day"
        if now > self.ends:
            return f"expired {span} ago, on {_moment(self.ends)}"
        return f"is good for {span}, until {self.ends:%Y-%m-%d}"

    def is_over(self, now: dt.datetime) -> bool:
        """Tell whether it has expired, or is not valid yet."""
        return not self.begins <= now <= self.ends

    def ends_soon(self, now: dt.datetime) -> bool:
        """Tell whether it is time to renew it."""
        return self.ends - now < SOON_DAYS * _DAY


def moment(clock: Clock) -> dt.datetime:
    """Return the clock's time as certificates tell theirs."""
    return dt.datetime.fromtimestamp(clock.now_ns() / NS, dt.UTC)


def from_der(der: bytes | None) -> Certificate | None:
    """Return what a certificate says; None for one that cannot be read."""
    try:
        return None if der is None else _told(x509.load_der_x509_certificate(der))
    except ValueError:
        return None


def _told(certificate: x509.Certificate) -> Certificate:
    subject = _common_name(certificate.subject)
    return Certificate(
        names=_names(certificate) or ((subject,) if subject else ()),
        subject=subject,
        issuer=_common_name(certificate.issuer),
        begins=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        kind = x509.SubjectAlternativeName
        names = certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    return (*names.get_values_for_type(x509.DNSName), *addresses)


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return _cut(str(found[0].value)) if found else _cut(name.rfc4514_string())


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"


def _moment(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


# Our own files, before anything is connected to.


def own_files(peer: Peer, tls: Tls, clock: Clock) -> Finding:
    """Look at the certificate files that we ourselves bring to a handshake."""
    now, setting = moment(clock), peer.setting
    authority = _first(tls.ca_file, setting("ca_file"))
    ours = _first(tls.cert_file, setting("cert_file"))
    _read(tls.key_file, setting("key_file"))
    try:
        mutual_context(tls)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise StepFailed(*_unusable(tls, peer, error)) from None
    words = f"ours, {ours.subject}, {ours.fate(now)}"
    for each, name in ((ours, "cert_file"), (authority, "ca_file")):
        if each.is_over(now):
            raise StepFailed(
                f"the certificate in {getattr(tls, name)} {each.fate(now)}",
                f"renew it, and give the new one as {setting(name)}",
            )
        if each.ends_soon(now):
            told = words if each is ours else f"the CA's {each.fate(now)}"
            return Finding(words=told, remedy=f"renew {getattr(tls, name)} before that")
    return Finding(words=words)


def _read(path: str, setting: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise StepFailed(
            f"cannot read the file {path}: {error.strerror}", f"correct {setting}"
        ) from None


def _first(path: str, setting: str) -> Certificate:
    """Return the first certificate of a file; raises StepFailed if it has none."""
    try:
        return _told(x509.load_pem_x509_certificates(_read(path, setting))[0])
    except ValueError:
        raise StepFailed(
            f"there is no certificate in PEM form in {path}", f"correct {setting}"
        ) from None


def _unusable(tls: Tls, peer: Peer, error: Exception) -> tuple[str, str]:
    """Say why a certificate and its key do not go together."""
    key = peer.setting("key_file")
    if "KEY_VALUES_MISMATCH" in str(error):
        words = f"the key in {tls.key_file} is not that of {tls.cert_file}"
        return words, f"give the key that belongs to it as {key}"
    return (
        f"there is no key that can be used in {tls.key_file}",
        f"correct {key}: a key in PEM form, and not encrypted",
    )


def issuer_of(path: str) -> str:
    """Return the name of the CA that signed the first certificate of a file."""
    try:
        return _first(path, "").issuer or "without a name"
    except StepFailed:
        return "that nobody can read"
