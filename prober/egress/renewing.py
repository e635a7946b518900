"""What readers have in common whose peer ends every connection after some time.

Before that a successor is opened, on a shard of its own, which is a full copy. For a
while both are read, and each message comes over both: that is accounted by epochs.
"""

import abc
import random

from prober.clock import Clock
from prober.egress.connection import Ending, Reconnecting

LIFE_SECONDS = 14 * 60.0
"""After which a gateway ends a stream, if nobody changed its STREAM_TIMEOUT."""
OVERLAP_SECONDS = 30.0
"""How long a stream and its successor are to be read side by side."""
LEAST_LIFE_SECONDS = 1.0
RENEW_SECONDS = LIFE_SECONDS - OVERLAP_SECONDS
GIVEN_UP = "given up for its successor"


class Renewing(Reconnecting, abc.ABC):
    """A reader that opens each connection's successor in time.

    `renew_after` is how many seconds after a connection that is, None where somebody
    else does it; a connection that is ended sooner than expected teaches the reader to
    be earlier from then on.
    """

    def __init__(
        self,
        read_from: str,
        clock: Clock,
        rng: random.Random | None,
        renew_after: float | None,
    ) -> None:
        super().__init__(read_from, clock, rng, renew_after)
        self._alive = 0
        """The newest connection over which anything came."""

    def _heard(self, epoch: int) -> None:
        """Note that something came over a connection."""
        self._alive = max(self._alive, epoch)

    def _succeeded(self, epoch: int) -> bool:
        """Tell whether something came over a connection's successor."""
        return self._alive > epoch

    def _outlived(self, epoch: int, seconds: float) -> bool:
        """Tell whether a connection, so old by now, is of no use any more."""
        longest = (self._renew_after or 0) + 2 * OVERLAP_SECONDS
        return self._succeeded(epoch) and seconds > longest

    def _announced(self, seconds: float) -> Ending:
        """Note that a connection, so old, ends as announced; learn how long they live.

        One that hardly lived is followed after a pause, like any that failed.
        """
        if self._renew_after is not None:
            sooner = max(seconds - OVERLAP_SECONDS, seconds / 3)
            self._renew_after = min(self._renew_after, sooner)
        return Ending.ANNOUNCED if seconds >= LEAST_LIFE_SECONDS else Ending.RECEIVED
