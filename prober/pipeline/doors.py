"""The stack's doors beside gRPC, by name, and the UAA that two of them ask."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

from prober.errors import UsageError
from prober.pipeline.component import Setting
from prober.pipeline.gateway import Gateway
from prober.pipeline.statistics import ComponentStatistics
from prober.pipeline.traffic_controller import TrafficController
from prober.pipeline.uaa import CLIENT_ID, Uaa

DOORS = ("gateway", "firehose", "metrics")
"""What can be opened; the first two bring a UAA with them."""


class Door(Protocol):
    """What can be killed and started again, on the same port."""

    @property
    def url(self) -> str:
        """Where clients connect to."""
        ...

    async def start(self) -> None:
        """Listen."""
        ...

    async def kill(self) -> None:
        """End at once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The addresses of the components behind the doors."""

    rlp: str
    routers: Sequence[str]
    agent: Callable[[], str]


class Doors:
    """The doors that a stack has open, by name; `uaa` is one of them."""

    def __init__(self) -> None:
        self._doors: dict[str, Door] = {}
        self._uaa: Uaa | None = None

    async def open(
        self,
        setting: Setting,
        wanted: Collection[str],
        ports: Mapping[str, int],
        ends: Ends,
        opened: AsyncExitStack,
    ) -> None:
        """Start what is wanted; `opened` ends it."""
        if {"gateway", "firehose"} & set(wanted):
            self._uaa = Uaa(setting, ports.get("uaa", 0))
            await self._start("uaa", self._uaa, opened)
            if "gateway" in wanted:
                port = ports.get("gateway", 0)
                gateway = Gateway(setting, port, ends.rlp, self._uaa)
                await self._start("gateway", gateway, opened)
            if "firehose" in wanted:
                port = ports.get("firehose", 0)
                controller = TrafficController(
                    setting, port, ends.routers, ends.agent, self._uaa
                )
                await self._start("firehose", controller, opened)

    async def _start(self, name: str, door: Door, opened: AsyncExitStack) -> None:
        opened.push_async_callback(door.kill)
        await door.start()
        self._doors[name] = door

    def __getitem__(self, name: str) -> Door:
        if name not in self._doors:
            raise UsageError(
                f"the stack has no {name}: it was started without that door"
            )
        return self._doors[name]

    @property
    def uaa(self) -> Uaa:
        """The UAA; raises UsageError when no door needs one."""
        self["uaa"]
        assert self._uaa is not None  # noqa: S101 - just asked
        return self._uaa

    def ends(self) -> dict[str, str]:
        """Return the URLs of all that is open, and the consumers' client."""
        urls = {f"{name}_url": door.url for name, door in self._doors.items()}
        if self._uaa is None:
            return urls
        client = {"client_id": CLIENT_ID, "client_secret": self._uaa.client_secret}
        return {**urls, **client}

    def statistics(self) -> tuple[ComponentStatistics, ...]:
        """Return what the consumers' doors counted so far."""
        counting = self._doors.values()
        return tuple(
            door.statistics()
            for door in counting
            if isinstance(door, Gateway | TrafficController)
        )
