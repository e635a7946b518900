"""Shard ids: one for each subscription, and known again when the platform names it."""

import pytest

from prober.cli.targets import Counters, Ends, OpenWayOut
from prober.clock import Clock
from prober.egress import Reader
from prober.probe import Job
from prober.records import BufferDrops
from prober.testing import ManualClock, MemoryReader
from tests.test_probe import RUN, job

CLOCK = ManualClock()


async def no_drops() -> tuple[BufferDrops, ...]:
    """Nothing."""
    return ()


def ends(asked: list[str]) -> Ends:
    """Two consumers whose names begin alike, and who note what they are called."""

    def way_out(clock: Clock, _job: Job, shard: str) -> Reader:
        asked.append(shard)
        return MemoryReader(clock)

    ways_out: dict[str, OpenWayOut] = {"v1": way_out, "v1-1": way_out}
    counters = Counters(open=way_out, readings=lambda _: ())
    return Ends(ways_in=[], ways_out=ways_out, drops=no_drops, counters=counters)


def test_every_subscription_has_a_shard_of_its_own() -> None:
    """However often each consumer subscribes, and whatever it is called."""
    asked: list[str] = []

    for opener in ends(asked).readers(CLOCK, job()).values():
        opener()
        opener()

    shards = [f"prober-{RUN}-{name}" for name in ("v1.1", "v1.2", "v1-1.1", "v1-1.2")]
    assert shards == asked


@pytest.mark.parametrize(
    ("shard", "whose"),
    [
        (f"prober-{RUN}-v1.1.3", ("v1", 3)),
        (f"prober-{RUN}-v1-1.1.3", ("v1-1", 3)),
        (f"prober-{RUN}-v1.1", ("v1", None)),  # a group's
        (f"prober-{RUN}-v1.2.1", None),  # a second look, of which no cycle depends
        (f"prober-{RUN}-v2.1.1", None),
        ("prober-aaaaaaaaaaa-v1.1.1", None),  # another prober's
        ("firehose-to-syslog", None),
    ],
)
def test_shards_are_known_again(shard: str, whose: tuple[str, int | None]) -> None:
    """A path that the platform names is laid to a consumer, if it is one of ours."""
    source = ends([]).platform(CLOCK, job())

    assert source is not None
    assert whose == source.whose(shard)
