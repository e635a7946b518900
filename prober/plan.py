"""What to send and when: cycles of consecutive messages, paced in an open loop.

Everything here follows from the plan's own fields, its seed among them: the same plan
sends the same messages at the same offsets, and a reader can tell from a sequence
number which cycle, kind and size it had to be.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from prober.errors import UsageError
from prober.records import Kind, Span

NS = 1_000_000_000
MAX_BATCH = 100
"""Envelopes a batch: what Loggregator's own clients send."""
MAX_BATCH_BYTES = 1 << 20
"""Bytes of payloads a batch: agents refuse a batch of 10 MiB as a whole."""
TICK = Fraction(1, 100)
"""Seconds between two batches at rates that fill them: smooth within a second."""
MAX_MESSAGES = 10**11
"""A stamp has eleven digits for the sequence number."""
MAX_CYCLES = 10**8 - 1
"""A stamp has eight digits for the cycle, and the last number is no message's."""
_MASK = (1 << 64) - 1
_Sequence = TypeVar("_Sequence", int, NDArray[np.uint64])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Bytes of a payload: fixed when both ends are equal."""

    low: int
    high: int

    def __str__(self) -> str:
        """Return `100`, or `100-2000` for a range."""
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """One batch to come: its messages, its cycle, its time after the start."""

    span: Span
    cycle: int
    due_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A known quantity of messages, cut into cycles that are judged one by one.

    `rate` is in messages a second, None for as fast as possible. `control` messages of
    each cycle are withheld, and have to be found missing. Raises UsageError for a plan
    that cannot be.
    """

    messages: int
    cycles: int
    rate: Fraction | None
    sizes: Sizes
    kinds: tuple[Kind, ...]
    source_id: str
    seed: int
    control: int = 0
    tick: Fraction = TICK
    """Seconds between two batches, at rates that fill them."""

    def __post_init__(self) -> None:
        if not 1 <= self.messages < MAX_MESSAGES:
            raise UsageError(
                f"cannot send {self.messages:,} messages: ask for 1 or more, "
                f"and fewer than {MAX_MESSAGES:,}"
            )
        if self.cycles > MAX_CYCLES:
            raise UsageError(
                f"cannot count {self.cycles:,} cycles: ask for {MAX_CYCLES:,} or fewer"
            )
        if not 1 <= self.cycles <= self.messages:
            raise UsageError(
                f"cannot cut {self.messages:,} messages into {self.cycles:,} cycles: "
                "ask for 1 cycle or more, and no more than there are messages"
            )
        if not 0 <= self.control < self.messages // self.cycles:
            raise UsageError(
                f"cannot withhold {self.control:,} of the "
                f"{self.messages // self.cycles:,} messages of a cycle as a positive "
                "control: ask for fewer, 0 for none"
            )
        if self.rate is not None and self.rate <= 0:
            raise UsageError("a rate must be above 0 messages a second")
        if not 0 < self.sizes.low <= self.sizes.high:
            raise UsageError(f"a size cannot be {self.sizes}: ask for LOW-HIGH bytes")
        if not self.kinds or len(set(self.kinds)) < len(self.kinds):
            raise UsageError("name each kind of envelope once, and at least one")

    @property
    def to_send(self) -> int:
        """How many messages are sent in all: those that are withheld are not."""
        return self.messages - self.cycles * self.control

    def span_of(self, cycle: int) -> Span:
        """Return a cycle's sequence numbers; the first cycle takes the remainder.

        10 messages in 3 cycles: 0..3, 4..6, 7..9
        """
        length, rest = divmod(self.messages, self.cycles)
        if cycle == 0:
            return Span(first=0, count=length + rest)
        return Span(first=rest + cycle * length, count=length)

    def cycle_of(self, sequence: int) -> int | None:
        """Return the cycle of a sequence number, None if it is not in the plan."""
        if not 0 <= sequence < self.messages:
            return None
        length, rest = divmod(self.messages, self.cycles)
        return max(0, (sequence - rest) // length)

    def cycles_of(self, sequences: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the cycles of sequence numbers that are all in the plan."""
        length, rest = divmod(self.messages, self.cycles)
        return np.maximum(0, (sequences - rest) // length)

    def kind_of(self, sequence: int) -> Kind:
        """Return what kind of envelope carries a message."""
        if len(self.kinds) == 1:
            return self.kinds[0]
        return self.kinds[self._lot(sequence, salt=1) % len(self.kinds)]

    def carried_by(self, kinds: Collection[Kind], span: Span) -> NDArray[np.bool_]:
        """Tell, for each message of a span, whether its kind is one of some."""
        carried = np.array([kind in kinds for kind in self.kinds])
        if len(self.kinds) == 1:
            return np.full(span.count, carried[0])
        lots = self._lot(_numbers(span), salt=1) % np.uint64(len(self.kinds))
        mine: NDArray[np.bool_] = carried[lots]
        return mine

    def size_of(self, sequence: int) -> int:
        """Return how many bytes the payload of a message has."""
        width = self.sizes.high - self.sizes.low + 1
        return self.sizes.low + (self._lot(sequence, salt=2) % width)

    def kinds_of(self, span: Span) -> list[Kind]:
        """Return the kinds of all messages of a span."""
        if len(self.kinds) == 1:
            return [self.kinds[0]] * span.count
        lots = self._lot(_numbers(span), salt=1) % np.uint64(len(self.kinds))
        return [self.kinds[lot] for lot in lots.tolist()]

    def sizes_of(self, span: Span) -> list[int]:
        """Return how many bytes the payloads of all messages of a span have."""
        width = self.sizes.high - self.sizes.low + 1
        if width == 1:
            return [self.sizes.low] * span.count
        lots = self._lot(_numbers(span), salt=2) % np.uint64(width)
        return [self.sizes.low + lot for lot in lots.tolist()]

    def withheld_of(self, cycle: int) -> NDArray[np.int64]:
        """Return the messages of a cycle that are not sent, ascending: its control."""
        span = self.span_of(cycle)
        if not self.control:
            return np.empty(0, dtype=np.int64)
        lots = self._lot(_numbers(span), salt=3)
        return np.sort(np.argsort(lots, kind="stable")[: self.control]) + span.first

    def due_ns(self, sequence: int) -> int:
        """Return when a message is to be sent, in nanoseconds after the start."""
        if self.rate is None:
            return 0
        return sequence * NS * self.rate.denominator // self.rate.numerator

    def sends(self) -> Iterator[Send]:
        """Yield the batches in order; a batch never spans two cycles.

        Its time is that of its first message. 2,000/s makes batches of 20 every 10 ms,
        50/s single messages every 20 ms.
        """
        length = min(MAX_BATCH, max(1, MAX_BATCH_BYTES // self.sizes.high))
        if self.rate is not None:
            length = min(max(int(self.rate * self.tick), 1), length)
        for cycle in range(self.cycles):
            for part in self._sent_parts(cycle):
                for first in range(part.first, part.end, length):
                    yield Send(
                        span=Span(first=first, count=min(length, part.end - first)),
                        cycle=cycle,
                        due_ns=self.due_ns(first),
                    )

    def _sent_parts(self, cycle: int) -> Iterator[Span]:
        """Yield a cycle's messages in order, without those that are withheld."""
        span = self.span_of(cycle)
        first = span.first
        for end in (*self.withheld_of(cycle).tolist(), span.end):
            if end > first:
                yield Span(first=first, count=end - first)
            first = end + 1

    def _lot(self, sequence: _Sequence, *, salt: int) -> _Sequence:
        """Draw 64 bits that depend on seed, sequence number and salt alone.

        One lot for a number, many for an array of numbers.

        SplitMix64 (Steele, Lea, Flood 2014): a counter through a mixing function, so
        that any message's lot is drawn without drawing those before it.
        """
        start = (self.seed * 3 + salt) * 0xD1342543DE82EF95 & _MASK
        z = (sequence * 0x9E3779B97F4A7C15 + start) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)  # type: ignore[return-value] # numpy's stubs: signed


def _numbers(span: Span) -> NDArray[np.uint64]:
    return np.arange(span.first, span.end, dtype=np.uint64)
