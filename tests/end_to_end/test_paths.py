"""Straight to each router of a stack: one that is away is told apart."""

import dataclasses
from fractions import Fraction

from prober import report
from prober.clock import SystemClock
from prober.egress import platform
from prober.egress.rlp import RlpReader
from prober.ingress import Report
from prober.ingress.agent import AgentWriter
from prober.pipeline.profile import PROFILES
from prober.pipeline.stack import ReferenceStack
from prober.probe import Controls, OpenWriter, PlatformSource, probe
from prober.report.paths import routers_words
from tests.end_to_end.test_stack_runs import PLAN
from tests.test_probe import job

CLOCK = SystemClock()


async def test_each_router_is_a_path_of_its_own() -> None:
    """Two of three routers take messages in; of all three the counters come."""
    profile = dataclasses.replace(PROFILES["loggregator"], router_metrics=0.2)
    plan = dataclasses.replace(PLAN, messages=600, rate=Fraction(400))
    asked = dataclasses.replace(job(), plan=plan)
    async with ReferenceStack(routers=3, profile=profile) as stack:
        addresses = (*stack.router_addresses[:2], "127.0.0.1:1")
        tls, proxy = stack.client_tls("doppler"), stack.client_tls("reverselogproxy")

        def writer(address: str) -> OpenWriter:
            def opened(told: Report) -> AgentWriter:
                return AgentWriter(address, tls, CLOCK, told, peer="router")

            return opened

        def reader(shard: str, *, counters: bool) -> RlpReader:
            return RlpReader(
                stack.rlp_address,
                proxy,
                CLOCK,
                source_id=plan.source_id,
                kinds=plan.kinds,
                shard_id=lambda _: shard,
                ask=platform.request if counters else None,
            )

        result = await probe(
            asked,
            [writer(each) for each in addresses],
            {"rlp": lambda: reader("messages", counters=False)},
            CLOCK,
            Controls(
                platform=PlatformSource(
                    open=lambda: reader("platform", counters=True),
                    readings=platform.readings,
                )
            ),
        )

    assert 600 == result.consumers[0].counts.on_time
    assert [300, 300, 0] == [each.accepted for each in result.writers]
    assert [[300], [300], []] == [
        [each.sent for each in writer.reached] for writer in result.writers
    ]
    assert "nothing listens there" in result.writers[2].trouble
    told = report.build(result, None)
    assert "2 of 3 routers tested" == routers_words(told.routers)
