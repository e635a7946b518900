"""How the page is reached: where history is, who may read, by which certificates."""

import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from prober.errors import UsageError
from prober.watch.alerts.certificates import File, of_page
from prober.watch.page import passwords
from prober.watch.page.guard import Rules, hosts_of, is_loopback, without_port


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Files of the page's own certificate."""

    cert_file: str
    key_file: str
    client_ca_file: str | None = None
    """Who reads shows a certificate of this authority."""

    def context(self) -> ssl.SSLContext:
        """Return what the page's handshakes go by; raises OSError for bad files."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.cert_file, self.key_file)
        if self.client_ca_file is not None:
            context.load_verify_locations(self.client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def files(self) -> Sequence[File]:
        """Return the files of which is told when they end."""
        return [*of_page(self.cert_file, self.client_ca_file)]

    def renew(self, context: ssl.SSLContext) -> None:
        """Show what the files hold by now from the next handshake on.

        Files that do not fit together, as half-way through a renewal, change nothing.
        An authority is added: one that its file no longer has is trusted until a
        restart, as are the connections that it opened.
        """
        with contextlib.suppress(OSError):
            self.context()
            context.load_cert_chain(self.cert_file, self.key_file)
            if self.client_ca_file is not None:
                context.load_verify_locations(self.client_ca_file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What the page's process is told before anything else, as a line of JSON."""

    store: str | None
    """Where history is; None for the user's own."""
    listen: str = "127.0.0.1"
    """Where it listens."""
    auth_file: str | None = None
    """Lines of `user:hash`; None asks nobody for a password."""
    tls: Certificates | None = None

    def line(self) -> bytes:
        """Return it as it goes through the pipe."""
        return msgspec.json.encode(self) + b"\n"

    def rules(self) -> Rules:
        """Return what is asked of who asks; raises UsageError for a bad file."""
        file = self.auth_file
        return Rules(
            hosts=hosts_of(self.listen),
            passwords=None if file is None else passwords.read(Path(file)),
        )

    def check(self) -> None:
        """Raise UsageError for files that the page could not open its doors with."""
        self.rules()
        if self.tls is None:
            return
        try:
            self.tls.context()
        except OSError as error:  # those of TLS among them
            raise UsageError(
                f"watch.tls: the page cannot use its certificate: {error}"
            ) from None

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"{'https' if self.tls else 'http'}://{self.listen}/"

    @property
    def warning(self) -> str:
        """Say who may read what they should perhaps not; empty if nobody may."""
        known = self.auth_file is not None
        certified = self.tls is not None and self.tls.client_ca_file is not None
        if is_loopback(without_port(self.listen)):
            return ""
        if not known and not certified:
            return (
                f"whoever reaches {self.listen} can read the page: watch.auth_file "
                "asks for passwords, watch.tls.client_ca_file for certificates"
            )
        if self.tls is None:
            return (
                f"passwords for {self.listen} cross the network readable: watch.tls, "
                "or a proxy that speaks TLS, hides them"
            )
        return ""


def read(line: bytes) -> Doors:
    """Return what a line says."""
    return msgspec.json.decode(line, type=Doors)
