"""Alerts over HTTPS, by an authority of one's own."""

from pathlib import Path

import pytest
import trustme

from prober.egress.https import Server
from prober.watch.alerts.sending import Alertmanager, NotDelivered, Post, Webhook
from tests.egress.doors import Authority, answer, saying, serving
from tests.watch.alerts.test_sending import ALERT, Inbox, alertmanager, entry, inbox

__all__ = ["inbox"]
TLS = """
tls_server_config: {{cert_file: {folder}/own.crt, key_file: {folder}/own.key}}
"""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whoever signs the receiver's certificate."""
    return Authority(tmp_path)


def webhook(url: str, ca_file: str | None) -> Webhook:
    """A receiver of webhooks whose certificate is of some authority."""
    post = Post(server=Server(peer="webhook", url=url, ca_file=ca_file))
    return Webhook(post=post, labels={}, page="")


async def test_webhook_over_https(authority: Authority) -> None:
    """With its authority's certificate it is told, and not without it."""
    async with serving(authority, saying(answer("200 OK"))) as door:
        await webhook(door.url, door.ca_file).send([entry()])
        with pytest.raises(NotDelivered, match="certificate") as refused:
            await webhook(door.url, None).send([entry()])

    (head,) = door.heads
    assert head.startswith(b"POST / HTTP/1.1")
    assert str(refused.value).startswith("the webhook at 127.0.0.1:")


async def test_webhook_with_another_name(authority: Authority) -> None:
    """A certificate of the right authority, and of another host, is refused."""
    other = authority.context("elsewhere.example.com")
    async with serving(authority, saying(answer("200 OK")), other) as door:
        with pytest.raises(NotDelivered, match="certificate"):
            await webhook(door.url, door.ca_file).send([entry()])

    assert [] == door.heads


async def test_authority_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that went away is a receiver that is not reached, and no end of rounds."""
    gone = str(tmp_path / "gone.pem")
    with pytest.raises(NotDelivered) as caught:
        await webhook("https://127.0.0.1:9", gone).send([entry()])

    assert (
        "the webhook at 127.0.0.1:9: cannot read certificates from the file "
        f"{gone}: No such file or directory"
    ) == str(caught.value)


async def test_a_real_alertmanager_over_https(tmp_path: Path, inbox: Inbox) -> None:
    """Debian's Alertmanager takes an alert over TLS, by an authority of our own."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    ca_file, web = tmp_path / "authority.pem", tmp_path / "web.yml"
    authority.cert_pem.write_to_path(str(ca_file))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "own.crt"))
    issued.private_key_pem.write_to_path(str(tmp_path / "own.key"))
    web.write_text(TLS.format(folder=tmp_path))
    option = f"--web.config.file={web}"
    async with alertmanager(tmp_path, inbox, option, ca_file=str(ca_file)) as url:

        def ours(ca_file: str | None) -> Alertmanager:
            server = Server(peer="Alertmanager", url=url, ca_file=ca_file)
            return Alertmanager(post=Post(server=server), labels={}, page="http://p/")

        with pytest.raises(NotDelivered, match="certificate"):
            await ours(None).send([entry()])
        await ours(str(ca_file)).send([entry()])
        told = await inbox.came.get()

    (alert,) = told["alerts"]
    assert ALERT.summary == alert["annotations"]["summary"]
