"""Connections that overlap, and kinds that cannot come, are unseen by the verdict."""

from fractions import Fraction

from prober.records import ConsumerResult, Kind, RunResult, State
from prober.rpc.loggregator_v2.envelope_pb2 import EnvelopeBatch
from tests.test_probe import Bench, states


def only(result: RunResult) -> ConsumerResult:
    """The run's only consumer."""
    return result.consumers[0]


async def test_renewal_in_time_is_unseen() -> None:
    """A successor that is primed before its predecessor ends leaves no trace."""
    bench = Bench(messages=400, cycles=40)
    bench.at_message[50] = bench.reader.heal
    bench.at_message[300] = lambda: bench.reader.cut("closed as announced")

    result = await bench.run()

    counts = only(result).counts
    assert [State.PASS] * 40 == states(result)
    assert (400, 0, 0) == (counts.on_time, counts.lost, counts.duplicates)


async def test_renewal_that_came_late_is_no_loss() -> None:
    """What was sent before the successor was primed is inconclusive, and no more."""
    bench = Bench(messages=400, cycles=40)
    bench.at_message[50] = bench.reader.heal
    bench.at_message[60] = lambda: bench.reader.cut("closed as announced")

    result = await bench.run()

    counts = only(result).counts
    assert {State.PASS, State.INCONCLUSIVE} == set(states(result))
    assert [State.PASS] * 15 == states(result)[-15:]
    assert (0, 0) == (counts.lost, counts.duplicates)
    assert "consumer disconnected: closed as announced" in {
        cycle.reason for cycle in only(result).cycles
    }


async def test_messages_prove_a_successor_sooner_than_primers() -> None:
    """Hundreds of messages that both connections brought are as good as primers."""
    bench = Bench(messages=4000, cycles=40, rate=Fraction(2000))
    bench.at_message[500] = bench.reader.heal
    bench.at_message[1200] = lambda: bench.reader.cut("closed as announced")

    result = await bench.run()

    assert [State.PASS] * 40 == states(result)
    assert 0 == only(result).counts.duplicates


async def test_successor_that_fails_is_unseen() -> None:
    """While the old connection goes on, nothing is missed."""
    bench = Bench(messages=400, cycles=40)
    bench.at_message[50] = bench.reader.heal
    bench.at_message[60] = lambda: bench.reader.cut("503", newest=True)
    bench.at_message[90] = bench.reader.heal
    bench.at_message[350] = lambda: bench.reader.cut("closed as announced")

    result = await bench.run()

    assert [State.PASS] * 40 == states(result)
    assert 0 == only(result).counts.duplicates


class OldBench(Bench):
    """A pipe that carries no envelope whose stamp stands in a tag."""

    def change(self, raw: bytes) -> list[bytes]:
        return [] if EnvelopeBatch.FromString(raw).batch[0].tags else [raw]


async def test_kinds_that_cannot_come_are_not_lost() -> None:
    """A reader that says what its way out can carry is judged by that alone."""
    bench = OldBench(kinds=(Kind.LOG, Kind.EVENT))
    plan = bench.job.plan
    events = [n for n in range(100) if plan.kind_of(n) is Kind.EVENT]
    bench.reader = bench.pipe.reader([Kind.LOG])

    result = await bench.run()

    counts = only(result).counts
    assert [State.PASS] * 10 == states(result)
    assert (len(events), 100 - len(events)) == (counts.not_expected, counts.good)
    assert 3e9 > result.ended_at_ns - result.started_at_ns
