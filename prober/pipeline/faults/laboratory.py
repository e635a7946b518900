"""All faults of one stack, on a timeline that begins when somebody says so."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

import grpc

from prober.clock import NS, Clock
from prober.pipeline import names
from prober.pipeline.component import Tasks
from prober.pipeline.faults.effects import EFFECTS, Bench
from prober.pipeline.faults.foreign import Foreign
from prober.pipeline.faults.hands import Component, Hands
from prober.pipeline.faults.items import Item, stamp_of
from prober.pipeline.faults.relay import Relay
from prober.pipeline.faults.scenario import (
    Fault,
    FaultKind,
    Layout,
    Scenario,
    Targets,
)
from prober.pipeline.faults.taps import Active, Take, Tap, Witness
from prober.pipeline.wire import Context, Handler, Method, Services

StepClock: TypeAlias = Callable[[int], None]
"""Is told by how many nanoseconds the wall clock is set."""


class Laboratory:
    """Applies a scenario to one stack, which asks for its taps and relays.

    Raises UsageError when the stack has no place for one of the faults.
    """

    def __init__(
        self,
        scenario: Scenario,
        layout: Layout,
        clock: Clock,
        group: asyncio.TaskGroup,
        host: str,
    ) -> None:
        for fault in scenario.faults:
            layout.check(fault)
        self._scenario, self._layout, self._host = scenario, layout, host
        self._clock, self._group, self._tasks = clock, group, Tasks(group)
        self._relays: dict[str, Relay] = {}
        self._begun_ns: int | None = None
        self.touched: dict[Fault, int] = dict.fromkeys(scenario.faults, 0)
        """How many envelopes each fault was done to."""
        self.touched_numbers: dict[tuple[Fault, str], set[int]] = {}
        """Their sequence numbers by stream, with a witness."""
        self.witness = Witness(clock) if scenario.witness else None
        self.on_step: list[StepClock] = []
        self.tell: Callable[[str], None] = lambda _: None
        """Is told what begins and what is over, in words."""
        """Whoever else has a wall clock: told by how many nanoseconds it is set."""

    # What the stack asks while it starts.

    def relays(self, hop: str) -> bool:
        """Tell whether a hop needs a relay."""
        faults = self._scenario.faults
        return any(hop in self._layout.hops_of(fault) for fault in faults)

    async def reach(self, hop: str, target: str, port: int) -> str:
        """Return where to dial over a hop: the target, or a relay put before it.

        That listens at `port`; 0 is any.
        """
        if not self.relays(hop):
            return target
        lots = random.Random(f"{self._scenario.seed} {hop}")
        name = f"the relay of {hop}"
        relay = Relay(name, self._clock, Tasks(self._group), lots)
        self._relays[hop] = relay
        return await relay.start(self._host, port, target)

    def tapped(self, place: str, take: Take, stream: str) -> Take:
        """Return what a component is to take items in with, in place of `take`."""
        effects = [
            self._active(fault, place, stream)
            for fault in self._scenario.faults
            if fault.takes.targets is Targets.ENVELOPES
            and self._layout.place_of(fault) == place
        ]
        witness = self.witness
        if witness is None:
            return Tap(effects, None, take) if effects else take
        tap = Tap(effects, lambda items: witness.see(place, stream, items), take)
        if place not in names.agents(self._layout.agents):
            return tap

        def intake(items: Sequence[Item]) -> None:
            witness.see("writer", "", items)
            tap(items)

        return intake

    def _active(self, fault: Fault, place: str, stream: str) -> Active:
        def record(before: Item, after: Item | None) -> None:
            self.touched[fault] += 1
            if self.witness is None:
                return
            stamp = stamp_of(before)
            if stamp is not None:
                numbers = self.touched_numbers.setdefault((fault, stream), set())
                numbers.add(stamp.sequence)
            if after is not None:
                self.witness.note_damage(before, after)

        number = self._scenario.faults.index(fault)
        bench = Bench(
            fault=fault,
            lots=random.Random(f"{self._scenario.seed} {number} {place}"),
            clock=self._clock,
            tasks=self._tasks,
            record=record,
        )
        return Active(EFFECTS[fault.kind](bench), lambda: self._is_on(fault))

    def _is_on(self, fault: Fault) -> bool:
        if self._begun_ns is None:
            return False
        since_ns = self._clock.now_ns() - self._begun_ns - fault.after_ns
        return since_ns >= 0 and (fault.lasts_ns is None or since_ns < fault.lasts_ns)

    def guarded(self, component: str, services: Services) -> Services:
        """Return a component's services, of which it may answer some as an older one.

        It is called as in errors: `the RLP`, `router 1`.
        """
        component = component.removeprefix("the ").lower().replace(" ", "-")
        faults = [
            fault
            for fault in self._scenario.faults
            if fault.kind is FaultKind.UNIMPLEMENTED and fault.where == component
        ]
        return {
            service: {
                name: self._guarded(service, name, method, faults)
                for name, method in methods.items()
            }
            for service, methods in services.items()
        }

    def _guarded(
        self, service: str, name: str, method: Method, faults: list[Fault]
    ) -> Method:
        lacking = [fault for fault in faults if fault.method == name]
        if not lacking:
            return method

        async def handle(request: object, context: Context) -> bytes | None:
            if any(map(self._is_on, lacking)):
                await context.abort(
                    grpc.StatusCode.UNIMPLEMENTED,
                    f"unknown method {name} for service {service}",
                )
            return await method.handler(request, context)

        handler: Handler = handle
        return Method(make=method.make, handler=handler)

    # The timeline.

    def begin(self, hands: Hands) -> None:
        """Let the timeline begin now."""
        self._begun_ns = self._clock.now_ns()
        for fault in self._scenario.faults:
            self._tasks.start(self._carry_out(fault, hands))

    async def close(self) -> None:
        """End every relay and everything that is under way."""
        await self._tasks.cancel()
        for relay in self._relays.values():
            await relay.close()

    async def _carry_out(self, fault: Fault, hands: Hands) -> None:
        await self._clock.sleep(fault.after_ns / NS)
        self.tell(f"{fault} begins")
        await self._do(fault, hands)
        if fault.lasts_ns is not None:
            self.tell(f"{fault} is over")

    async def _do(self, fault: Fault, hands: Hands) -> None:
        """Do what a fault is; return when it is over, if it ever is."""
        if fault.takes.targets is Targets.ENVELOPES:
            await self._pass_time(fault)  # the taps look at the time themselves
            return
        self.touched[fault] += 1
        match fault.kind:
            case FaultKind.KILL | FaultKind.RESTART:
                await self._replace(fault, hands.components[fault.where])
            case FaultKind.EXPIRE_TOKENS:
                hands.expire_tokens()
            case FaultKind.ROTATE_CERTIFICATES:
                await hands.rotate_certificates()
            case FaultKind.STEP_CLOCK:
                for step in (hands.step_clock, *self.on_step):
                    step(fault.step_ns or 0)
            case FaultKind.FOREIGN:
                await self._write_foreign(fault, hands)
            case FaultKind.UNIMPLEMENTED:
                await self._pass_time(fault)  # as does the guard of the methods
            case _:
                await self._disturb(fault)

    async def _pass_time(self, fault: Fault) -> None:
        if fault.lasts_ns is not None:
            await self._clock.sleep(fault.lasts_ns / NS)

    async def _disturb(self, fault: Fault) -> None:
        relays = [self._relays[hop] for hop in self._layout.hops_of(fault)]
        for relay in relays:
            await relay.apply(fault)
        if fault.takes.lasts and fault.lasts_ns is not None:
            await self._pass_time(fault)
            for relay in relays:
                await relay.lift(fault)

    async def _replace(self, fault: Fault, component: Component) -> None:
        """End a component, as gently as it knows how in an upgrade; start it anew."""
        gently = getattr(component, "stop", component.kill)
        await (gently if fault.kind is FaultKind.RESTART else component.kill)()
        if fault.lasts_ns is not None:
            await self._pass_time(fault)
            await component.start()

    async def _write_foreign(self, fault: Fault, hands: Hands) -> None:
        number = self._scenario.faults.index(fault)
        lots = random.Random(f"{self._scenario.seed} {number} foreign")
        foreign = Foreign(hands.dial_agent, self._clock, lots)
        writing = self._tasks.start(foreign.run(fault.rate or 0))
        if fault.lasts_ns is not None:
            await self._pass_time(fault)
            writing.cancel()
