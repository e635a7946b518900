"""What an agent serves for Prometheus, over mutual TLS: how much it dropped itself.

It listens on its own machine, so it is never asked by way of a proxy.
"""

import math

import httpx
from prometheus_client.parser import text_string_to_metric_families

from prober.egress.https import Server, fetched
from prober.errors import ConnectError
from prober.ledger.scraped import COUNTERS, Totals
from prober.records import Tls

SECONDS = 2.0
"""How long it may take: it is near, and what it tells is no more than evidence."""
_MOST_BYTES = 4 << 20


class AgentMetrics:
    """Reads the metrics of one agent; the certificates are read anew each time."""

    def __init__(self, address: str, tls: Tls) -> None:
        self.address = address
        self._server_name = tls.server_name
        self._server = Server(
            peer="agent's metrics",
            url=f"https://{address}",
            ca_file=tls.ca_file,
            own=(tls.cert_file, tls.key_file),
            server_name=tls.server_name,
        )

    @property
    def where(self) -> str:
        """What it is, and where: `agent's metrics at 127.0.0.1:14824`."""
        return self._server.where

    async def totals(self) -> Totals:
        """Return the counters of loss as they are now.

        Raises UsageError for a certificate file that cannot be read, ConnectError when
        there is no answer or it is none of Prometheus's.
        """
        try:
            async with httpx.AsyncClient(
                verify=self._server.context(), trust_env=False, timeout=SECONDS
            ) as client:
                status, body = await fetched(
                    client,
                    client.build_request(
                        "GET",
                        f"{self._server.url}/metrics",
                        extensions={"sni_hostname": self._server_name},
                    ),
                    most_bytes=_MOST_BYTES,
                )
        except (httpx.HTTPError, OSError) as error:
            raise ConnectError(self._words(error)) from error
        if status != httpx.codes.OK or len(body) >= _MOST_BYTES:
            raise ConnectError(
                f"the {self.where} answer {status}: is that their address?"
            )
        return self._parse(body.decode(errors="replace"))

    def _words(self, error: BaseException) -> str:
        if isinstance(error, httpx.ReadError):
            # By TLS 1.3 a client learns only after its handshake that it is refused,
            # and often finds no more than a connection that is reset.
            return (
                f"the {self.where} hung up on us: most likely their CA did not sign "
                "our client certificate"
            )
        return f"no connection to the {self.where}: {self._server.why(error)}"

    def _parse(self, text: str) -> Totals:
        try:
            return {
                (name, frozenset(sample.labels.items())): int(sample.value)
                for family in text_string_to_metric_families(text)
                for name in COUNTERS
                # The parser gives every counter a name without `_total`.
                if family.name == name.removesuffix("_total")
                for sample in family.samples
                if math.isfinite(sample.value)
            }
        except ValueError as error:
            raise ConnectError(
                f"the {self.where} answer with something else: is that their address?"
            ) from error
