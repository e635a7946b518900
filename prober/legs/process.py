"""A leg's process, seen from here: how it begins, what it says, and how it ends.

It ends when its standard input does, however we ended; Ctrl-C is ours to handle.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import cast

from prober.errors import CouldNotProbe, InternalError
from prober.legs import spec as specs
from prober.legs import wire

BEGIN_SECONDS = 30.0
END_SECONDS = 5.0
_BUFFER = 1 << 22
"""Bytes of what a leg said that may wait here; then it has to wait itself."""


class LegProcess:
    """One process, from `begin` to `end`."""

    def __init__(self, spec: specs.LegSpec) -> None:
        self._spec = spec
        self._process: asyncio.subprocess.Process | None = None
        self._box = wire.Outbox(self._write)

    @property
    def pid(self) -> int | None:
        """Its number, while there is one."""
        return None if self._process is None else self._process.pid

    async def begin(self) -> None:
        """Start it, and wait until it has begun; raises what it could not begin for."""
        self._box.flush()  # what was meant for one before it is not for this one
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "prober.legs.child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_BUFFER,
            start_new_session=True,
            env={"GRPC_VERBOSITY": "NONE", **os.environ},
        )
        stdout = cast("asyncio.StreamReader", self._process.stdout)  # it is a pipe
        self._messages = wire.from_leg(stdout)
        try:
            self._write(wire.framed(specs.encode(self._spec)))
            async with asyncio.timeout(BEGIN_SECONDS):
                await self._begun()
        except TimeoutError:
            await self.end()
            raise CouldNotProbe(
                f"a leg's process did not begin within {BEGIN_SECONDS:.0f} s: is this "
                "machine too busy?"
            ) from None
        except BaseException:
            await self.end()
            raise

    async def _begun(self) -> None:
        first = await anext(self._messages, None)
        if isinstance(first, wire.Refused):
            raise (InternalError if first.ours else CouldNotProbe)(first.sentence)
        if first is None:
            raise CouldNotProbe(await self.ended())

    async def said(self) -> AsyncIterator[wire.FromLeg]:
        """Yield what it says, to its end."""
        async for message in self._messages:
            yield message

    def tell(self, message: wire.ToLeg) -> None:
        """Tell it something; one that has ended does not hear it."""
        self._box.say(message)

    def _write(self, raw: bytes) -> None:
        process = self._process
        if process is None or process.stdin is None or process.stdin.is_closing():
            return
        process.stdin.write(raw)

    async def ended(self) -> str:
        """Return how it ended by itself, as a sentence."""
        assert self._process is not None  # noqa: S101 - begun
        code = await self._process.wait()
        how = f"with exit code {code}"
        if code < 0:
            how = f"by {signal.Signals(-code).name}"
        return f"a leg's process ended by itself, {how}"

    async def end(self) -> None:
        """Close its input, which ends it; insist if it does not end."""
        self._box.flush()
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        drained = asyncio.ensure_future(_drain(process.stdout))
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        except TimeoutError:
            pass
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            drained.cancel()


async def _drain(stream: asyncio.StreamReader | None) -> None:
    """Read on, or who ends could wait for us to take what he says."""
    while stream is not None and await stream.read(1 << 16):
        pass
