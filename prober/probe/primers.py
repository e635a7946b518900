"""Primers: messages that tell, by coming back, that a reader is attached."""

from prober.clock import Clock
from prober.ingress.envelopes import Encoder
from prober.probe.writers import Writers
from prober.stamp import Mark

PRIMER_SECONDS = 0.11
"""Between two primers: above the agent's 100 ms, so that each travels by itself."""


class Primers:
    """Sends numbered primers while anybody needs them."""

    def __init__(self, encoder: Encoder, clock: Clock) -> None:
        self._encoder, self._clock = encoder, clock
        self._wanted = 0
        self.sent = 0
        """How many were sent; also the number of the next one."""

    async def send(self, writers: Writers) -> None:
        """Send one, and wait until the next may be sent."""
        number, self.sent = self.sent, self.sent + 1
        raw = self._encoder.aid(Mark.PRIMER, number, self._clock.now_ns())
        await writers.write(raw)
        await self._clock.sleep(PRIMER_SECONDS)
