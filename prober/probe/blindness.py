"""Are readers that were there before left behind, while a new one gets everything?

A reverse log proxy that lost a router keeps its consumers' streams open and may not
come back to the router for minutes: no error, no end, only silence. A subscription made
now works at once. So when messages are overdue on a live stream, one is made, and both
are shown the same primers. Where messages are lost on the way to either, each misses
some that the other has; if it is the old one alone, every reader of that age is blind.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable

from prober.clock import NS, Clock
from prober.ledger import Ledger
from prober.probe.consumer import Consumer
from prober.probe.primers import Primers
from prober.probe.reading import Reading, Sighted
from prober.probe.writers import Writers
from prober.stamp import Scanner

OVERDUE_SECONDS = 10.0
"""How long a message may be under way before a fresh subscription is tried."""
FRESH_SECONDS = 10.0
"""How long a fresh subscription may take to be primed."""
SETTLE_SECONDS = 2.0
"""How long both are given for a primer."""
COMPARE_SECONDS = 30.0
"""How long they are compared at most."""
FEW = 50
"""Primers after which they are not compared further if nothing speaks for it."""
LOOK_SECONDS = 1.0
MOST_FOUND = 100
SURE = 1000.0
"""How much more likely it has to be that the old one is blind than that both lose."""
_SHARE = 15 / 16
"""How many of the primers that only one of them has a blind one misses, at least."""


class Blindness:
    """Watches one consumer for messages that are overdue, and asks why."""

    def __init__(
        self,
        name: str,
        consumer: Consumer,
        *,
        clock: Clock,
        ledger: Ledger,
        scanner: Scanner,
        primers: Primers,
    ) -> None:
        self._name, self._consumer = name, consumer
        self._clock, self._ledger = clock, ledger
        self._scanner, self._primers = scanner, primers
        self.found: deque[str] = deque(maxlen=MOST_FOUND)
        """A sentence for each time that the consumer was blind, of many the last."""

    async def watch(self, writers: Writers) -> None:
        """Look every second, for as long as the run lasts."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            since_ns = self._overdue_since()
            if since_ns is not None and await self._fresh_one_sees_more(writers):
                await self._sit_out(since_ns)

    def _overdue_since(self) -> int | None:
        if not self._consumer.primed or self._consumer.cut:
            return None
        before_ns = self._clock.now_ns() - round(OVERDUE_SECONDS * NS)
        return self._ledger.overdue_since(self._name, before_ns)

    async def _fresh_one_sees_more(self, writers: Writers) -> bool:
        """Subscribe anew, and compare what both see of the same primers."""
        async with self._consumer.open() as reader:
            leg = Reading(reader, self._clock, self._scanner)
            fresh = Consumer(leg=leg, open=self._consumer.open)
            fresh.resubscribe(self._primers.sent)
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(self._listen(fresh))
                await self._send_until(FRESH_SECONDS, writers, lambda: fresh.primed)
                sees_more = fresh.primed and await self._compare(fresh, writers)
                listening.cancel()
        return sees_more

    async def _compare(self, fresh: Consumer, writers: Writers) -> bool:
        """Show both further primers until it is sure whether the old one is blind."""
        first = settled = self._primers.sent
        sent: deque[tuple[int, int]] = deque()
        evidence = 1.0

        def decided() -> bool:
            nonlocal settled, evidence
            now_ns = self._clock.now_ns()
            sent.append((now_ns, self._primers.sent))
            while sent[0][0] <= now_ns - round(SETTLE_SECONDS * NS):
                settled = sent.popleft()[1]
            shown = range(first, settled)
            evidence = evidence_of(shown, self._consumer.primers, fresh.primers)
            return evidence >= SURE or (len(shown) >= FEW and evidence <= 1)

        await self._send_until(COMPARE_SECONDS, writers, decided)
        return evidence >= SURE

    async def _send_until(
        self, seconds: float, writers: Writers, done: Callable[[], bool]
    ) -> None:
        end_ns = self._clock.now_ns() + round(seconds * NS)
        while not done() and self._clock.now_ns() < end_ns:
            await self._primers.send(writers)

    async def _listen(self, fresh: Consumer) -> None:
        async for item in fresh.leg.sightings():
            if isinstance(item, Sighted):
                fresh.prime(item.found.primers)

    async def _sit_out(self, since_ns: int) -> None:
        """Note that the consumer is blind, until ten primers in a row reach it."""
        self._ledger.blind(self._name, since_ns)
        self._consumer.resubscribe(self._primers.sent)
        try:
            while not self._consumer.primed:
                await self._clock.sleep(LOOK_SECONDS)
        finally:
            now_ns = self._clock.now_ns()
            self._ledger.see(self._name, now_ns)
            self.found.append(
                f"{self._name}: blind readers: for {(now_ns - since_ns) / NS:.0f} s "
                "messages missed a subscription, and a new one got them all: so every "
                "nozzle that was connected missed them too"
            )


def evidence_of(
    shown: Iterable[int], old: Collection[int], fresh: Collection[int]
) -> float:
    """Return how many times as likely it is that the old one is blind as that not.

    Of what only one of the two has, each is missed by either with the same chance where
    both lose alike. So the ratio, looked at after every primer, reaches a thousand by
    chance in one of a thousand cases at most (Wald 1945, the sequential probability
    ratio test; Ville 1939).
    """
    ratio = 1.0
    for number in shown:
        if (number in old) != (number in fresh):
            ratio *= 2 * (_SHARE if number in fresh else 1 - _SHARE)
    return ratio
