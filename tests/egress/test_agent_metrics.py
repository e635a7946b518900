"""An agent's metrics, read over mutual TLS, and why they cannot be."""

import dataclasses
import gzip
import socket
import tracemalloc
from pathlib import Path

import pytest

from prober.egress.agent_metrics import AgentMetrics
from prober.errors import ConnectError, UsageError
from prober.pipeline.stack import ReferenceStack
from prober.records import Tls
from tests.egress.doors import Authority, answer, saying, serving
from tests.pipeline.door_clients import open_stack


def metrics(stack: ReferenceStack, tls: Tls | None = None) -> AgentMetrics:
    """A reader of the stack's agent."""
    return AgentMetrics(stack.metrics_address, tls or stack.client_tls("metron"))


async def test_counters_of_loss_are_read() -> None:
    """All series of what was dropped, and nothing else that is served."""
    async with open_stack("metrics") as stack:
        found = await metrics(stack).totals()

    directions = {
        (name, dict(labels)["direction"], dict(labels)["metric_version"]): total
        for (name, labels), total in found.items()
    }
    assert {
        ("dropped", "ingress", "2.0"): 0,
        ("dropped", "egress", "2.0"): 0,
        ("dropped", "all", "1.0"): 0,
    } == directions


async def test_forwarder_agents_counters_are_read(
    authority: Authority, tmp_path: Path
) -> None:
    """Names that end in `_total`, and figures that are none, are read as they are."""
    body = (
        "# TYPE dropped counter\n"
        'dropped{direction="ingress"} 12\n'
        "# TYPE egress_expired_total counter\n"
        'egress_expired_total{destination="10.0.0.9:3460",protocol="x"} 1e+06\n'
        "# TYPE ingress counter\ningress 5\n"
        "# TYPE dropped gauge\ndropped NaN\n"
    )
    raw = answer("200 OK", body.encode(), "Content-Type: text/plain")
    async with serving(authority, saying(raw)) as door:
        it = odd(door.url, authority, tmp_path)
        found = await it.totals()

    assert {("dropped", 12), ("egress_expired_total", 1_000_000)} == {
        (name, total) for (name, _), total in found.items()
    }


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whoever signs the certificates of the odd servers."""
    return Authority(tmp_path)


def odd(url: str, authority: Authority, folder: Path) -> AgentMetrics:
    """A reader at an odd server, that shows a certificate of the same authority."""
    cert_file, key_file = authority.client(folder)
    tls = Tls(
        ca_file=authority.ca_file,
        cert_file=cert_file,
        key_file=key_file,
        server_name="127.0.0.1",
    )
    return AgentMetrics(url.removeprefix("https://"), tls)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (answer("404 No"), "answer 404: is that their address?"),
        (answer("200 OK", b"<html>"), "answer with something else"),
    ],
)
async def test_answers_that_are_no_metrics(
    authority: Authority, tmp_path: Path, raw: bytes, words: str
) -> None:
    """Something else that listens there is told as such."""
    async with serving(authority, saying(raw)) as door:
        with pytest.raises(ConnectError, match=words):
            await odd(door.url, authority, tmp_path).totals()


async def test_why_there_is_no_connection(stranger: Tls) -> None:
    """Names, authorities and files are told apart."""
    async with open_stack("metrics") as stack:
        ours = stack.client_tls("metron")
        theirs = dataclasses.replace(
            ours, cert_file=stranger.cert_file, key_file=stranger.key_file
        )
        named = dataclasses.replace(ours, server_name="doppler")
        missing = dataclasses.replace(ours, key_file="/nowhere/client.key")
        with pytest.raises(ConnectError, match="did not sign our client certificate"):
            await metrics(stack, theirs).totals()
        with pytest.raises(ConnectError, match="does not carry the name doppler"):
            await metrics(stack, named).totals()
        with pytest.raises(UsageError, match=r"/nowhere/client.key: No such file"):
            await metrics(stack, missing).totals()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(
            ConnectError, match=f"metrics at {address}: nothing listens"
        ):
            await AgentMetrics(address, stranger).totals()


async def test_an_answer_without_end(authority: Authority, tmp_path: Path) -> None:
    """What unfolds to more than metrics ever are is not unfolded to its end."""
    bomb = gzip.compress(b"dropped 1\n" * 20_000_000)
    raw = answer("200 OK", bomb, "Content-Type: text/plain", "Content-Encoding: gzip")
    tracemalloc.start()
    try:
        async with serving(authority, saying(raw)) as door:
            with pytest.raises(ConnectError, match="is that their address"):
                await odd(door.url, authority, tmp_path).totals()
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert most < 100 << 20
