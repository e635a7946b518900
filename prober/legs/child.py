"""A leg's process, `python -m prober.legs.child`: its standard input tells what to be.

It ends when that does. What it says goes to standard output, in order; who does not
take it makes it wait, and with it its reader, which says so.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable

from prober import cpus
from prober.clock import SystemClock
from prober.errors import InternalError, ProberError
from prober.ingress.envelopes import Encoder
from prober.legs import spec as specs
from prober.legs import wire
from prober.legs.spec import AgentEnd, LegSpec, RlpEnd
from prober.probe.health import Health
from prober.probe.reading import Reading, Sighted
from prober.probe.writing import Writing
from prober.records import Evidence, Fault, Outcome
from prober.stamp import Scanner

BEAT_SECONDS = 0.05
"""How often a reader's leg tells up to when it has told everything."""
_MOMENT_SECONDS = 0.004
"""What is said within that time is written at once: less than any reading needs."""
_WAITING = 1 << 20
"""Bytes that may wait to be taken before a leg waits itself."""


class _Leg:
    """What both kinds of leg share: a clock, a watch on themselves, and a voice."""

    def __init__(
        self, spec: LegSpec, out: asyncio.StreamWriter, say: Callable[..., None]
    ) -> None:
        self.spec, self.plan = spec, spec.plan.plan()
        self.clock = SystemClock(spec.offset_ns)
        self._out, self._say = out, say
        self.health = Health(self.clock, self._blame)

    def say(self, message: wire.FromLeg) -> None:
        """Say something; it may wait here."""
        self._say(message)

    async def heard(self) -> None:
        """Wait while too much of what was said was not taken."""
        await self._out.drain()

    def _blame(self, fault: Fault, _consumer: str | None = None) -> None:
        self.say(wire.Blamed(fault))


async def _write(leg: _Leg, end: AgentEnd, told: AsyncIterator[wire.ToLeg]) -> None:
    """Be a leg that writes, until nobody tells any more."""

    def book(outcome: Outcome) -> None:
        leg.say(wire.Told(outcome))

    encoder = Encoder(leg.spec.run_id, leg.plan)
    writing = Writing(
        lambda report: end.writer(leg.clock, report), encoder, leg.clock, book
    )
    async with writing:
        leg.say(wire.Ready())
        async for message in told:
            match message:
                case wire.Send():
                    before_ns = leg.clock.now_ns()
                    await writing.send(message.span, message.cycle, message.at_ns)
                    leg.say(wire.Sent(leg.clock.now_ns() - before_ns))
                case wire.Aid():
                    await writing.write(message.raw)
                case wire.Flush():
                    await writing.flush(message.seconds)
                    leg.say(wire.Flushed())
            await leg.heard()


async def _read(leg: _Leg, end: RlpEnd, told: AsyncIterator[wire.ToLeg]) -> None:
    """Be a leg that reads, until nobody is there any more."""
    scanner = Scanner(leg.spec.run_id, leg.plan.cycle_of)
    reading = Reading(end.reader(leg.clock), leg.clock, scanner, leg.spec.alarms)
    async with reading, asyncio.TaskGroup() as tasks:
        leg.say(wire.Ready())
        both = (
            tasks.create_task(_hand_up(leg, reading)),
            tasks.create_task(_beat(leg, reading)),
        )
        async for _ in told:
            pass  # nobody tells a reader anything
        for task in both:
            task.cancel()


async def _hand_up(leg: _Leg, reading: Reading) -> None:
    async for item in reading.sightings():
        leg.say(_message(item))
        await leg.heard()


def _message(item: Sighted | Evidence | Fault) -> wire.FromLeg:
    match item:
        case Sighted():
            return wire.Found.of(item)
        case Evidence():
            return wire.Known(item)
        case Fault():
            return wire.Blamed(item)


async def _beat(leg: _Leg, reading: Reading) -> None:
    """Tell up to when everything was told: also when nothing comes."""
    while True:
        leg.say(wire.Until(reading.handed_until(leg.clock.now_ns())))
        await leg.heard()
        await leg.clock.sleep(BEAT_SECONDS)


async def _serve() -> int:
    """Be the leg that is asked for."""
    loop = asyncio.get_running_loop()
    stdin = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, sys.stdout.buffer
    )
    out = asyncio.StreamWriter(transport, protocol, None, loop)
    transport.set_write_buffer_limits(_WAITING)
    box = wire.Outbox(out.write, _MOMENT_SECONDS)
    try:
        raw = await wire.read(stdin)
        if raw is None:
            return 0
        spec = specs.decode(raw)
        if spec.cpus:
            cpus.hold(spec.cpus)
        leg = _Leg(spec, out, box.say)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(leg.health.watch())
            told = wire.to_leg(stdin)
            if isinstance(spec.end, AgentEnd):
                await _write(leg, spec.end, told)
            else:
                await _read(leg, spec.end, told)
            watching.cancel()
    except Exception as error:  # noqa: BLE001 - whatever it was, it is told
        box.say(_refused(error))
    with contextlib.suppress(OSError):
        box.flush()
        await out.drain()
        transport.close()
    return 0


def _refused(error: BaseException) -> wire.Refused:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    ours = not isinstance(error, ProberError) or isinstance(error, InternalError)
    words = str(error) if isinstance(error, ProberError) else repr(error)
    return wire.Refused(words, ours)


if __name__ == "__main__":
    sys.exit(asyncio.run(_serve()))
