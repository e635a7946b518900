"""Loggregator's own counters in the result of `prober run`."""

import asyncio
import dataclasses
import json
import sys
from pathlib import Path

from prober.pipeline.profile import PROFILES
from prober.pipeline.stack import ReferenceStack
from tests.end_to_end import watching


async def test_drops_of_a_router_are_told_beside_the_loss(tmp_path: Path) -> None:
    """What a deployed router counted as dropped stands in screen and document.

    Whole laps: on a slow machine one may hold a trailer, which is no message.
    """
    profile = dataclasses.replace(
        PROFILES["loggregator"], subscription_buffer=200, router_metrics=0.5
    )
    report = tmp_path / "report.json"
    async with ReferenceStack(profile=profile) as stack:
        tls = stack.client_tls("metron")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "prober", "run", "--json", str(report), "--yes"),
            *("--messages", "2000", "--rate", "4000/s"),
            *("--late-after", "1s", "--lost-after", "2s"),
            *("--agent", stack.agent_address, "--rlp", stack.rlp_address),
            *("--tls-dir", str(Path(tls.ca_file).parent)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        screen, _ = await process.communicate()
        dropped = stack.statistics().components[1].dropped_egress

    told = json.loads(report.read_text())
    lost = told["consumers"][0]["counts"]["lost"]
    assert 0 < lost <= dropped <= lost + 5
    assert {"router egress": dropped, "router ingress": 0} == {
        f"{each['component']} {each['direction']}": each["increase"]
        for each in told["platform"]["counters"]
        if each["component"] == "router"
    }
    assert f"router egress drops rose by {dropped:,} from" in screen.decode()
    assert f"evidence, no proof: enough for the {lost:,} lost" in screen.decode()


async def test_drops_of_the_agent_are_told_beside_the_loss(tmp_path: Path) -> None:
    """With its `metrics` configured, what an agent counted itself is told, by mTLS."""
    profile = dataclasses.replace(PROFILES["loggregator"], agent_buffer=200)
    report, file = tmp_path / "report.json", tmp_path / "prober.yaml"
    async with ReferenceStack(profile=profile, doors=["metrics"]) as stack:
        here = watching.environment(stack, late_after="1s", lost_after="2s")
        agent = here["ingress"]["agent"]
        agent["metrics"] = {**agent, "address": stack.metrics_address}
        watching.write(file, {"here": {**here, "limits": {"rate": "10000/s"}}})
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "prober", "run", "here", "--config", str(file)),
            *("--messages", "2000", "--rate", "8000/s", "--yes"),
            *("--json", str(report), "--store", "none"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        screen, _ = await process.communicate()

    told = json.loads(report.read_text())
    lost = told["consumers"][0]["counts"]["lost"]
    assert lost > 0
    assert ("own agent", "dropped", "ingress", lost) in [
        (each["component"], each["counter"], each["direction"], each["increase"])
        for each in told["platform"]["counters"]
    ]
    shown = " ".join(screen.decode().split())
    assert f"own agent ingress drops rose by {lost:,} from" in shown
