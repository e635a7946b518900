"""What the components of one stack share: its profile, clock, lots and certificates."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grpc import aio

from prober.clock import Clock
from prober.pipeline import certificates, letters
from prober.pipeline.buffers import Tally
from prober.pipeline.letters import Letter, Post, Track
from prober.pipeline.profile import Profile
from prober.pipeline.wire import Server, Services, open_channel
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope

if TYPE_CHECKING:  # what is there only in a stack that is started with faults
    from prober.pipeline.faults import Laboratory


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The surroundings of a component."""

    profile: Profile
    clock: Clock
    seed: int
    host: str
    directory: Path
    """Where the certificates lie."""
    track: Track | None
    post: Post
    tasks: asyncio.TaskGroup
    """The owner of every task; one that fails ends the stack."""
    fail: Callable[[Exception], None]
    """Takes errors from where no task of ours could raise them."""
    laboratory: "Laboratory | None" = None

    def lots(self, name: str) -> random.Random:
        """Return a source of random choices of its own for each name."""
        return random.Random(f"{self.seed} {name}")

    def tally(self, name: str, ring: int) -> Tally:
        """Return an empty line for the table of buffers."""
        return Tally(name, ring, letters.tracked if self.track else None)

    def server(self, name: str, leaf: str, port: int, services: Services) -> Server:
        """Return a server that shows the certificate of `leaf`; port 0 is any."""
        files = certificates.tls(self.directory, leaf, leaf)
        if self.laboratory is not None:
            services = self.laboratory.guarded(name, services)
        return Server(name, (self.host, port), files, services, self.fail)

    def tapped(
        self, place: str, take: Callable[[Sequence[Letter]], None], stream: str = ""
    ) -> Callable[[Sequence[Letter]], None]:
        """Return what takes letters in at a place, past the faults that are there."""
        if self.laboratory is None:
            return take

        def take_envelopes(envelopes: Sequence[Envelope]) -> None:
            take([self.post.letter_of(each) for each in envelopes])

        tap = self.laboratory.tapped(place, take_envelopes, stream)
        if tap is take_envelopes:
            return take
        return lambda items: tap([letters.opened(each) for each in items])

    def through(
        self, place: str, stream: str
    ) -> Callable[[Sequence[Any]], Sequence[Any]] | None:
        """Return what faults make of items that are read at a place; None for none."""
        if self.laboratory is None:
            return None
        passed: list[Any] = []
        tap = self.laboratory.tapped(place, passed.extend, stream)

        def pass_on(items: Sequence[Any]) -> Sequence[Any]:
            passed.clear()
            tap(items)
            return tuple(passed)

        return pass_on

    def dial(
        self, leaf: str, peer: str, address: str, keepalive_timeout: float | None = 20
    ) -> aio.Channel:
        """Return a channel from the component `leaf` to a server called `peer`."""
        files = certificates.tls(self.directory, leaf, peer)
        return open_channel(address, files, keepalive_timeout)


class Tasks:
    """The tasks of one life of a component, owned by the stack's group."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run `work` until it ends or the component does."""
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def cancel(self) -> None:
        """End all of them, and return when they have ended."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
