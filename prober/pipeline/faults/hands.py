"""A stack as faults lay hands on it: its components by name, its tokens, its files."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from grpc import aio

from prober.clock import SystemClock
from prober.errors import UsageError
from prober.pipeline import certificates

if TYPE_CHECKING:  # what speaks HTTP is there if a door is open
    from prober.pipeline.uaa import Uaa


class Component(Protocol):
    """What can be ended and started again."""

    async def start(self) -> None:
        """Listen, with empty buffers."""
        ...

    async def kill(self) -> None:
        """End at once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What there is to lay hands on."""

    components: Mapping[str, Component]
    """In the order in which they start."""
    uaa: "Uaa | None"
    dial_agent: Callable[[], aio.Channel]
    """Returns a channel to the agent, as any writer has."""
    directory: Path
    """Where the certificates lie."""
    web_host: str | None

    def expire_tokens(self) -> None:
        """End every token that was given so far."""
        if self.uaa is None:
            raise UsageError("expire-tokens: this stack has no UAA, and so no tokens")
        self.uaa.expire_tokens()

    def step_clock(self, step_ns: int) -> None:
        """Set the wall clock: of all components only the UAA goes by it."""
        if self.uaa is not None:
            self.uaa.step_clock(step_ns)

    async def rotate_certificates(self) -> None:
        """Replace all certificates, those of the CA too, and restart everything."""
        parts = tuple(self.components.values())
        for part in reversed(parts):
            await part.kill()
        # Certificates live in real time, whatever the stack's clock says.
        now_ns = SystemClock().now_ns()
        await asyncio.to_thread(
            certificates.renew, self.directory, now_ns, self.web_host
        )
        for part in parts:
            await part.start()
