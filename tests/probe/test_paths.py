"""Several ways in: what was lost of each one's messages, and one that is shut."""

from collections.abc import Callable
from typing import Self

import pytest

from prober.errors import ConnectError
from prober.ingress import Report
from prober.probe import OpenWriter
from prober.probe.paths import Paths
from prober.records import Counts, CycleResult, Reached, Span, State
from prober.testing import MemoryWriter
from tests.test_probe import Bench

LOST = State.LOSS


def judged(
    first: int, count: int, gaps: list[tuple[int, int]], state: State = LOST
) -> CycleResult:
    """How a cycle ended for a consumer."""
    return CycleResult(
        index=0,
        consumer="rlp",
        span=Span(first=first, count=count),
        first_sent_ns=0,
        last_sent_ns=1,
        state=state,
        reason="",
        counts=Counts(),
        gaps=tuple(Span(first=at, count=n) for at, n in gaps),
    )


def test_losses_are_laid_to_the_batches_that_they_were_in() -> None:
    """A gap may begin, end or lie in a batch, or span several of different writers."""
    paths = Paths()
    for number in range(6):  # 0-9 to the first, 10-19 to the second, and so on
        paths.take(number % 2, Span(first=10 * number, count=10))

    paths.close({"rlp": judged(0, 40, [(2, 3), (8, 14), (39, 1)])})
    paths.close({"rlp": judged(40, 20, [])})

    assert (
        Reached(consumer="rlp", sent=30, lost=3 + 2 + 2, lossy_batches=2),
    ) == paths.reached(0)
    assert (
        Reached(consumer="rlp", sent=30, lost=10 + 1, lossy_batches=2),
    ) == paths.reached(1)


def test_cycles_that_do_not_count_are_left_out() -> None:
    """What went unseen in an unsure cycle is not laid to any path."""
    paths = Paths()
    paths.take(0, Span(first=0, count=10))
    paths.take(0, Span(first=10, count=10))

    paths.close({"rlp": judged(0, 10, [(0, 10)], State.INCONCLUSIVE)})
    paths.close({"rlp": judged(10, 10, [(15, 1)])})

    assert (
        Reached(consumer="rlp", sent=10, lost=1, lossy_batches=1),
    ) == paths.reached(0)


class Way(MemoryWriter):
    """A way in of its own name, that may be shut, or lose all that it is given."""

    def __init__(
        self, bench: Bench, report: Report, name: str, *, shut: bool, lossy: bool
    ) -> None:
        super().__init__(bench.pipe, report)
        self.written_to = name
        self._shut, self._lossy = shut, lossy

    async def __aenter__(self) -> Self:
        if self._shut:
            raise ConnectError(f"no connection to the {self.written_to}")
        return self

    async def write(self, raw: bytes, span: Span | None) -> None:
        """Lose messages; what primes passes."""
        await super().write(b"" if self._lossy and span else raw, span)


def ways(bench: Bench, **kinds: str) -> list[OpenWriter]:
    """Ways in by their names, each `good`, `shut` or `lossy`."""

    def opener(name: str, kind: str) -> Callable[[Report], Way]:
        return lambda report: Way(
            bench,
            report,
            f"router at {name}",
            shut=kind == "shut",
            lossy=kind == "lossy",
        )

    return [opener(name, kind) for name, kind in kinds.items()]


async def test_path_that_loses_is_told_apart() -> None:
    """Each way in is told with what was lost of its messages."""
    bench = Bench()

    result = await bench.run(ways(bench, a="good", b="lossy"))

    assert [("router at a", 50, 0), ("router at b", 50, 50)] == [
        (each.written_to, each.reached[0].sent, each.reached[0].lost)
        for each in result.writers
    ]
    assert result.consumers[0].counts.lost == 50


async def test_way_in_that_is_shut_leaves_the_others() -> None:
    """One of several that cannot be opened is told with its reason, and left out."""
    bench = Bench()

    result = await bench.run(ways(bench, a="shut", b="good", c="good"))

    assert 100 == result.consumers[0].counts.on_time
    assert ["no connection to the router at a", "", ""] == [
        each.trouble for each in result.writers
    ]
    assert [0, 50, 50] == [each.accepted for each in result.writers]
    assert ("router at b", "router at c") == result.written_to


async def test_no_way_in_at_all() -> None:
    """When none can be opened, the first one's reason ends the probe."""
    bench = Bench()

    with pytest.raises(ConnectError, match="no connection to the router at a"):
        await bench.run(ways(bench, a="shut", b="shut"))
