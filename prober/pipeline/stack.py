"""The reference stack: agents, routers and an RLP, joined on loopback.

async with ReferenceStack(routers=2) as stack:
    tls = stack.client_tls("metron")  # for whoever writes to stack.agent_address
"""

import asyncio
import functools
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from prober.clock import Clock, SystemClock
from prober.errors import UsageError
from prober.pipeline import certificates, names
from prober.pipeline.agent import Agent, MetricsDoor
from prober.pipeline.component import Setting, Tasks
from prober.pipeline.letters import Post, Track
from prober.pipeline.profile import Profile, named
from prober.pipeline.rlp import Rlp
from prober.pipeline.router import Router
from prober.pipeline.statistics import StackStatistics
from prober.records import BufferDrops, Tls

if TYPE_CHECKING:  # what speaks HTTP is imported by who opens such a door
    from prober.pipeline.doors import Door, Doors
    from prober.pipeline.faults import Laboratory, Scenario
    from prober.pipeline.faults.hands import Component, Hands
    from prober.pipeline.uaa import Uaa

DOORS = ("gateway", "firehose", "metrics")
"""What can be opened beside gRPC; the first two bring a UAA with them."""


class ReferenceStack:
    """The components as one thing, alive inside `async with`.

    A port of 0 is chosen by the system; `agent_ports` and `router_ports` have one for
    each agent and router, or are empty. `doors` are opened beside those of gRPC: any of
    `DOORS`; `door_ports` has their ports by name, and that of `uaa`. `tls_dir` keeps
    the certificates for the next time; without it they are thrown away. `track` is the
    source_id and instance_id of the envelopes that every buffer counts apart. Agents
    and routers are numbered from 0, as in `agent_addresses` and `router_addresses`.
    `faults` are applied from `begin_faults` on.

    Entering raises UsageError when a port is taken or `tls_dir` cannot be used. A
    component that fails ends the block with an ExceptionGroup.
    """

    def __init__(
        self,
        *,
        agents: int = 1,
        routers: int = 1,
        profile: str | Profile = "loggregator",
        seed: int = 0,
        clock: Clock | None = None,
        tls_dir: str | None = None,
        host: str = "127.0.0.1",
        agent_ports: Sequence[int] = (),
        router_ports: Sequence[int] = (),
        rlp_port: int = 0,
        doors: Collection[str] = (),
        door_ports: Mapping[str, int] | None = None,
        track: Track | None = None,
        faults: "Scenario | None" = None,
    ) -> None:
        _check_number("agent", agents, agent_ports)
        _check_number("router", routers, router_ports)
        if strange := set(doors) - set(DOORS):
            raise UsageError(
                f"there is no door {min(strange)!r}: choose from {', '.join(DOORS)}"
            )
        self._doors_wanted, self._door_ports = doors, door_ports or {}
        self._profile = named(profile) if isinstance(profile, str) else profile
        self._seed = seed
        self._clock = clock or SystemClock()
        self._tls_dir = Path(tls_dir).absolute() if tls_dir is not None else None
        self._host = host
        self._agent_ports = agent_ports or (0,) * agents
        self._router_ports, self._rlp_port = router_ports or (0,) * routers, rlp_port
        self._track = track
        self._faults = faults
        self.laboratory: Laboratory | None = None
        self._fronts: dict[str, str] = {}
        self._doors: Doors | None = None
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opened:
            self._directory = await self._provide_certificates(opened)
            group = await opened.enter_async_context(_owner_of_tasks())
            await self._start(self._setting(group, opened), opened)
            self._closing = opened.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._closing.__aexit__(kind, error, traceback)

    @property
    def agent_address(self) -> str:
        """Where writers connect to, expecting the name `metron`: the first agent."""
        return self.agent_addresses[0]

    @property
    def agent_addresses(self) -> tuple[str, ...]:
        """Where the writers of each machine connect to."""
        return tuple(
            self._fronts.get(name, agent.address)
            for name, agent in self._agents.items()
        )

    @property
    def router_addresses(self) -> tuple[str, ...]:
        """Where one may write past the agent, expecting the name `doppler`."""
        return tuple(router.address for router in self._routers)

    @property
    def rlp_address(self) -> str:
        """Where consumers connect to, expecting the name `reverselogproxy`."""
        return self._fronts.get("rlp", self._rlp.address)

    @property
    def gateway_url(self) -> str:
        """Where consumers get server-sent events; the door is called `gateway`."""
        return self._url("gateway")

    @property
    def firehose_url(self) -> str:
        """Where consumers open websockets; the door is called `firehose`."""
        return self._url("firehose")

    @property
    def uaa_url(self) -> str:
        """Where tokens for these two come from."""
        return self._url("uaa")

    @property
    def metrics_address(self) -> str:
        """Where the first agent's metrics are; the door, `metrics`, ends with it."""
        return self.metrics_addresses[0] or _missing("metrics")

    @property
    def metrics_addresses(self) -> tuple[str | None, ...]:
        """Where the metrics of each agent are."""
        return tuple(agent.metrics_address for agent in self._agents.values())

    @property
    def uaa_client(self) -> tuple[str, str]:
        """Name and secret of a client that may read the whole Firehose."""
        return self._uaa().client

    def ends(self) -> dict[str, Any]:
        """Return the addresses and the certificates' directory as plain values."""
        return {
            **(self._doors.ends() if self._doors else {}),
            **{f"{n}_url": u for n, u in self._fronts.items() if "://" in u},
            "agent_addresses": self.agent_addresses,
            "router_addresses": self.router_addresses,
            "rlp_address": self.rlp_address,
            "metrics_addresses": self.metrics_addresses,
            "directory": str(self._directory),
        }

    def client_tls(self, server_name: str) -> Tls:
        """Return a client's certificate files, for a server of that name."""
        return certificates.tls(self._directory, certificates.CLIENT, server_name)

    def statistics(self) -> StackStatistics:
        """Return what every component and every buffer counted so far."""
        parts: tuple[Agent | Router | Rlp, ...]
        parts = (*self._agents.values(), *self._routers, self._rlp)
        components = tuple(part.statistics() for part in parts)
        return StackStatistics(
            components=components + (self._doors.statistics() if self._doors else ()),
            buffers=tuple(line for part in parts for line in part.buffers()),
        )

    def drops(self) -> tuple[BufferDrops, ...]:
        """Return what each buffer dropped of the tracked envelopes."""
        return self.statistics().drops()

    async def kill_agent(self, index: int = 0) -> None:
        """End an agent at once: what it buffered is gone."""
        await self._agent(index).kill()

    async def start_agent(self, index: int = 0) -> None:
        """Start an agent anew, on the same port."""
        await self._agent(index).kill()
        await self._agent(index).start()

    async def kill_router(self, index: int) -> None:
        """End a router at once: connections are cut, what it buffered is gone."""
        await self._routers[index].kill()

    async def start_router(self, index: int) -> None:
        """Start a router anew, on the same port."""
        await self._routers[index].kill()
        await self._routers[index].start()

    async def kill_rlp(self) -> None:
        """End the RLP at once: its consumers' connections are cut."""
        await self._rlp.kill()

    async def stop_rlp(self) -> None:
        """End the RLP as on SIGTERM: its consumers' streams end with the status OK."""
        await self._rlp.stop()

    async def start_rlp(self) -> None:
        """Start the RLP anew, on the same port."""
        await self._rlp.kill()
        await self._rlp.start()

    async def kill_door(self, name: str) -> None:
        """End `gateway`, `firehose` or `uaa` at once, cutting its clients.

        Raises UsageError when the stack has no such door.
        """
        await self._door(name).kill()

    async def start_door(self, name: str) -> None:
        """Start one of them anew, on the same port."""
        door = self._door(name)
        await door.kill()
        await door.start()

    async def add_client(
        self,
        client_id: str,
        secret: str,
        scopes: Collection[str] = (),
        apps: Collection[str] = (),
    ) -> None:
        """Let a client have tokens with these scopes, and read these apps' logs."""
        self._uaa().add_client(client_id, secret, scopes, apps)

    async def add_user(
        self,
        name: str,
        password: str,
        scopes: Collection[str] = (),
        apps: Collection[str] = (),
    ) -> None:
        """Let a user have tokens by the client `cf`, which has no secret."""
        self._uaa().add_user(name, password, scopes, apps)

    async def _provide_certificates(self, opened: AsyncExitStack) -> Path:
        directory = self._tls_dir
        if directory is None:
            directory = Path(
                opened.enter_context(
                    tempfile.TemporaryDirectory(prefix="prober-reference-")
                )
            )
        # Certificates live in real time, whatever the stack's clock says.
        now_ns = SystemClock().now_ns()
        web_host = self._host if self._doors_wanted else None
        with ThreadPoolExecutor(1) as thread:  # the loop's own would outlive us
            await asyncio.get_running_loop().run_in_executor(
                thread, certificates.provide, directory, now_ns, web_host
            )
        return directory

    def _setting(self, group: asyncio.TaskGroup, opened: AsyncExitStack) -> Setting:
        failure = asyncio.get_running_loop().create_future()

        def fail(error: Exception) -> None:
            if not failure.done():
                failure.set_exception(error)

        async def watch() -> None:
            await failure

        tasks = Tasks(group)
        tasks.start(watch())
        opened.push_async_callback(tasks.cancel)
        self.laboratory = self._equipped(group)
        setting = Setting(
            profile=self._profile,
            clock=self._clock,
            seed=self._seed,
            host=self._host,
            directory=self._directory,
            track=self._track,
            post=Post(self._track),
            tasks=group,
            fail=fail,
            laboratory=self.laboratory,
        )
        self._dial_agent = lambda: setting.dial(
            certificates.CLIENT, certificates.AGENT, self.agent_address
        )
        return setting

    async def _start(self, setting: Setting, opened: AsyncExitStack) -> None:
        """Start what is dialled before who dials it; end in the opposite order."""
        self._routers = [
            Router(
                setting,
                number,
                port,
                lambda: self.agent_address,
                v1="firehose" in self._doors_wanted,
            )
            for number, port in enumerate(self._router_ports, start=1)
        ]
        for router in self._routers:
            opened.push_async_callback(router.kill)
            await router.start()
        self._rlp = Rlp(
            setting,
            self._own_port("rlp/consumer", self._rlp_port),
            await self._reach_routers("router-{}/rlp"),
            lambda: self.agent_address,
        )
        opened.push_async_callback(self._rlp.kill)
        await self._rlp.start()
        await self._start_agents(setting, opened)
        if {"gateway", "firehose"} & set(self._doors_wanted):
            await self._open_doors(setting, opened)
        if self.laboratory is not None:
            opened.push_async_callback(self.laboratory.close)
            await self._raise_fronts()

    async def _start_agents(self, setting: Setting, opened: AsyncExitStack) -> None:
        self._agents: dict[str, Agent] = {}
        ports = self._agent_ports
        for name, port in zip(names.agents(len(ports)), ports, strict=True):
            agent = Agent(
                setting,
                name.replace("-", " "),
                self._own_port(f"writer/{name}", port),
                await self._reach_routers(f"{name}/router-{{}}"),
                self._metrics_door(setting, first=not self._agents),
            )
            self._agents[name] = agent
            opened.push_async_callback(agent.kill)
            await agent.start()

    def _agent(self, index: int) -> Agent:
        return list(self._agents.values())[index]

    # Faults, if there are any: relays in the way of connections, and a laboratory.

    def begin_faults(self) -> None:
        """Let the timeline of the faults begin now, if there are any."""
        if self.laboratory is not None:
            self.laboratory.begin(self._hands())

    def _equipped(self, group: asyncio.TaskGroup) -> "Laboratory | None":
        if self._faults is None:
            return None
        from prober.pipeline.faults import Laboratory, Layout  # noqa: PLC0415

        routers, agents = len(self._router_ports), len(self._agent_ports)
        layout = Layout(routers, self._doors_wanted, agents)
        return Laboratory(self._faults, layout, self._clock, group, self._host)

    def _own_port(self, hop: str, port: int) -> int:
        """Return a component's own port: any, where a relay takes the one asked for."""
        return 0 if self.laboratory and self.laboratory.relays(hop) else port

    async def _reach(self, hop: str, target: str, port: int = 0) -> str:
        """Return where to dial over a hop: the target itself, or a relay before it."""
        if self.laboratory is None:
            return target
        return await self.laboratory.reach(hop, target, port)

    async def _reach_routers(self, hop: str) -> list[str]:
        return [
            await self._reach(hop.format(number), router.address)
            for number, router in enumerate(self._routers, start=1)
        ]

    async def _raise_fronts(self) -> None:
        """Open the relays that clients outside meet."""
        rlp = self._rlp.address
        self._fronts = {
            name: await self._reach(f"writer/{name}", agent.address, port)
            for (name, agent), port in zip(
                self._agents.items(), self._agent_ports, strict=True
            )
        }
        self._fronts["rlp"] = await self._reach("rlp/consumer", rlp, self._rlp_port)
        for name, door in self._doors.items() if self._doors else ():
            scheme, target = door.url.split("://")
            port = self._door_ports.get(name, 0)
            front = await self._reach(f"{name}/consumer", target, port)
            self._fronts[name] = f"{scheme}://{front}"

    def _hands(self) -> "Hands":
        from prober.pipeline.faults.hands import Hands  # noqa: PLC0415 - see above

        routers = dict(
            zip(names.routers(len(self._routers)), self._routers, strict=True)
        )
        ours: dict[str, Component] = {**routers, "rlp": self._rlp, **self._agents}
        return Hands(
            components={**ours, **dict(self._doors.items() if self._doors else ())},
            uaa=self._doors.uaa if self._doors else None,
            dial_agent=self._dial_agent,
            directory=self._directory,
            web_host=self._host if self._doors_wanted else None,
        )

    def _metrics_door(self, setting: Setting, *, first: bool) -> MetricsDoor | None:
        if "metrics" not in self._doors_wanted:
            return None
        from prober.pipeline import prometheus  # noqa: PLC0415 - see above

        port = self._door_ports.get("metrics", 0) if first else 0
        return functools.partial(prometheus.door, setting, certificates.AGENT, port)

    async def _open_doors(self, setting: Setting, opened: AsyncExitStack) -> None:
        from prober.pipeline.doors import Doors, Ends  # noqa: PLC0415 - see above

        ends = Ends(
            rlp=await self._reach("rlp/gateway", self._rlp.address),
            routers=await self._reach_routers("router-{}/firehose"),
            agent=lambda: self.agent_address,
        )
        ports = self._door_ports.items()
        own = {name: self._own_port(f"{name}/consumer", port) for name, port in ports}
        self._doors = Doors(setting, own)
        await self._doors.open(self._doors_wanted, ends, opened)

    def _door(self, name: str) -> "Door":
        door = self._doors.get(name) if self._doors else None
        return door or _missing(name)

    def _url(self, name: str) -> str:
        return self._fronts.get(name) or self._door(name).url

    def _uaa(self) -> "Uaa":
        return self._doors.uaa if self._doors else _missing("uaa")


def _check_number(component: str, number: int, ports: Sequence[int]) -> None:
    """Raise UsageError where there are too few of a component, or of their ports."""
    if number < 1:
        raise UsageError(f"the stack needs at least one {component}, not {number}")
    if ports and len(ports) != number:
        raise UsageError(
            f"there are {number} {component}s and {len(ports)} {component} ports:"
            " name one for each, or none"
        )


def _missing(name: str) -> NoReturn:
    raise UsageError(f"the stack has no {name}: it was started without that door")


@asynccontextmanager
async def _owner_of_tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """Own the stack's tasks; errors of the block itself pass through as they are."""
    group = asyncio.TaskGroup()
    await group.__aenter__()
    try:
        yield group
    finally:
        await group.__aexit__(None, None, None)
