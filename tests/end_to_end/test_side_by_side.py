"""What several consumers tell together, and what nobody is ever told."""

import asyncio
import io
from decimal import Decimal

import pytest
from rich.console import Console

from prober import report
from prober.clock import SystemClock
from prober.egress import platform
from prober.egress.rlp import RlpReader
from prober.ingress.agent import AgentWriter
from prober.pipeline.stack import ReferenceStack
from prober.probe import Controls, PlatformSource
from prober.records import RunResult
from prober.report import json, terminal
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch, Event, Log
from tests.end_to_end.test_stack_runs import run
from tests.test_probe import Bench

SECRET = b"password=hunter2-do-not-tell"


def told(result: RunResult) -> str:
    """Everything that is told of a run: the screen and the document."""
    made = report.build(result, Decimal("0.999"))
    screen = io.StringIO()
    terminal.render(made, Console(file=screen, width=200))
    return screen.getvalue() + json.render(made)


async def test_loss_before_the_fork_is_lost_by_all() -> None:
    """What no consumer got was lost before they part."""
    bench = Bench(drop=range(30, 40))

    shown = told(await bench.run(other=bench.pipe.reader()))

    assert "lost by all 10 (before the fork" in shown
    assert "by some 0" in shown


async def test_loss_of_one_consumer_is_its_own() -> None:
    """What one consumer alone misses was lost on its own way out."""
    bench = Bench()
    other = bench.pipe.reader()
    bench.at_message[30] = lambda: setattr(other, "deaf", True)
    bench.at_message[40] = lambda: setattr(other, "deaf", False)

    shown = told(await bench.run(other=other))

    assert "lost by all 0; by some 10; by other alone 10 (its own egress)" in shown


async def test_foreign_payloads_are_never_told(
    stack: ReferenceStack,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Of other people's logs nothing is shown, however near they come to ours."""
    clock = SystemClock()
    lookalike = b"prober/1 k3v9x2m4q7a 00000000 " + SECRET
    body = (
        f"Remote Address: {SECRET!r}:1\nX-Forwarded-For: {SECRET!r}\nPath: /firehose/"
    )
    slow = Event(
        title="Traffic Controller has disconnected slow consumer",
        body=f"{body}{SECRET!r}\n\nWhen …",
    )
    others = [
        Envelope(source_id="somebody", log=Log(payload=payload))
        for payload in (SECRET, lookalike, b"k3v9x2m4q7a " + SECRET)
    ]
    others.append(Envelope(source_id="traffic_controller", event=slow))
    batch = EnvelopeBatch(batch=others).SerializeToString()
    tls = stack.client_tls("metron")
    over, told_of = asyncio.Event(), list[str]()

    def whose(shard_id: str) -> None:
        told_of.append(shard_id)

    listening = PlatformSource(
        open=lambda: RlpReader(
            stack.rlp_address,
            stack.client_tls("reverselogproxy"),
            clock,
            source_id=None,
            kinds=(),
            shard_id=lambda _: "platform",
            ask=platform.request,
        ),
        readings=platform.readings,
        whose=whose,
    )

    async def chatter() -> None:
        async with AgentWriter(
            stack.agent_address, tls, clock, lambda _: None
        ) as writer:
            while not over.is_set():
                await writer.write(batch, None)
                await clock.sleep(0.01)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(chatter())
        result = await run(stack, whole=True, controls=Controls(platform=listening))
        over.set()

    everything = told(result) + caplog.text + "".join(capfd.readouterr())
    assert 1000 == result.consumers[0].counts.on_time
    assert "hunter2" in told_of[0]  # it was read
    assert "hunter2" not in everything
    assert "somebody" not in everything
