"""The daemon and the metrics of the agent that it writes to, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from prober.pipeline.child import ChildStack
from tests.end_to_end import watching


class Door:
    """A port behind which something is, or not yet."""

    def __init__(self) -> None:
        self.leads_to = ""
        self.port = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Take connections while the block runs."""
        server = await asyncio.start_server(self._pass_on, "127.0.0.1")
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if not self.leads_to:
            writer.close()
            return
        host, _, port = self.leads_to.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_copy(reader, back), _copy(there, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while some := await reader.read(1 << 16):
        writer.write(some)
        await writer.drain()
    writer.close()


@pytest.mark.timeout(120)  # an agent is asked every 15 s
async def test_metrics_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """Messages are measured all the same; it is told once, and when it is over."""
    door = Door()
    async with ChildStack(doors=("metrics",)) as stack, door.open():
        east = watching.environment(stack, every="1s", messages=20, lost_after="5s")
        agent = east["ingress"]["agent"]
        agent["metrics"] = {**agent, "address": f"127.0.0.1:{door.port}"}
        watching.write(tmp_path / "prober.yaml", {"east": east})
        async with watching.watch(tmp_path) as daemon:
            unread = await daemon.told_of("unread", "east")
            await daemon.told_of("measuring", "east")
            door.leads_to = stack.metrics_address
            again = await daemon.told_of("read_again", "east")

    where = f"agent's metrics at 127.0.0.1:{door.port}"
    assert "what an agent drops itself is not known" in unread["words"]
    assert where in unread["words"]
    assert f"the {where} are read again" == again["words"]
