"""Are readers that were there before left behind, while a new one gets everything?

A reverse log proxy that lost a router keeps its consumers' streams open and may not
come back to the router for minutes: no error, no end, only silence. A subscription made
now works at once. So when messages are overdue on a live stream, one is made: if it is
primed and the old one saw none of the same primers, every reader of that age is blind.
"""

import asyncio
from collections import deque
from collections.abc import Callable

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
"""How long the old one is given for primers that the fresh one has."""
LOOK_SECONDS = 1.0
MOST_FOUND = 100
LEAST_MISSED = 2
"""Primers that the old one has to miss: one may be lost by itself."""


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
                seen = set(fresh.primers)
                await self._send_until(SETTLE_SECONDS, writers, lambda: False)
                listening.cancel()
        return fresh.primed and len(seen - self._consumer.primers) >= LEAST_MISSED

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
