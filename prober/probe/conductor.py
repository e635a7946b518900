"""One probe from end to end: prime, send what is planned, wait for the tail, account.

The messages' way: the plan's batches are registered in the ledger, stamped, encoded and
written; what readers hand over is scanned for stamps and booked. Everything runs in one
task group, and ends with it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from prober.clock import NS, Clock, finished
from prober.errors import CouldNotProbe, NeverPrimed, ProberError
from prober.histogram import Histogram
from prober.ingress.envelopes import Encoder
from prober.ledger import Ledger
from prober.plan import Send
from prober.probe.blindness import Blindness
from prober.probe.cautions import cautions
from prober.probe.closing import Closing
from prober.probe.consumer import Consumer, OpenReader
from prober.probe.health import LAG_LIMIT_SECONDS, Health
from prober.probe.job import Controls, Job, Phase, Progress, unprobed
from prober.probe.legs import Legs
from prober.probe.looking import Looking
from prober.probe.paths import Paths
from prober.probe.platform import CUT_OFF
from prober.probe.primers import PRIMER_SECONDS, Primers
from prober.probe.reading import Reading, Sighted
from prober.probe.writers import Writers
from prober.probe.writing import OpenWriter, OpenWriting, Writing
from prober.records import CutOff, CycleResult, Evidence, Fault, Kind, RunResult, Sign
from prober.stamp import Mark, Scanner

PRIME_TIMEOUT_SECONDS = 15.0
TRAILER_SECONDS = 0.2
SHOW_SECONDS = 0.1
PATIENT_SECONDS = 1.0
WORD_SECONDS = 0.5
"""How long a peer has for its word once everything came, and at most when we end."""
YIELD_EVERY = 256
"""Messages left out, after which others have their turn."""


class Conductor:
    """The state of one run; `run` does the phases in turn."""

    def __init__(
        self,
        job: Job,
        ways_out: Mapping[str, OpenReader],
        clock: Clock,
        controls: Controls,
        legs: Legs,
    ) -> None:
        self._job, self._clock, self._controls = job, clock, controls
        self._stop, self._enough = controls.stop, controls.enough
        self._scanner = Scanner(job.run_id, job.plan.cycle_of)
        self._encoder = Encoder(job.run_id, job.plan)
        self.consumers = {
            name: Consumer(
                leg=legs.reading[name]()
                if name in legs.reading
                else self._reading(open_reader),
                open=open_reader,
            )
            for name, open_reader in ways_out.items()
        }
        carried = {
            name: [kind for kind in Kind if consumer.leg.expects(kind)]
            for name, consumer in self.consumers.items()
        }
        self.ledger = Ledger(
            job.plan, job.deadlines, carried, keep_cycles=job.keep_cycles
        )
        self.paths = Paths()
        self._closing = Closing(
            self.ledger,
            job.plan,
            self.consumers.values(),
            clock,
            self._tell,
            settle_seconds=job.poll_seconds,
        )
        self._looking = Looking(
            self.ledger, self.consumers, clock=clock, deadlines=job.deadlines
        )
        self.health = Health(
            clock, self.ledger.fault, job.poll_seconds, most_memory=job.most_memory
        )
        self._primers = Primers(self._encoder, clock)
        self._blindness = [self._blindness_of(name) for name in self.consumers]
        self.warnings: list[str] = []
        self.started_ns = clock.now_ns()
        self._sends: list[int] = []
        """Times of the first and the last batch, in nanoseconds."""
        self._last_count = 0
        self._send_lag = Histogram()
        self._cycles_begun = 0
        self._phase = Phase.PRIMING
        self._interrupted_ns = 0
        self._left_out = 0

    def _blindness_of(self, name: str) -> Blindness:
        return Blindness(
            name,
            self.consumers[name],
            clock=self._clock,
            ledger=self.ledger,
            scanner=self._scanner,
            primers=self._primers,
        )

    def _reading(self, open_reader: OpenReader) -> Reading:
        """Return a leg in this process for a reader."""
        return Reading(
            open_reader(),
            self._clock,
            self._scanner,
            self._job.alarms,
            counting=self._job.whole_firehose and self._controls.on_look is not None,
        )

    def writing(self, ways_in: Sequence[OpenWriter]) -> list[OpenWriting]:
        """Return a leg in this process for each writer."""

        def opener(way_in: OpenWriter) -> OpenWriting:
            return lambda book, _: Writing(way_in, self._encoder, self._clock, book)

        return [opener(each) for each in ways_in]

    async def run(self, writer: Writers) -> None:
        """Do the whole probe over open connections."""
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(self.health.watch())]
            if self._controls.on_look is None:
                background.append(tasks.create_task(self._show()))
            background.append(tasks.create_task(self._watch_legs()))
            for name, consumer in self.consumers.items():
                self.ledger.leave(name, self.started_ns, "not yet subscribed")
                background.append(tasks.create_task(self._listen(name, consumer)))
            await self._prime(writer)
            background.append(tasks.create_task(self._closing.watch()))
            background.append(tasks.create_task(self._prime_again(writer)))
            background.extend(
                tasks.create_task(each.watch(writer)) for each in self._blindness
            )
            if self._controls.on_look is not None:
                looking = self._looking.watch(self._controls.on_look, writer)
                background.append(tasks.create_task(looking))
            background.append(tasks.create_task(self._send_and_drain(writer)))
            await self._until_over(background[-1])
            for task in background:
                task.cancel()

    async def _send_and_drain(self, writer: Writers) -> None:
        await self._send(writer)
        self._enter(Phase.DRAINING)
        async with asyncio.TaskGroup() as tasks:
            flushing = tasks.create_task(writer.flush(self._tail_seconds()))
            await self._drain(writer)
            # When all has come, the peer's word on it is on its way.
            await finished(self._clock, WORD_SECONDS, {flushing})
            flushing.cancel()

    async def _until_over(self, sending: "asyncio.Task[None]") -> None:
        """Wait until all is sent and here; interrupted, for no peer that hangs."""
        stopped = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({sending, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not sending.done():
            longest = self._controls.stop_seconds + WORD_SECONDS
            await finished(self._clock, longest, {sending})

    # The phases.

    async def _prime(self, writer: Writers) -> None:
        """Send primers until ten in a row came back to every consumer.

        A pipeline that loses steadily never brings ten: when time is up, one of them
        has to do, and the result says so. One consumer is enough to go on.
        """
        deadline_ns = self._clock.now_ns() + round(PRIME_TIMEOUT_SECONDS * NS)
        while not self._stop.is_set() and self._clock.now_ns() < deadline_ns:
            if all(each.primed or each.cut for each in self.consumers.values()):
                break
            await self._primers.send(writer)
        if self._stop.is_set():
            return
        for name, consumer in self.consumers.items():
            if not consumer.primed:
                self._settle_for_less(name, consumer)
        if not any(consumer.primed for consumer in self.consumers.values()):
            raise self._never_primed(writer)

    def _settle_for_less(self, name: str, consumer: Consumer) -> None:
        came, sent = len(consumer.primers), self._primers.sent - consumer.primers_from
        if came:
            self._attach(name, consumer, self._clock.now_ns())
        why = consumer.cut or f"{came} of {sent} primers came back before the start"
        self.warnings.append(f"{name}: {why}")

    def _never_primed(self, writer: Writers) -> CouldNotProbe:
        for consumer in self.consumers.values():
            if consumer.cut:
                return CouldNotProbe(consumer.cut)
        exits = ", ".join(each.leg.read_from for each in self.consumers.values())
        return NeverPrimed(
            f"{self._primers.sent} primers were written to the {writer.written_to}, "
            f"and none came back through the {exits} within "
            f"{PRIME_TIMEOUT_SECONDS:.0f} s: are both of the same foundation?"
        )

    async def _prime_again(self, writer: Writers) -> None:
        """Prime consumers that had to subscribe anew, beside everything else.

        While nothing is open there is nothing to prime; and of a way out that brings
        none for long one a second is asked for, to be no load on what is in trouble.
        """
        asked = 0
        while True:
            if not any(each.asks for each in self.consumers.values()):
                asked = 0
                await self._clock.sleep(max(PRIMER_SECONDS, self._job.poll_seconds))
                continue
            asked += 1
            await self._primers.send(writer)
            if asked * PRIMER_SECONDS > PRIME_TIMEOUT_SECONDS:
                await self._clock.sleep(PATIENT_SECONDS)

    async def _send(self, writer: Writers) -> None:
        """Write what is planned when it is due; what is late is sent at once."""
        self._enter(Phase.SENDING)
        start_ns = self._controls.begin(self._clock.now_ns())
        for send in self._job.plan.sends():
            await self._until(start_ns + send.due_ns)
            if self._stop.is_set() or self._ends_before(send.cycle, start_ns):
                return
            now_ns = self._clock.now_ns()
            if self._too_late(start_ns + send.due_ns, now_ns):
                await self._leave_out(send)
                continue
            if send.cycle >= self._cycles_begun:
                self._cycles_begun = send.cycle + 1
                span = self._job.plan.span_of(send.cycle)
                self._controls.on_open(send.cycle, span, now_ns)
            self._send_lag.add_one(now_ns - start_ns - send.due_ns)
            self.ledger.attempt(send.span, send.cycle, now_ns)
            self._sends = [*self._sends[:1], now_ns]
            self._last_count = send.span.count
            await writer.send(send.span, send.cycle, now_ns)

    def _too_late(self, due_ns: int, now_ns: int) -> bool:
        limit_ns = self._job.behind_ns
        return limit_ns is not None and now_ns - due_ns > limit_ns

    async def _leave_out(self, send: Send) -> None:
        self.ledger.leave_out(send.span, send.cycle)
        self._left_out += send.span.count
        if self._left_out % YIELD_EVERY < send.span.count:
            await asyncio.sleep(0)

    def _ends_before(self, cycle: int, start_ns: int) -> bool:
        """Tell whether a cycle is not to be begun, as enough is known or time is up."""
        if cycle < self._cycles_begun:
            return False
        limit_ns = self._job.max_send_ns
        if limit_ns is not None and self._clock.now_ns() - start_ns >= limit_ns:
            self._enough.set()
        return self._enough.is_set()

    async def _until(self, due_ns: int) -> None:
        """Sleep until a time, in slices short enough to notice an interruption."""
        while not self._stop.is_set():
            seconds = (due_ns - self._clock.now_ns()) / NS
            if seconds <= 0:
                return
            await self._clock.sleep(min(seconds, self._job.poll_seconds))

    async def _drain(self, writer: Writers) -> None:
        """Wait for the tail: for everything and a trailer, or for the last deadline."""
        trailers = next_ns = 0
        while self._tail_seconds() > 0 and not self._all_here():
            if self._clock.now_ns() >= next_ns:
                next_ns = self._clock.now_ns() + round(TRAILER_SECONDS * NS)
                raw = self._encoder.aid(Mark.TRAILER, trailers, self._clock.now_ns())
                await writer.write(raw)
                trailers += 1
            await self._clock.sleep(self._job.poll_seconds)

    def _tail_seconds(self) -> float:
        """How long to wait still; an interruption cuts it short, once."""
        now_ns = self._clock.now_ns()
        last_ns = self._sends[-1] if self._sends else now_ns
        final_ns = last_ns + self._job.deadlines.lost_after_ns
        if self._stop.is_set() and not self._interrupted_ns:
            self._interrupted_ns = now_ns
        if self._interrupted_ns:
            cut = self._interrupted_ns + round(self._controls.stop_seconds * NS)
            final_ns = min(final_ns, cut)
        return max(0.0, (final_ns - now_ns) / NS)

    def _all_here(self) -> bool:
        return all(
            consumer.trailed and self.ledger.complete(name)
            for name, consumer in self.consumers.items()
        )

    # Beside the phases.

    async def _watch_legs(self) -> None:
        """Note when a leg has not handed up for long what it may well have."""
        while True:
            await self._clock.sleep(LAG_LIMIT_SECONDS)
            now_ns = self._clock.now_ns()
            for name, consumer in self.consumers.items():
                until_ns = consumer.leg.handed_until(now_ns)
                if now_ns - until_ns > LAG_LIMIT_SECONDS * NS:
                    self.health.read(name, until_ns)

    async def _listen(self, name: str, consumer: Consumer) -> None:
        """Book what a leg hands up, in its order."""
        async for item in consumer.leg.sightings():
            match item:
                case Sighted():
                    self._book(name, consumer, item)
                case Evidence():
                    self._note(name, consumer, item)
                case Fault():
                    self.ledger.fault(item, name)

    def _book(self, name: str, consumer: Consumer, sighted: Sighted) -> None:
        found, epoch = sighted.found, sighted.epoch
        self.ledger.arrive(name, found, sighted.at_ns, epoch, sighted.each_ns)
        consumer.cut = ""
        consumer.trailed = consumer.trailed or bool(found.trailers)
        if consumer.prime(found.primers, epoch) or (
            consumer.renews(epoch) and self.ledger.proven(name, epoch)
        ):
            self._attach(name, consumer, sighted.at_ns, epoch)
        consumer.lagged(self.health.read(name, sighted.first_ns))
        for alarm, at_ns in sighted.alarms:
            self.health.blame(at_ns, self._job.alarms[alarm])

    def _note(self, name: str, consumer: Consumer, evidence: Evidence) -> None:
        match evidence.sign:
            case Sign.CUT:
                self.ledger.disconnect(name, evidence.epoch)
                consumer.disconnect(evidence.epoch)
                if consumer.primed:
                    return  # another connection beside it brings everything
                if not consumer.connections:
                    consumer.cut = evidence.detail
                self.ledger.leave(
                    name, evidence.at_ns, "consumer disconnected", evidence.detail
                )
            case Sign.CONNECTED:
                self.ledger.connect(name, evidence.epoch)
                consumer.connect(evidence.epoch, self._primers.sent)
            case Sign.HEARTBEAT:
                self.ledger.hear(name, evidence.at_ns)
            case Sign.STALL:
                consumer.stalled(
                    self.health.stalled(name, evidence.at_ns, evidence.detail)
                )
            case Sign.CLOSING:
                pass  # the reader has its successor open

    def cut_off(self, told: CutOff, epoch: int | None) -> None:
        """Note what the traffic controller tells of a consumer that was too slow.

        Often before the consumer itself: what was sent to it earlier is read first.
        """
        name = told.consumer
        absence = Fault(from_ns=told.from_ns, to_ns=told.at_ns, reason=CUT_OFF)
        self.ledger.miss(name, absence)
        if epoch in self.consumers[name].connections:
            self.ledger.leave(name, told.from_ns, CUT_OFF)

    def _attach(
        self, name: str, consumer: Consumer, at_ns: int, epoch: int | None = None
    ) -> None:
        consumer.attach(epoch)
        self.ledger.attach(name, at_ns)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._controls.observer(self._progress())

    async def _show(self) -> None:
        while True:
            self._controls.observer(self._progress())
            await self._clock.sleep(SHOW_SECONDS)

    def _progress(self) -> Progress:
        draining = self._phase is Phase.DRAINING
        now_ns = self._clock.now_ns()
        return Progress(
            phase=self._phase,
            planned=self._job.plan.to_send,
            sent=self.ledger.attempted,
            received={name: self.ledger.received(name) for name in self.consumers},
            overdue={
                name: self.ledger.overdue(name, now_ns) for name in self.consumers
            },
            lag_seconds={name: each.lag for name, each in self.consumers.items()},
            rate=self._achieved(),
            seconds=(now_ns - self.started_ns) / NS,
            seconds_left=self._tail_seconds() if draining else None,
        )

    def blame(self, error: BaseException) -> None:
        """Void everything, for an error that should not have been."""
        kind = "" if isinstance(error, ProberError) else f"{type(error).__name__}: "
        words = f"a fault of ours: {kind}{error}"
        self.warnings.append(words)
        self.health.blame(self.started_ns, words)

    # The result.

    def result(self, writer: Writers) -> RunResult:
        """Return everything that was measured, judged as of now."""
        self._closing.end(self._cycles_begun)
        now_ns = self._clock.now_ns()
        achieved = self._achieved()
        transports = {name: c.leg.transport for name, c in self.consumers.items()}
        return replace(
            unprobed(self._job, self.started_ns),
            ended_at_ns=now_ns,
            partial=self._stop.is_set(),
            rate_achieved=achieved,
            send_lag=None if self._job.plan.rate is None else self._send_lag,
            written_to=tuple(
                dict.fromkeys(e.written_to for e in writer.results() if not e.trouble)
            ),
            writers=writer.results(),
            consumers=tuple(self.ledger.results(transports, now_ns, self._planned())),
            warnings=(
                *self.warnings,
                *(words for each in self._blindness for words in each.found),
                *cautions(self._job.plan, achieved),
            ),
            health=self.health.figures(),
        )

    def _tell(self, judged: Mapping[str, CycleResult]) -> None:
        self.paths.close(judged)
        self._controls.on_cycle(judged)

    def _planned(self) -> int:
        """How many cycles were to be sent: not those beyond what was enough."""
        enough = self._job.at_most or (
            self._enough.is_set() and not self._stop.is_set()
        )
        return self._cycles_begun if enough else self._job.plan.cycles

    def _achieved(self) -> float | None:
        """Messages a second: those before the last batch, over the time until it."""
        if len(self._sends) < 2 or self._sends[0] == self._sends[1]:  # noqa: PLR2004
            return None
        seconds = (self._sends[1] - self._sends[0]) / NS
        return (self.ledger.attempted - self._last_count) / seconds
