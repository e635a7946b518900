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
    first: int,
    count: int,
    gaps: list[tuple[int, int]],
    state: State = LOST,
    damaged: list[tuple[int, int]] | None = None,
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
        damaged=tuple(Span(first=at, count=n) for at, n in damaged or ()),
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


def test_damage_is_laid_to_batches_beside_loss() -> None:
    """Each has its own count; a batch with some of both is lossy once."""
    paths = Paths()
    for number in range(4):
        paths.take(number % 2, Span(first=10 * number, count=10))

    paths.close({"rlp": judged(0, 40, [(0, 2)], damaged=[(5, 1), (8, 4), (30, 1)])})

    assert (
        Reached(consumer="rlp", sent=20, lost=2, corrupt=1 + 2, lossy_batches=1),
    ) == paths.reached(0)
    assert (
        Reached(consumer="rlp", sent=20, corrupt=2 + 1, lossy_batches=2),
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
    """A way in of its own name, that may be shut, lose or damage what it is given."""

    def __init__(self, bench: Bench, report: Report, name: str, kind: str) -> None:
        super().__init__(bench.pipe, report)
        self.written_to = name
        self._kind = kind

    async def __aenter__(self) -> Self:
        if self._kind == "shut":
            raise ConnectError(f"no connection to the {self.written_to}")
        return self

    async def write(self, raw: bytes, span: Span | None) -> None:
        """Lose or damage messages; what primes passes."""
        if span and self._kind == "lossy":
            raw = b""
        if span and self._kind == "damaging":
            at = raw.rindex(b"prober/1") + 99  # the last byte of the last payload
            raw = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        await super().write(raw, span)


def ways(bench: Bench, **kinds: str) -> list[OpenWriter]:
    """Ways in by their names, each `good`, `shut`, `lossy` or `damaging`."""

    def opener(name: str, kind: str) -> Callable[[Report], Way]:
        return lambda report: Way(bench, report, f"router at {name}", kind)

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


async def test_path_that_damages_is_told_apart() -> None:
    """Each way in is told with what came damaged of its messages."""
    bench = Bench()

    result = await bench.run(ways(bench, a="good", b="damaging"))

    damaged = result.consumers[0].counts.corrupt
    assert 0 < damaged
    assert [(50, 0, 0), (50, 0, damaged)] == [
        (each.reached[0].sent, each.reached[0].lost, each.reached[0].corrupt)
        for each in result.writers
    ]


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
