"""Environments of a prober.yaml for a stack that runs, and what a check finds there."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from prober.checks import Limits, Step, check
from prober.cli import checked
from prober.clock import Clock, SystemClock
from prober.config import load
from prober.pipeline.profile import PROFILES
from prober.pipeline.stack import ReferenceStack

QUICK = replace(PROFILES["loggregator"], router_metrics=0.2)
"""Routers tell their time five times a second."""
SHORT = Limits(total=15, subscribe=0.5, round_trip=8, clock=5)
"""No longer than is needed, but for steps that end by what comes."""


def settings(stack: ReferenceStack) -> dict[str, Any]:
    """Return an environment of prober.yaml with all consumers that the stack has."""
    tls = stack.client_tls("")
    files = {
        "ca_file": tls.ca_file,
        "cert_file": tls.cert_file,
        "key_file": tls.key_file,
    }
    told: dict[str, Any] = {
        "ingress": {"agent": {"address": stack.agent_address, **files}},
        "consumers": {"rlp": {"rlp": {"address": stack.rlp_address, **files}}},
    }
    ends = stack.ends()
    for name, kind in (("gateway", "rlp_gateway"), ("firehose", "firehose")):
        if f"{name}_url" in ends:
            end = {"url": ends[f"{name}_url"], "ca_file": tls.ca_file}
            told["consumers"][name] = {kind: {**end, "uaa": uaa(stack)}}
    return told


def uaa(stack: ReferenceStack, client_id: str = "", secret: str = "") -> dict[str, str]:
    """Return how tokens are got, for the stack's own client if for no other."""
    own_id, own_secret = stack.uaa_client
    ca_file = stack.client_tls("").ca_file
    file = Path(ca_file).with_name(f"secret-{client_id}-{len(secret)}")
    file.write_text(secret or own_secret)
    return {
        "url": stack.uaa_url,
        "ca_file": ca_file,
        "client_id": client_id or own_id,
        "client_secret_file": str(file),
    }


def write(path: Path, environment: Mapping[str, Any]) -> Path:
    """Write a prober.yaml with one environment, `here`."""
    file = path / "prober.yaml"
    document = {"environments": {"here": dict(environment)}}
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file


async def steps(
    path: Path,
    environment: Mapping[str, Any],
    *,
    limits: Limits = SHORT,
    clock: Clock | None = None,
) -> dict[str, dict[str, Step]]:
    """Check an environment; return the steps by target and name, in their order."""
    clock = clock or SystemClock()
    loaded = load(write(path, environment)).environment("here")
    probe = checked.probe(loaded, clock)
    async with checked.targets(loaded, None, probe) as targets:
        done = await check(
            targets, run_id=probe.run_id, plan=probe.plan, clock=clock, limits=limits
        )
    found: dict[str, dict[str, Step]] = {}
    for step in done:
        found.setdefault(step.target, {})[step.name] = step
    return found
