"""Each measurement: the parts that are shipped, as fast as they go."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

from prober.bench.ends import RUN, Case, Ends, Setting, null
from prober.bench.meter import Meter
from prober.bench.results import Latency, Result
from prober.bench.timed import DEADLINES, NAME, Books, Over, Stopped, Timed
from prober.clock import NS
from prober.errors import CouldNotProbe, InternalError
from prober.ingress.envelopes import Encoder
from prober.ledger import Ledger
from prober.plan import Plan, Send
from prober.probe import Controls, Job, Phase, Progress, probe
from prober.probe.legs import Legs
from prober.probe.reading import Reading, Sighted
from prober.records import Evidence, Handover, Outcome, RunResult, Sign, State
from prober.stamp import Scanner

PACED_CYCLES = 20
SAMPLE_NS = NS // 20
FLUSH_SECONDS = 10.0
ON_SCHEDULE = 0.97
"""The share of a rate that has to be kept for a paced run to count."""


async def send(case: Case, setting: Setting) -> Result:
    """Measure registering, encoding and writing, as fast as it is taken."""
    meter, handed = Meter(), dict.fromkeys(Handover, 0)
    async with null(case, "swallow", setting) as ends:
        ledger, encoder = (
            Ledger(ends.plan, DEADLINES, [NAME]),
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
    """Measure reading, looking through and booking of messages that are all ours."""
    async with null(case, "pour", setting) as ends:
        books = Books(ends)
        reader = await _read(ends, books)
        if books.ledger.received(NAME) != reader.count:
            raise InternalError(
                f"{reader.count:,} messages came from the null pipeline, and "
                f"{books.ledger.received(NAME):,} were booked"
            )
    return _result(case, reader.meter)


async def skim(case: Case, setting: Setting) -> Result:
    """Measure looking through traffic of others, in which nothing is ours."""
    async with null(case, "foreign", setting) as ends:
        books = Books(ends)
        reader = await _read(ends, books)
        if books.ledger.received(NAME):
            raise InternalError("messages of nobody were taken for ours")
    return _result(case, reader.meter)


async def _read(ends: Ends, books: "Books") -> "Timed":
    """Read, look through and book, with the leg of a probe, until time is up."""
    reader, clock = Timed(ends), ends.setting.clock
    leg = Reading(reader, clock, Scanner(RUN, ends.plan.cycle_of))
    async with leg:
        with suppress(Over):
            async for item in leg.sightings():
                if isinstance(item, Sighted):
                    books.take(item)
                elif isinstance(item, Evidence) and item.sign is Sign.CUT:
                    raise CouldNotProbe(item.detail)
    return reader


async def both(
    case: Case, setting: Setting, legs: Callable[[Ends], Legs | None] = lambda _: None
) -> Result:
    """Measure a whole probe, as fast as it goes; `legs` makes those of elsewhere."""
    result, meter = await _probe(case, setting, lambda plan: plan, legs)
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
    case: Case,
    setting: Setting,
    change: Callable[[Plan], Plan],
    legs: Callable[[Ends], Legs | None] = lambda _: None,
) -> tuple[RunResult, Meter]:
    """Run one probe over an echo; raises Stopped."""
    meter, over = Meter(), False

    def observe(progress: Progress) -> None:
        nonlocal over
        if progress.phase is not Phase.PRIMING and not over:
            meter.sample(progress.received[NAME])
            over = progress.phase is Phase.DRAINING

    async with null(case, "echo", setting) as ends:
        job = Job(
            run_id=RUN,
            environment="null",
            plan=change(ends.plan),
            deadlines=DEADLINES,
            whole_firehose=False,
            max_send_ns=round(setting.seconds * NS),
        )
        result = await probe(
            job,
            [ends.writer],
            {NAME: ends.reader},
            setting.clock,
            Controls(stop=setting.stop, observer=observe),
            legs=legs(ends),
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
