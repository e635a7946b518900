"""The stack's doors of HTTPS: RLP gateway, traffic controller, and the UAA they ask."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

from prober.pipeline.component import Setting
from prober.pipeline.gateway import Gateway
from prober.pipeline.statistics import ComponentStatistics
from prober.pipeline.traffic_controller import TrafficController
from prober.pipeline.uaa import Uaa


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
    """The doors that a stack has open, by name; `uaa` is always one of them."""

    def __init__(self, setting: Setting, ports: Mapping[str, int]) -> None:
        self._setting = setting
        self._ports = ports
        self._doors: dict[str, Door] = {}
        self._counting: list[Gateway | TrafficController] = []
        self.uaa = Uaa(setting, ports.get("uaa", 0))

    async def open(
        self, wanted: Collection[str], ends: Ends, opened: AsyncExitStack
    ) -> None:
        """Start what is wanted, `gateway` and `firehose`; `opened` ends it."""
        await self._start("uaa", self.uaa, opened)
        if "gateway" in wanted:
            port = self._ports.get("gateway", 0)
            gateway = Gateway(self._setting, port, ends.rlp, self.uaa)
            await self._start("gateway", gateway, opened)
            self._counting.append(gateway)
        if "firehose" in wanted:
            port = self._ports.get("firehose", 0)
            controller = TrafficController(
                self._setting, port, ends.routers, ends.agent, self.uaa
            )
            await self._start("firehose", controller, opened)
            self._counting.append(controller)

    async def _start(self, name: str, door: Door, opened: AsyncExitStack) -> None:
        opened.push_async_callback(door.kill)
        await door.start()
        self._doors[name] = door

    def get(self, name: str) -> Door | None:
        """Return the door of that name, if it is open."""
        return self._doors.get(name)

    def items(self) -> Collection[tuple[str, Door]]:
        """Return all that is open, by name, in the order in which it was opened."""
        return self._doors.items()

    def ends(self) -> dict[str, str]:
        """Return the URLs of all that is open, and the consumers' client."""
        urls = {f"{name}_url": door.url for name, door in self._doors.items()}
        client_id, secret = self.uaa.client
        return {**urls, "client_id": client_id, "client_secret": secret}

    def statistics(self) -> tuple[ComponentStatistics, ...]:
        """Return what the consumers' doors counted so far."""
        return tuple(door.statistics() for door in self._counting)
