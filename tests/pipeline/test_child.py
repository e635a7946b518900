"""The stack in a process of its own: the same face, and no orphan."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from prober.errors import CouldNotProbe, UsageError
from prober.pipeline.child import ChildStack
from prober.pipeline.stack import ReferenceStack
from prober.rpc.loggregator_v2.egress_pb2 import EgressBatchRequest
from prober.rpc.loggregator_v2.egress_pb2_grpc import EgressStub
from prober.rpc.loggregator_v2.ingress_pb2_grpc import IngressStub
from tests.pipeline.clients import EOF, LOGS, Consumer, channel, logs, send_all
from tests.pipeline.test_stack import ROOMY, TRACK


def face(kind: type) -> set[str]:
    """Its public methods."""
    return {name for name in vars(kind) if not name.startswith("_")}


def test_both_stacks_have_one_face() -> None:
    """Whoever can use the one can use the other, but for awaiting its answers."""
    addresses = {"agent_address", "router_addresses", "rlp_address", "uaa_client"}
    addresses |= {"gateway_url", "firehose_url", "metrics_address", "uaa_url"}
    addresses |= {"agent_addresses", "metrics_addresses"}

    child = face(ChildStack) - {"pid"}  # of the process that it is alone in
    assert child | addresses == face(ReferenceStack) - {"ends"}


async def test_a_child_carries_counts_and_ends() -> None:
    """Envelopes pass through it, its counts can be asked for, and it leaves nothing."""
    async with ChildStack(profile=ROOMY, track=TRACK) as stack:
        directory = Path(stack.client_tls("metron").ca_file).parent
        tls = stack.client_tls("reverselogproxy")
        async with (
            channel(stack.agent_address, stack.client_tls("metron")) as to_agent,
            channel(stack.rlp_address, tls) as to_rlp,
        ):
            request = EgressBatchRequest(selectors=LOGS)
            consumer = Consumer(EgressStub(to_rlp), request)
            while (await stack.statistics()).components[1].subscriptions == 0:
                pass
            assert await send_all(IngressStub(to_agent), logs(range(300))) == EOF
            received = 0
            while received < 300:
                received += len((await consumer.call.read()).batch)  # type: ignore[attr-defined]

        drops = await stack.drops()
        assert {each.dropped for each in drops} == {0}
        assert [b.tracked_read for b in (await stack.statistics()).buffers] == [
            300,
            0,
            300,
            300,
            300,
        ]

    assert not directory.exists()


async def test_a_childs_components_can_be_killed_and_started() -> None:
    """Faults are injected from outside as they are from inside."""
    async with ChildStack(routers=2, profile="ideal") as stack:
        await stack.kill_router(1)
        await stack.start_router(1)
        for act in (stack.kill_agent, stack.start_agent, stack.stop_rlp):
            await act()
        await stack.start_rlp()
        await stack.kill_rlp()
        assert len(stack.router_addresses) == 2


async def test_a_child_refuses_as_the_stack_does() -> None:
    """A mistake is the same UsageError, though it was found in the other process."""
    with pytest.raises(UsageError, match="2 routers and 1 router ports"):
        async with ChildStack(routers=2, router_ports=(1,)):
            pass


async def test_a_child_that_ends_by_itself_is_told() -> None:
    """Its death is an CouldNotProbe for whoever asks, and for the block."""
    stack = ChildStack()
    await stack.__aenter__()
    directory = Path(stack.client_tls("metron").ca_file).parent
    stack._process.kill()
    with pytest.raises(CouldNotProbe, match="ended by itself"):
        await stack.drops()
    with pytest.raises(CouldNotProbe, match="ended by itself"):
        await stack.__aexit__(None, None, None)

    assert not directory.exists()


def test_a_child_ends_with_its_parent() -> None:
    """However abruptly the parent ends; its certificates are gone, too.

    The child holds the pipes that it inherited, so that their end is its end.
    """
    parent = textwrap.dedent("""
        import asyncio, os
        from prober.pipeline.child import ChildStack

        async def main():
            async with ChildStack() as stack:
                print(stack.client_tls("metron").ca_file, flush=True)
                os._exit(9)

        asyncio.run(main())
    """)
    done = subprocess.run(
        [sys.executable, "-c", parent],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert (done.returncode, done.stderr) == (9, "")
    assert not Path(done.stdout.strip()).parent.exists()


def test_a_stack_without_faults_knows_nothing_of_them() -> None:
    """Nor does whoever starts it: what a run does not use it does not wait for."""
    code = (
        "import sys\n"
        "import prober.pipeline.child, prober.cli.targets\n"
        "parts = ('prober.pipeline.faults', 'prometheus_client')\n"
        "assert not [name for name in sys.modules if name.startswith(parts)]"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)
