"""What a leg and who started it tell each other: frames of msgpack, each with a length.

00 00 00 1a | 91 95 a4 send …   four bytes, big-endian, then as many as they say

A frame has what was said within a moment. A leg hands up what it found, message by
message, with its evidence in between, and the ledger books it as if it had been found
here: so the union of several legs is exact, and there is no second way to count. Which
form is spoken, the spec says first (`VERSION`).
"""

import asyncio
import sys
from array import array
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np

from prober.errors import InternalError
from prober.probe.reading import Sighted
from prober.records import Evidence, Fault, Outcome, Span
from prober.stamp import Sightings

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_BYTES = 256 << 20
"""Of one frame: more is not ours."""
_LENGTH = 4


class _Message(msgspec.Struct, array_like=True):
    """One thing that is told."""


# To a leg that writes.


class Send(_Message, tag="send"):
    """Send messages of a cycle, stamped with a time."""

    first: int
    count: int
    cycle: int
    at_ns: int

    @property
    def span(self) -> Span:
        """Which messages."""
        return Span(first=self.first, count=self.count)


class Aid(_Message, tag="aid"):
    """Write a batch that nobody counts."""

    raw: bytes


class Flush(_Message, tag="flush"):
    """Get the peer's word on everything, or give up after some time."""

    seconds: float


# From any leg.


class Ready(_Message, tag="ready"):
    """It has begun."""


class Refused(_Message, tag="refused"):
    """It could not begin, or came to a fault of its own: why."""

    sentence: str
    ours: bool
    """It is the prober's fault, and no peer's."""


class Blamed(_Message, tag="blamed"):
    """The leg itself was at fault."""

    fault: Fault


# From a leg that writes.


class Sent(_Message, tag="sent"):
    """The oldest batch that was to be sent was written; how long that took."""

    blocked_ns: int


class Told(_Message, tag="told"):
    """What became of messages."""

    outcome: Outcome


class Flushed(_Message, tag="flushed"):
    """Nothing is owed any more."""


# From a leg that reads.


class Found(_Message, tag="found"):
    """What was found in arrivals; columns have eight bytes a number, little-endian."""

    sequences: bytes
    sent_ns: bytes
    each_ns: bytes
    primers: list[int]
    trailers: list[int]
    damaged: list[int | None]
    other_runs: int
    first_ns: int
    at_ns: int
    epoch: int
    alarms: tuple[tuple[bytes, int], ...]

    @classmethod
    def of(cls, sighted: Sighted) -> "Found":
        """Return what is to be told."""
        found = sighted.found
        return cls(
            _column(found.sequences),
            _column(found.sent_ns),
            _column(sighted.each_ns),
            found.primers,
            found.trailers,
            found.damaged,
            found.other_runs,
            sighted.first_ns,
            sighted.at_ns,
            sighted.epoch,
            sighted.alarms,
        )

    def sighted(self, *, later: int = 0) -> Sighted:
        """Return what was found; connections are counted on from some number.

        Raises InternalError for columns that do not stand side by side.
        """
        if not len(self.sequences) == len(self.sent_ns) == len(self.each_ns):
            raise InternalError("a leg told of messages whose columns differ in length")
        return Sighted(
            found=Sightings(
                sequences=_numbers(self.sequences),
                sent_ns=_numbers(self.sent_ns),
                primers=self.primers,
                trailers=self.trailers,
                damaged=self.damaged,
                other_runs=self.other_runs,
            ),
            each_ns=np.asarray(_numbers(self.each_ns)),
            first_ns=self.first_ns,
            at_ns=self.at_ns,
            epoch=self.epoch + later,
            alarms=self.alarms,
        )


def _column(numbers: "array[int] | NDArray[np.int64]") -> bytes:
    return np.asarray(numbers, dtype="<i8").tobytes()


def _numbers(column: bytes) -> "array[int]":
    if len(column) % 8:
        raise InternalError("a leg told a column that is cut off")
    numbers = array("q", column)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


class Known(_Message, tag="known"):
    """Evidence of a reader."""

    evidence: Evidence


class Until(_Message, tag="until"):
    """All that had arrived up to then has been told."""

    at_ns: int


ToLeg = Send | Aid | Flush
FromLeg = Ready | Refused | Blamed | Sent | Told | Flushed | Found | Known | Until

_encoder = msgspec.msgpack.Encoder()
_to_leg = msgspec.msgpack.Decoder(list[ToLeg])
_from_leg = msgspec.msgpack.Decoder(list[FromLeg])


def frame(*messages: ToLeg | FromLeg) -> bytes:
    """Return messages as a frame."""
    return framed(_encoder.encode(messages))


def framed(raw: bytes) -> bytes:
    """Return bytes as a frame."""
    return len(raw).to_bytes(_LENGTH, "big") + raw


class Outbox:
    """Writes as one frame what is said within a moment: a write costs more than to say.

    A moment is `seconds`, or else one turn of the event loop.
    """

    def __init__(self, write: Callable[[bytes], None], seconds: float = 0) -> None:
        self._write, self._seconds = write, seconds
        self._said: list[ToLeg | FromLeg] = []

    def say(self, message: ToLeg | FromLeg) -> None:
        """Say something, in its order and soon."""
        if not self._said:
            loop = asyncio.get_running_loop()
            loop.call_later(self._seconds, self.flush)
        self._said.append(message)

    def flush(self) -> None:
        """Write what was said, now."""
        if self._said:
            said, self._said = self._said, []
            self._write(frame(*said))


async def read(stream: asyncio.StreamReader) -> bytes | None:
    """Return the content of the next frame; None when there will be no more.

    Raises InternalError for what is no frame.
    """
    try:
        length = int.from_bytes(await stream.readexactly(_LENGTH), "big")
        if length > MOST_BYTES:
            raise InternalError(
                f"a leg told {length:,} bytes at once: that is not ours"
            )
        return await stream.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


T = TypeVar("T")


def _decoded(raw: bytes, decoder: "msgspec.msgpack.Decoder[T]") -> T:
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InternalError(f"a leg told what nobody can read: {error}") from error


async def to_leg(stream: asyncio.StreamReader) -> AsyncIterator[ToLeg]:
    """Yield what a leg is told."""
    while (raw := await read(stream)) is not None:
        for message in _decoded(raw, _to_leg):
            yield message


async def from_leg(stream: asyncio.StreamReader) -> AsyncIterator[FromLeg]:
    """Yield what a leg tells."""
    while (raw := await read(stream)) is not None:
        for message in _decoded(raw, _from_leg):
            yield message
