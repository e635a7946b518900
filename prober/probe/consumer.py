"""One consumer, and whether its reader is known to be attached."""

from collections.abc import Callable
from dataclasses import dataclass, field

from prober.egress import Reader
from prober.probe.reading import ReadingLeg

OpenReader = Callable[[], Reader]
"""Makes a reader with a subscription of its own each time."""

PRIMERS = 10
"""Primers in a row that have to come back: one each would not cover every path."""
SUCCESSOR_PRIMERS = 5
"""The same for a connection beside one that is known to bring everything: it shares its
shard with nobody, and every path is known to be open."""
KEPT_PRIMERS = 256
"""Of the newest primers it is remembered whether they came back: more than are sent
while somebody waits for them. Others ask for primers too, for months."""


@dataclass(slots=True)
class Connection:
    """One subscription of a reader, and the primers that came back over it."""

    primers_from: int
    """The first primer that was sent since it was asked for."""
    primers: set[int] = field(default_factory=set)
    primed: bool = False
    """It is known to bring everything."""

    def take(self, numbers: list[int]) -> int:
        """Take in primers; return how many came in a row, with the last of these."""
        self.primers.update(each for each in numbers if each >= self.primers_from)
        if len(self.primers) > 2 * KEPT_PRIMERS:
            self.primers = set(sorted(self.primers)[-KEPT_PRIMERS:])
        if not numbers or numbers[-1] not in self.primers:
            return 0
        low = high = numbers[-1]
        while low - 1 in self.primers:
            low -= 1
        while high + 1 in self.primers:
            high += 1
        return high - low + 1


@dataclass(slots=True)
class Consumer:
    """What the probe remembers of one reader."""

    leg: ReadingLeg
    open: OpenReader
    """Makes another reader of the same way out, in this process."""
    connections: dict[int, Connection] = field(default_factory=dict)
    """Those that are open, by epoch; several while one takes over from another."""
    trailed: bool = False
    """A trailer came, which was sent after all messages."""
    cut: str = ""
    """The words of the last cut, until something arrives again."""
    lag: float = 0.0
    """Seconds between the last arrival and its booking."""
    longest_lag: float = 0.0
    """The longest since it was last asked for."""
    longest_stall: float = 0.0
    """Seconds that its reader had no room to read into, likewise."""

    @property
    def primed(self) -> bool:
        """Whether anything open is known to bring everything."""
        return any(each.primed for each in self.connections.values())

    @property
    def settled(self) -> bool:
        """Whether the connection that was opened last is known to bring everything."""
        return bool(self.connections) and self.connections[self._newest].primed

    @property
    def asks(self) -> bool:
        """Whether primers are needed: something is open, and not known to be live."""
        return bool(self.connections) and not self.settled

    @property
    def primers(self) -> set[int]:
        """The primers that came back, over whatever is open."""
        return set().union(*(each.primers for each in self.connections.values()))

    @property
    def primers_from(self) -> int:
        """The first primer that was sent for what is open."""
        return min((c.primers_from for c in self.connections.values()), default=0)

    @property
    def _newest(self) -> int:
        return max(self.connections, default=0)

    def lagged(self, seconds: float) -> None:
        """Note how long an arrival waited to be booked."""
        self.lag = seconds
        self.longest_lag = max(self.longest_lag, seconds)

    def stalled(self, seconds: float) -> None:
        """Note how long its reader had no room to read into."""
        self.longest_stall = max(self.longest_stall, seconds)

    def connect(self, epoch: int, next_primer: int) -> None:
        """Note that a connection is asked for, beside any that is open."""
        self.connections[epoch] = Connection(next_primer)

    def disconnect(self, epoch: int) -> None:
        """Note that a connection is gone."""
        self.connections.pop(epoch, None)

    def resubscribe(self, next_primer: int) -> None:
        """Begin anew: what was primed before says nothing from now on."""
        for epoch in self.connections or [0]:
            self.connections[epoch] = Connection(next_primer)

    def renews(self, epoch: int) -> bool:
        """Tell whether a connection is to take over from one that brings everything."""
        mine = self.connections.get(epoch)
        return mine is not None and not mine.primed and self.primed

    def prime(self, numbers: list[int], epoch: int | None = None) -> bool:
        """Take in primers that came over a connection, the newest if none is told.

        Tell whether that made enough in a row for the first time.
        """
        mine = self.connections.get(self._newest if epoch is None else epoch)
        if mine is None:
            return False
        row = mine.take(numbers)
        enough = SUCCESSOR_PRIMERS if self.primed else PRIMERS
        if mine.primed or row < enough:
            return False
        mine.primed = True
        return True

    def attach(self, epoch: int | None = None) -> None:
        """Take a connection for attached, the newest if none is told."""
        mine = self.connections.get(self._newest if epoch is None else epoch)
        if mine is not None:
            mine.primed = True
