"""Readers: one file a way out of the pipeline, all behind one seam."""

from collections.abc import Mapping, Sequence
from typing import Protocol, Self

from prober.records import Arrival, Evidence, Kind


class Reader(Protocol):
    """Hands over raw messages and evidence, in one order; an async context manager.

    A reader connects, and connects anew, by itself; it tells so as evidence, with the
    peer's words, and never judges what a loss is.
    """

    @property
    def transport(self) -> str:
        """The way out: `rlp`."""
        ...

    @property
    def read_from(self) -> str:
        """Which component, where: `reverse log proxy at 127.0.0.1:8082`."""
        ...

    @property
    def in_base64(self) -> bool:
        """Whether payloads may come in base64, as in JSON."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def receive(self) -> Sequence[Arrival | Evidence]:
        """Wait until there is something, and return all there is, oldest first."""
        ...

    def expects(self, kind: Kind) -> bool:
        """Tell whether this way out can carry a kind of envelope, as we write it."""
        ...

    def contents(self, arrival: Arrival) -> Mapping[bytes, bytes]:
        """Return, by stamp, what `prober.stamp.content` makes of tagged envelopes."""
        ...


__all__ = ["Reader"]
