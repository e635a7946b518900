"""What tests of the laboratory share: one without a stack, and messages to pass."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from grpc import aio

from prober.pipeline.faults import Fault, Laboratory, Layout, Scenario
from prober.pipeline.faults.hands import Hands
from prober.pipeline.faults.items import Item, stamp_of
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, Log
from prober.stamp import Mark, Stamp
from prober.stamp.token import payload
from prober.testing import ManualClock, settle

RUN = "k3v9x2m4q7a"


def message(sequence: int, mark: Mark = Mark.LOG) -> Envelope:
    """A stamped log of 100 bytes."""
    stamp = Stamp(run=RUN, cycle=0, sequence=sequence, sent_ns=7, mark=mark, size=100)
    return Envelope(source_id="prober", log=Log(payload=payload(stamp)))


def messages(count: int, first: int = 0) -> list[Envelope]:
    """Consecutive ones."""
    return [message(number) for number in range(first, first + count)]


def numbers(items: Sequence[Item]) -> list[int | None]:
    """The sequence numbers that items spell; None where they spell none."""
    stamps = [stamp_of(item) for item in items]
    return [None if stamp is None else stamp.sequence for stamp in stamps]


def _no_agent() -> aio.Channel:
    raise AssertionError("nobody is to be dialled")


class Place:
    """One tap of a laboratory, and what came out of it."""

    def __init__(self, laboratory: Laboratory, place: str, clock: ManualClock) -> None:
        self.laboratory, self.clock = laboratory, clock
        self.passed: list[Item] = []
        self.take = laboratory.tapped(place, self.passed.extend, "stream")

    @property
    def numbers(self) -> list[int | None]:
        """The sequence numbers of what passed."""
        return numbers(self.passed)


@asynccontextmanager
async def tapped(
    *faults: Fault, place: str = "rlp", seed: int = 1
) -> AsyncIterator[Place]:
    """A tap with these faults, whose timeline has begun."""
    clock = ManualClock()
    scenario = Scenario(faults=faults, seed=seed, witness=True)
    async with asyncio.TaskGroup() as group:
        layout = Layout(1, ("gateway", "firehose"))
        laboratory = Laboratory(scenario, layout, clock, group, "127.0.0.1")
        laboratory.begin(
            Hands(
                components={},
                uaa=None,
                dial_agent=_no_agent,
                directory=Path(),
                web_host=None,
            )
        )
        await settle()
        yield Place(laboratory, place, clock)
        await laboratory.close()
