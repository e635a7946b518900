"""Faults of a whole stack: what its clients meet, and when."""

import ssl

import grpc
import pytest

from prober.clock import NS, SystemClock
from prober.egress.https import Server
from prober.egress.tokens import UaaTokens
from prober.errors import UsageError
from prober.pipeline.child import ChildStack
from prober.pipeline.faults import Fault, FaultKind, Layout, Scenario
from prober.pipeline.stack import ReferenceStack
from prober.rpc.loggregator_v2.egress_pb2 import EgressBatchRequest
from prober.testing import ManualClock
from tests.pipeline.clients import (
    EOF,
    LOGS,
    agent_of,
    consuming,
    logs,
    rlp_of,
    send_all,
    status_of,
    until,
)
from tests.pipeline.faults.laboratories import messages, numbers
from tests.pipeline.test_stack import ROOMY

LAYOUT = Layout(2, ("gateway",))


def scenario(*faults: Fault) -> Scenario:
    """These faults."""
    return Scenario(faults=faults)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            Fault(kind=FaultKind.DROP, where="router-3"),
            "drop: there is no router-3 in this stack: choose from agent, agent/router",
        ),
        (
            Fault(kind=FaultKind.CUT, where="firehose/consumer"),
            "cut: there is no firehose/consumer in this stack: choose from",
        ),
        (
            Fault(kind=FaultKind.KILL, where="agent/router-1"),
            "kill: there is no agent/router-1 in this stack: choose from agent, ga",
        ),
        (
            Fault(kind=FaultKind.KILL, where="agent-1"),
            "kill: there is no agent-1 in this stack: choose from agent, ga",
        ),
        (
            Fault(kind=FaultKind.DELAY, where="gateway", by_ns=1),
            "delay cannot be at gateway: choose agent, router-1, router-2, rlp",
        ),
    ],
)
def test_a_place_that_is_not_there_is_told(fault: Fault, words: str) -> None:
    """One sentence says which place is missing, and which there are."""
    with pytest.raises(UsageError, match=words):
        LAYOUT.check(fault)


@pytest.mark.parametrize(
    ("fault", "hops"),
    [
        (Fault(kind=FaultKind.CUT, where="rlp"), {"rlp/consumer", "rlp/gateway"}),
        (Fault(kind=FaultKind.STALL, where="agent/router-2"), {"agent/router-2"}),
        (
            Fault(kind=FaultKind.HANG, where="router-1"),
            {"agent/router-1", "router-1/rlp"},
        ),
        (Fault(kind=FaultKind.DROP, where="router-1/rlp"), set()),
    ],
)
def test_a_fault_has_the_lines_that_it_needs(fault: Fault, hops: set[str]) -> None:
    """A line is its own; a component has all that lead into it, or touch it."""
    assert hops == set(LAYOUT.hops_of(fault))


def test_a_hop_is_met_where_it_ends() -> None:
    """Envelopes of a line are met in the component that it leads to, if it is ours."""
    wheres = ("writer/agent", "agent/router-2", "router-1/rlp", "rlp/consumer", "rlp")
    faults = (Fault(kind=FaultKind.DROP, where=where) for where in wheres)

    assert ["agent", "router-2", "rlp", "rlp", "rlp"] == [
        LAYOUT.place_of(fault) for fault in faults
    ]


def test_a_scenario_is_the_same_after_a_journey_as_plain_values() -> None:
    """What goes to a stack in another process comes there whole."""
    given = Scenario(
        faults=(
            Fault(kind=FaultKind.DELAY, where="rlp", by_ns=5, probability=0.5),
            Fault(kind=FaultKind.STEP_CLOCK, step_ns=-3, lasts_ns=9),
        ),
        seed=7,
    )

    assert given == Scenario.of(given.plain())


async def test_nothing_happens_before_the_timeline_begins() -> None:
    """A stack with faults carries everything until it is told to begin."""
    drop = Fault(kind=FaultKind.DROP, where="agent", every=2)
    async with (
        ReferenceStack(profile=ROOMY, faults=scenario(drop)) as stack,
        consuming(stack) as consumer,
        agent_of(stack) as agent,
    ):
        assert await send_all(agent, messages(4)) == EOF
        await until(lambda: len(consumer.envelopes) == 4)
        stack.begin_faults()
        assert await send_all(agent, messages(4, first=4)) == EOF
        await until(lambda: len(consumer.envelopes) == 6)

        assert [0, 1, 2, 3, 4, 6] == numbers(consumer.envelopes)


async def test_an_older_peer_knows_no_such_method() -> None:
    """For a time, a method is answered as by who was built before there was one."""
    clock = ManualClock()
    old = Fault(
        kind=FaultKind.UNIMPLEMENTED,
        where="rlp",
        method="BatchedReceiver",
        lasts_ns=NS,
    )
    async with (
        ReferenceStack(profile=ROOMY, clock=clock, faults=scenario(old)) as stack,
        rlp_of(stack) as egress,
    ):
        stack.begin_faults()
        request = EgressBatchRequest(selectors=LOGS)
        refused = egress.BatchedReceiver(request)
        code, words = await status_of(refused)  # type: ignore[arg-type]
        await clock.advance(1)
        served = egress.BatchedReceiver(request)
        await until(lambda: stack.statistics().components[1].subscriptions == 1)

        assert not served.done()  # type: ignore[attr-defined]
    assert grpc.StatusCode.UNIMPLEMENTED is code
    assert words == ("unknown method BatchedReceiver for service loggregator.v2.Egress")


async def test_envelopes_from_the_future_come_through() -> None:
    """Fields that nobody knows pass every hop; kinds that nobody knows go to nobody."""
    future = Fault(kind=FaultKind.FUTURE, where="agent")
    async with (
        ReferenceStack(profile=ROOMY, faults=scenario(future)) as stack,
        consuming(stack) as consumer,
        agent_of(stack) as agent,
    ):
        stack.begin_faults()
        assert await send_all(agent, messages(5)) == EOF
        await until(lambda: len(consumer.envelopes) == 5)

        assert [0, 1, 2, 3, 4] == numbers(consumer.envelopes)
        assert all(
            b"from-future" in each.SerializeToString() for each in consumer.envelopes
        )


async def test_foreign_traffic_comes_at_its_rate_and_ends() -> None:
    """So many envelopes a second of others, on the clock, and then no more."""
    clock = ManualClock()
    foreign = Fault(kind=FaultKind.FOREIGN, rate=1000.0, lasts_ns=2 * NS)
    async with ReferenceStack(
        profile=ROOMY, clock=clock, faults=scenario(foreign)
    ) as stack:
        stack.begin_faults()

        def taken() -> int:
            return stack.statistics().components[0].ingress

        await until(lambda: taken() == 100)
        for batch in range(2, 21):
            await clock.advance(0.1)
            await until(lambda: taken() == batch * 100)  # noqa: B023 - awaited
        await clock.advance(2)  # before any router tells of itself

        assert 2000 == taken()


async def test_a_component_is_ended_and_comes_back_by_the_clock() -> None:
    """The RLP is gone for its time; who connects then is refused, and served after."""
    clock = ManualClock()
    kill = Fault(kind=FaultKind.KILL, where="rlp", after_ns=NS, lasts_ns=NS)
    told: list[str] = []
    async with ReferenceStack(
        profile=ROOMY, clock=clock, faults=scenario(kill)
    ) as stack:
        assert stack.laboratory is not None
        stack.laboratory.tell = told.append
        stack.begin_faults()
        async with rlp_of(stack) as egress:
            open_ = egress.BatchedReceiver(EgressBatchRequest(selectors=LOGS))
            await until(lambda: stack.statistics().components[1].subscriptions == 1)
            await clock.advance(1)
            code, _ = await status_of(open_)  # type: ignore[arg-type]
            assert grpc.StatusCode.UNAVAILABLE is code

            await clock.advance(1)
            await until(lambda: told[-1:] == ["kill at rlp is over"])
            egress.BatchedReceiver(EgressBatchRequest(selectors=LOGS))
            await until(lambda: stack.statistics().components[1].subscriptions == 1)

    assert ["kill at rlp begins", "kill at rlp is over"] == told


async def test_tokens_expire_at_once_and_new_ones_are_good() -> None:
    """What was given before is refused; a client that asks again is let in."""
    expire = Fault(kind=FaultKind.EXPIRE_TOKENS)
    step = Fault(kind=FaultKind.STEP_CLOCK, after_ns=NS, step_ns=13 * 3600 * NS)
    clock = ManualClock()
    async with ReferenceStack(
        profile=ROOMY, clock=clock, doors=["gateway"], faults=scenario(expire, step)
    ) as stack:
        check = stack._uaa().check()
        ca_file = stack.client_tls("").ca_file
        client_id, secret = stack.uaa_client
        tokens = UaaTokens(
            Server(peer="UAA", url=stack.uaa_url, ca_file=ca_file, proxy=None),
            SystemClock(),
            client_id=client_id,
            client_secret=lambda: secret,
        )
        first = await tokens.token()
        assert await check.claims(first) is not None
        stack.begin_faults()
        await clock.advance(0.1)
        assert await check.claims(first) is None

        second = await tokens.token(first)
        assert await check.claims(second) is not None
        await clock.advance(1)
        assert await check.claims(second) is None  # its twelve hours are over


async def test_certificates_rotate_under_whoever_connects_anew() -> None:
    """Who trusts the old authority only is turned away; who reads the files is not."""
    rotate = Fault(kind=FaultKind.ROTATE_CERTIFICATES, after_ns=NS)
    clock = ManualClock()
    async with ReferenceStack(
        profile=ROOMY, clock=clock, faults=scenario(rotate)
    ) as stack:
        ca_file = stack.client_tls("metron").ca_file
        before = ssl.create_default_context(cafile=ca_file).get_ca_certs()
        stack.begin_faults()
        await clock.advance(1)
        await until(
            lambda: ssl.create_default_context(cafile=ca_file).get_ca_certs() != before
        )
        await until(lambda: stack.statistics().components[0].subscriptions == 5)
        async with consuming(stack) as consumer, agent_of(stack) as agent:
            assert await send_all(agent, logs([1])) == EOF
            await until(lambda: consumer.numbers == [1])


async def test_a_stack_in_another_process_has_its_faults() -> None:
    """They travel to it, and begin when they are told to."""
    drop = Fault(kind=FaultKind.DROP, where="agent")
    async with (
        ChildStack(profile=ROOMY, faults=scenario(drop)) as stack,
        agent_of(stack) as agent,  # type: ignore[arg-type]
    ):
        await send_all(agent, messages(3))
        before = (await stack.statistics()).components[1].ingress
        await stack.begin_faults()
        await send_all(agent, messages(3, first=3))
        buffers = (await stack.statistics()).buffers

    assert 3 == buffers[0].written
    assert before <= 3


def test_the_kind_of_a_fault_names_it() -> None:
    """In errors and on screens a fault is called by its kind and its place."""
    fault = Fault(kind=FaultKind.BLACK_HOLE, where="rlp/consumer")

    assert "black-hole at rlp/consumer" == str(fault)
    assert "foreign" == str(Fault(kind=FaultKind.FOREIGN, rate=1.0))
