"""One environment, watched through whatever happens to it."""

import asyncio
import itertools
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from prober.clock import NS
from prober.errors import ConnectError, RefusedError
from prober.ingress.envelopes import Encoder
from prober.ledger.scraped import Totals
from prober.probe import AgentSource
from prober.records import Span, State
from prober.watch.metrics import Metrics
from tests.watch.bench import Bench, changed

if TYPE_CHECKING:
    from prober.history import Live

PERIOD = 12


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """One environment over a pipe in memory, with a history in a file."""
    return Bench(tmp_path)


async def test_every_tick_is_a_cycle(bench: Bench) -> None:
    """Cycles begin on the tick, follow each other without drift, and are kept."""
    await bench.run(10.5 * PERIOD)

    cycles = bench.cycles()
    due = [cycle.scheduled_ns for cycle in cycles]
    assert [due[0] + n * PERIOD * NS for n in range(len(due))] == due
    assert 0 == due[0] % (PERIOD * NS)
    assert 10 == len(cycles)
    assert {State.PASS} == set(bench.states()[:-1])
    assert {6} == {cycle.counts.on_time for cycle in cycles[:-1]}
    assert all(c.first_sent_ns == c.scheduled_ns for c in cycles)


async def test_messages_are_spread_over_the_period(bench: Bench) -> None:
    """Six messages in twelve seconds leave every two: no burst, however small."""
    times: list[int] = []
    bench.pipe.at_message = lambda _: times.append(bench.clock.now_ns())

    await bench.run(3 * PERIOD)

    gaps = {after - before for before, after in itertools.pairwise(times)}
    assert {2 * NS} == gaps


async def test_readers_stay_subscribed(bench: Bench) -> None:
    """Thirty cycles go through one writer and one subscription."""
    await bench.run(30 * PERIOD)

    assert (1, 1) == (bench.pipe.opened, len(bench.pipe.readers_given))
    assert 1 == len(bench.store.runs("prod"))


async def test_loss_is_told_and_kept(bench: Bench) -> None:
    """A lossy cycle is one line, and the one after it says that it is over."""
    bench.pipe.lose = lambda sequence: sequence in (13, 14)

    await bench.run(6 * PERIOD)

    assert [State.PASS, State.PASS, State.LOSS] == bench.states()[:3]
    assert ["measuring", "loss", "loss_over"] == bench.said()
    assert "lost 2 of 6 on rlp" == bench.notices[1].words


async def test_what_was_never_sent_and_came_is_told_with_a_cycle(bench: Bench) -> None:
    """It is nobody's message: it stands beside the cycle that was closed next."""
    pipe, unsent = bench.pipe, Span(first=1000, count=1)

    def at_message(sequence: int) -> None:
        if sequence == 13 and pipe.job is not None:
            encoder = Encoder(pipe.job.run_id, pipe.job.plan)
            pipe.pipe.carry(encoder.messages(unsent, 2, pipe.clock.now_ns()))

    pipe.at_message = at_message
    await bench.run(6 * PERIOD)

    counts = [each.counts.unexplained for each in bench.cycles()]
    assert [0, 0, 1] == counts[:3]
    assert 1 == sum(counts)


async def test_drops_of_own_agents_stand_in_the_cycle_of_their_time(
    bench: Bench,
) -> None:
    """An agent's metrics are read along; what rose stands in one cycle, and no more."""
    dropped = 500

    async def totals() -> Totals:
        return {("dropped", frozenset({("direction", "ingress")})): dropped}

    def drop(sequence: int) -> bool:
        nonlocal dropped
        lost = sequence in (13, 14)
        dropped += lost
        return lost

    bench.pipe.lose = drop
    where = "agent's metrics at 10.0.0.1:14824"
    bench.pipe.agents = [AgentSource(address="10.0.0.1", where=where, totals=totals)]

    await bench.run(10 * PERIOD)

    told = [each for cycle in bench.cycles() for each in cycle.platform]
    assert [("own agent", "10.0.0.1", "dropped", "ingress", 2)] == [
        (e.component, e.instance, e.counter, e.direction, e.increase) for e in told
    ]


async def test_agents_metrics_that_cannot_be_read_are_told(bench: Bench) -> None:
    """Once when it begins and once when it is over; the daemon's word has why."""
    why: str | None = "no connection to the agent's metrics at 10.0.0.1:14824"
    looks = 0

    async def totals() -> Totals:
        nonlocal looks
        looks += 1
        if why is not None:
            raise ConnectError(why)
        return {}

    where = "agent's metrics at 10.0.0.1:14824"
    bench.pipe.agents = [AgentSource(address="10.0.0.1", where=where, totals=totals)]
    supervisor, words = bench.supervisor(), list[tuple[str, ...]]()

    def mend() -> None:
        nonlocal why
        words.append(supervisor.live({}).unread)
        why = None

    bench.at(6 * PERIOD, mend)
    await bench.run(10 * PERIOD, supervisor)

    assert looks > 4
    assert ["unread", "measuring", "read_again"] == bench.said()
    assert "what an agent drops itself is not known: no conn" in bench.notices[0].words
    assert [(f"no connection to the {where}",)] == words
    assert () == supervisor.live({}).unread


async def test_environment_that_cannot_be_opened(bench: Bench) -> None:
    """Ticks go by and are missed, each once, with the peer's words; tries are few."""
    bench.pipe.refuse = RefusedError("token refused")

    supervisor = await bench.run(60 * PERIOD)

    cycles = bench.cycles()
    assert 59 <= len(cycles) <= 60
    assert {(State.MISSED, "token refused")} == {(c.state, c.reason) for c in cycles}
    assert len(cycles) == len({cycle.scheduled_ns for cycle in cycles})
    assert 20 <= bench.pipe.opened < 80  # full jitter: half a minute on average
    assert ["not_measuring"] == bench.said()
    live = supervisor.live({})
    assert (bench.pipe.opened, True) == (live.retries, live.ours)


async def test_environment_that_comes_back(bench: Bench) -> None:
    """What could not be measured is missed, and measuring begins at the next tick."""
    bench.pipe.refuse = ConnectError("agent at 127.0.0.1:1: connection refused")
    bench.at(10 * PERIOD, lambda: setattr(bench.pipe, "refuse", None))

    await bench.run(20.5 * PERIOD)

    states = Counter(bench.states())
    assert 9 <= states[State.MISSED] <= 12
    assert {State.MISSED, State.PASS} == set(states)
    assert ["not_measuring", "measuring"] == bench.said()
    due = [cycle.scheduled_ns for cycle in bench.cycles()]
    assert [due[0] + n * PERIOD * NS for n in range(len(due))] == due


async def test_first_start_has_no_past(bench: Bench) -> None:
    """Ticks before an environment was ever watched are no coverage that it lacks."""
    await bench.run(2.5 * PERIOD)

    assert [State.PASS, State.PASS] == bench.states()


async def test_restart(bench: Bench) -> None:
    """Ticks between a daemon's end and the next one's start are missed, with why."""
    await bench.run(2.5 * PERIOD)
    await bench.clock.advance(3 * PERIOD)
    await bench.run(2.5 * PERIOD)

    missed = [c for c in bench.cycles() if c.state is State.MISSED]
    assert 3 <= len(missed) <= 4
    assert {"prober was not running"} == {cycle.reason for cycle in missed}
    due = [cycle.scheduled_ns for cycle in bench.cycles()]
    assert [due[0] + n * PERIOD * NS for n in range(len(due))] == due
    assert 2 == len(bench.store.runs("prod"))


async def test_reason_of_a_daemon_that_left_on_purpose(bench: Bench) -> None:
    """Who left said why, and the next one repeats it."""
    supervisor = await bench.run(2.5 * PERIOD)
    bench.store.put_live(supervisor.live({}))
    await bench.clock.advance(3 * PERIOD)
    await bench.run(1.5 * PERIOD)

    reasons = {c.reason for c in bench.cycles() if c.state is State.MISSED}
    assert {"prober was not running: stopped by a test"} == reasons


async def test_cycle_left_open_by_a_dead_daemon(bench: Bench) -> None:
    """A cycle that was open when its daemon was killed is inconclusive, and no more."""
    supervisor = bench.supervisor()
    running = asyncio.ensure_future(supervisor.run())
    await bench.clock.advance(2.5 * PERIOD)
    bench.history.dead = True
    running.cancel()
    await bench.clock.advance(0)
    assert None in bench.states()

    bench.history = type(bench.history)(bench.store)
    await bench.clock.advance(PERIOD)
    await bench.run(1.5 * PERIOD)

    found = [c for c in bench.cycles() if c.state is State.INCONCLUSIVE]
    assert 1 == len(found)
    assert "prober was killed" in found[0].reason
    due = [cycle.scheduled_ns for cycle in bench.cycles()]
    assert len(due) == len(set(due))


async def test_stop_waits_for_the_open_cycle(bench: Bench) -> None:
    """What was sent of a cycle is waited for, and what was not is not sent."""
    await bench.run(1.6 * PERIOD)

    (cycle,) = bench.cycles()
    assert (State.PASS, 4) == (cycle.state, cycle.counts.on_time)
    (run,) = bench.store.runs("prod")
    assert run.partial
    assert run.ended_ns is not None


async def test_stop_while_something_is_missing(bench: Bench) -> None:
    """A cycle cut short with something missing is no loss: it may still have come."""
    bench.pipe.lose = lambda sequence: sequence == 1
    bench.stop_seconds = 3.0

    await bench.run(1.6 * PERIOD)

    (cycle,) = bench.cycles()
    assert State.INCONCLUSIVE is cycle.state
    assert "before the last deadline" in cycle.reason


async def test_after_a_stall_nothing_is_caught_up(bench: Bench) -> None:
    """Who was held up for three periods sends on as planned, and no faster."""
    times: list[int] = []
    bench.pipe.at_message = lambda _: times.append(bench.clock.now_ns())
    bench.at(2.2 * PERIOD, lambda: bench.clock.jump(3 * PERIOD))

    await bench.run(8.5 * PERIOD)

    assert len(times) == len(set(times))
    assert 2 * NS <= min(b - a for a, b in itertools.pairwise(times)) + NS
    states = Counter(bench.states())
    assert 2 <= states[State.MISSED] <= 3
    assert states[State.INVALID] >= 1
    due = [cycle.scheduled_ns for cycle in bench.cycles()]
    assert len(due) == len(set(due))


@pytest.mark.parametrize("before", [0.05, 0.3])
@pytest.mark.parametrize("seconds", [12.2, 12.8])
async def test_whose_last_message_is_sent_late_is_not_missed_too(
    bench: Bench, before: float, seconds: float
) -> None:
    """Of a tick whose time is over the last may still be sent: it has one record."""
    bench.at(2 * PERIOD - before, lambda: bench.clock.jump(seconds))
    watched = bench.pipe.watched(every=PERIOD, messages=48)

    await bench.run(5 * PERIOD, bench.supervisor(watched))

    due = [cycle.scheduled_ns for cycle in bench.cycles()]
    assert sorted(set(due)) == due


async def test_reader_that_is_cut_and_comes_back(bench: Bench) -> None:
    """Who saw nothing is told, with the peer's words and since when."""
    bench.at(2.2 * PERIOD, lambda: bench.pipe.readers_given[0].cut("Socket closed"))
    bench.at(4.2 * PERIOD, lambda: bench.pipe.readers_given[0].heal())  # noqa: PLW0108

    await bench.run(7.5 * PERIOD)

    assert ["measuring", "not_measuring", "void", "measuring"] == bench.said()
    assert "not measuring: Socket closed" in [n.words for n in bench.notices]
    assert State.INCONCLUSIVE in bench.states()
    assert State.LOSS not in bench.states()
    assert State.PASS is bench.states()[-2]


async def test_fault_of_ours(bench: Bench) -> None:
    """What should not be possible ends a stretch, is told, and is tried again."""

    def fail(sequence: int) -> None:
        if sequence == 8 and bench.pipe.opened == 1:
            raise RuntimeError("our own")

    bench.pipe.at_message = fail

    await bench.run(6.5 * PERIOD)

    assert "fault" in bench.said() or "not_measuring" in bench.said()
    assert any("our own" in notice.words for notice in bench.notices)
    assert 2 == bench.pipe.opened
    assert State.PASS is bench.states()[-2]
    assert State.LOSS not in bench.states()


async def test_live_word(bench: Bench) -> None:
    """While it measures it says so, with what is under way and overdue."""
    bench.pipe.lose = lambda sequence: sequence in (6, 7, 8)
    supervisor = bench.supervisor()
    found: list[Live] = []
    bench.at(2.6 * PERIOD, lambda: found.append(supervisor.live({"rss_bytes": 1.0})))

    await bench.run(3 * PERIOD, supervisor)

    (live,) = found
    (consumer,) = live.consumers
    assert (True, "", False) == (live.measuring, live.why_not, live.ended)
    assert (True, 3) == (consumer.connected, consumer.under_way)
    assert 1 <= consumer.due == consumer.overdue <= 2
    assert consumer.overdue_since_ns == bench.start_ns + 2 * PERIOD * NS
    assert {
        "rss_bytes",
        "rss_limit_bytes",
        "reader_lag_max_seconds",
        "queue_full_max_seconds",
        "queue_high_water_bytes",
        "write_max_seconds",
    } == set(live.health)
    assert 0.5 == pytest.approx(live.own_rate)
    assert supervisor.live({}).ended


async def test_memory_beyond_its_bound(bench: Bench) -> None:
    """Nothing counts while the daemon holds too much, and its loss is told as that."""
    bench.pipe.lose = lambda sequence: sequence in (6, 7, 8)
    watched = changed(bench.pipe.watched(), most_memory=1_000_000)

    await bench.run(4 * PERIOD, bench.supervisor(watched))

    first, lossy, *_ = bench.cycles()
    words = "MB (watch.max_memory 1 MB): restart prober watch, and raise it if that"
    assert {State.INVALID, None} >= {first.state, lossy.state}
    assert words in first.reason
    assert "; uncounted: 3 lost" in lossy.reason
    assert "loss" not in bench.said()
    assert "void" in bench.said()


async def test_missed_cycles_are_in_the_metrics(bench: Bench) -> None:
    """What history has as missed is counted, too, and nothing twice."""
    metrics = Metrics()
    supervisor = bench.supervisor(followers=[metrics])
    bench.at(2.2 * PERIOD, lambda: bench.clock.jump(3 * PERIOD))

    await bench.run(8 * PERIOD, supervisor)

    missed = bench.states().count(State.MISSED)
    counted = sum(
        sample.value
        for family in metrics.collect()
        for sample in family.samples
        if sample.labels.get("state") == "missed"
    )
    assert missed == counted > 0
