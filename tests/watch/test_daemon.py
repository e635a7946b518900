"""Several environments under one daemon: apart, reloaded, spoken of."""

import asyncio
import gc
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from prober.clock import NS
from prober.errors import RefusedError, UsageError
from prober.records import State
from tests.report.now.samples import live
from tests.watch.bench import Town

PERIOD = 12


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Two environments, and a third that may come."""
    return Town(tmp_path, "east", "west", "north")


async def test_failing_environment_disturbs_no_other(town: Town) -> None:
    """One is refused, one has a fault of ours, and the third misses nothing."""
    town.pipes["east"].refuse = RefusedError("token refused")
    town.pipes["west"].refuse = RuntimeError("our own")

    await town.start("east", "west", "north")
    await town.clock.advance(6.5 * PERIOD)
    await town.end()

    assert {State.MISSED} == set(town.states("east")) == set(town.states("west"))
    assert {State.PASS} == set(town.states("north"))
    assert "fault" in town.said("west")
    assert ["measuring"] == town.said("north")


async def test_reload_touches_only_what_changed(town: Town) -> None:
    """One stays subscribed, one begins anew, one goes, one comes."""
    await town.start("east", "west")
    await town.clock.advance(2.5 * PERIOD)
    west = town.pipes["west"].watched()
    town.wanted = [
        town.pipes["east"].watched(),
        replace(west, settings="another"),
        town.pipes["north"].watched(),
    ]
    await town.reload()
    await town.clock.advance(3 * PERIOD)

    opened = {name: pipe.opened for name, pipe in town.pipes.items()}
    assert {"east": 1, "west": 2, "north": 1} == opened
    words = next(n.words for n in town.notices if n.said == "reloaded")
    assert (
        "configuration reloaded; new: north; changed: west; 1 environment untouched"
        == words
    )
    assert {"east", "west", "north"} == {
        each.environment for each in town.daemon.lives()
    }

    town.wanted = town.watched("north")
    await town.reload()
    await town.clock.advance(PERIOD)
    assert ["north"] == [each.environment for each in town.daemon.lives()]
    ended = {each.environment: each for each in town.store.live()}
    assert ended["east"].ended
    assert "no longer in the configuration" == ended["east"].why_not
    await town.end()


async def test_reload_that_is_refused(town: Town) -> None:
    """A configuration with mistakes is refused as a whole, and all goes on."""
    await town.start("east", "west")
    await town.clock.advance(1.5 * PERIOD)
    town.wanted = UsageError("prober.yaml:3: environments.east: found none")
    await town.reload()
    await town.clock.advance(2 * PERIOD)

    refused = next(n for n in town.notices if n.said == "reload_refused")
    assert refused.words.endswith("prober.yaml:3: environments.east: found none")
    assert {1} == {town.pipes[name].opened for name in ("east", "west")}
    await town.end()


async def test_stop_is_told_to_everybody(town: Town) -> None:
    """The last word of each environment says that it was left on purpose."""
    await town.start("east", "west")
    await town.clock.advance(1.5 * PERIOD)
    await town.end()

    words = town.store.live()
    assert [(True, "stopped by a test")] * 2 == [(w.ended, w.why_not) for w in words]
    assert "stopped" == town.notices[-1].said
    assert all(each.ended_ns is not None for each in town.store.runs())


async def test_nothing_is_left_behind(town: Town) -> None:
    """No task, no thread and no callback of the collector outlives the daemon."""
    threads, callbacks = set(threading.enumerate()), len(gc.callbacks)
    await town.start("east", "west")
    await town.clock.advance(1.5 * PERIOD)
    await town.end()

    assert {asyncio.current_task()} == asyncio.all_tasks()
    assert set(threading.enumerate()) <= threads  # earlier tests' may end meanwhile
    assert callbacks == len(gc.callbacks)
    assert {name: pipe.opened for name, pipe in town.pipes.items()} == {
        name: pipe.closed for name, pipe in town.pipes.items()
    }


async def test_page_is_pushed_everything(town: Town) -> None:
    """Every two seconds the page gets how it stands, with the daemon's own health."""
    await town.start("east")
    await town.clock.advance(2.5 * PERIOD)
    await town.end()

    assert 2.5 * PERIOD / 2 == pytest.approx(len(town.snapshots), abs=1)
    (word,) = town.snapshots[-1].lives
    assert word.measuring
    assert {
        "loop_lag_max_seconds",
        "gc_pause_max_seconds",
        "clock_step_max_seconds",
        "cpu_wait_max_seconds",
        "queue_full_max_seconds",
        "rss_limit_bytes",
        "reader_lag_max_seconds",
        "queue_high_water_bytes",
        "write_max_seconds",
        "rss_bytes",
        "open_files",
        "cpu_ratio",
    } == set(word.health)
    assert word.health["rss_bytes"] > 1_000_000


async def test_silent_neighbour(town: Town) -> None:
    """An environment of another daemon that nobody speaks of is told, once."""
    now_ns = town.clock.now_ns()
    theirs = live(environment="south", daemon="there:2", at_ns=now_ns, every_ns=60 * NS)
    town.store.put_live(theirs)

    await town.start("east")
    await town.clock.advance(170)
    assert [] == town.said("south")
    await town.clock.advance(30)
    assert ["silent"] == town.said("south")
    (silence,) = town.snapshots[-1].silent
    assert ("south", "there:2") == (silence.environment, silence.daemon)

    town.store.put_live(replace(theirs, at_ns=town.clock.now_ns()))
    await town.clock.advance(10)
    assert ["silent", "heard_again"] == town.said("south")
    await town.end()


async def test_clock_that_was_set(town: Town) -> None:
    """After a step of the wall clock every stretch begins anew, on a new clock."""
    await town.start("east")
    await town.clock.advance(2.5 * PERIOD)
    town.daemon._stepped(-3_600.0)
    await town.clock.advance(2.5 * PERIOD)
    await town.end()

    assert 2 == town.pipes["east"].opened
    told = [each.words for each in town.notices if each.environment == "east"]
    assert "begins anew: the clock was set by -3600.0 s, or we slept" in told
    assert 2 == len(town.store.runs("east"))
