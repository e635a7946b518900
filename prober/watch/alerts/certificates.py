"""When our own certificates end, as their files say now."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from prober.clock import NS
from prober.watch.alerts.facts import PAGE, Expiry

_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file with a certificate that is brought to a handshake, or trusted there."""

    environment: str
    """Whose messages need it; `PAGE` for those of the page."""
    what: str
    path: str


def of_page(cert_file: str, client_ca_file: str | None) -> Iterator[File]:
    """Yield the files that the page's own handshakes need."""
    yield File(environment=PAGE, what="the page's certificate", path=cert_file)
    if client_ca_file is not None:
        what = "the authority of who reads the page"
        yield File(environment=PAGE, what=what, path=client_ca_file)


def expiries(files: Iterable[File]) -> Iterator[Expiry]:
    """Yield when the first certificate of each file ends.

    A file that cannot be read yields nothing: what needs it says why it fails.
    """
    for file in files:
        ends_ns = _ends_ns(Path(file.path))
        if ends_ns is not None:
            yield Expiry(
                environment=file.environment,
                what=file.what,
                file=file.path,
                ends_ns=ends_ns,
            )


def _ends_ns(path: Path) -> int | None:
    try:
        with path.open("rb") as opened:
            text = opened.read(_MOST_BYTES)
        first = x509.load_pem_x509_certificates(text)[0]
    except (OSError, ValueError):
        return None
    return round(first.not_valid_after_utc.timestamp()) * NS
