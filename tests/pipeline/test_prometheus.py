"""The agent's metrics as Prometheus reads them, and to whom they are told."""

import ssl

import httpx
import pytest

from prober.pipeline.metrics import Counter, Gauge
from prober.pipeline.prometheus import exposition
from prober.pipeline.stack import ReferenceStack
from prober.records import Tls
from tests.pipeline.clients import agent_of, consuming, logs, send_all, until
from tests.pipeline.door_clients import open_stack


def context(stack: ReferenceStack, own: Tls | None) -> ssl.SSLContext:
    """What trusts the stack's CA, expects `metron`, and may show a certificate."""
    trusted = ssl.create_default_context(cafile=stack.client_tls("metron").ca_file)
    if own is not None:
        trusted.load_cert_chain(own.cert_file, own.key_file)
    return trusted


async def scrape(
    stack: ReferenceStack, own: Tls | None, path: str = "/metrics"
) -> httpx.Response:
    """What the endpoint answers."""
    async with httpx.AsyncClient(verify=context(stack, own)) as client:
        return await client.get(
            f"https://{stack.metrics_address}{path}",
            extensions={"sni_hostname": "metron"},
        )


async def test_every_metric_of_the_agent_is_told() -> None:
    """Names and labels of the real one, and the figures as they are now."""
    async with (
        open_stack("metrics") as stack,
        consuming(stack) as consumer,
        agent_of(stack) as agent,
    ):
        await send_all(agent, logs(range(250), payload=b"x"))
        await until(lambda: len(consumer.envelopes) == 250)
        answer = await scrape(stack, stack.client_tls("metron"))
        lost = await scrape(stack, stack.client_tls("metron"), "/")

    samples = [line for line in answer.text.splitlines() if line[0] != "#"]
    average = next(line for line in samples if line.startswith("average_envelopes"))
    assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["content-type"]
    assert [
        average,
        "doppler_connections 5",
        "doppler_v1_streams 0",
        "doppler_v2_streams 5",
        'dropped{direction="ingress",metric_version="2.0"} 0',
        'dropped{direction="egress",metric_version="2.0"} 0',
        'dropped{direction="all",metric_version="1.0"} 0',
        'egress{metric_version="2.0"} 250',
        'egress{metric_version="1.0"} 0',
        'ingress{metric_version="2.0"} 250',
        'ingress{metric_version="1.0"} 0',
        'origin_mappings{metric_version="2.0"} 0',
    ] == samples
    labels = '{loggregator="v2",metric_version="2.0",unit="bytes/minute"}'
    assert average.startswith(f"average_envelopes{labels} ")
    assert 20 < float(average.split()[1]) < 200
    assert 404 == lost.status_code


async def test_only_a_certificate_of_the_ca_opens_it(stranger: Tls) -> None:
    """Nobody, and who shows one of another CA, is cut off."""
    async with open_stack("metrics") as stack:
        for own in (None, stranger):
            with pytest.raises(httpx.TransportError):
                await scrape(stack, own)


async def test_it_lives_and_dies_with_the_agent() -> None:
    """It is the same process; on its port it comes back."""
    async with open_stack("metrics") as stack:
        await stack.kill_agent()
        with pytest.raises(httpx.ConnectError):
            await scrape(stack, stack.client_tls("metron"))
        await stack.start_agent()
        answer = await scrape(stack, stack.client_tls("metron"))

    assert 200 == answer.status_code


def test_series_of_a_name_stand_together() -> None:
    """Help and type once, before all of them; labels in order."""
    metrics: list[Counter | Gauge] = [
        Counter(name="dropped", tags={"z": "1", "a": "2"}, value=1 << 53),
        Gauge(name="load", read=lambda: 0.5),
        Counter(name="dropped"),
    ]

    assert exposition(metrics) == (
        "# HELP dropped Envelopes that were dropped.\n"
        "# TYPE dropped counter\n"
        'dropped{a="2",z="1"} 9007199254740992\n'
        "dropped 0\n"
        "# HELP load load\n"
        "# TYPE load gauge\n"
        "load 0.5\n"
    )
