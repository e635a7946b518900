"""A prober that was pushed as an app, with a platform that carries off its lines."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from prober.pipeline.stack import ReferenceStack
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch, Log
from tests.cli.test_run import SCHEMA
from tests.pipeline.clients import agent_of, status_of

GUID = "34bcfafc-402b-4bb4-84db-aea5401b79eb"
NOTICE = b"app instance exceeded log rate limit (16384 bytes/sec)"


def configuration(path: Path, stack: ReferenceStack) -> Path:
    """Write a prober.yaml by which an app writes to stdout and reads itself."""
    tls = stack.client_tls("reverselogproxy")
    files = {name: getattr(tls, name) for name in ("ca_file", "cert_file", "key_file")}
    environment = {
        "ingress": {"stdout": None},
        "consumers": {"rlp": {"rlp": {"address": stack.rlp_address, **files}}},
        "probe": {"late_after": "1s", "lost_after": "2s"},
        "run": {"messages": 50, "cycles": 10, "rate": "80/s"},
    }
    file = path / "prober.yaml"
    file.write_text(yaml.safe_dump({"environments": {"self": environment}}))
    return file


async def run(
    tmp_path: Path,
    stack: ReferenceStack,
    carry: Callable[[bytes], list[bytes]],
    *arguments: str,
) -> tuple[dict[str, Any], list[bytes], bytes]:
    """Run the app, and do the platform's work: every line of it is a log.

    Return the report, the lines, and what went to standard error.
    """
    report = tmp_path / "report.json"
    about = {"application_id": GUID, "instance_index": 0}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prober", "run", "self", "--json", str(report)),
        *("--config", str(configuration(tmp_path, stack)), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "VCAP_APPLICATION": json.dumps(about),
            "PROBER_LOG_RATE_LIMIT": "16K",
        },
    )
    assert process.stdout is not None
    assert process.stderr is not None
    lines: list[bytes] = []
    source = process.stdout

    async def logs() -> AsyncIterator[EnvelopeBatch]:
        while line := await source.readline():
            lines.append(line)
            payloads = carry(line.rstrip(b"\n"))
            yield EnvelopeBatch(
                batch=[
                    Envelope(source_id=GUID, instance_id="0", log=Log(payload=each))
                    for each in payloads
                ]
            )

    async with agent_of(stack) as agent:
        told, _ = await asyncio.gather(
            process.stderr.read(),
            status_of(agent.BatchSender(logs())),  # type: ignore[arg-type]
        )
        await process.wait()
    return json.loads(report.read_text()), lines, told


async def test_app_measures_its_own_logs(tmp_path: Path, stack: ReferenceStack) -> None:
    """Every line is stamped, every line arrives, and the rest is on standard error."""
    told, lines, errors = await run(tmp_path, stack, lambda line: [line])

    jsonschema.validate(told, SCHEMA)
    counts = told["consumers"][0]["counts"]
    assert (50, 50) == (counts["accepted"], counts["on_time"])
    assert GUID == told["run"]["plan"]["source_id"]
    expected = [f"standard output of app {GUID}, instance 0"]
    assert expected == told["run"]["written_to"]
    assert [] == [line for line in lines if not line.startswith(b"prober/1 ")]
    assert b"sending 50 messages" in errors
    assert b"ALL ARRIVED: 50 of 50 messages." in errors


async def test_lines_over_the_limit_are_our_fault(
    tmp_path: Path, stack: ReferenceStack
) -> None:
    """When the platform throws lines away it says so, and those cycles are void."""

    def limit(line: bytes) -> list[bytes]:
        return [NOTICE] if b" 00000000095 " in line else [line]

    told, _, _ = await run(tmp_path, stack, limit, "--messages", "100")

    (void,) = told["cycles"][95]["consumers"]
    reason = "rate limit; uncounted: 1 lost"
    assert ("invalid", reason) == (void["state"], void["reason"])
    assert 0 == told["consumers"][0]["valid"]["bad"]
    assert "pass" == told["cycles"][0]["consumers"][0]["state"]


async def test_plan_beyond_the_limit_is_refused(
    tmp_path: Path, stack: ReferenceStack
) -> None:
    """Beyond half of the app's log rate limit nothing is sent at all."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prober", "run", "self", "--rate", "82/s"),
        *("--config", str(configuration(tmp_path, stack))),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "VCAP_APPLICATION": json.dumps({"application_id": GUID}),
            "PROBER_LOG_RATE_LIMIT": "16K",
        },
    )
    out, errors = await process.communicate()

    assert (2, b"") == (process.returncode, out)
    assert b"more than half of the app's log rate limit of 16,384" in errors
