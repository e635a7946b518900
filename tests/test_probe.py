"""The probe over a pipe in memory, in virtual time."""

import asyncio
import dataclasses
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction

import pytest

from prober.errors import CouldNotProbe, NeverPrimed, UsageError
from prober.ledger import Deadlines
from prober.plan import NS, Plan, Sizes
from prober.probe import Controls, Job, OpenWriter, Phase, Progress, probe
from prober.records import CycleResult, Handover, Kind, RunResult, Span, State
from prober.stamp import Mark, Scanner
from prober.testing import ManualClock, MemoryPipe, MemoryReader, MemoryWriter

RUN = "k3v9x2m4q7a"


def job(**changes: object) -> Job:
    """A run of 100 messages in ten cycles at 100/s."""
    plan = Plan(
        messages=100,
        cycles=10,
        rate=Fraction(100),
        sizes=Sizes(low=100, high=100),
        kinds=(Kind.LOG,),
        source_id="prober",
        seed=1,
    )
    plan = dataclasses.replace(plan, **changes)  # type: ignore[arg-type]
    return Job(
        run_id=RUN,
        environment="memory",
        plan=plan,
        deadlines=Deadlines(late_after_ns=5 * NS, lost_after_ns=10 * NS),
        whole_firehose=False,
    )


class Bench:
    """A pipe, what goes through it, and a probe to put to it."""

    def __init__(self, drop: Iterable[int] = (), **changes: object) -> None:
        self.clock = ManualClock()
        self.job = job(**changes)
        self.dropped = set(drop)
        self.carried = 0
        self.pipe = MemoryPipe(self.clock, self.change)
        self.reader = self.pipe.reader()
        self.writer: MemoryWriter
        self.stop = asyncio.Event()
        self.enough = asyncio.Event()
        self.cycles: list[Mapping[str, CycleResult]] = []
        self.fail_at: int | None = None
        self.error: Exception = RuntimeError("our own")
        self.phases: list[Phase] = []
        self.at_message: dict[int, Callable[[], None]] = {}
        self._scanner = Scanner(RUN, self.job.plan.cycle_of)

    def change(self, raw: bytes) -> list[bytes]:
        """Drop what is to be dropped, after doing what is to be done at a message."""
        found = self._scanner.scan(raw)
        for sequence in found.sequences:
            self.at_message.pop(sequence, lambda: None)()
        return [] if self.dropped & set(found.sequences) else [raw]

    def open_writer(self, report: Callable[..., None]) -> MemoryWriter:
        self.writer = self.pipe.writer(report)
        return self.writer

    def observe(self, progress: Progress) -> None:
        if self.fail_at is not None and progress.sent >= self.fail_at:
            raise self.error
        if not self.phases or self.phases[-1] is not progress.phase:
            self.phases.append(progress.phase)

    async def run(
        self, ways_in: Sequence[OpenWriter] = (), **more: MemoryReader
    ) -> RunResult:
        readers = {"memory": self.reader, **more}

        def opener(first: MemoryReader) -> Callable[[], MemoryReader]:
            """The reader that is there, and then ever new ones."""
            given = iter([first])
            return lambda: next(given, None) or self.pipe.reader()

        return await self.clock.run(
            probe(
                self.job,
                ways_in or [self.open_writer],
                {name: opener(each) for name, each in readers.items()},
                self.clock,
                Controls(
                    stop=self.stop,
                    enough=self.enough,
                    observer=self.observe,
                    on_cycle=self.cycles.append,
                ),
            )
        )


def states(result: RunResult, consumer: int = 0) -> list[State]:
    """The state of every cycle, in order."""
    return [cycle.state for cycle in result.consumers[consumer].cycles]


async def test_everything_arrives() -> None:
    """A clean pipe gives a clean account, and the run ends as soon as that is known."""
    bench = Bench()

    result = await bench.run()

    counts = result.consumers[0].counts
    assert (100, 100, 100) == (counts.attempted, counts.accepted, counts.on_time)
    assert [State.PASS] * 10 == states(result)
    assert 3 > (result.ended_at_ns - result.started_at_ns) / NS
    assert [Phase.PRIMING, Phase.SENDING, Phase.DRAINING] == bench.phases


async def test_loss_is_told_to_the_message() -> None:
    """What was dropped is lost, by sequence number and by cycle, and nothing else."""
    result = await Bench(drop=[7, 8, 55]).run()

    consumer = result.consumers[0]
    assert 3 == consumer.counts.lost
    assert [(7, 2), (55, 1)] == [(gap.first, gap.count) for gap in consumer.gaps]
    assert [0, 5] == [c.index for c in consumer.cycles if c.state is State.LOSS]


async def test_loss_is_waited_for() -> None:
    """With something missing, the run lasts until it is past the last deadline."""
    result = await Bench(drop=[7]).run()

    assert 10 < (result.ended_at_ns - result.started_at_ns) / NS < 14


async def test_two_consumers_are_told_apart() -> None:
    """Each consumer has its own account of the same messages."""
    bench = Bench()
    other = bench.pipe.reader()
    bench.at_message[50] = lambda: other.cut("gone")

    result = await bench.run(other=other)

    assert [State.PASS] * 10 == states(result, 0)
    assert [State.PASS] * 5 == states(result, 1)[:5]
    assert [State.INCONCLUSIVE] * 5 == states(result, 1)[5:]
    assert "consumer disconnected: gone" == result.consumers[1].cycles[5].reason


async def test_reader_that_comes_back_is_primed_anew() -> None:
    """Cycles are unsure until a consumer that was cut has its ten primers again."""
    bench = Bench(messages=1000, cycles=10)
    bench.at_message[250] = lambda: bench.reader.cut("gone")
    bench.at_message[350] = bench.reader.heal

    result = await bench.run()

    found = states(result)
    assert [State.PASS] * 2 == found[:2]
    assert [State.INCONCLUSIVE] * 2 == found[2:4]
    assert State.PASS is found[-1]


async def test_ambiguous_messages_that_arrive_are_accepted() -> None:
    """A broken writer stream costs nothing when a consumer saw its messages."""
    bench = Bench()
    bench.at_message[30] = lambda: setattr(bench.writer, "handover", Handover.AMBIGUOUS)

    result = await bench.run()

    assert [State.PASS] * 10 == states(result)
    assert 0 == result.consumers[0].counts.ambiguous


async def test_ambiguous_messages_that_never_arrive_are_nobodys_loss() -> None:
    """Nobody knows what a broken stream carried: the cycle says so, and loses none."""
    bench = Bench(drop=[33])
    bench.at_message[30] = lambda: setattr(bench.writer, "handover", Handover.AMBIGUOUS)

    result = await bench.run()

    assert (1, 0) == (
        result.consumers[0].counts.ambiguous,
        result.consumers[0].counts.lost,
    )
    assert State.INCONCLUSIVE is states(result)[3]


async def test_refused_messages_are_not_lost() -> None:
    """What the ingress refuses is counted apart, and its cycles are unsure."""
    bench = Bench()
    bench.at_message[49] = lambda: setattr(bench.writer, "handover", Handover.REJECTED)

    result = await bench.run()

    counts = result.consumers[0].counts
    assert (50, 0, 50) == (counts.rejected, counts.lost, counts.accepted)
    assert [State.PASS] * 5 + [State.INCONCLUSIVE] * 5 == states(result)


async def test_interruption_drains_for_two_seconds() -> None:
    """An interrupted run stops sending, waits a little, and tells what it knows."""
    bench = Bench(drop=[10])
    bench.at_message[40] = bench.stop.set

    result = await bench.run()

    assert result.partial
    assert 41 == result.consumers[0].counts.attempted
    assert 5 > (result.ended_at_ns - result.started_at_ns) / NS
    assert State.INCONCLUSIVE is states(result)[1]
    assert [State.MISSED] * 5 == states(result)[5:]


async def test_nothing_comes_back() -> None:
    """When no primer returns, nothing is sent, and the sentence says where it went."""
    bench = Bench()
    bench.pipe = MemoryPipe(bench.clock, lambda _: [])
    reader, bench.reader = bench.reader, bench.pipe.reader()

    with pytest.raises(NeverPrimed, match=r"none came back .* within 15 s"):
        await bench.run()
    assert reader is not bench.reader


async def test_reader_that_is_refused_ends_the_probe() -> None:
    """A consumer that cannot subscribe is told at once, in the peer's words."""
    bench = Bench()
    bench.reader.cut("no such scope")

    with pytest.raises(CouldNotProbe, match="no such scope"):
        await bench.run()


async def test_one_consumer_that_is_refused_leaves_the_others() -> None:
    """With two consumers, one that cannot subscribe costs only its own account."""
    bench = Bench()
    other = bench.pipe.reader()
    other.cut("no such scope")

    result = await bench.run(other=other)

    assert [State.PASS] * 10 == states(result, 0)
    assert [State.INCONCLUSIVE] * 10 == states(result, 1)
    assert "other: no such scope" == result.warnings[0]


async def test_lossy_pipe_is_measured_all_the_same() -> None:
    """A pipe that never lets ten primers in a row through is measured, with a word."""
    bench = Bench()
    lossy = bench.change
    turns = iter(range(10_000))
    bench.pipe = MemoryPipe(
        bench.clock, lambda raw: lossy(raw) if next(turns) % 3 else []
    )
    bench.reader = bench.pipe.reader()

    result = await bench.run()

    assert 100 == result.consumers[0].counts.accepted
    assert result.consumers[0].counts.lost > 20
    assert "primers came back before the start" in result.warnings[0]


async def test_subscription_that_was_left_behind_is_told_blind() -> None:
    """When a new subscription gets what an old one misses, the platform is at fault."""
    bench = Bench(messages=3000, cycles=30)
    bench.job = dataclasses.replace(
        bench.job, deadlines=Deadlines(late_after_ns=5 * NS, lost_after_ns=60 * NS)
    )
    old = bench.reader
    bench.at_message[1000] = lambda: setattr(old, "deaf", True)
    bench.at_message[2600] = lambda: setattr(old, "deaf", False)

    result = await bench.run()

    cycles = result.consumers[0].cycles
    assert [State.PASS] * 10 == states(result)[:10]
    assert [State.LOSS] * 15 == states(result)[10:25]
    assert "blind readers: a new subscription got what this one missed: 100 lost" == (
        cycles[15].reason
    )
    assert State.PASS is cycles[-1].state
    assert "memory: blind readers: for" in result.warnings[0]


async def test_loss_alone_is_not_blindness() -> None:
    """What a new subscription misses as well is simply lost."""
    bench = Bench(messages=3000, cycles=30, drop=range(1000, 1100))
    bench.job = dataclasses.replace(
        bench.job, deadlines=Deadlines(late_after_ns=5 * NS, lost_after_ns=60 * NS)
    )

    result = await bench.run()

    assert "100 lost" == result.consumers[0].cycles[10].reason
    assert () == result.warnings


@pytest.mark.parametrize("share", [0.05, 0.3])
async def test_loss_by_chance_is_not_blindness(share: float) -> None:
    """Where each subscription loses by itself, an old one misses no more than a new."""
    bench = Bench(messages=3000, cycles=30, rate=Fraction(20))
    bench.job = dataclasses.replace(
        bench.job, deadlines=Deadlines(late_after_ns=5 * NS, lost_after_ns=60 * NS)
    )
    lots = random.Random(7)  # noqa: S311 - a sample

    class Lossy(MemoryPipe):
        def carry(self, raw: bytes) -> None:
            for reader in self._readers:
                if lots.random() >= share:
                    reader.take_in(raw)

    bench.pipe = Lossy(bench.clock)
    bench.reader = bench.pipe.reader()

    result = await bench.run()

    assert result.consumers[0].counts.lost > 100
    assert [] == [words for words in result.warnings if "blind" in words]


async def test_interruption_waits_for_no_peer_that_hangs() -> None:
    """A write that never ends is given up two seconds after the interruption."""
    bench = Bench()

    class Hanging(MemoryWriter):
        async def write(self, raw: bytes, span: Span | None) -> None:
            if span is not None and span.first >= 50:
                bench.stop.set()
                await bench.clock.sleep(1000)
            await super().write(raw, span)

    result = await bench.run(ways_in=[lambda report: Hanging(bench.pipe, report)])

    assert result.partial
    assert 50 == result.consumers[0].counts.on_time
    assert 2 <= (result.ended_at_ns - result.started_at_ns) / NS < 5


async def test_push_back_is_measured() -> None:
    """How long each batch held the writer up is part of the result, by writer."""
    bench = Bench()
    second: list[MemoryWriter] = []

    def open_second(report: Callable[..., None]) -> MemoryWriter:
        second.append(bench.pipe.writer(report))
        return second[0]

    result = await bench.run(ways_in=[bench.open_writer, open_second])

    assert [50, 50] == [each.accepted for each in result.writers]
    assert [50, 50] == [each.blocked.count for each in result.writers]


async def test_own_error_keeps_the_result_and_voids_it() -> None:
    """When the prober itself fails, what was measured is told, and blames nobody."""
    bench = Bench(drop=[7])
    bench.fail_at = 60

    result = await bench.run()

    told = {cycle.state for cycle in result.consumers[0].cycles[:6]}
    assert {State.INVALID} == told
    assert result.warnings[0].startswith("a fault of ours: RuntimeError")


async def test_error_of_the_setting_keeps_the_result_too() -> None:
    """What was measured is told, whatever became of a file that was read meanwhile."""
    bench = Bench()
    bench.fail_at, bench.error = 60, UsageError("cannot read the file")

    result = await bench.run()

    assert 60 <= result.consumers[0].counts.attempted
    assert "a fault of ours: cannot read the file" == result.warnings[0]

    bench = Bench()
    bench.fail_at, bench.error = 0, UsageError("cannot read the file")
    with pytest.raises(UsageError, match="cannot read the file"):
        await bench.run()


async def test_enough_ends_with_the_cycle_that_is_sent() -> None:
    """When enough is known, the open cycle is finished and no other was planned."""
    bench = Bench()
    bench.at_message[42] = bench.enough.set

    result = await bench.run()

    assert [State.PASS] * 5 == states(result)
    assert not result.partial


async def test_time_limit_ends_with_the_cycle_that_is_sent() -> None:
    """No cycle is begun after the time that sending may take."""
    bench = Bench()
    bench.job = dataclasses.replace(bench.job, max_send_ns=NS // 4)

    result = await bench.run()

    assert [State.PASS] * 3 == states(result)


async def test_cycles_are_told_in_order_once_they_are_final() -> None:
    """Whoever follows a run hears of each cycle once, as it was judged in the end."""
    bench = Bench(drop=[42], messages=3000, cycles=30)

    result = await bench.run()

    told = [cycle["memory"] for cycle in bench.cycles]
    assert len(told) > 15
    assert list(result.consumers[0].cycles[: len(told)]) == told


async def test_own_lag_voids_cycles() -> None:
    """What was measured while our reader was behind is not counted."""
    bench = Bench(messages=1000, cycles=10)
    clock = bench.clock

    def stall() -> None:
        clock._now_ns += 3 * NS  # as if the event loop had stood still

    bench.at_message[450] = stall

    result = await bench.run()

    found = states(result)
    assert State.INVALID is found[4]
    assert State.PASS is found[0]
    assert 0 == result.consumers[0].counts.lost


async def test_rate_is_open_loop() -> None:
    """The achieved rate is the asked one, measured on the sends themselves."""
    result = await Bench(messages=500, cycles=5, rate=Fraction(250)).run()

    assert result.rate_achieved is not None
    assert abs(result.rate_achieved - 250) < 1


async def test_how_late_batches_were_sent_is_told() -> None:
    """Of each batch that was due at some time; the clock of tests is never late."""
    paced = await Bench(messages=500, cycles=5, rate=Fraction(250)).run()
    unpaced = await Bench(messages=500, cycles=5, rate=None).run()

    assert paced.send_lag is not None
    assert (250, 0) == (paced.send_lag.count, paced.send_lag.max_ns)
    assert unpaced.send_lag is None


def test_marks_of_aids() -> None:
    """Primers and trailers are no messages."""
    assert {Mark.PRIMER, Mark.TRAILER} == set(Mark) - {Mark.of(kind) for kind in Kind}
