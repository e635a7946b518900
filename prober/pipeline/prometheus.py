"""Metrics as Prometheus reads them: plain text, over mutual TLS."""

from collections.abc import Iterable, Mapping, Sequence

from prober.pipeline import web
from prober.pipeline.component import Setting
from prober.pipeline.listener import Listener
from prober.pipeline.metrics import Counter, Gauge
from prober.pipeline.web import Request, Response

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_HELP: Mapping[str, str] = {
    "average_envelopes": "Bytes of an envelope, on average.",
    "doppler_connections": "Connections to routers.",
    "doppler_v1_streams": "Streams of version 1 to routers.",
    "doppler_v2_streams": "Streams of version 2 to routers.",
    "dropped": "Envelopes that were dropped.",
    "egress": "Envelopes that were sent to routers.",
    "ingress": "Envelopes that were taken in.",
    "origin_mappings": "Envelopes whose source_id came from their origin.",
}


def door(
    setting: Setting, leaf: str, port: int, metrics: Sequence[Counter | Gauge]
) -> Listener:
    """Return a server of `/metrics` for those who show a certificate of the CA."""

    async def handle(request: Request) -> Response:
        if request.path != "/metrics":
            return web.refusal(404, "404 page not found")
        return Response(
            status=200, content_type=CONTENT_TYPE, body=exposition(metrics).encode()
        )

    name = "the agent's metrics"
    return web.door(setting, name, port, handle, leaf=leaf, mutual=True)


def exposition(metrics: Iterable[Counter | Gauge]) -> str:
    """Return metrics as text: each name once, with all its series."""
    series: dict[str, list[Counter | Gauge]] = {}
    for metric in metrics:
        series.setdefault(metric.name, []).append(metric)
    return "".join(_family(name, series[name]) for name in sorted(series))


def _family(name: str, metrics: Sequence[Counter | Gauge]) -> str:
    kind = "counter" if isinstance(metrics[0], Counter) else "gauge"
    lines = [f"# HELP {name} {_HELP.get(name, name)}", f"# TYPE {name} {kind}"]
    for metric in metrics:
        value = metric.value if isinstance(metric, Counter) else metric.read()
        lines.append(f"{name}{_labels(metric.tags)} {value:.17g}")
    return "\n".join(lines) + "\n"


def _labels(tags: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{text}"' for name, text in sorted(tags.items()))
    return f"{{{pairs}}}" if pairs else ""
