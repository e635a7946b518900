"""The daemon over the reference stack: killed, stopped, reloaded."""

import asyncio
import random
import signal
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from prober.clock import NS
from prober.history import COUNTED, CycleRecord, hours_of
from prober.pipeline.child import ChildStack
from prober.records import Counts, State
from prober.store import Store, open_store
from tests.end_to_end import watching

if TYPE_CHECKING:
    from collections.abc import Mapping

KILLS = 20
MESSAGES = 200
NAMES = ("east", "west")
_Key = tuple[str, str, int]


def final(store: Store) -> "Mapping[_Key, CycleRecord]":
    """Return all final cycles, by what names them."""
    return {
        (each.environment, each.run_id, each.index): each
        for each in store.cycles(mode="continuous")
        if each.state is not None
    }


def check(store: Store, name: str) -> None:
    """Hold a history against what has to be true of every one."""
    cycles = store.cycles(name, oldest_first=True)
    due = [cycle.scheduled_ns for cycle in cycles]
    assert [due[0] + n * NS for n in range(len(due))] == due
    assert all(cycle.counts.balanced() for cycle in cycles)
    counted = [cycle for cycle in cycles if cycle.state in COUNTED]
    total = sum((cycle.counts for cycle in counted), Counts())
    history = store.history(name, due[0], due[-1] + 3_600 * NS)
    assert total == sum((hour.counts for hour in history.hours), Counts())
    assert Counter(cycle.state for cycle in cycles) == Counter(
        {
            state: many
            for state in State
            if (many := sum(hour.states[state] for hour in history.hours))
        }
    )
    assert [hour.counts for hour in hours_of(cycles)] == [
        hour.counts for hour in history.hours
    ]


@pytest.mark.timeout(600)  # twenty starts, and as many deaths
async def test_killed_twenty_times_under_load(tmp_path: Path) -> None:
    """Whenever a daemon is killed, what was final stays, and nothing is doubled."""
    lots = random.Random(20)  # noqa: S311 - moments, not secrets
    known: Mapping[_Key, CycleRecord] = {}
    async with ChildStack() as stack:
        probe = {"every": "1s", "messages": MESSAGES, "lost_after": "3s"}
        environments = {
            name: watching.environment(stack, **probe, late_after="2s", source_id=name)
            for name in NAMES
        }
        watching.write(tmp_path / "prober.yaml", environments)
        for _ in range(KILLS):
            async with watching.watch(tmp_path) as daemon:
                await daemon.told_of("measuring")
                await asyncio.sleep(lots.uniform(0, 3))  # at any moment, as asked for
                daemon.signal(signal.SIGKILL)
                assert -signal.SIGKILL == await daemon.end()
            with open_store(tmp_path / "history.sqlite") as store:
                after = final(store)
            assert known == {key: after[key] for key in known}
            known = after
        async with watching.watch(tmp_path) as daemon:
            started = await daemon.told_of("started")
            await daemon.told_of("measuring", NAMES[0])
            await daemon.told_of("measuring", NAMES[1])
            async with httpx.AsyncClient(base_url=started["address"]) as client:
                await until(client, "readyz", 200)
            daemon.signal(signal.SIGTERM)
            assert 0 == await daemon.end()

    with open_store(tmp_path / "history.sqlite") as store:
        assert [] == [each for each in store.cycles() if each.state is None]
        for name in NAMES:
            check(store, name)
        killed = [each for each in store.cycles() if "was killed" in each.reason]
        assert len(killed) <= len(NAMES) * KILLS * 4  # a second's cycle, and its tail
        states = Counter(each.state for each in store.cycles())
        assert {State.PASS, State.INCONCLUSIVE, State.MISSED} >= set(states) - {
            State.INVALID  # a starved machine is our own fault, and says so
        }
        assert states[State.PASS] >= KILLS / 2


async def test_life_of_a_daemon(tmp_path: Path) -> None:
    """Health, readiness, a reload with mistakes and one without, and a clean end."""
    file = tmp_path / "prober.yaml"
    async with ChildStack() as stack:
        east = watching.environment(stack, every="1s", messages=20, lost_after="5s")
        watching.write(file, {"east": east})
        async with watching.watch(tmp_path) as daemon:
            started = await daemon.told_of("started")
            await daemon.told_of("measuring", "east")
            async with httpx.AsyncClient(base_url=started["address"]) as client:
                await until(client, "readyz", 200)
                assert 200 == (await client.get("healthz")).status_code

            watching.write(file, {"east": {**east, "probe": {"every": "never"}}})
            daemon.signal(signal.SIGHUP)
            refused = await daemon.told_of("reload_refused")
            assert "environments.east.probe.every" in refused["words"]

            west = {**east, "probe": {**east["probe"], "source_id": "west"}}
            watching.write(file, {"east": east, "west": west})
            daemon.signal(signal.SIGHUP)
            reloaded = await daemon.told_of("reloaded")
            assert (
                "configuration reloaded; new: west; 1 environment untouched"
                == reloaded["words"]
            )
            await daemon.told_of("measuring", "west")
            daemon.signal(signal.SIGINT)
            assert 0 == await daemon.end()

    with open_store(tmp_path / "history.sqlite") as store:
        assert [] == [each for each in store.cycles() if each.state is None]
        assert 1 == len(store.runs("east"))
        assert {"stopped by Ctrl-C"} == {word.why_not for word in store.live()}


async def until(client: httpx.AsyncClient, path: str, code: int) -> None:
    """Wait until the answer is such, asking whenever the page has something new."""
    async with client.stream("GET", "events", timeout=None) as events:
        async for line in events.aiter_lines():
            if line and code == (await client.get(path)).status_code:
                return
