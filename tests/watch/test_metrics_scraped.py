"""What Prometheus itself makes of the metrics: its linter, and its scraper."""

import asyncio
import random
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
from prometheus_client import generate_latest

from prober.clock import SystemClock
from prober.records import Counts, State
from prober.watch.metrics import Metrics
from prober.watch.page.doors import Doors
from prober.watch.serving import PageProcess, address_of, listen
from tests import tools
from tests.watch.facts import cycle
from tests.watch.test_metrics import full
from tests.watch.test_server import answered, snapshot

INSTALL = "apt-get install prometheus"
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: prober
    static_configs: [{{targets: ["{target}"]}}]
"""


def counted() -> Metrics:
    """Metrics of a daemon after a cycle that lost something."""
    metrics = full()
    counts = Counts(attempted=300, accepted=300, on_time=290, late=7, lost=3)
    latencies = [1_000_000] * 297
    metrics.closed([cycle(0, State.LOSS, counts=counts, latencies_ns=latencies)])
    return metrics


def test_linter() -> None:
    """`promtool check metrics` has nothing against any name, type or help."""
    promtool = tools.program("/usr/bin/promtool", INSTALL)
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=generate_latest(counted()),
        capture_output=True,
        check=False,
    )

    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[httpx.AsyncClient]:
    """Run Debian's Prometheus, which scrapes a target, and yield what asks it."""
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(target=target))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        tools.program("/usr/bin/prometheus", INSTALL),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--enable-feature=exemplar-storage",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}/api/v1/") as client:
            yield client
    finally:
        process.terminate()
        await process.wait()


async def result(client: httpx.AsyncClient, query: str) -> float:
    """Ask until there is an answer, and return its one figure."""
    while True:
        try:
            told = (await client.get("query", params={"query": query})).json()
        except (httpx.TransportError, ValueError):
            told = {}
        found = told.get("data", {}).get("result", [])
        if found:
            return float(found[0]["value"][1])
        await SystemClock().sleep(0.05)


async def test_scraper(tmp_path: Path) -> None:
    """A real Prometheus takes everything in, and computes with it."""
    metrics, clock = counted(), SystemClock()
    with listen("127.0.0.1:0") as listening:
        page = PageProcess(
            listening,
            doors=Doors(store=str(tmp_path / "history.sqlite")),
            clock=clock,
            rng=random.Random(1),  # noqa: S311 - jitter
            tell=lambda _: None,
        )
        target = address_of(listening)
        async with (
            page.running(),
            httpx.AsyncClient(base_url=f"http://{target}") as asking,
        ):
            await answered(asking, page, clock)
            told = snapshot(at_ns=clock.now_ns())
            page.push(replace(told, metrics=metrics.text()))
            async with prometheus(tmp_path, target) as client:
                lost = 'prober_messages_total{result="lost",consumer="rlp"}'
                assert 3 == await result(client, lost)
                assert 1 == await result(client, 'up{job="prober"}')
                assert 300 == await result(
                    client, 'sum(prober_messages_total{consumer="rlp"})'
                )
                stem = "prober_delivery_latency_seconds"
                mean = f'{stem}_sum{{consumer="rlp"}} / {stem}_count'
                assert 0.001 == await result(client, mean)
