"""Each measurement: the parts that are shipped, as fast as they go."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

from prober.bench.ends import RUN, Case, Ends, Setting, null
from prober.bench.meter import Meter
from prober.bench.results import Latency, Result
from prober.clock import NS
from prober.errors import CouldNotProbe, InternalError
from prober.ingress.envelopes import Encoder
from prober.ledger import Deadlines, Ledger
from prober.plan import MAX_BATCH, Plan, Send
from prober.probe import Controls, Job, Phase, Progress, probe
from prober.probe.groups import Group, grouped
from prober.records import Handover, Outcome, RunResult, Sign, State
from prober.stamp import Scanner

PACED_CYCLES = 20
SAMPLE_NS = NS // 20
GATHER_SECONDS = 0.005
"""How often at most arrivals are booked, as in a probe."""
NOTHING_SECONDS = 10.0
"""How long nothing at all may come."""
FLUSH_SECONDS = 10.0
ON_SCHEDULE = 0.97
"""The share of a rate that has to be kept for a paced run to count."""
_NAME = "null"
_DEADLINES = Deadlines(late_after_ns=5 * NS, lost_after_ns=10 * NS)


class Stopped(Exception):  # noqa: N818 - a wish, not an error
    """Somebody wants no more: the measurement that was under way is worth nothing."""


async def send(case: Case, setting: Setting) -> Result:
    """Measure registering, encoding and writing, as fast as it is taken."""
    meter, handed = Meter(), dict.fromkeys(Handover, 0)
    async with null(case, "swallow", setting) as ends:
        ledger, encoder = (
            Ledger(ends.plan, _DEADLINES, [_NAME]),
            Encoder(RUN, ends.plan),
        )

        def report(outcome: Outcome) -> None:
            handed[outcome.handover] += outcome.span.count
            ledger.hand_over(outcome)

        async with ends.writer(report) as writer:
            for each in _sends(ends, meter):
                now_ns = setting.clock.now_ns()
                ledger.attempt(each.span, each.cycle, now_ns)
                raw = encoder.messages(each.span, each.cycle, now_ns)
                await writer.write(raw, each.span)
            await writer.flush(FLUSH_SECONDS)
    if handed[Handover.REJECTED] or handed[Handover.AMBIGUOUS]:
        raise CouldNotProbe("the null pipeline did not take in all that was sent")
    return _result(case, meter)


def _sends(ends: Ends, meter: Meter) -> Iterator[Send]:
    """Yield the plan's batches while there is time; raises Stopped."""
    clock, stop = ends.setting.clock, ends.setting.stop
    now_ns = next_ns = clock.now_ns()
    end_ns = now_ns + round(ends.setting.seconds * NS)
    for each in ends.plan.sends():
        now_ns = clock.now_ns()
        if now_ns >= next_ns:
            meter.sample(each.span.first)
            next_ns = now_ns + SAMPLE_NS
            if stop.is_set():
                raise Stopped
            if now_ns >= end_ns:
                return
        yield each


async def receive(case: Case, setting: Setting) -> Result:
    """Measure reading, scanning and booking of messages that are all ours."""
    async with null(case, "pour", setting) as ends:
        ledger = Ledger(ends.plan, _DEADLINES, [_NAME])
        for cycle in range(ends.plan.cycles):
            ledger.attempt(ends.plan.span_of(cycle), cycle, setting.clock.now_ns())
        meter, count = await _read(ends, ledger)
        if ledger.received(_NAME) != count:
            raise InternalError(
                f"{count:,} messages came from the null pipeline, and "
                f"{ledger.received(_NAME):,} were booked"
            )
    return _result(case, meter)


async def skim(case: Case, setting: Setting) -> Result:
    """Measure looking through traffic of others, in which nothing is ours."""
    async with null(case, "foreign", setting) as ends:
        ledger = Ledger(ends.plan, _DEADLINES, [_NAME])
        meter, _ = await _read(ends, ledger)
        if ledger.received(_NAME):
            raise InternalError("messages of nobody were taken for ours")
    return _result(case, meter)


async def _read(ends: Ends, ledger: Ledger) -> tuple[Meter, int]:
    """Read, scan and book as a probe does; return how many envelopes came, too."""
    setting, meter, count = ends.setting, Meter(), 0
    scanner = Scanner(RUN, ends.plan.cycle_of)
    # A frame of version 1 is one envelope; all else comes in whole batches.
    each = 1 if ends.case.reader == "firehose" else MAX_BATCH
    end_ns = None
    async with ends.reader() as reader:
        while end_ns is None or setting.clock.now_ns() < end_ns:
            async with asyncio.timeout(NOTHING_SECONDS):
                items = await reader.receive()
            if setting.stop.is_set():
                raise Stopped
            for item in grouped(items):
                if isinstance(item, Group):
                    _book(item, scanner, ledger)
                    count += each * sum(len(m.batches) for m in item.members)
                    await asyncio.sleep(0)
                elif item.sign is Sign.CUT:
                    raise CouldNotProbe(item.detail)
            if count and end_ns is None:
                end_ns = setting.clock.now_ns() + round(setting.seconds * NS)
            meter.sample(count)
            await asyncio.sleep(GATHER_SECONDS)
    return meter, count


def _book(group: Group, scanner: Scanner, ledger: Ledger) -> None:
    found = scanner.scan(group.raw)
    whole = group.whole
    ledger.arrive(_NAME, found, whole.at_ns, whole.epoch, group.times(found.places))


async def both(case: Case, setting: Setting) -> Result:
    """Measure a whole probe, as fast as it goes."""
    result, meter = await _probe(case, setting, lambda plan: plan)
    counts = result.consumers[0].counts
    if counts.lost or counts.duplicates or counts.corrupt:
        raise InternalError(
            f"{counts.lost:,} lost, {counts.corrupt:,} corrupt and "
            f"{counts.duplicates:,} duplicates of a null pipeline that does no such "
            "thing"
        )
    return _result(case, meter)


async def paced(case: Case, setting: Setting, rate: float) -> tuple[bool, Latency]:
    """Probe at a rate; tell whether what was read is valid, and what the floor is."""

    def at(plan: Plan) -> Plan:
        messages = max(int(rate * setting.seconds), PACED_CYCLES)
        return replace(
            plan, messages=messages, cycles=PACED_CYCLES, rate=Fraction(int(rate))
        )

    result, _ = await _probe(case, setting, at)
    consumer = result.consumers[0]
    valid = consumer.states()[State.PASS] == len(consumer.cycles)
    kept = (result.rate_achieved or 0) >= ON_SCHEDULE * rate
    latency = Latency(
        p50=(consumer.latency.quantile(0.5) or 0) / NS,
        p99=(consumer.latency.quantile(0.99) or 0) / NS,
        at_rate=rate,
    )
    return valid and kept, latency


async def _probe(
    case: Case, setting: Setting, change: Callable[[Plan], Plan]
) -> tuple[RunResult, Meter]:
    """Run one probe over an echo; raises Stopped."""
    meter, over = Meter(), False

    def observe(progress: Progress) -> None:
        nonlocal over
        if progress.phase is not Phase.PRIMING and not over:
            meter.sample(progress.received[_NAME])
            over = progress.phase is Phase.DRAINING

    async with null(case, "echo", setting) as ends:
        job = Job(
            run_id=RUN,
            environment="null",
            plan=change(ends.plan),
            deadlines=_DEADLINES,
            whole_firehose=False,
            max_send_ns=round(setting.seconds * NS),
        )
        result = await probe(
            job,
            [ends.writer],
            {_NAME: ends.reader},
            setting.clock,
            Controls(stop=setting.stop, observer=observe),
        )
    if setting.stop.is_set():
        raise Stopped
    return result, meter


def _result(case: Case, meter: Meter) -> Result:
    return Result(
        name=case.name,
        reader=case.reader,
        tls=case.tls,
        envelopes_per_second=round(meter.per_second),
        cpu_seconds_per_million=round(meter.cpu_per_million, 3),
        rss_mb=round(meter.rss_bytes / 1e6, 1),
    )
