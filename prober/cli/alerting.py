"""From the configuration to who is told of alerts, and which certificates may end."""

from collections.abc import Iterator, Sequence

import httpx

from prober.config import Alerts, Environment
from prober.config.file import AlertReceiver
from prober.config.models import Endpoint
from prober.egress.https import Server
from prober.watch.alerts.certificates import File
from prober.watch.alerts.sending import Alertmanager, Post, Receiver, Webhook


def receivers(alerts: Alerts, page: str) -> Sequence[Receiver]:
    """Return who is told; `page` is where people are sent for more."""
    found: list[Receiver] = []
    if alerts.alertmanager is not None:
        post = _post(alerts.alertmanager, "Alertmanager")
        found.append(Alertmanager(post=post, labels=alerts.labels, page=page))
    if alerts.webhook is not None:
        post = _post(alerts.webhook, "webhook")
        found.append(Webhook(post=post, labels=alerts.labels, page=page))
    return found


def _post(receiver: AlertReceiver, peer: str) -> Post:
    server = Server(
        peer=peer,
        url=str(receiver.url),
        ca_file=None if receiver.ca_file is None else str(receiver.ca_file),
        proxy=receiver.proxy,
    )
    username = receiver.username
    if username is None:
        return Post(server=server)
    return Post(
        server=server,
        credentials=lambda: httpx.BasicAuth(username, receiver.read_password()),
    )


def certificates(name: str, environment: Environment) -> Sequence[File]:
    """Return the files of certificates that an environment names, each once."""
    return [*{file.path: file for file in _files(name, environment)}.values()]


def _files(name: str, environment: Environment) -> Iterator[File]:
    ways_in = environment.ingress.endpoints if environment.ingress else ()
    consumers = environment.consumers.values()
    for endpoint in (*ways_in, *(each.rlp for each in consumers if each.rlp)):
        yield from _of(name, endpoint)
    for each in consumers:
        server = each.rlp_gateway or each.firehose
        if server is not None and server.ca_file is not None:
            what = f"the authority of {server.url}"
            yield File(environment=name, what=what, path=str(server.ca_file))


def _of(name: str, endpoint: Endpoint) -> Iterator[File]:
    where = endpoint.address
    for what, path in (
        (f"the client's certificate for {where}", endpoint.cert_file),
        (f"the authority of {where}", endpoint.ca_file),
    ):
        yield File(environment=name, what=what, path=str(path))
