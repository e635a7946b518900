"""One cycle of each environment, and the exit code of the worst."""

import asyncio
import random
from pathlib import Path

import pytest

from prober.errors import RefusedError
from prober.records import State
from prober.watch.once import Once, worst
from tests.watch.bench import DAEMON, Town


def once(town: Town) -> Once:
    """A look at a town's environments."""
    return Once(
        clock=town.clock,
        history=town.history,
        tell=town.notices.append,
        rng=random.Random(1),  # noqa: S311 - jitter
        daemon=DAEMON,
        stop=asyncio.Event(),
        stop_seconds=1.0,
    )


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Two environments."""
    return Town(tmp_path, "east", "west")


async def test_all_is_well(town: Town) -> None:
    """Each has one cycle in history, a line, and the exit code is 0."""
    watched = town.watched("east", "west")

    assert 0 == await town.clock.run(once(town).run(watched))
    for name in ("east", "west"):
        assert [State.PASS] == town.states(name)
        assert ["measured"] == town.said(name)
    assert all(run.ended_ns and not run.partial for run in town.store.runs())


async def test_loss(town: Town) -> None:
    """An objective that is violated leaves with 1."""
    town.pipes["west"].lose = lambda sequence: sequence == 2

    assert 1 == await town.clock.run(once(town).run(town.watched("east", "west")))
    assert [State.LOSS] == town.states("west")
    told = [each for each in town.notices if each.said == "measured"]
    assert {0, 1} == {each.figures["exit_code"] for each in told}
    assert any("lost 1 of 6" in each.words for each in told)


async def test_what_cannot_be_opened(town: Town) -> None:
    """One that cannot be probed leaves with 4, and the other is measured."""
    town.pipes["east"].refuse = RefusedError("token refused")

    assert 4 == await town.clock.run(once(town).run(town.watched("east", "west")))
    assert [State.PASS] == town.states("west")
    (told,) = (each for each in town.notices if each.environment == "east")
    assert "COULD NOT PROBE: token refused" == told.words


async def test_fault_of_ours(town: Town) -> None:
    """What should not be possible is a sentence, and looks like no loss."""
    town.pipes["east"].refuse = RuntimeError("our own")

    assert 4 == await town.clock.run(once(town).run(town.watched("east", "west")))
    (told,) = (each for each in town.notices if each.environment == "east")
    assert "RuntimeError: our own" in told.words


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((), 0),
        ((0, 0), 0),
        ((0, 3), 3),
        ((3, 4), 4),
        ((4, 1, 3), 1),
        ((1, 130), 130),
    ],
)
def test_worst(codes: tuple[int, ...], expected: int) -> None:
    """A violated objective outweighs silence, and that what nobody can tell."""
    assert expected == worst(codes)
