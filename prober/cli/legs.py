"""Which legs of a run are to be in processes of their own, from the command line."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from prober import cpus
from prober.cli.targets import Ends, WayIn, kinds_read
from prober.errors import UsageError
from prober.legs.group import LegGroup
from prober.legs.remote import RemoteReading, RemoteWriting
from prober.legs.spec import AgentEnd, LegSpec, PlanSpec, RlpEnd
from prober.probe import Job, Legs
from prober.probe.reading import ReadingLeg
from prober.probe.writing import OpenWriting

if TYPE_CHECKING:
    from prober.clock import SystemClock


class Processes:
    """Makes the legs of one job: so many for each way in, and for each consumer."""

    def __init__(
        self, ends: Ends, clock: "SystemClock", job: Job, cpus: tuple[int, ...] = ()
    ) -> None:
        self._ends, self._clock, self._job = ends, clock, job
        self._cpus = cpus

    def legs(self, *, writers: int | None, readers: int | None) -> Legs:
        """Return them; None leaves legs in this process. Raises UsageError."""
        return Legs(
            writing=[] if writers is None else self._writing(writers),
            reading={}
            if readers is None
            else {name: self._reading(name, readers) for name in self._ends.ways_out},
        )

    def _writing(self, each: int) -> list[OpenWriting]:
        ways = [way for way in self._ends.ways_in if isinstance(way, WayIn)]
        if len(ways) < len(self._ends.ways_in):
            raise UsageError(
                "standard output is this process's own: leave --writers out"
            )
        return [self._writer(way) for _ in range(each) for way in ways]

    def _writer(self, way: WayIn) -> OpenWriting:
        end = AgentEnd(address=way.address, tls=way.tls, peer=way.peer)
        written_to = f"{way.peer} at {way.address}"
        return lambda book, blame: RemoteWriting(
            self._spec(end), written_to, self._clock, book, blame
        )

    def _reading(self, name: str, count: int) -> Callable[[], ReadingLeg]:
        proxy = self._ends.proxies.get(name)
        if proxy is None:
            raise UsageError(
                f"--readers is for reverse log proxies, and {name} is none: leave it "
                "out, or give that consumer `readers` in the configuration"
            )
        address, tls = proxy
        end = RlpEnd(
            address=address,
            tls=tls,
            source_id=None if self._job.whole_firehose else self._job.plan.source_id,
            kinds=kinds_read(self._job),
            shard=f"prober-{self._job.run_id}-{name}-legs",
            shared=count > 1,
        )
        spec = self._spec(end)

        def open_() -> ReadingLeg:
            legs = [RemoteReading(spec, end, self._clock) for _ in range(count)]
            return legs[0] if count == 1 else LegGroup(legs)

        return open_

    def _spec(self, end: AgentEnd | RlpEnd) -> LegSpec:
        return LegSpec(
            run_id=self._job.run_id,
            plan=PlanSpec.of(self._job.plan),
            end=end,
            alarms=tuple(self._job.alarms),
            offset_ns=self._clock.offset_ns,
            cpus=self._cpus,
        )


def pin(cpu: int | None) -> tuple[int, ...]:
    """Hold this process to a CPU, if one is told; return those that are left for legs.

    Raises UsageError where that cannot be.
    """
    if cpu is None:
        return ()
    free = cpus.usable()
    cpus.hold([cpu])
    return cpus.others(cpu, free)
