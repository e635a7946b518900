"""Alerts reach a real Alertmanager, and any receiver of its webhooks."""

import asyncio
import json
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from prober.clock import NS, SystemClock
from prober.egress.https import Server
from prober.watch.alerts.facts import Alert
from prober.watch.alerts.keeper import Entry
from prober.watch.alerts.sending import Alertmanager, NotDelivered, Post, Webhook
from tests import tools

_ALERTMANAGER = "/usr/bin/prometheus-alertmanager"
ALERT = Alert(
    name="FirehoseErrorBudgetBurn",
    severity="page",
    labels={"env": "prod", "slo": "delivery", "long_window": "1h"},
    summary="prod: 900 of 60,000 lost in 1 h on rlp",
    description='hostile "words"\n\x1b[31m <b>&amp;',
)


def entry(*, ended: bool = False, alert: Alert = ALERT) -> Entry:
    """Return an alert that began a minute ago, and has just ended or not."""
    now_ns = SystemClock().now_ns()
    return Entry(
        alert=alert, starts_ns=now_ns - 60 * NS, ends_ns=now_ns if ended else None
    )


@dataclass
class Inbox:
    """A server of HTTP that keeps what is posted to it."""

    url: str = ""
    status: int = 200
    came: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    headers: list[str] = field(default_factory=list)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.headers.append(head.lower())
        length = next(
            int(line.split(":")[1])
            for line in head.lower().split("\r\n")
            if line.startswith("content-length:")
        )
        self.came.put_nowait(json.loads(await reader.readexactly(length)))
        answer = f"HTTP/1.1 {self.status} X\r\ncontent-length: 5\r\nconnection: close"
        writer.write(f"{answer}\r\n\r\nwords".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    """A receiver of webhooks."""
    found = Inbox()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    async with server:
        found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        yield found


def post(url: str, peer: str = "webhook") -> Post:
    """Return how documents are posted to a URL."""
    return Post(server=Server(peer=peer, url=url))


CONFIG = """
route:
  receiver: ours
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: ours
    webhook_configs:
      - url: {url}
        send_resolved: true
"""


@asynccontextmanager
async def alertmanager(
    folder: Path, inbox: Inbox, *options: str, ca_file: str | None = None
) -> AsyncIterator[str]:
    """Run Debian's Alertmanager, with TLS of an authority if any, and yield its URL."""
    config = folder / "alertmanager.yml"
    config.write_text(CONFIG.format(url=inbox.url))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        tools.program(_ALERTMANAGER, "apt-get install prometheus-alertmanager"),
        f"--config.file={config}",
        f"--storage.path={folder}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        *options,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"{'https' if ca_file else 'http'}://127.0.0.1:{port}"
        await ready(url, process, ca_file)
        yield url
    finally:
        process.terminate()
        await process.wait()


async def ready(
    url: str, process: asyncio.subprocess.Process, ca_file: str | None
) -> None:
    """Wait until it answers, as long as it lives."""
    verify = ssl.create_default_context(cafile=ca_file)
    async with httpx.AsyncClient(verify=verify) as client:
        while process.returncode is None:
            try:
                if (await client.get(f"{url}/-/ready")).is_success:
                    return
            except httpx.TransportError:
                await SystemClock().sleep(0.05)
    raise AssertionError("it ended")


async def test_a_real_alertmanager(tmp_path: Path, inbox: Inbox) -> None:
    """It takes an alert, takes it again as the same one, and resolves it."""
    async with alertmanager(tmp_path, inbox) as url:
        ours = Alertmanager(
            post=post(url, "Alertmanager"), labels={"team": "logs"}, page="http://p/"
        )
        firing = entry()
        await ours.send([firing])
        told = await inbox.came.get()
        assert "firing" == told["status"]
        (alert,) = told["alerts"]
        assert {
            "alertname": "FirehoseErrorBudgetBurn",
            "env": "prod",
            "long_window": "1h",
            "severity": "page",
            "slo": "delivery",
            "team": "logs",
        } == alert["labels"]
        assert ALERT.summary == alert["annotations"]["summary"]
        assert ALERT.description == alert["annotations"]["description"]

        newer = replace(ALERT, summary="prod: 1,900 of 60,000 lost in 1 h on rlp")
        await ours.send([replace(firing, alert=newer)])
        assert [newer.summary] == await summaries(url)

        await ours.send([replace(firing, ends_ns=SystemClock().now_ns())])
        told = await inbox.came.get()
        assert ("resolved", alert["fingerprint"]) == (
            told["status"],
            told["alerts"][0]["fingerprint"],
        )
        assert [] == await summaries(url)


async def summaries(url: str) -> list[str]:
    """Return what an Alertmanager says of each alert that fires."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{url}/api/v2/alerts")
    return [each["annotations"]["summary"] for each in answer.json()]


async def test_webhook(inbox: Inbox) -> None:
    """A webhook gets what Alertmanager would send it."""
    hook = Webhook(post=post(inbox.url), labels={"team": "logs"}, page="http://p/")
    other = replace(ALERT, severity="ticket", labels={**ALERT.labels, "env": "us"})
    await hook.send([entry(), entry(ended=True, alert=other)])
    told = await inbox.came.get()

    jsonschema.validate(told, SCHEMA)
    assert ["firing", "resolved"] == [each["status"] for each in told["alerts"]]
    assert "firing" == told["status"]
    assert {"alertname", "slo", "long_window", "team"} == set(told["commonLabels"])
    assert "0001-01-01T00:00:00Z" == told["alerts"][0]["endsAt"]


_STRING = {"type": "string"}
_STRINGS = {"type": "object", "additionalProperties": _STRING}
SCHEMA = {
    "type": "object",
    "required": ["version", "groupKey", "status", "receiver", "alerts", "externalURL"],
    "properties": {
        "version": {"const": "4"},
        "status": {"enum": ["firing", "resolved"]},
        "groupLabels": _STRINGS,
        "commonLabels": _STRINGS,
        "commonAnnotations": _STRINGS,
        "alerts": {
            "items": {
                "required": ["status", "labels", "annotations", "startsAt", "endsAt"],
                "properties": {"labels": _STRINGS, "fingerprint": _STRING},
            }
        },
    },
}


async def test_a_password(inbox: Inbox) -> None:
    """Credentials go along, and are read anew each time."""
    passwords = iter(["first", "second"])
    hook = Webhook(
        post=replace(
            post(inbox.url),
            credentials=lambda: httpx.BasicAuth("prober", next(passwords)),
        ),
        labels={},
        page="",
    )
    await hook.send([entry()])
    await hook.send([entry()])

    assert all("authorization: basic " in each for each in inbox.headers)
    assert inbox.headers[0] != inbox.headers[1]
    assert "first" not in repr(hook)


async def test_refused(inbox: Inbox) -> None:
    """A receiver that will not is told with its words, in one line."""
    inbox.status = 400
    with pytest.raises(
        NotDelivered, match=r"^the webhook at 127\.0\.0\.1:\d+ answered 400: words$"
    ):
        await Webhook(post=post(inbox.url), labels={}, page="").send([entry()])


async def test_secrets_that_a_receiver_repeats() -> None:
    """Neither a password nor a path that nobody may know comes back in its words."""
    path = "services/T0123/planted-path"
    seen: list[bytes] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head)
        body = head + b"no planted-password here" + b"x" * 200_000
        length = str(len(body)).encode()
        writer.write(
            b"HTTP/1.1 403 No\r\ncontent-length: " + length + b"\r\n\r\n" + body
        )
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        there = replace(
            post(f"http://127.0.0.1:{port}/{path}"),
            credentials=lambda: httpx.BasicAuth("prober", "planted-password"),
        )
        with pytest.raises(NotDelivered, match="answered 403: POST /… HTTP") as caught:
            await Webhook(post=there, labels={}, page="").send([entry()])

    basic = seen[0].decode().lower().split("authorization: ")[1].split("\r\n")[0]
    told = str(caught.value)
    assert "planted" not in told
    assert basic.split()[1] not in told.lower()
    assert len(told) < 300


async def test_nobody_there() -> None:
    """A receiver that is not there is told so."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    hook = Webhook(post=post(f"http://127.0.0.1:{port}"), labels={}, page="")
    with pytest.raises(NotDelivered, match=r"the webhook at .*: nothing listens there"):
        await hook.send([entry()])
