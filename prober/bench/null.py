"""The null pipeline: takes all that is sent, and gives out all that is taken.

It runs in a process of its own, so that it shares no core with what is measured, and
does as little as it can. Four flows:

    swallow   takes batches in, and that is all
    pour      gives out stamped batches, as fast as they are read
    foreign   the same of somebody else's, without a stamp
    echo      gives out what it takes in

What it gives out looks as a real RLP, RLP gateway or traffic controller would make it
(`prober.pipeline.replay`). Parent and child talk over the child's standard streams, a
line of JSON each way: what is wanted, and where it is. The child ends when its standard
input does: however its parent ended.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import msgspec

from prober.errors import CouldNotProbe
from prober.plan import Plan, Sizes
from prober.records import Kind

Door = Literal["rlp", "rlp_gateway", "firehose"]
Flow = Literal["swallow", "pour", "foreign", "echo"]

HOST = "127.0.0.1"
_END_SECONDS = 5.0


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a null pipeline is to be."""

    door: Door
    """What it gives out looks as if it came from there."""
    flow: Flow
    run: str
    messages: int
    cycles: int
    size: int
    """Bytes of a payload."""
    directory: str | None
    """Where the certificates lie; None for gRPC without TLS, on loopback."""
    cpus: tuple[int, ...] = ()
    """The CPUs that it may use; none told, all."""

    def plan(self) -> Plan:
        """Return the plan by which its messages are stamped."""
        return plan_of(self.messages, self.cycles, self.size)


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a null pipeline listens: `host:port`."""

    grpc: str
    door: str


def plan_of(messages: int, cycles: int, size: int) -> Plan:
    """Return a plan of logs, as fast as possible."""
    return Plan(
        messages=messages,
        cycles=cycles,
        rate=None,
        sizes=Sizes(low=size, high=size),
        kinds=(Kind.LOG,),
        source_id="prober",
        seed=1,
    )


@asynccontextmanager
async def null_pipeline(wanted: Wanted) -> AsyncIterator[Address]:
    """Run a null pipeline while the block does; raises CouldNotProbe if it fails."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prober.bench.nullserver"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to handle
        env={"GRPC_VERBOSITY": "NONE", **os.environ},
    )
    assert process.stdin is not None  # noqa: S101 - asked for a pipe
    assert process.stdout is not None  # noqa: S101 - likewise
    try:
        process.stdin.write(msgspec.json.encode(wanted) + b"\n")
        line = await process.stdout.readline()
        if not line:
            raise CouldNotProbe(
                "the null pipeline's process ended by itself; standard error tells why"
            )
        yield msgspec.json.decode(line, type=Address)
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
