"""A router that is away for a moment: a loss by everybody, and nobody is left blind."""

from prober import report
from prober.pipeline.stack import ReferenceStack
from prober.records import State
from prober.report.facts import facts
from tests.end_to_end.disturbing import disturbed
from tests.end_to_end.test_cuts import WAYS
from tests.pipeline.clients import until
from tests.pipeline.test_faults import PATIENT, LadderClock


async def test_router_away_for_a_moment_is_a_loss_and_no_blindness() -> None:
    """Down for 0.4 s, the proxy finds it again after a second more.

    What was sent while it was down is nobody's loss; what it took in before the proxy
    was back is lost, and those who read are told where to look. Which cycles it is down
    in, and whether a batch is on its way then, is this machine's luck.
    """
    taken = []
    ladder = LadderClock()  # the stack's: its waits pass when we say so
    async with ReferenceStack(profile=PATIENT, clock=ladder) as stack:

        def router() -> tuple[int, int]:
            counted = stack.statistics().components[1]
            return counted.ingress, counted.subscriptions

        async def disturb() -> None:
            await stack.kill_router(0)
            steps = await ladder.climb(4)
            assert [0.001, 0.01, 0.1, 1.0] == steps  # 0.11 s are over
            before, _ = router()
            await stack.start_router(0)
            await until(lambda: router()[0] > before + 200)  # the writer is back
            await ladder.advance(1.0)
            await until(lambda: router()[1] == 1)
            taken.append(router()[0] - before)

        readers = {"rlp": WAYS["rlp"](stack)}
        result = await disturbed(stack, readers, disturb, straight=True)

    (consumer,) = result.consumers
    lossy = [each for each in consumer.cycles if each.state is State.LOSS]
    told = dict(facts(report.build(result, None)))
    assert {State.PASS, State.LOSS} == {each.state for each in consumer.cycles} - {
        State.INCONCLUSIVE,
        State.INVALID,
    }
    assert all(each.reason == f"{each.counts.lost} lost" for each in lossy)
    assert 100 <= consumer.counts.lost <= taken[0]
    assert [] == [words for words in result.warnings if "blind" in words]
    assert "; no connection to the router at " in told["way in"]
