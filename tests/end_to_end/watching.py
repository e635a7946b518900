"""`prober watch` as people run it: a process of its own, over the stack in another."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from prober.pipeline.child import ChildStack
from prober.pipeline.stack import ReferenceStack
from prober.records import Tls


def environment(stack: ChildStack | ReferenceStack, **probe: object) -> dict[str, Any]:
    """Return an environment of prober.yaml that is the stack."""
    return {
        "ingress": {
            "agent": _endpoint(stack.agent_address, stack.client_tls("metron"))
        },
        "consumers": {
            "rlp": {
                "rlp": _endpoint(stack.rlp_address, stack.client_tls("reverselogproxy"))
            }
        },
        "objective": {"target": "99.9"},
        "probe": probe,
    }


def three_ways(
    stack: ChildStack | ReferenceStack, folder: Path, **probe: object
) -> dict[str, Any]:
    """Return the same with a consumer for each way out: `rlp`, `gateway` and `v1`.

    The secret of the stack's client is written into a folder.
    """
    ca_file = stack.client_tls("").ca_file
    client_id, secret = stack.uaa_client
    file = folder / "secret"
    file.write_text(secret)
    client = {"client_id": client_id, "client_secret_file": str(file)}
    uaa = {"url": stack.uaa_url, "ca_file": ca_file, **client}
    found = environment(stack, **probe)
    found["consumers"] |= {
        name: {kind: {"url": url, "ca_file": ca_file, "uaa": uaa}}
        for name, kind, url in (
            ("gateway", "rlp_gateway", stack.gateway_url),
            ("v1", "firehose", stack.firehose_url),
        )
    }
    return found


def _endpoint(address: str, tls: Tls) -> dict[str, str]:
    return {
        "address": address,
        "server_name": tls.server_name,
        "ca_file": tls.ca_file,
        "cert_file": tls.cert_file,
        "key_file": tls.key_file,
    }


def write(file: Path, environments: Mapping[str, Any], **more: object) -> None:
    """Write a prober.yaml; history lies beside it, the page takes any port."""
    store = str(file.with_name("history.sqlite"))
    content = {"store": store, **more, "environments": dict(environments)}
    file.write_text(yaml.safe_dump(content))


class Process:
    """A daemon that runs, and what it tells."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.told: list[dict[str, Any]] = []
        """What nobody has waited for yet."""

    async def told_of(self, said: str, environment: str = "") -> dict[str, Any]:
        """Wait until it tells something, or has, each once; raises EOFError if not."""
        assert self.process.stdout is not None
        while True:
            for told in self.told:
                name = told.get("environment")
                if told["said"] == said and environment in ("", name):
                    self.told.remove(told)
                    return told
            line = await self.process.stdout.readline()
            if not line:
                raise EOFError(f"it ended before it said {said}: {self.told}")
            self.told.append(json.loads(line))

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def end(self) -> int:
        """Wait until it has ended, reading what it still tells."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.told.append(json.loads(line))
        return await self.process.wait()


@asynccontextmanager
async def watch(
    folder: Path,
    *options: str,
    env: Mapping[str, str] | None = None,
    errors: bool = False,
) -> AsyncIterator[Process]:
    """Run `prober watch` in a folder; it is killed if it still runs at the end.

    With `errors` its standard error is kept to be read.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prober", "watch", "--listen", "127.0.0.1:0", *options),
        cwd=folder,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE if errors else None,
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
